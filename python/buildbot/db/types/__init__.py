"""Types of columns."""
