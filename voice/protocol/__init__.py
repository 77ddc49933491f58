"""The wire: messages and their codec, without I/O."""
