"""Ways of compressing logs."""
