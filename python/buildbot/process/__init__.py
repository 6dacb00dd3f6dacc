"""What happens while builds run: steps, builds, properties, logs."""
