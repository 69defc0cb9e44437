"""What became of it: shadows of entries not made, scorecards, slippage, and a trade's whole story."""
