"""The cellar: what any room may stand on. Logging, calls that end in time, YAML text, tickers' spellings, compiling."""
