"""Wire protocols: codecs without I/O, thin drivers."""
