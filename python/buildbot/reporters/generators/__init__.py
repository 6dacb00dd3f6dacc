"""What decides which reports are made."""
