//! Which requests nobody needs any more: `OldBuildCanceller`, `FailingBuildsetCanceller`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use buildbot_config::reporters::ServiceKind;
use buildbot_config::{Description, Named};
use buildbot_model::{BuildRequestId, BuildsetId, Results, Timestamp};
use buildbot_render::Value;

use crate::change::SharedChange;
use crate::filter::{Decision, Filter};
use crate::output::NewSourceStamp;
use crate::set::Refused;

/// Why a request of an older change is cancelled, in the words of the reference.
const OBSOLETE: &str = "Build request has been obsoleted by a newer commit";
/// Why a request beside a failed build is cancelled, in the words of the reference.
const FAILED: &str = "Build has been cancelled because another build in the same buildset failed";

/// After how many changes branches are forgotten that had none for [`FORGOTTEN_AFTER`].
const CHANGES_UNTIL_CLEAN: u32 = 1000;
/// How long a branch without a change is remembered at least.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// What cancellers are told.
#[derive(Debug)]
pub enum Happened {
    /// A change was stored.
    ChangeAdded {
        /// It.
        change: SharedChange,
        /// What time it is.
        at: Timestamp,
    },
    /// A request was stored, or was there when the configuration came.
    RequestAdded(TrackedRequest),
    /// A request is complete.
    RequestCompleted(BuildRequestId),
    /// A build ended. This comes before its request is complete.
    BuildFinished {
        /// The request that it built.
        request: BuildRequestId,
        /// How it ended.
        results: Results,
    },
}

/// A request as cancellers see it.
#[derive(Debug, Clone)]
pub struct TrackedRequest {
    /// Its row.
    pub id: BuildRequestId,
    /// Its buildset.
    pub buildset: BuildsetId,
    /// The name of its builder.
    pub builder: String,
    /// What it builds.
    pub source_stamps: Vec<NewSourceStamp>,
}

/// A request to cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// The request.
    pub request: BuildRequestId,
    /// Why, as the reference says it.
    pub reason: &'static str,
}

/// All cancellers of a configuration.
#[derive(Debug, Default)]
pub struct Cancellers {
    old_builds: BTreeMap<String, OldBuilds>,
    failing: Vec<Vec<FailingRule>>,
    requests: BTreeMap<BuildRequestId, TrackedRequest>,
    by_buildset: BTreeMap<BuildsetId, BTreeSet<BuildRequestId>>,
}

/// One `OldBuildCanceller`.
#[derive(Debug, Default)]
struct OldBuilds {
    rules: Vec<(Builders, Filter)>,
    /// What happened so far; counts everything, so that two things are never at the same time.
    happened: u64,
    /// The newest change of each branch since the start: which it was, and when.
    newest: BTreeMap<Branch, (u64, Timestamp)>,
    changes_until_clean: u32,
    tracked: BTreeMap<BuildRequestId, Tracked>,
    by_place: BTreeMap<(String, Branch), BTreeSet<BuildRequestId>>,
}

/// A request that fits the rules of its time.
#[derive(Debug)]
struct Tracked {
    since: u64,
    places: Vec<(String, Branch)>,
}

