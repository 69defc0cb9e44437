"""The desk's loop: a session's appointments, what is done at each, and the switch that stops it."""
