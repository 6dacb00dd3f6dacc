"""Users of version control."""