#[derive(Debug)]
struct FailingRule {
    builders: Builders,
    cancelled: Option<Builders>,
    filter: Filter,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Branch {
    project: String,
    codebase: String,
    repository: String,
    branch: String,
}

#[derive(Debug)]
struct Builders(BTreeSet<String>);

impl Builders {
    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::Text(name) => Ok(Self(BTreeSet::from([name.clone()]))),
            Value::List(names) | Value::Tuple(names) => {
                let names = names.iter().map(|name| name.as_text().map(str::to_owned));
                let names: Option<BTreeSet<String>> = names.collect();
                names
                    .map(Self)
                    .ok_or_else(|| "a name of a builder is no text".to_owned())
            }
            _ => Err("builders are no list of names".to_owned()),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

impl Cancellers {
    /// The cancellers of a configuration.
    ///
    /// # Errors
    ///
    /// What cannot be used: functions in filters and `branch_key`, for these decide at once.
    pub fn read(
        services: &[Named<ServiceKind>],
        description: &Description,
    ) -> Result<Self, Vec<Refused>> {
        let mut cancellers = Self::default();
        let mut refused = Vec::new();
        for service in services {
            let read = match &service.kind {
                ServiceKind::OldBuilds(arguments) if !arguments.branch_key.is_none() => {
                    Err("branch_key is not supported yet".to_owned())
                }
                ServiceKind::OldBuilds(arguments) => old_rules(&arguments.filters, description)
                    .map(|rules| {
                        let canceller = OldBuilds {
                            rules,
                            ..OldBuilds::default()
                        };
                        let name = service.name().to_owned();
                        cancellers.old_builds.insert(name, canceller);
                    }),
                ServiceKind::FailingBuildsets(arguments) => {
                    failing_rules(&arguments.filters, description)
                        .map(|rules| cancellers.failing.push(rules))
                }
                _ => continue,
            };
            if let Err(reason) = read {
                refused.push(Refused {
                    scheduler: service.name().to_owned(),
                    reason,
                });
            }
        }
        if refused.is_empty() {
            Ok(cancellers)
        } else {
            Err(refused)
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.old_builds.is_empty() && self.failing.is_empty()
    }

    /// Other cancellers are configured, and these requests are not complete. What was decided by the rules before
    /// stays: which requests are tracked, and which branches have changed.
    pub fn replace(
        &mut self,
        new: Self,
        incomplete: impl IntoIterator<Item = TrackedRequest>,
    ) -> Vec<Cancellation> {
        let mut before = std::mem::replace(self, new);
        for (name, canceller) in &mut self.old_builds {
            if let Some(before) = before.old_builds.remove(name) {
                let rules = std::mem::take(&mut canceller.rules);
                *canceller = OldBuilds { rules, ..before };
            }
        }
        let added = incomplete.into_iter().map(Happened::RequestAdded);
        added.flat_map(|request| self.handle(request)).collect()
    }

    /// Something happened.
    pub fn handle(&mut self, happened: Happened) -> Vec<Cancellation> {
        if self.is_empty() {
            return Vec::new();
        }
        match happened {
            Happened::ChangeAdded { change, at } => {
                for canceller in self.old_builds.values_mut() {
                    canceller.change_added(&change, at);
                }
                Vec::new()
            }
            Happened::RequestAdded(request) => {
                let doomed: BTreeSet<BuildRequestId> = self
                    .old_builds
                    .values_mut()
                    .flat_map(|canceller| canceller.request_added(&request))
                    .collect();
                let of = self.by_buildset.entry(request.buildset).or_default();
                of.insert(request.id);
                self.requests.insert(request.id, request);
                cancelled(doomed, OBSOLETE)
            }
            Happened::RequestCompleted(id) => {
                for canceller in self.old_builds.values_mut() {
                    canceller.forget(id);
                }
                if let Some(request) = self.requests.remove(&id)
                    && let Some(of) = self.by_buildset.get_mut(&request.buildset)
                {
                    of.remove(&id);
                    if of.is_empty() {
                        self.by_buildset.remove(&request.buildset);
                    }
                }
                Vec::new()
            }
            Happened::BuildFinished {
                request,
                results: Results::Failure,
            } => cancelled(self.beside(request), FAILED),
            Happened::BuildFinished { .. } => Vec::new(),
        }
    }

    /// The requests that go down with the one of a failed build.
    fn beside(&self, failed: BuildRequestId) -> BTreeSet<BuildRequestId> {
        let mut doomed = BTreeSet::new();
        let Some(request) = self.requests.get(&failed) else {
            return doomed;
        };
        let others = self.by_buildset.get(&request.buildset);
        let others: Vec<&TrackedRequest> = others
            .into_iter()
            .flatten()
            .filter(|id| **id != failed)
            .filter_map(|id| self.requests.get(id))
            .collect();
        for rule in self.failing.iter().flatten() {
            let mut stamps = request.source_stamps.iter();
            if rule.builders.has(&request.builder)
                && stamps.any(|stamp| accepts(&rule.filter, stamp))
            {
                let fits = |other: &&&TrackedRequest| match &rule.cancelled {
                    Some(builders) => builders.has(&other.builder),
                    None => true,
                };
                doomed.extend(others.iter().filter(fits).map(|other| other.id));
            }
        }
        doomed
    }
}

impl OldBuilds {
    fn change_added(&mut self, change: &SharedChange, at: Timestamp) {
        let Some(branch) = change.branch.as_deref() else {
            return;
        };
        let branch = Branch {
            project: change.project.clone(),
            codebase: change.codebase.clone(),
            repository: change.repository.clone(),
            branch: tracked_branch(branch),
        };
        self.happened += 1;
        self.newest.insert(branch, (self.happened, at));
        self.changes_until_clean += 1;
        if self.changes_until_clean == CHANGES_UNTIL_CLEAN {
            self.changes_until_clean = 0;
            self.newest
                .retain(|_, (_, changed)| at.since(*changed) < FORGOTTEN_AFTER);
        }
    }

