"""The cellar: logging."""
