"""Values that a configuration keeps in the database of its master."""

from __future__ import annotations

from buildbot._host.internal import Internal, NotInPython
from buildbot._host.record import Described, recorded

_NO_DEFAULT = object()


class FakeDBConnector(Internal):
    """Reads the database without a master."""

    def __init__(self, engine):
        raise NotInPython(type(self).__name__)


class FakeCacheManager(Internal):
    """Keeps nothing."""


class FakeMaster(Internal):
    """Stands in for a master."""

    def __init__(self):
        raise NotInPython(type(self).__name__)


class FakePool(Internal):
    """Runs in the same thread."""

    def __init__(self, engine):
        raise NotInPython(type(self).__name__)


class DbConfig(Described):
    """Reads and writes values while the configuration is read.

    It opens the database itself, when it is SQLite: there is no master to ask yet.
    """

    @recorded
    def __init__(self, BuildmasterConfig, basedir, name="config"):
        db = BuildmasterConfig.get("db", {})
        self.db_url = BuildmasterConfig.get("db_url") or db.get("db_url") or _DEFAULT_URL
        self.basedir = basedir
        self.name = name

    def _open(self):
        """The database, or None if there is none yet."""
        import os
        import sqlite3

        if callable(self.db_url) or hasattr(self.db_url, "getRenderingFor"):
            raise NotImplementedError("DbConfig works with a database URL that is plain text")
        if not self.db_url.startswith("sqlite:"):
            raise NotImplementedError("DbConfig works with SQLite databases only")
        path = self.db_url.split("?", 1)[0].partition(":///")[2]
        path = os.path.join(self.basedir, path.replace("%(basedir)s", self.basedir))
        if not path or not os.path.exists(path):
            return None
        database = sqlite3.connect(path, timeout=60)
        tables = database.execute(
            "SELECT count(*) FROM sqlite_master WHERE name IN ('objects', 'object_state')"
        )
        if tables.fetchone()[0] == 2:
            return database
        database.close()
        return None

    def _object_id(self, database):
        """The number under which values of this name are kept."""
        of_name = (self.name, "DbConfig")
        query = "SELECT id FROM objects WHERE name = ? AND class_name = ?"
        found = database.execute(query, of_name).fetchone()
        if found is None:
            database.execute("INSERT INTO objects (name, class_name) VALUES (?, ?)", of_name)
            found = database.execute(query, of_name).fetchone()
        return found[0]

    def getDb(self):
        return self._open()

    def get(self, name, default=_NO_DEFAULT):
        """The value, or the default; KeyError without either."""
        import json

        database = self._open()
        if database is not None:
            try:
                found = database.execute(
                    "SELECT value_json FROM object_state WHERE objectid = ? AND name = ?",
                    (self._object_id(database), name),
                ).fetchone()
                database.commit()
            finally:
                database.close()
            if found is not None:
                return json.loads(found[0])
        if default is _NO_DEFAULT:
            raise KeyError(name)
        return default

    def set(self, name, value):
        import json

        database = self._open()
        if database is None:
            raise Exception("Db not yet initialized")
        try:
            row = (self._object_id(database), name)
            text = json.dumps(value)
            changed = database.execute(
                "UPDATE object_state SET value_json = ? WHERE objectid = ? AND name = ?",
                (text, *row),
            )
            if changed.rowcount == 0:
                database.execute(
                    "INSERT INTO object_state (objectid, name, value_json) VALUES (?, ?, ?)",
                    (*row, text),
                )
            database.commit()
        finally:
            database.close()


_DEFAULT_URL = "sqlite:///state.sqlite"
