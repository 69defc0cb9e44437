"""The committee: five agents and a deterministic critic that may only say no."""
