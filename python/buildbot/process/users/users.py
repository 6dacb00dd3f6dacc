"""Users of version control, and their passwords."""

from __future__ import annotations

import hashlib
import os

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "bytes2unicode defer log unicode2bytes")

srcs = ["git", "svn", "hg", "cvs", "darcs", "bzr", "fossil"]
salt_len = 8


def createUserObject(master, author, src=None):
    """The id of the user with this name in this version control; made when there is none."""
    return runtime.ask(master, "createUserObject", author=author, src=src)


def _extractContact(user, contact_types, uid):
    if user is not None:
        for kind in contact_types:
            if kind in (user.attributes or {}):
                return user.attributes[kind]
    return None


@runtime.inline
def getUserContact(master, contact_types, uid):
    """The first address of a user that is of one of `contact_types`."""
    user = yield master.db.users.getUser(uid)
    return _extractContact(user, contact_types, uid)


def _digest(password, salt):
    sha = hashlib.sha1()
    sha.update(password.encode() if isinstance(password, str) else password)
    sha.update(salt.encode())
    return sha.hexdigest()


def encrypt(passwd):
    """A salted hash: the salt in hexadecimal, then the hash."""
    salt = os.urandom(salt_len).hex()
    return salt + _digest(passwd, salt)


def check_passwd(guess, passwd):
    """Whether `passwd` is the salted hash of `guess`."""
    salt = passwd[: salt_len * 2]
    return salt + _digest(guess, salt) == passwd
