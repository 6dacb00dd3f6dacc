"""Users whom the master knows."""
