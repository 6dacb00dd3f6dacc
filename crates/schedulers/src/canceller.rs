//! Which requests nobody needs any more: `OldBuildCanceller`, `FailingBuildsetCanceller`.

use std::collections::{BTreeMap, BTreeSet};

use buildbot_config::reporters::ServiceKind;
use buildbot_config::{Description, Named};
use buildbot_model::{BuildRequestId, BuildsetId, ChangeId, Results};
use buildbot_render::Value;

use crate::change::SharedChange;
use crate::filter::{Decision, Filter};
use crate::output::NewSourceStamp;
use crate::set::Refused;

/// Why a request of an older change is cancelled, in the words of the reference.
const OBSOLETE: &str = "Build request has been obsoleted by a newer commit";
/// Why a request beside a failed build is cancelled, in the words of the reference.
const FAILED: &str = "Build has been cancelled because another build in the same buildset failed";

/// What cancellers are told.
#[derive(Debug)]
pub enum Happened {
    /// A change was stored.
    ChangeAdded(SharedChange),
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

/// All cancellers of a configuration. After a new configuration the shell tells a new one of every request that is
/// not complete.
#[derive(Debug, Default)]
pub struct Cancellers {
    old_builds: Vec<OldBuilds>,
    failing: Vec<Vec<FailingRule>>,
    requests: BTreeMap<BuildRequestId, TrackedRequest>,
    by_buildset: BTreeMap<BuildsetId, BTreeSet<BuildRequestId>>,
}

#[derive(Debug, Default)]
struct OldBuilds {
    rules: Vec<(Builders, Filter)>,
    /// The newest change of each branch since the start.
    newest: BTreeMap<Branch, ChangeId>,
    /// Requests by builder and branch, with the newest change at the time when they came.
    waiting: BTreeMap<(String, Branch), BTreeMap<BuildRequestId, Option<ChangeId>>>,
    branches: BTreeMap<BuildRequestId, Vec<(String, Branch)>>,
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
                        cancellers.old_builds.push(OldBuilds {
                            rules,
                            ..OldBuilds::default()
                        });
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

    /// Something happened.
    pub fn handle(&mut self, happened: Happened) -> Vec<Cancellation> {
        if self.is_empty() {
            return Vec::new();
        }
        match happened {
            Happened::ChangeAdded(change) => {
                for canceller in &mut self.old_builds {
                    canceller.change_added(&change);
                }
                Vec::new()
            }
            Happened::RequestAdded(request) => {
                let doomed: BTreeSet<BuildRequestId> = self
                    .old_builds
                    .iter_mut()
                    .flat_map(|canceller| canceller.request_added(&request))
                    .collect();
                let of = self.by_buildset.entry(request.buildset).or_default();
                of.insert(request.id);
                self.requests.insert(request.id, request);
                cancelled(doomed, OBSOLETE)
            }
            Happened::RequestCompleted(id) => {
                for canceller in &mut self.old_builds {
                    canceller.request_completed(id);
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
    fn change_added(&mut self, change: &SharedChange) {
        let stamp = NewSourceStamp {
            codebase: change.codebase.clone(),
            repository: change.repository.clone(),
            branch: change.branch.clone(),
            revision: change.revision.clone(),
            project: change.project.clone(),
            patch: None,
        };
        let Some(branch) = branch_of(&stamp) else {
            return;
        };
        if self.rules.iter().any(|(_, filter)| accepts(filter, &stamp)) {
            let newest = self.newest.entry(branch).or_insert(change.id);
            *newest = change.id.max(*newest);
        }
    }

    fn request_added(&mut self, request: &TrackedRequest) -> Vec<BuildRequestId> {
        let mut doomed = Vec::new();
        for stamp in &request.source_stamps {
            let Some(branch) = branch_of(stamp) else {
                continue;
            };
            let is_tracked = self
                .rules
                .iter()
                .any(|(builders, filter)| builders.has(&request.builder) && accepts(filter, stamp));
            if !is_tracked {
                continue;
            }
            let newest = self.newest.get(&branch).copied();
            let key = (request.builder.clone(), branch);
            let waiting = self.waiting.entry(key.clone()).or_default();
            if newest.is_some() {
                let older = waiting.iter().filter(|(_, of)| **of < newest);
                doomed.extend(older.map(|(id, _)| *id));
            }
            for id in &doomed {
                waiting.remove(id);
            }
            waiting.insert(request.id, newest);
            self.branches.entry(request.id).or_default().push(key);
        }
        doomed
    }

    fn request_completed(&mut self, id: BuildRequestId) {
        for key in self.branches.remove(&id).unwrap_or_default() {
            if let Some(waiting) = self.waiting.get_mut(&key) {
                waiting.remove(&id);
                if waiting.is_empty() {
                    self.waiting.remove(&key);
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

/// The patch sets of a change of Gerrit are one branch. Without a branch nothing is tracked.
fn branch_of(stamp: &NewSourceStamp) -> Option<Branch> {
    let branch = stamp.branch.as_deref()?;
    let parts: Vec<&str> = branch.split('/').collect();
    let branch = match parts[..] {
        ["refs", "changes", one, two, _] => format!("refs/changes/{one}/{two}"),
        _ => branch.to_owned(),
    };
    Some(Branch {
        project: stamp.project.clone(),
        codebase: stamp.codebase.clone(),
        repository: stamp.repository.clone(),
        branch,
    })
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
    use buildbot_model::SourceStampId;
    use std::sync::Arc;

    fn stamp(branch: &str) -> NewSourceStamp {
        NewSourceStamp {
            branch: Some(branch.to_owned()),
            ..NewSourceStamp::default()
        }
    }

    fn change(id: i64, branch: &str) -> Happened {
        Happened::ChangeAdded(Arc::new(Change {
            id: ChangeId(id),
            author: String::new(),
            committer: None,
            files: Vec::new(),
            comments: String::new(),
            revision: None,
            when: 0,
            branch: Some(branch.to_owned()),
            category: None,
            revlink: None,
            properties: BTreeMap::new(),
            repository: String::new(),
            project: String::new(),
            codebase: String::new(),
            source_stamp: SourceStampId(id),
            parents: Vec::new(),
        }))
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

    #[test]
    fn a_request_of_an_older_change_is_cancelled() {
        let mut cancellers = Cancellers {
            old_builds: vec![OldBuilds {
                rules: vec![(builders(&["b"]), Filter::default())],
                ..OldBuilds::default()
            }],
            ..Cancellers::default()
        };
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
