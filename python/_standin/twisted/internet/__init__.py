"""Deferreds, timers and threads."""
