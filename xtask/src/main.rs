//! Chores of the repository: `cargo run -p xtask -- tidy`, and `-- differs`.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use xtask::{Tree, differences, tidy};

const USAGE: &str = "\
Usage: cargo run -p xtask -- <command>
Commands:
  tidy     Check the tree against its rules; ends with 1 if something is wrong
  differs  Write the list of differences to the Python worker from the sources
";

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = std::io::stdout().lock();
    match arguments.as_slice() {
        [command] if command == "tidy" => {
            let tree = Tree::of_this_repository()?;
            let problems = tidy(&tree)?;
            for problem in &problems {
                writeln!(out, "{problem}")?;
            }
            let files = tree.files().len();
            writeln!(out, "tidy: {files} files, {} problems", problems.len())?;
            Ok(ExitCode::from(u8::from(!problems.is_empty())))
        }
        [command] if command == "differs" => {
            let tree = Tree::of_this_repository()?;
            match differences::page(&tree)? {
                Ok(page) => {
                    std::fs::write(tree.root().join(differences::PAGE), page)?;
                    writeln!(out, "{} is written", differences::PAGE)?;
                    Ok(ExitCode::SUCCESS)
                }
                Err(problems) => {
                    for problem in problems {
                        writeln!(out, "{problem}")?;
                    }
                    Ok(ExitCode::FAILURE)
                }
            }
        }
        _ => {
            write!(out, "{USAGE}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}
