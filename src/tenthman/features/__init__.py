"""Features: numbers computed from whole panels and from linked headlines."""
