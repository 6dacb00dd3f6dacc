//! How fast logs are written and read, how large they are, and what it costs.
//!
//!     cargo run --release -p buildbot-logs --example figures [DIRECTORY]
//!
//! Without a directory it takes a temporary one. The text is made: lines of a compiler with paths, numbers and times.

#![expect(clippy::print_stdout, reason = "figures are for people")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use buildbot_db::tables::logs::LogKind;
use buildbot_logs::{Limits, LogReader, LogStore, Settings, Stream};
use buildbot_model::{BuildId, LogId};

const MEGABYTE: f64 = 1e6;

fn text(random: &mut fastrand::Rng, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 200);
    let parts = [
        "core", "net", "render", "audio", "storage", "widget", "codec",
    ];
    while text.len() < bytes {
        let (part, other) = (
            random.choice(parts).unwrap_or(""),
            random.choice(parts).unwrap_or(""),
        );
        let (a, b, c) = (random.u32(..5000), random.u32(..5000), random.u32(..90));
        let written = match random.u32(..10) {
            0..5 => writeln!(
                text,
                "[{a:4}/5000] /usr/bin/c++ -DNDEBUG -Isrc/{part}/include -O2 -std=gnu++20 -MD -MT src/{part}/CMakeFiles/{part}.dir/{other}_{b}.cc.o -o src/{part}/CMakeFiles/{part}.dir/{other}_{b}.cc.o -c src/{part}/{other}_{b}.cc"
            ),
            5..8 => writeln!(text, "test {part}::{other}::case_{b} ... ok ({c}.{a:04} s)"),
            8 => writeln!(
                text,
                "src/{part}/{other}_{a}.cc:{b}:{c}: warning: unused variable 'value_{b}' [-Wunused-variable]"
            ),
            _ => writeln!(
                text,
                "2026-11-25T12:{c:02}:07.{a:04}{b:04}Z DEBUG {part}: {:x}",
                random.u64(..)
            ),
        };
        debug_assert!(written.is_ok());
    }
    text
}

/// User and system time of this process.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split(' ').collect();
    let ticks: u64 = [12, 13]
        .iter()
        .filter_map(|&at| fields.get(at)?.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

fn memory(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    number.unwrap_or(0.0) / 1000.0
}

struct Cost {
    started: Instant,
    cpu: Duration,
}

impl Cost {
    fn start() -> Self {
        Self {
            started: Instant::now(),
            cpu: cpu(),
        }
    }

    fn tell(&self, what: &str, bytes: usize) {
        let took = self.started.elapsed().as_secs_f64();
        let cpu = (cpu() - self.cpu).as_secs_f64();
        let megabytes = bytes as f64 / MEGABYTE;
        println!(
            "{what}: {:.0} MB in {took:.2} s, {:.0} MB/s; {:.2} s of CPU per 100 MB; memory {:.0} MB, at most {:.0} MB",
            megabytes,
            megabytes / took,
            cpu * 100.0 / megabytes,
            memory("VmRSS"),
            memory("VmHWM"),
        );
    }
}

async fn write_one(store: &LogStore, block: &str, megabytes: usize) -> Result<()> {
    let build = store.begin(BuildId(1))?;
    let log = build.add(LogId(1), LogKind::Stdio, Limits::default())?;
    let bytes = megabytes * 1_000_000;
    let cost = Cost::start();
    let mut written = 0;
    while written < bytes {
        for piece in block.as_bytes().chunks(32 * 1024) {
            // Cut anywhere: what a worker sends ends at a line, which is as good.
            let piece = String::from_utf8_lossy(piece);
            log.append(Stream::Stdout, &piece).await?;
            written += piece.len();
        }
    }
    log.finish().await?;
    cost.tell("one log", written);
    build.seal().await?;
    let stored = std::fs::metadata(store.segment_path(BuildId(1)))?.len();
    println!("stored: {:.1} %", stored as f64 * 100.0 / written as f64);
    Ok(())
}

async fn read_one(store: &LogStore) -> Result<()> {
    let source = store.segment_source(BuildId(1), LogId(1)).await?;
    let reader = LogReader::new(LogId(1), LogKind::Stdio, source.context("no log")?);
    let lines = reader.progress().await?.lines;
    let mut random = fastrand::Rng::with_seed(1);
    let mut took = Vec::new();
    for _ in 0..2000 {
        let first = random.u64(..lines);
        let started = Instant::now();
        reader.read_lines(first, first + 50).await?;
        took.push(started.elapsed());
    }
    took.sort();
    println!(
        "51 lines anywhere among {lines}: median {:?}, 99 % within {:?}",
        took[took.len() / 2],
        took[took.len() * 99 / 100]
    );
    let cost = Cost::start();
    let mut bytes = 0;
    let mut pieces = reader.raw();
    while let Some(piece) = pieces.next().await? {
        bytes += piece.text.len();
    }
    cost.tell("raw", bytes);
    Ok(())
}

async fn write_many(store: &LogStore, block: &str) -> Result<()> {
    const BUILDS: i64 = 2000;
    let cost = Cost::start();
    let mut builds = Vec::new();
    for number in 1000..1000 + BUILDS {
        let build = store.begin(BuildId(number))?;
        let log = build.add(LogId(number), LogKind::Stdio, Limits::default())?;
        builds.push((build, log));
    }
    let piece = &block[..block[..10_000].rfind('\n').unwrap_or(0) + 1];
    let mut bytes = 0;
    for _ in 0..10 {
        for (_, log) in &builds {
            log.append(Stream::Stdout, piece).await?;
            bytes += piece.len();
        }
    }
    println!("{BUILDS} builds at once: memory {:.0} MB", memory("VmRSS"));
    for (_, log) in &builds {
        log.finish().await?;
    }
    for (build, _) in builds {
        build.seal().await?;
    }
    cost.tell("with a finish and a seal for each", bytes);
    Ok(())
}

async fn write_slowly(directory: &Path) -> Result<()> {
    let settings = Settings {
        flush_after: Duration::from_millis(1),
        ..Settings::default()
    };
    let store = LogStore::open(directory, settings)?;
    let build = store.begin(BuildId(2))?;
    let log = build.add(LogId(2), LogKind::Stdio, Limits::default())?;
    let mut random = fastrand::Rng::with_seed(2);
    let mut bytes = 0;
    for _ in 0..2000 {
        let text = text(&mut random, 1);
        log.append(Stream::Stdout, &text).await?;
        bytes += text.len();
        std::thread::sleep(Duration::from_millis(2));
    }
    build.seal().await?;
    let stored = std::fs::metadata(store.segment_path(BuildId(2)))?.len();
    println!(
        "each line written alone: stored {:.1} %",
        stored as f64 * 100.0 / bytes as f64
    );
    Ok(())
}

fn main() -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let directory = std::env::args_os().nth(1).map(PathBuf::from);
    let directory = directory.as_deref().unwrap_or(temporary.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let store = LogStore::open(directory, Settings::default())?;
        let block = text(&mut fastrand::Rng::with_seed(0), 100_000_000);
        println!("before: memory {:.0} MB", memory("VmRSS"));
        write_one(&store, &block, 100).await?;
        read_one(&store).await?;
        write_many(&store, &block).await?;
        write_slowly(directory).await
    })
}
