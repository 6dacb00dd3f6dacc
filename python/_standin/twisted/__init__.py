"""Stands in for Twisted where it is not installed: what configurations use most of it.

Importing anything beyond says which package to install.
"""

__version__ = "0.0.0+standin"
