//! Every worker command, run for real, with a stand-in for the agent at the other end of its channel.

mod directories;
mod files;
mod killing;
mod limits;
mod output;
mod shell;
mod stage;
mod transfers;
