"""Gather: which market is traded, its bars, names and headlines, and what the desk sees of it."""
