"""What people say that is private, and whether it may leave the device. Pure."""
