"""The configuration that the front end gets: the master's own, here by name only."""

from buildbot._host.elsewhere import elsewhere
from buildbot._host.internal import Internal, function

__getattr__ = elsewhere(__name__, "IConfigured defer resource unicode2bytes")


class ConfigResource(Internal):
    """Inside the master: config resource."""


class IndexResource(Internal):
    """Inside the master: index resource."""


get_environment_versions = function(__name__, "get_environment_versions")
get_www_frontend_config_dict = function(__name__, "get_www_frontend_config_dict")
serialize_www_frontend_config_dict_to_json = function(
    __name__, "serialize_www_frontend_config_dict_to_json"
)
serialize_www_frontend_theme_to_css = function(__name__, "serialize_www_frontend_theme_to_css")
replace_placeholder_range = function(__name__, "replace_placeholder_range")
