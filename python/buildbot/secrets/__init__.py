"""Secrets: where they are kept, and what hands them out."""
