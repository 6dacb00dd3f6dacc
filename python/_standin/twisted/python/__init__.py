"""Logging, failures and small helpers."""


def __getattr__(name):
    from buildbot._host.standin import refuse_attribute

    refuse_attribute(__name__, name)
