"""Models: trained, watched as champion and challengers, asked for signals; features and scorers measured."""
