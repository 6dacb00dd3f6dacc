"""Credentials that steps and pollers give to git."""

from __future__ import annotations

from collections import namedtuple

from buildbot._host.compare import ComparableMixin
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot._host.runtime import inline

__getattr__ = elsewhere(__name__, "IRenderable async_to_deferred implementer")


@provides("IRenderable")
class GitCredentialInputRenderer(Described, ComparableMixin):
    """Renders to what `git credential` reads: a line for each attribute, `url` first."""

    _described_as_object = True

    compare_attrs = ("_credential_attributes",)

    @recorded
    def __init__(self, **credential_attributes):
        self._credential_attributes = credential_attributes

    @inline
    def getRenderingFor(self, build):
        attributes = yield build.render(self._credential_attributes)
        names = sorted(attributes, key=lambda name: name != "url")
        return "".join(
            f"{name}={attributes[name]}\n" for name in names if attributes[name] is not None
        )


GitCredentialOptions = namedtuple(
    "GitCredentialOptions", ("credentials", "use_http_path"), defaults=(None,), module=__name__
)


def add_user_password_to_credentials(auth_credentials, url, credential_options):
    """Puts user name and password in front of the credentials of `credential_options`."""
    username, password = auth_credentials
    first = GitCredentialInputRenderer(url=url, username=username, password=password)
    if credential_options is None:
        return GitCredentialOptions([first])
    return credential_options._replace(credentials=[first, *credential_options.credentials])
