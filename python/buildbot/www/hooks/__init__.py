"""Handlers of change hooks: what a web service posts becomes changes."""
