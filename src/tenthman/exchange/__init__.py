"""A market in a box: one pure matching engine, markets to replay, and an Alpaca-compatible server."""
