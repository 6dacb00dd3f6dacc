"""The list of rules and the ways to find a user's roles."""

from __future__ import annotations

import fnmatch
import re

from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.util import unicode2bytes
from buildbot.util.twisted import async_to_deferred
from buildbot.www.authz.roles import RolesFromOwner

_elsewhere = elsewhere(__name__, "IConfigured defer implementer")


def __getattr__(name):
    if name == "Forbidden":
        from buildbot.www._pages import Forbidden

        return Forbidden
    return _elsewhere(name)


def fnmatchStrMatcher(value, match):
    """Compares as a shell does with file names."""
    return fnmatch.fnmatch(value, match)


def reStrMatcher(value, match):
    """Compares with a regular expression, from the start of the value."""
    return re.match(match, value)


@provides("IConfigured")
class Authz(Described):
    """Rules in their order, the first that says something decides."""

    @recorded
    def __init__(self, allowRules=None, roleMatchers=None, stringsMatcher=fnmatchStrMatcher):
        matchers = [] if roleMatchers is None else roleMatchers
        self.match = stringsMatcher
        self.allowRules = [] if allowRules is None else allowRules
        self.roleMatchers = [one for one in matchers if not isinstance(one, RolesFromOwner)]
        self.ownerRoleMatchers = [one for one in matchers if isinstance(one, RolesFromOwner)]

    def getConfigDict(self):
        return {}

    def setMaster(self, master):
        self.master = master
        for part in self.roleMatchers + self.ownerRoleMatchers + self.allowRules:
            part.setAuthz(self)

    def getRolesFromUser(self, userDetails):
        roles = set()
        for matcher in self.roleMatchers:
            roles.update(matcher.getRolesFromUser(userDetails))
        return roles

    def getOwnerRolesFromUser(self, userDetails, owner):
        roles = set()
        for matcher in self.ownerRoleMatchers:
            roles.update(matcher.getRolesFromUser(userDetails, owner))
        return roles

    @async_to_deferred
    async def assertUserAllowed(self, ep, action, options, userDetails):
        """Raises `Forbidden` if a rule that matches the request denies it to this user."""
        roles = self.getRolesFromUser(userDetails)
        for rule in self.allowRules:
            match = await rule.match(ep, action, options)
            if match is None:
                continue
            if self.ownerRoleMatchers:
                owner = await match.getOwner()
                if owner is not None:
                    roles.update(self.getOwnerRolesFromUser(userDetails, owner))
            if any(self.match(role, rule.role) for role in roles):
                return
            if not rule.defaultDeny:
                continue
            from buildbot.www._pages import Forbidden

            raise Forbidden(unicode2bytes(f"you need to have role '{rule.role}'"))
