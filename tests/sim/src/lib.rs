//! The engine in fake worlds: stories, in which everything is said, and simulations, in which a seed decides.

pub mod chance;
pub mod configuration;
pub mod database;
pub mod faults;
mod generator;
pub mod observed;
pub mod planted;
pub mod simulation;
mod stimuli;
pub mod story;
