//! `buildbot`: the command of the master.

mod api;
mod checkconfig;
mod client;
mod command_line;
mod create_master;
mod directory;
mod follow;
mod options_file;
mod output;
mod password;
mod quickstart;
mod reconfig;
mod sample;
mod sendchange;
mod start;
mod stop;
mod try_command;
mod try_job;
mod try_source;
mod try_watch;
mod tryserver;
mod user;
mod why;

fn main() -> std::process::ExitCode {
    command_line::main()
}
