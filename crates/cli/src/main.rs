//! `buildbot`: the command of the master.

mod api;
mod checkconfig;
mod command_line;
mod create_master;
mod directory;
mod follow;
mod output;
mod quickstart;
mod reconfig;
mod sample;
mod start;
mod stop;
mod tryserver;
mod why;

fn main() -> std::process::ExitCode {
    command_line::main()
}
