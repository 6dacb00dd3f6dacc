"""Connections to the kinds of databases: the master's own, here by name only."""

from buildbot._host.internal import Internal, function


class ReconnectingListener(Internal):
    """Notices lost connections."""


class Strategy(Internal):
    """How a kind of database is connected."""


class SqlLiteStrategy(Strategy):
    """How SQLite is connected."""


class MySQLStrategy(Strategy):
    """How MySQL is connected."""


sa_url_set_attr = function(__name__, "sa_url_set_attr")
special_case_sqlite = function(__name__, "special_case_sqlite")
special_case_mysql = function(__name__, "special_case_mysql")
get_drivers_strategy = function(__name__, "get_drivers_strategy")
create_engine = function(__name__, "create_engine")
