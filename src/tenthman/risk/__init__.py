"""Risk: arithmetic with the last word. Rules only shrink, and unknown means no."""
