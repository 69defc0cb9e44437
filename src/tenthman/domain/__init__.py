"""The words every floor speaks: frozen types, enums, ids and errors. Standard library and numpy only."""
