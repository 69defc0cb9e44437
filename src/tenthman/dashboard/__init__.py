"""What people look at. It reads; it never trades."""
