"""The built-in build steps."""
