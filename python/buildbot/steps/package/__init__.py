"""Steps that make and check packages of distributions."""
