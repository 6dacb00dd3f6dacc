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

/// How often one is killed to which changes are sent.
const CHAIN_KILLS: usize = 30;

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
    taken: &AtomicUsize,
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
            taken.fetch_add(1, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(5) + chance.millis(25));
    }
    accepted
}

/// So much is there to be lost, each time.
const TAKEN_MIN: usize = 4;

/// Waits until requests were accepted, and a build runs.
fn wait_until_busy(site: &Site, taken: &AtomicUsize) -> Result<()> {
    site.wait_for("requests and a build", |site| {
        let running = site.get("builds?complete=false&limit=1")?;
        let runs = running["builds"]
            .as_array()
            .is_some_and(|all| !all.is_empty());
        Ok(runs && taken.load(Ordering::Relaxed) >= TAKEN_MIN)
    })
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
        let (over, taken) = (AtomicBool::new(false), AtomicUsize::new(0));
        let of_forcer = Chance(chance.below(u64::MAX) | 1);
        let span = chance.millis(if is_early { 150 } else { 300 });
        let more = std::thread::scope(|scope| {
            let forcer = scope.spawn(|| force_until(&site, &over, &forced, &taken, of_forcer));
            let was_busy = match is_early {
                true => Ok(()),
                false => wait_until_busy(&site, &taken),
            };
            std::thread::sleep(span);
            let killed = site.signal(Signal::KILL);
            over.store(true, Ordering::Relaxed);
            was_busy.and(killed)?;
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

/// A change is built by one scheduler, then by one that depends on it, whose build triggers another and waits for it.
const CHAIN: &str = "\
    c['workers'] = [worker.LocalWorker(n) for n in ('l1', 'l2')]\n\
    c['change_source'] = [changes.PBChangeSource()]\n\
    both = ['l1', 'l2']\n\
    c['builders'] = [builder('first', shell('sleep', '0.02'), workers=both), \
        builder('stable', shell('sleep', '0.02'), workers=both), \
        builder('second', steps.Trigger(schedulerNames=['third'], waitForFinish=True), workers=both), \
        builder('third', shell('sleep', '0.02'), workers=both)]\n\
    up = schedulers.AnyBranchScheduler(name='up', builderNames=['first'])\n\
    c['schedulers'] = [up, schedulers.Dependent(name='down', upstream=up, builderNames=['second']), \
        schedulers.AnyBranchScheduler(name='slow', builderNames=['stable'], treeStableTimer=0.3), \
        schedulers.Triggerable(name='third', builderNames=['third'])]\n";

/// Tells the master about changes until it is gone, and returns those that it has taken.
fn changes_until(
    site: &Site,
    over: &AtomicBool,
    last: &AtomicUsize,
    count: &AtomicUsize,
) -> Vec<String> {
    let master = format!("127.0.0.1:{}", site.pb_port());
    let mut taken = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let revision = format!("r{}", last.fetch_add(1, Ordering::Relaxed));
        let sent = site.buildbot(&[
            "sendchange",
            "--master",
            &master,
            "--auth",
            "change:changepw",
            "--who",
            "ann",
            "--branch",
            &revision,
            "--revision",
            &revision,
            "file",
        ]);
        if sent.is_ok() {
            taken.push(revision);
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
    taken
}

#[test]
fn every_change_that_was_taken_goes_its_whole_way_when_the_master_is_killed() -> Result<()> {
    let mut chance = Chance(seed()?);
    let mut site = Site::new(CHAIN)?;
    let last = AtomicUsize::new(0);
    let mut taken = Vec::new();
    for _ in 0..CHAIN_KILLS {
        site.start()?;
        let (over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
        let span = chance.millis(250);
        let more = std::thread::scope(|scope| {
            let sender = scope.spawn(|| changes_until(&site, &over, &last, &count));
            let was_busy = site.wait_for("a change to be taken", |_| {
                Ok(count.load(Ordering::Relaxed) > 0)
            });
            std::thread::sleep(span);
            let killed = site.signal(Signal::KILL);
            over.store(true, Ordering::Relaxed);
            was_busy.and(killed)?;
            sender.join().ok().context("it broke")
        })?;
        taken.extend(more);
        site.wait_for_end()?;
        site.check_database()?;
    }
    site.start()?;
    eprintln!("{} changes were taken", taken.len());
    let mut lost = Vec::new();
    let all_built = site.wait_for("all to be built", |site| {
        let open = site.get("buildsets?complete=false&limit=1")?;
        let is_idle = open["buildsets"].as_array().is_some_and(Vec::is_empty);
        lost = not_built(site, &taken)?;
        Ok(is_idle && lost.is_empty())
    });
    all_built.with_context(|| format!("not built: {lost:?}"))?;
    for build in site.list("builds")? {
        ensure!(
            build["results"] == SUCCESS || build["results"] == RETRY,
            "{build}"
        );
    }
    Ok(())
}

/// Which changes were not built by a builder, or not with success.
fn not_built(site: &Site, taken: &[String]) -> Result<Vec<String>> {
    let connection = site.database()?;
    let mut built = connection.prepare(
        "SELECT count(*) FROM builds JOIN builders ON builders.id = builds.builderid \
         JOIN build_properties ON build_properties.buildid = builds.id \
         WHERE builders.name = ?1 AND builds.results = 0 AND build_properties.name = 'revision' \
         AND build_properties.value = ?2",
    )?;
    let mut missing = Vec::new();
    for builder in ["first", "stable", "second", "third"] {
        for revision in taken {
            let value = format!("\"{revision}\"");
            let count: i64 = built.query_row((builder, value), |row| row.get(0))?;
            if count == 0 {
                missing.push(format!("{revision} by {builder}"));
            }
        }
    }
    Ok(missing)
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
    ensure!(interrupted > KILLS / 4, "too few builds were interrupted");
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
