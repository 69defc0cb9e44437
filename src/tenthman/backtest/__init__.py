"""The live decision run over history, stepwise as the desk does it and compiled over arrays, with the same fills."""
