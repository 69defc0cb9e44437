"""Tenth Man: an AI swing-trading desk whose language models may only say no."""

__version__ = "0.1.0"
