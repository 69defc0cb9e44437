"""The command line: it starts things and shows things."""
