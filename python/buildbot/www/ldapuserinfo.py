"""What an LDAP server knows about users."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.www import auth, avatar

__getattr__ = elsewhere(__name__, "bytes2unicode defer flatten threads")


class LdapUserInfo(avatar.AvatarBase, auth.UserInfoProviderBase):
    """Name, address, groups and picture of a user."""

    name = "ldap"

    @recorded
    def __init__(
        self,
        uri,
        bindUser,
        bindPw,
        accountBase,
        accountPattern,
        accountFullName,
        accountEmail,
        groupBase=None,
        groupMemberPattern=None,
        groupName=None,
        avatarPattern=None,
        avatarData=None,
        accountExtraFields=None,
        tls=None,
    ):
        self.uri = uri
        self.bindUser = bindUser
        self.bindPw = bindPw
        self.accountBase = accountBase
        self.accountPattern = accountPattern
        self.accountFullName = accountFullName
        self.accountEmail = accountEmail
        groups = (groupName, groupMemberPattern, groupBase)
        if len([part for part in groups if part is not None]) not in (0, 3):
            raise ValueError(
                "Incomplete LDAP groups configuration. To use Ldap groups, you need to specify "
                "the three parameters (groupName, groupMemberPattern and groupBase). "
            )
        self.groupName = groupName
        self.groupMemberPattern = groupMemberPattern
        self.groupBase = groupBase
        self.avatarPattern = avatarPattern
        self.avatarData = avatarData
        self.accountExtraFields = [] if accountExtraFields is None else accountExtraFields
        self.ldap_encoding = "utf-8"
        self.tls = tls

    @by_master
    def connectLdap(self): ...

    @by_master
    def search(self, c, base, filterstr="f", attributes=None): ...

    @by_master
    def getUserInfo(self, username): ...

    def findAvatarMime(self, data):
        """The kind of a picture by its first bytes, and the picture; None if unknown."""
        kinds = (
            (b"\xff\xd8\xff", b"image/jpeg"),
            (b"\x89PNG", b"image/png"),
            (b"GIF8", b"image/gif"),
        )
        for start, kind in kinds:
            if data.startswith(start):
                return (kind, data)
        return None

    @by_master
    def getUserAvatar(self, email, username, size, defaultAvatarUrl): ...
