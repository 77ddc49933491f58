"""What turns cost: the price table, and a ledger that survives a kill."""
