"""Logging, failures and small helpers."""
