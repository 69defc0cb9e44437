"""The account: the broker's book held against the record, through splits, new names and take-overs."""
