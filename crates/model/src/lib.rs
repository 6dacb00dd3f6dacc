//! The nouns that every other crate shares.

pub mod python_number;
pub mod python_text;
mod secret;

pub use secret::Secret;
