//! What people see of a master: real programs, one story each.

mod builds;
mod kills;
mod schedulers;
mod transfers;
mod triggers;
mod why;
mod workers;
