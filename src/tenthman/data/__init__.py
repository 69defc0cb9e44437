"""Market data: packs, sources, calendar, universe, and the gate of time."""
