//! The rules of the tree that neither the compiler nor clippy knows.
//!
//! [`tidy`] runs every check; each is a module, takes the [`Tree`], and gives [`Problem`]s with the place and
//! what to do.

mod crates;
pub mod differences;
mod documents;
mod fragments;
mod problem;
mod sources;
mod tree;

pub use problem::Problem;
pub use tree::Tree;

/// Runs every check, in the order of the reader's interest.
pub fn tidy(tree: &Tree) -> anyhow::Result<Vec<Problem>> {
    let mut problems = crates::check(tree)?;
    problems.extend(sources::check(tree)?);
    problems.extend(documents::check(tree)?);
    problems.extend(differences::check(tree)?);
    problems.extend(fragments::check(tree)?);
    Ok(problems)
}
