"""Machines on which workers run."""
