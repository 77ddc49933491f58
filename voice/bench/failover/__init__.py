"""The failover benchmark: a cloud that fails in every way it can."""
