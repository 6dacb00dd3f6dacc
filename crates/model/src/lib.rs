//! The nouns that every other crate shares.

mod secret;

pub use secret::Secret;
