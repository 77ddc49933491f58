"""The drafting benchmark."""
