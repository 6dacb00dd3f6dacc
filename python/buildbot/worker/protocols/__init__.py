"""How masters and workers talk."""
