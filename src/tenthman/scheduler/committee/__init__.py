"""The committee: debates within a cycle's time, debates to be read, and committees that lost their veto."""
