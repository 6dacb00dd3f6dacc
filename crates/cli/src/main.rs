//! `buildbot`: the command of the master.

mod api;
mod checkconfig;
mod cleanup_db;
mod client;
mod command_line;
mod copy_db;
mod create_master;
mod dataspec;
mod dev_proxy;
mod directory;
mod follow;
mod offline;
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
mod upgrade_master;
mod user;
mod why;

fn main() -> std::process::ExitCode {
    command_line::main()
}
