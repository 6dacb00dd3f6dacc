//! `buildbot-worker`, and `twistd` when called by that name.

fn main() -> std::process::ExitCode {
    buildbot_worker::cli::main()
}
