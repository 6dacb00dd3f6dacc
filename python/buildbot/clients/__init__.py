"""Programs that speak to a master."""
