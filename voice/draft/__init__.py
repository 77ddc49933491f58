"""Speculative drafting: the edge drafts, a larger model elsewhere verifies, and the answer is the larger model's."""
