"""The package that configurations of Buildbot import: it describes, the master carries out."""

version = "4.3.0"
__version__ = version
