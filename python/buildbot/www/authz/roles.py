"""Ways to find the roles of a user from what is known about them."""

from __future__ import annotations

from buildbot._host.record import Described, recorded


class RolesFromBase(Described):
    """Nobody has a role."""

    @recorded
    def __init__(self):
        pass

    def getRolesFromUser(self, userDetails):
        return []

    def setAuthz(self, authz):
        self.authz = authz
        self.master = authz.master


class RolesFromGroups(RolesFromBase):
    """The groups whose names start with a prefix are the roles."""

    @recorded
    def __init__(self, groupPrefix=""):
        super().__init__()
        self.groupPrefix = groupPrefix

    def getRolesFromUser(self, userDetails):
        prefix = self.groupPrefix
        groups = userDetails.get("groups") or ()
        return [group[len(prefix) :] for group in groups if group.startswith(prefix)]


def _roles_of_each(kwargs):
    """Turns role → names into name → roles."""
    roles = {}
    for role, names in kwargs.items():
        for name in names:
            roles.setdefault(name, []).append(role)
    return roles


class RolesFromEmails(RolesFromBase):
    """Each role has a list of addresses."""

    @recorded
    def __init__(self, **kwargs):
        super().__init__()
        self.roles = _roles_of_each(kwargs)

    def getRolesFromUser(self, userDetails):
        return self.roles.get(userDetails.get("email"), [])


class RolesFromDomain(RolesFromEmails):
    """Each role has a list of domains of addresses."""

    @recorded
    def __init__(self, **kwargs):
        super().__init__()
        self.domain_roles = _roles_of_each(kwargs)

    def getRolesFromUser(self, userDetails):
        if "email" not in userDetails:
            return []
        return self.domain_roles.get(userDetails["email"].split("@")[-1], [])


class RolesFromOwner(RolesFromBase):
    """The owner of the build in question has the role."""

    @recorded
    def __init__(self, role):
        super().__init__()
        self.role = role

    def getRolesFromUser(self, userDetails, owner=None):
        email = userDetails.get("email")
        return [self.role] if email == owner and owner is not None else []


class RolesFromUsername(RolesFromBase):
    """The listed users have all the roles."""

    @recorded
    def __init__(self, roles, usernames):
        self.roles = roles
        if None in usernames:
            from buildbot import config

            config.error("Usernames cannot be None")
        self.usernames = usernames

    def getRolesFromUser(self, userDetails):
        return self.roles if userDetails.get("username") in self.usernames else []
