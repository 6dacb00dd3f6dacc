"""Steps that build and check packages."""
