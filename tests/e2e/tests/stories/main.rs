//! What people see of a master: real programs, one story each.

mod builds;
mod endings;
mod kills;
mod reconfigurations;
mod requests;
mod schedulers;
mod secrets;
mod settings;
mod swap;
mod transfers;
mod triggers;
mod why;
mod workers;
