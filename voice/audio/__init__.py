"""Audio formats, resampling, files, and what was heard of a reply."""
