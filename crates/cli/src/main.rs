//! `buildbot`: the command of the master.

mod checkconfig;
mod command_line;
mod output;
mod start;

fn main() -> std::process::ExitCode {
    command_line::main()
}
