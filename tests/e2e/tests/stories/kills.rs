//! A master that is killed again and again, at any moment, while builds run and more are asked for.

#![expect(clippy::print_stderr, reason = "what a run did is shown when it fails")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use buildbot_e2e::results::{RETRY, SUCCESS};
use buildbot_e2e::{Program, Site};
use rustix::process::Signal;
use serde_json::{Value as Json, json};

/// How often it is killed.
const KILLS: u32 = 60;

/// Chance from a seed.
struct Chance(u64);

impl Chance {
    /// Something below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn millis(&mut self, end: u64) -> Duration {
        Duration::from_millis(self.below(end))
    }
}

/// The seed of the environment's `SEED`, or a new one.
fn seed() -> Result<u64> {
    let seed = match std::env::var("SEED") {
        Ok(seed) => seed.parse()?,
        Err(_) => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
            u64::from(now.subsec_nanos()) | 1
        }
    };
    eprintln!("SEED={seed} repeats the times of this run");
    Ok(seed)
}

/// Workers of both kinds: one that ends with its master, and one that connects again. Steps write logs, sleep, and set
/// properties, so that a kill meets each of them.
const CONFIG: &str = "\
    c['workers'] = [worker.LocalWorker('l1'), worker.Worker('w1', 'pass')]\n\
    said = util.Interpolate('said %(prop:reason)s')\n\
    c['builders'] = [builder(name, shell('echo', said), shell('sleep', '0.03'), \
        steps.SetPropertyFromCommand(command=['echo', said], property='heard'), \
        shell('sh', '-c', 'seq 1 200; sleep 0.02; seq 200 400'), \
        steps.Assert(util.Interpolate('%(prop:heard)s')), workers=['l1', 'w1']) for name in 'abcd']\n";

/// What people were told before the master was killed: the request, and its reason.
type Accepted = BTreeMap<i64, String>;

/// Asks for builds until the master is gone.
fn force_until(
    site: &Site,
    over: &AtomicBool,
    forced: &AtomicUsize,
    mut chance: Chance,
) -> Accepted {
    let mut accepted = Accepted::new();
    while !over.load(Ordering::Relaxed) {
        let builder = 1 + chance.below(4);
        let reason = format!("number {}", forced.fetch_add(1, Ordering::Relaxed));
        let params = json!({"builderid": builder, "reason": reason, "owner": "tester"});
        // Without an answer nothing was promised.
        if let Ok(answer) = site.control("forceschedulers/force", "force", params)
            && let Some(request) = answer[1][builder.to_string()].as_i64()
        {
            accepted.insert(request, reason);
        }
        std::thread::sleep(Duration::from_millis(5) + chance.millis(25));
    }
    accepted
}

