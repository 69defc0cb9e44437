"""One account over many sessions, compiled: when things happen. What they come to is the desk's own arithmetic.

Follows the desk's steps (`scheduler.desk`) on the replayed market (`exchange.market`)
with the committee off. Money and prices are in 1/10,000 USD, fractions of the session in 0..1. A line is a position
or an entry at work; at most one per ticker. State lives in arrays alone, so that a run can stop before any session
and go on.
"""
