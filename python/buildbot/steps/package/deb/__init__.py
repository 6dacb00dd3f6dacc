"""Steps for packages of Debian and its relatives."""
