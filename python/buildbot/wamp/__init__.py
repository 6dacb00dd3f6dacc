"""The connection to a WAMP router."""
