"""The specification of the REST API: the master's own, here by name only."""

from buildbot._host.internal import Internal, function


class RamlLoader(Internal):
    """Reads the files of the specification."""


class RamlSpec(Internal):
    """The specification."""


construct_include = function(__name__, "construct_include")
construct_mapping = function(__name__, "construct_mapping")
