"""News: fetching, parsing, linking to companies, embedding, storing and retrieving headlines."""
