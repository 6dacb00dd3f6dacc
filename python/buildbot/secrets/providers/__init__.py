"""The places that secrets are read from."""
