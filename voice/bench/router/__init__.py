"""The router benchmark."""
