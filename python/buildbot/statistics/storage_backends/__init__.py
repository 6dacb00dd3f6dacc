"""Where statistics are sent."""