    /// A new request makes older ones of the same builder and branch obsolete if the branch has changed since they
    /// came. It need not fit the rules itself.
    fn request_added(&mut self, request: &TrackedRequest) -> Vec<BuildRequestId> {
        if self.tracked.contains_key(&request.id) {
            return Vec::new();
        }
        let mut doomed = Vec::new();
        for branch in request.source_stamps.iter().filter_map(branch_of) {
            let Some((newest, _)) = self.newest.get(&branch).copied() else {
                continue;
            };
            let place = (request.builder.clone(), branch);
            let there = self.by_place.get(&place).into_iter().flatten();
            let is_older = |id: &&BuildRequestId| {
                let tracked = self.tracked.get(id);
                tracked.is_some_and(|tracked| tracked.since < newest)
            };
            let older: Vec<_> = there.filter(is_older).copied().collect();
            for id in older {
                self.forget(id);
                doomed.push(id);
            }
        }
        self.track(request);
        doomed
    }

    /// A request with a source stamp that has no branch is not tracked.
    fn track(&mut self, request: &TrackedRequest) {
        self.happened += 1;
        let mut places = Vec::new();
        for stamp in &request.source_stamps {
            let Some(branch) = branch_of(stamp) else {
                return;
            };
            let fits = |(builders, filter): &(Builders, Filter)| {
                builders.has(&request.builder) && accepts(filter, stamp)
            };
            if self.rules.iter().any(fits) {
                places.push((request.builder.clone(), branch));
            }
        }
        if places.is_empty() {
            return;
        }
        for place in &places {
            let there = self.by_place.entry(place.clone()).or_default();
            there.insert(request.id);
        }
        let since = self.happened;
        self.tracked.insert(request.id, Tracked { since, places });
    }

