"""The only room with a clock: gather, decide, act, record."""