#[test]
fn nothing_that_was_accepted_is_lost_when_the_master_is_killed_at_any_moment() -> Result<()> {
    let seed = seed()?;
    let mut chance = Chance(seed);
    let mut site = Site::new(CONFIG)?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let mut accepted = Accepted::new();
    let forced = AtomicUsize::new(0);
    for kill in 0..KILLS {
        if kill > 0 {
            site.start_without_waiting()?;
        }
        // One of three is killed while it starts.
        let is_early = kill % 3 == 2;
        if !is_early {
            site.wait_for("the master to answer", |site| {
                Ok(site.get("builders").is_ok())
            })?;
            known(&site, &accepted)?;
        }
        let over = AtomicBool::new(false);
        let of_forcer = Chance(chance.below(u64::MAX) | 1);
        let span = chance.millis(if is_early { 150 } else { 300 });
        let more = std::thread::scope(|scope| {
            let forcer = scope.spawn(|| force_until(&site, &over, &forced, of_forcer));
            std::thread::sleep(span);
            let killed = site.signal(Signal::KILL);
            over.store(true, Ordering::Relaxed);
            killed?;
            forcer.join().ok().context("it broke")
        })?;
        accepted.extend(more);
        site.wait_for_end()?;
        site.check_database()
            .with_context(|| format!("after kill {kill}"))?;
    }
    site.start()?;
    site.wait_until_connected("w1")?;
    eprintln!("{} requests were accepted", accepted.len());
    ensure!(accepted.len() > 2 * KILLS as usize, "too few");
    site.wait_for("all requests to be complete", |site| {
        let open = site.get("buildrequests?complete=false&limit=1")?;
        Ok(open["buildrequests"].as_array().is_some_and(Vec::is_empty))
    })?;
    all_ended_well(&site, &accepted)?;
    site.signal(Signal::TERM)?;
    assert!(site.wait_for_end()?);
    site.check_database()?;
    for (table, open) in [
        ("builds", "complete_at IS NULL OR results IS NULL"),
        ("steps", "complete_at IS NULL OR results IS NULL"),
        ("logs", "complete = 0"),
        ("buildsets", "complete = 0"),
        ("buildrequests", "complete = 0 OR results != 0"),
    ] {
        let query = format!("SELECT count(*) FROM {table} WHERE {open}");
        assert_eq!(site.count(&query)?, 0, "{query}");
    }
    Ok(())
}

/// Fails if a request is not there that people were promised.
fn known(site: &Site, accepted: &Accepted) -> Result<()> {
    let rows = site.list("buildrequests?field=buildrequestid&order=buildrequestid")?;
    let there: Vec<i64> = rows
        .iter()
        .filter_map(|row| row["buildrequestid"].as_i64())
        .collect();
    for request in accepted.keys() {
        ensure!(there.binary_search(request).is_ok(), "{request} is lost");
    }
    Ok(())
}

/// All builds of all requests: the last one of each succeeded, those before it were interrupted, their logs are there.
fn all_ended_well(site: &Site, accepted: &Accepted) -> Result<()> {
    let mut builds_of: BTreeMap<i64, Vec<Json>> = BTreeMap::new();
    for build in site.list("builds?order=buildid")? {
        let request = build["buildrequestid"].as_i64().context("no request")?;
        builds_of.entry(request).or_default().push(build);
    }
    let mut interrupted = 0;
    for (request, reason) in accepted {
        let builds = builds_of
            .get(request)
            .context("a request without a build")?;
        let (last, before) = builds.split_last().context("no build")?;
        ensure!(last["results"] == SUCCESS, "{last}");
        let said = site.log_of(last, 1)?;
        ensure!(
            said.contains(&format!("\nsaid {reason}\n")),
            "{reason}: {said}"
        );
        let counted = site.log_of(last, 4)?;
        ensure!(
            counted.contains("\n399\n400\nprogram finished with exit code 0\n"),
            "{counted}"
        );
        for build in before {
            interrupted += 1;
            ensure!(
                build["results"] == RETRY && build["complete"] == true,
                "{build}"
            );
            readable(site, build)?;
        }
    }
    eprintln!("{interrupted} builds were interrupted");
    ensure!(interrupted > KILLS, "too few builds were interrupted");
    Ok(())
}

/// The logs of an interrupted build are as long as their rows say.
fn readable(site: &Site, build: &Json) -> Result<()> {
    for step in site.list(&format!("builds/{}/steps", build["buildid"]))? {
        ensure!(
            step["complete"] == true && step["results"].is_i64(),
            "{step}"
        );
        for log in site.list(&format!("steps/{}/logs", step["stepid"]))? {
            ensure!(log["complete"] == true, "{log}");
            let text = site.raw(log["logid"].as_i64().context("no id")?)?;
            // Builder, number and worker stand before it.
            let head = if log["type"] == "s" { 3 } else { 0 };
            let lines = text.lines().count().saturating_sub(head);
            ensure!(
                log["num_lines"].as_u64() == u64::try_from(lines).ok(),
                "{log}: {lines}"
            );
        }
    }
    Ok(())
}
