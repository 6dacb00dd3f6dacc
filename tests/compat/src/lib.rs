//! Side-by-side tests with the Python programs.
