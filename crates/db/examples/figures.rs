//! How fast it is: builds and statements per second with history present, group commit, `synchronous=FULL`.
//!
//! `cargo run --release -p buildbot-db --example figures [ROWS [SECONDS [DIRECTORY]]]`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use buildbot_db::tables::{
    build_requests, builders, builds, buildsets, logs, masters, source_stamps, steps, workers,
};
use buildbot_db::{Connection, Database, Statement, StatementError, Value};
use buildbot_model::{
    BuildId, BuildRequestId, BuilderId, BuildsetId, MasterId, Properties, Property, Results,
    SourceStampId, StepNumber, Timestamp, WorkerId,
};

/// Builders among which the builds are spread.
const BUILDERS: i64 = 100;

/// What one build executes, below.
const STATEMENTS_A_BUILD: u64 = 20;

#[expect(clippy::print_stdout, reason = "a program for people who measure")]
fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let rows: i64 = arguments
        .next()
        .map_or(Ok(1_000_000), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let directory = arguments.next().map(PathBuf::from);

    let temporary = tempfile::tempdir_in(directory.unwrap_or_else(std::env::temp_dir))?;
    let path = temporary.path().join("state.sqlite");
    buildbot_db::create(&path)?;
    let database = Arc::new(Database::open(&path)?);
    let nouns = prepare(&database)?;
    let filled = Instant::now();
    fill(&database, rows).context("while writing history")?;
    println!(
        "history: {rows} builds with as many requests and steps, {:.0} MB, written in {:.1} s",
        size_mb(&path)?,
        filled.elapsed().as_secs_f64()
    );

    for waiting in [1, 16, 512] {
        let figures = measure(&database, nouns, waiting, Duration::from_secs(seconds))?;
        println!(
            "{waiting:4} at the same time: {:6.0} builds/s, {:7.0} statements/s, {:6.2} ms until durable",
            figures.builds_a_second,
            figures.builds_a_second * STATEMENTS_A_BUILD as f64,
            figures.latency.as_secs_f64() * 1000.0
        );
    }
    let mut queued = 0;
    for more in [0, 50, 4_950, 45_000] {
        queue(&database, nouns, more)?;
        queued += more;
        println!("with {queued} requests that wait:");
        for (name, read) in READS {
            let started = Instant::now();
            let count = database.read(*read)?;
            println!(
                "    {name}: {count} rows, {:.2} ms",
                millis(started.elapsed())
            );
        }
        let figures = measure(&database, nouns, 16, Duration::from_secs(seconds))?;
        println!(
            "    16 at the same time: {:.0} builds/s",
            figures.builds_a_second
        );
    }
    let started = Instant::now();
    let ended = database.write(move |c| masters::clean_up(c, nouns.master, now()))?;
    println!(
        "cleaning up after a master with {} builds: {:.2} ms",
        ended.len(),
        millis(started.elapsed())
    );
    Ok(())
}

type Read = fn(&Connection) -> Result<usize, StatementError>;

/// Requests that nobody claims.
fn queue(database: &Database, nouns: Nouns, count: i64) -> Result<()> {
    database.write(move |connection| {
        for number in 0..count {
            let builder = BuilderId(number % BUILDERS + 1);
            add_request(connection, nouns, builder, &<_>::default())?;
        }
        Ok(())
    })?;
    Ok(())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Reads that must not depend on how much history there is.
const READS: &[(&str, Read)] = &[
    ("requests that wait", |connection| {
        Ok(build_requests::waiting(connection)?.len())
    }),
    ("builds that run", |connection| {
        Ok(builds::running(connection)?.len())
    }),
    ("newest 200 builds of a builder", |connection| {
        Ok(builds::newest_of_builder(connection, BuilderId(1), 200)?.len())
    }),
];

#[derive(Clone, Copy)]
struct Nouns {
    master: MasterId,
    worker: WorkerId,
    source_stamp: SourceStampId,
}

fn prepare(database: &Database) -> Result<Nouns> {
    let nouns = database.write(|connection| {
        for number in 1..=BUILDERS {
            builders::find_or_add(connection, &format!("builder {number}"))?;
        }
        Ok(Nouns {
            master: masters::find_or_add(connection, "here:/base", now())?,
            worker: workers::find_or_add(connection, "worker")?,
            source_stamp: source_stamps::find_or_add(connection, &<_>::default(), now())?,
        })
    })?;
    Ok(nouns)
}

fn now() -> Timestamp {
    Timestamp::from_seconds(1_700_000_000)
}

/// Complete builds, each with its buildset, request, claim and step.
fn fill(database: &Database, rows: i64) -> Result<()> {
    const STATEMENTS: [&str; 6] = [
        "INSERT INTO buildsets (id, reason, submitted_at, complete, results)
         WITH RECURSIVE n (i) AS (VALUES ($1) UNION ALL SELECT i + 1 FROM n WHERE i < $2) SELECT i, 'old', 1, 1, 0 FROM n",
        "INSERT INTO buildset_sourcestamps (buildsetid, sourcestampid)
         WITH RECURSIVE n (i) AS (VALUES ($1) UNION ALL SELECT i + 1 FROM n WHERE i < $2) SELECT i, 1 FROM n",
        "INSERT INTO buildrequests (id, buildsetid, builderid, priority, complete, results, submitted_at, waited_for)
         WITH RECURSIVE n (i) AS (VALUES ($1) UNION ALL SELECT i + 1 FROM n WHERE i < $2)
         SELECT i, i, i % 100 + 1, 0, 1, 0, 1, 0 FROM n",
        "INSERT INTO buildrequest_claims (brid, masterid, claimed_at)
         WITH RECURSIVE n (i) AS (VALUES ($1) UNION ALL SELECT i + 1 FROM n WHERE i < $2) SELECT i, 1, 1 FROM n",
        "INSERT INTO builds (id, number, builderid, buildrequestid, workerid, masterid, started_at, complete_at,
         locks_duration_s, state_string, results)
         WITH RECURSIVE n (i) AS (VALUES ($1) UNION ALL SELECT i + 1 FROM n WHERE i < $2)
         SELECT i, i / 100 + 1, i % 100 + 1, i, 1, 1, 1, 2, 0, 'build successful', 0 FROM n",
        "INSERT INTO steps (number, name, buildid, started_at, complete_at, state_string, results, urls_json, hidden)
         WITH RECURSIVE n (i) AS (VALUES ($1) UNION ALL SELECT i + 1 FROM n WHERE i < $2)
         SELECT 0, 'shell', i, 1, 2, 'finished', 0, '[]', 0 FROM n",
    ];
    let mut first = 1;
    while first <= rows {
        let last = rows.min(first + 99_999);
        database.write(move |connection| {
            for text in STATEMENTS {
                let statement = Statement {
                    name: "figures/fill",
                    text,
                };
                connection.execute(statement, &[Value::from(first), Value::from(last)])?;
            }
            Ok(())
        })?;
        first = last + 1;
    }
    Ok(())
}

