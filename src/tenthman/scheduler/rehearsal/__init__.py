"""The desk over stored sessions, against our own exchange, on a virtual clock."""
