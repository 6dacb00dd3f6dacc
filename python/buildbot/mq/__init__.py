"""How the parts of a master tell each other what happens."""
