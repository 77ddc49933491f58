"""Reading the latency-budget log."""
