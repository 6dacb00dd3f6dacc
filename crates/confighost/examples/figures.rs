//! Measures a process: start, load, questions, memory. `cargo run --release --example figures [FILE]`
//!
//! Without a file it makes a configuration of 10 000 builders with one step each.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use buildbot_confighost::{ConfigFile, Handle, Host, Options, Owner, Package, Python};
use serde_json::{Map, Value, json};

const QUESTIONS: usize = 5000;

const SMALL: &str = "BuildmasterConfig = {'f': lambda *args: True}\n";

const LARGE: &str = "\
from buildbot.plugins import steps, util, worker
c = BuildmasterConfig = {}
c['workers'] = [worker.Worker('w', 'p')]
c['builders'] = []
for number in range(10000):
    factory = util.BuildFactory()
    factory.addStep(steps.ShellCommand(command=['make', str(number)]))
    c['builders'].append(util.BuilderConfig(name='b%d' % number, workernames=['w'], factory=factory))
";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let environment = |name: &str| std::env::var_os(name);
    let options = Options::new(
        Python::choose(None, environment)?,
        Package::unpack(environment)?,
    );
    let directory = tempfile::tempdir()?;
    let write = |name: &str, text: &str| -> Outcome<PathBuf> {
        let path = directory.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    };
    let small = write("small.cfg", SMALL)?;
    // So that Python's compiled files are there.
    load(&options, &small).await?;

    let (host, _) = load(&options, &small).await?;
    for (what, args) in [
        ("small", json!([1, "a"])),
        ("of 10 kB", json!(["x".repeat(10_000)])),
    ] {
        questions(&host, what, args.as_array().cloned().unwrap_or_default()).await?;
    }
    memory(&host).await?;
    let file = match std::env::args_os().nth(1) {
        Some(file) => std::path::absolute(file)?,
        None => write("large.cfg", LARGE)?,
    };
    let (host, description) = load(&options, &file).await?;
    let begun = Instant::now();
    let value: Value = serde_json::from_str(&description)?;
    say(format_args!(
        "decoding the description: {:.1?}",
        begun.elapsed()
    ))?;
    say(format_args!("python: {}", value["took_ms"]))?;
    memory(&host).await
}

async fn load(options: &Options, path: &Path) -> Outcome<(Host, String)> {
    let (owner, _inbox) = Owner::channel();
    let begun = Instant::now();
    let host = Host::start(options, &owner).await?;
    let ready = begun.elapsed();
    let file = ConfigFile {
        basedir: path.parent().unwrap_or(path).to_owned(),
        file: path.to_owned(),
        front: true,
    };
    let text = host.load(file).await?.text().to_owned();
    say(format_args!(
        "{}: ready after {ready:.1?}, described after {:.1?}, {} bytes",
        path.display(),
        begun.elapsed(),
        text.len()
    ))?;
    Ok((host, text))
}

async fn questions(host: &Host, what: &str, args: Vec<Value>) -> Outcome<()> {
    let mut times = Vec::with_capacity(QUESTIONS);
    for _ in 0..QUESTIONS {
        let begun = Instant::now();
        host.call(Handle(1), args.clone(), Map::new()).await?;
        times.push(begun.elapsed());
    }
    times.sort();
    let at = |part: usize| {
        times
            .get(QUESTIONS * part / 100)
            .copied()
            .unwrap_or(Duration::ZERO)
    };
    say(format_args!(
        "a question {what}: median {:.0?}, 90 of 100 within {:.0?}, 99 within {:.0?}",
        at(50),
        at(90),
        at(99)
    ))
}

async fn memory(host: &Host) -> Outcome<()> {
    let pong = host.ping().await?;
    say(format_args!(
        "memory: {} kB, {} handles",
        pong.rss_kb, pong.handles
    ))
}

fn say(text: std::fmt::Arguments<'_>) -> Outcome<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
