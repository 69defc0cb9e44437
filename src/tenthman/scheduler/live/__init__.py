"""The desk on a paper account and the wall clock, and what keeps it from acting on what cannot be trusted."""
