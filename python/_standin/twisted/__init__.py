"""Stands in for Twisted where it is not installed: what configurations use most of it.

Importing anything beyond says which package to install.
"""

__version__ = "0.0.0+standin"


def __getattr__(name):
    from buildbot._host.standin import refuse_attribute

    refuse_attribute(__name__, name)