    fn forget(&mut self, id: BuildRequestId) {
        let Some(tracked) = self.tracked.remove(&id) else {
            return;
        };
        for place in tracked.places {
            if let Some(there) = self.by_place.get_mut(&place) {
                there.remove(&id);
                if there.is_empty() {
                    self.by_place.remove(&place);
                }
            }
        }
    }
}

fn cancelled(doomed: BTreeSet<BuildRequestId>, reason: &'static str) -> Vec<Cancellation> {
    let doomed = doomed.into_iter();
    doomed
        .map(|request| Cancellation { request, reason })
        .collect()
}

/// Filters with functions are refused when they are read.
fn accepts(filter: &Filter, stamp: &NewSourceStamp) -> bool {
    matches!(filter.on_source_stamp(stamp), Decision::If(questions) if questions.is_empty())
}

/// Without a branch nothing is tracked.
fn branch_of(stamp: &NewSourceStamp) -> Option<Branch> {
    Some(Branch {
        project: stamp.project.clone(),
        codebase: stamp.codebase.clone(),
        repository: stamp.repository.clone(),
        branch: tracked_branch(stamp.branch.as_deref()?),
    })
}

/// The patch sets of a change of Gerrit, `refs/changes/1/2/3`, are one branch.
fn tracked_branch(branch: &str) -> String {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    let patch_sets = || {
        let mut parts = branch.strip_prefix("refs/changes/")?.splitn(3, '/');
        let (group, change) = (parts.next()?, parts.next()?);
        let is_patch_set = parts.next()?.starts_with(|it: char| it.is_ascii_digit());
        (is_number(group) && is_number(change) && is_patch_set)
            .then(|| format!("refs/changes/{group}/{change}"))
    };
    patch_sets().unwrap_or_else(|| branch.to_owned())
}

fn filter_of(value: &Value, description: &Description) -> Result<Filter, String> {
    let object = description
        .object_of(value)
        .ok_or("a filter is no SourceStampFilter")?;
    let filter = Filter::of_source_stamps(value, object)?;
    if filter.asks() {
        return Err("functions in a SourceStampFilter are not supported yet".to_owned());
    }
    Ok(filter)
}

fn old_rules(
    filters: &Value,
    description: &Description,
) -> Result<Vec<(Builders, Filter)>, String> {
    let rules = filters.as_sequence().unwrap_or_default().iter();
    rules
        .map(|rule| match rule.as_sequence() {
            Some([builders, filter]) => {
                Ok((Builders::read(builders)?, filter_of(filter, description)?))
            }
            _ => Err("a rule has builders and a filter".to_owned()),
        })
        .collect()
}

fn failing_rules(filters: &Value, description: &Description) -> Result<Vec<FailingRule>, String> {
    let rules = filters.as_sequence().unwrap_or_default().iter();
    rules
        .map(|rule| match rule.as_sequence() {
            Some([builders, cancelled, filter]) => Ok(FailingRule {
                builders: Builders::read(builders)?,
                cancelled: match cancelled {
                    Value::None => None,
                    names => Some(Builders::read(names)?),
                },
                filter: filter_of(filter, description)?,
            }),
            _ => Err("a rule has builders, builders to cancel, and a filter".to_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Change;
    use std::sync::Arc;

    fn stamp(branch: &str) -> NewSourceStamp {
        NewSourceStamp {
            branch: Some(branch.to_owned()),
            ..NewSourceStamp::default()
        }
    }

    fn change(id: i64, branch: &str) -> Happened {
        let change = Arc::new(Change {
            branch: Some(branch.to_owned()),
            ..(*crate::world::change(id)).clone()
        });
        Happened::ChangeAdded {
            change,
            at: Timestamp::from_seconds(1000 + id.unsigned_abs()),
        }
    }

    fn request(id: i64, buildset: i64, builder: &str, branch: &str) -> Happened {
        Happened::RequestAdded(TrackedRequest {
            id: BuildRequestId(id),
            buildset: BuildsetId(buildset),
            builder: builder.to_owned(),
            source_stamps: vec![stamp(branch)],
        })
    }

    fn builders(names: &[&str]) -> Builders {
        Builders(names.iter().map(|&name| name.to_owned()).collect())
    }

    fn ids(cancelled: &[Cancellation]) -> Vec<i64> {
        cancelled.iter().map(|one| one.request.0).collect()
    }

    fn old_builds(names: &[&str]) -> Cancellers {
        let canceller = OldBuilds {
            rules: vec![(builders(names), Filter::default())],
            ..OldBuilds::default()
        };
        Cancellers {
            old_builds: BTreeMap::from([("c".to_owned(), canceller)]),
            ..Cancellers::default()
        }
    }

    #[test]
    fn a_request_of_an_older_change_is_cancelled() {
        let mut cancellers = old_builds(&["b"]);
        let mut told = |happened| ids(&cancellers.handle(happened));
        // Without a change since the start nothing is cancelled.
        assert_eq!(told(request(1, 1, "b", "m")), [0; 0]);
        assert_eq!(told(request(2, 2, "b", "m")), [0; 0]);
        told(change(10, "m"));
        told(change(11, "refs/changes/1/2/3"));
        assert_eq!(told(request(3, 3, "other", "m")), [0; 0]);
        assert_eq!(told(request(4, 4, "b", "m")), [1, 2]);
        // The same change once more.
        assert_eq!(told(request(5, 5, "b", "m")), [0; 0]);
        told(Happened::RequestCompleted(BuildRequestId(4)));
        told(change(12, "m"));
        assert_eq!(told(request(6, 6, "b", "m")), [5]);
        assert_eq!(told(request(7, 7, "b", "refs/changes/1/2/3")), [0; 0]);
        told(change(13, "refs/changes/1/2/4"));
        assert_eq!(told(request(8, 8, "b", "refs/changes/1/2/4")), [7]);
    }

    #[test]
    fn a_request_with_a_source_stamp_without_a_branch_is_never_obsolete() {
        let mut cancellers = old_builds(&["b"]);
        let Happened::RequestAdded(mut two) = request(1, 1, "b", "m") else {
            unreachable!("that is what it makes");
        };
        two.source_stamps.push(NewSourceStamp::default());
        cancellers.handle(Happened::RequestAdded(two));
        cancellers.handle(change(10, "m"));
        assert_eq!(cancellers.handle(request(2, 2, "b", "m")), []);
    }

    #[test]
    fn a_new_configuration_adopts_what_waits_and_keeps_what_was_decided() {
        let mut cancellers = old_builds(&["a"]);
        cancellers.handle(request(1, 1, "a", "m"));
        cancellers.handle(request(2, 1, "b", "m"));
        cancellers.handle(change(10, "m"));
        let tracked = [request(1, 1, "a", "m"), request(2, 1, "b", "m")].map(|added| match added {
            Happened::RequestAdded(request) => request,
            _ => unreachable!("that is what it makes"),
        });
        assert_eq!(cancellers.replace(old_builds(&["b"]), tracked), []);
        // The one of `a` was tracked by the rules of its time, that of `b` from here on.
        assert_eq!(ids(&cancellers.handle(request(3, 2, "a", "m"))), [1]);
        assert_eq!(ids(&cancellers.handle(request(4, 2, "b", "m"))), [0; 0]);
        cancellers.handle(change(11, "m"));
        assert_eq!(ids(&cancellers.handle(request(5, 3, "b", "m"))), [2, 4]);
        assert_eq!(ids(&cancellers.handle(request(6, 3, "a", "m"))), [0; 0]);
    }

    #[test]
    fn branches_without_changes_are_forgotten() {
        let mut cancellers = old_builds(&["b"]);
        cancellers.handle(change(1, "old"));
        for id in 1000..2000 {
            cancellers.handle(change(id, "m"));
        }
        let newest = cancellers.old_builds.values().map(|it| it.newest.len());
        assert_eq!(newest.collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn patch_sets_are_one_branch() {
        for (branch, tracked) in [
            ("refs/changes/1/2/3", "refs/changes/1/2"),
            ("refs/changes/12/3456/7x", "refs/changes/12/3456"),
            ("refs/changes/1/2", "refs/changes/1/2"),
            ("refs/changes/a/2/3", "refs/changes/a/2/3"),
            ("refs/changes/1/2/x", "refs/changes/1/2/x"),
            ("main", "main"),
        ] {
            assert_eq!(tracked_branch(branch), tracked);
        }
    }

    #[test]
    fn what_stands_beside_a_failed_build_is_cancelled() {
        let rule = |cancelled: Option<Builders>, filter: Filter| FailingRule {
            builders: builders(&["a"]),
            cancelled,
            filter,
        };
        let of_main = Filter::of_branches(vec![Some("m".to_owned())]);
        let mut cancellers = Cancellers {
            failing: vec![vec![rule(Some(builders(&["b"])), of_main)]],
            ..Cancellers::default()
        };
        let mut told = |happened| ids(&cancellers.handle(happened));
        for (id, builder) in [(1, "a"), (2, "b"), (3, "c")] {
            told(request(id, 1, builder, "m"));
            told(request(10 + id, 2, builder, "other"));
        }
        let finished = |id, results| Happened::BuildFinished {
            request: BuildRequestId(id),
            results,
        };
        assert_eq!(told(finished(1, Results::Exception)), [0; 0]);
        assert_eq!(told(finished(11, Results::Failure)), [0; 0]);
        assert_eq!(told(finished(2, Results::Failure)), [0; 0]);
        assert_eq!(told(finished(1, Results::Failure)), [2]);
        told(Happened::RequestCompleted(BuildRequestId(2)));
        assert_eq!(told(finished(1, Results::Failure)), [0; 0]);
    }
}
