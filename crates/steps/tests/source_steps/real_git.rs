//! With a real git.
