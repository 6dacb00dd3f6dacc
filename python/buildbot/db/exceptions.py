"""Errors of the database: the master's own, here by name only."""


class DatabaseNotReadyError(Exception):
    """Raised by the database."""
