//! Reads and writes `buildbot.tac` without Python.
