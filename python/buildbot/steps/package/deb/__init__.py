"""Steps for packages of Debian."""
