//! Runs simulations: many seeds, or one again with all that happened.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use buildbot_sim::faults::{Fault, Faults};
use buildbot_sim::simulation::run;

const USAGE: &str = "\
Usage: cargo run -p buildbot-sim -- <command>
Commands:
  run SEEDS [EVENTS]    Run the seeds from 1 on, each for about so many events (2000)
  replay SEED [EVENTS]  Run one seed and show the last that happened before a rule was broken
";

fn main() -> std::io::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| {
        arguments
            .get(place)
            .and_then(|text| text.parse::<u64>().ok())
    };
    let (seeds, is_traced) = match (arguments.first().map(String::as_str), number(1)) {
        (Some("run"), Some(seeds)) => (1..=seeds, false),
        (Some("replay"), Some(seed)) => (seed..=seed, true),
        _ => {
            write!(out, "{USAGE}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let begin = Instant::now();
    let (mut events, mut builds, mut faults) = (0, 0, Faults::default());
    for seed in seeds {
        match run(seed, number(2).unwrap_or(2_000), None, is_traced) {
            Ok(report) => {
                events += report.events;
                builds += report.builds;
                faults.add(&report.faults);
            }
            Err(failure) => {
                writeln!(out, "{failure}")?;
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    for fault in Fault::ALL {
        writeln!(out, "{:>8}  {fault:?}", faults.of(*fault))?;
    }
    writeln!(
        out,
        "{events} events, {builds} builds in {seconds:.1} s: {:.0} events/s, {:.0} builds/s",
        events as f64 / seconds,
        builds as f64 / seconds
    )?;
    Ok(ExitCode::SUCCESS)
}