struct Figures {
    builds_a_second: f64,
    latency: Duration,
}

/// So many builds at the same time, each submitted again when it is durable.
fn measure(
    database: &Arc<Database>,
    nouns: Nouns,
    waiting: usize,
    span: Duration,
) -> Result<Figures> {
    let (done, durable) = std::sync::mpsc::channel();
    let submit = |builder: i64| {
        let (done, started) = (done.clone(), Instant::now());
        database.submit(
            move |connection| {
                whole_build(connection, nouns, BuilderId(builder)).map(buildbot_db::Verdict::Keep)
            },
            move |outcome| drop(done.send((outcome, started.elapsed()))),
        );
    };
    let started = Instant::now();
    let mut builder = 0;
    let mut next = || {
        builder = builder % BUILDERS + 1;
        builder
    };
    for _ in 0..waiting {
        submit(next());
    }
    let (mut count, mut total) = (0_u32, Duration::ZERO);
    while started.elapsed() < span {
        let (outcome, latency) = durable.recv()?;
        outcome?;
        count += 1;
        total += latency;
        submit(next());
    }
    Ok(Figures {
        builds_a_second: f64::from(count) / started.elapsed().as_secs_f64(),
        latency: total / count.max(1),
    })
}

fn add_request(
    connection: &Connection,
    nouns: Nouns,
    builder: BuilderId,
    properties: &Properties,
) -> Result<(BuildsetId, BuildRequestId), StatementError> {
    let (buildset, requests) = buildsets::add(
        connection,
        &buildsets::NewBuildset {
            external_id: None,
            reason: "figures",
            submitted_at: now(),
            parent_build: None,
            parent_relationship: None,
            rebuilt_build: None,
            properties,
        },
        [nouns.source_stamp],
        buildsets::NewRequests {
            priority: 0,
            waited_for: false,
        },
        [builder],
    )?;
    Ok((buildset, requests[0]))
}

/// The writes of a build from its request to its end, in one transaction: 20 statements.
fn whole_build(
    connection: &Connection,
    nouns: Nouns,
    builder: BuilderId,
) -> Result<BuildId, StatementError> {
    let properties: Properties = [("scheduler", "\"force\"")]
        .into_iter()
        .map(|(name, value)| {
            let property = Property {
                value: value.to_owned(),
                source: "Scheduler".to_owned(),
            };
            (name.to_owned(), property)
        })
        .collect();
    // 4
    let (buildset, request) = add_request(connection, nouns, builder, &properties)?;
    // 2
    build_requests::claim(connection, request, nouns.master, now())?;
    let (build, _) = builds::add(
        connection,
        builds::NewBuild {
            builder,
            request,
            worker: Some(nouns.worker),
            master: nouns.master,
            at: now(),
        },
    )?;
    // 1
    builds::add_properties(connection, build, &properties)?;
    // 8
    let step = steps::add(connection, build, StepNumber(0), "shell")?;
    steps::start(connection, step, now())?;
    steps::set_locks_acquired(connection, step, now())?;
    let (log, _) = logs::add(connection, step, "stdio", logs::LogKind::Stdio)?;
    logs::finish(connection, log, 10)?;
    steps::set_state_string(connection, step, "'true'")?;
    steps::finish(connection, step, Results::Success, now())?;
    // 5
    builds::set_state_string(connection, build, "build successful")?;
    builds::finish(connection, build, Results::Success, Duration::ZERO, now())?;
    build_requests::complete(connection, request, Results::Success, now())?;
    buildsets::complete(connection, buildset, now())?;
    Ok(build)
}

fn size_mb(path: &Path) -> Result<f64> {
    Ok(std::fs::metadata(path)?.len() as f64 / 1e6)
}
