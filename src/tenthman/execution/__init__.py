"""Execution: the broker client, orders sent once, fills booked."""
