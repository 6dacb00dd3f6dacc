"""Statements for the database: the master's own, here by name only."""

from buildbot._host.internal import Internal, function


class InsertFromSelect(Internal):
    """A statement that inserts what another one finds."""


sa_version = function(__name__, "sa_version")
Table = function(__name__, "Table")
withoutSqliteForeignKeys = function(__name__, "withoutSqliteForeignKeys")
get_sqlite_version = function(__name__, "get_sqlite_version")
get_upsert_method = function(__name__, "get_upsert_method")


def hash_columns(*args):
    """The hash by which the database finds rows with long columns."""
    import hashlib

    def encoded(value):
        return b"\xf5" if value is None else str(value).encode("utf-8")

    return hashlib.sha1(b"\0".join(encoded(value) for value in args)).hexdigest()
