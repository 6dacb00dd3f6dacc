//! Buildsets on their way in, the requests that they replace, and requests that nobody wants any more.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use buildbot_model::{
    Answer, BuildRequest, BuildRequestId, BuilderId, BuildsetId, NewBuildset, Results, SourceStamp,
    Write,
};

use crate::Engine;
use crate::commits::Then;
use crate::config::{Collapse, Config};
use crate::effect::{Effect, Fact, Question};
use crate::event::{CallId, OtherMaster, Reply, SubmissionId};
use crate::questions::Asker;
use crate::requests::State;

/// Buildsets that are not announced yet.
#[derive(Debug, Default)]
pub(crate) struct Submissions {
    open: BTreeMap<SubmissionId, Submission>,
}

impl Submissions {
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The question that a new request waits for.
    pub(crate) fn call_about(&self, request: BuildRequestId) -> Option<CallId> {
        let mut open = self.open.values();
        open.find(|submission| submission.requests.contains(&request))?
            .call
    }

    fn asking(&self) -> Vec<SubmissionId> {
        let open = self.open.iter();
        open.filter(|(_, submission)| submission.call.is_some())
            .map(|(id, _)| *id)
            .collect()
    }
}

#[derive(Debug)]
struct Submission {
    new: NewBuildset,
    buildset: BuildsetId,
    /// Its requests, once it is stored.
    requests: Vec<BuildRequestId>,
    source_stamps: Vec<SourceStamp>,
    /// Requests and older ones that user code has to decide about.
    pairs: VecDeque<Pair>,
    /// The question about the first pair.
    call: Option<CallId>,
    /// Older requests that this one replaces.
    doomed: BTreeSet<BuildRequestId>,
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    builder: BuilderId,
    new: BuildRequestId,
    old: BuildRequestId,
}

impl Engine {
    pub(crate) fn buildset_submitted(&mut self, id: SubmissionId, new: NewBuildset) {
        let submission = Submission {
            new: new.clone(),
            buildset: BuildsetId(0),
            requests: Vec::new(),
            source_stamps: Vec::new(),
            pairs: VecDeque::new(),
            call: None,
            doomed: BTreeSet::new(),
        };
        self.submissions.open.insert(id, submission);
        self.commit(vec![Write::AddBuildset(new)], Then::Stored(id));
    }

    /// It is in the database. Nobody builds its requests before it is clear which older ones they replace.
    pub(crate) fn buildset_stored(&mut self, id: SubmissionId, answers: &[Answer]) {
        let Some(submission) = self.submissions.open.get_mut(&id) else {
            return;
        };
        let [
            Answer::Buildset {
                buildset,
                requests,
                source_stamps,
            },
            ..,
        ] = answers
        else {
            unreachable!("a buildset is answered by its ids");
        };
        submission.buildset = *buildset;
        submission.requests.clone_from(requests);
        submission.source_stamps.clone_from(source_stamps);
        let new = submission.new.clone();
        for (builder, request) in new.builders.iter().zip(requests) {
            let row = BuildRequest {
                id: *request,
                buildset: *buildset,
                builder: *builder,
                priority: new.priority,
                submitted_at: new.submitted_at,
                waited_for: new.waited_for,
                has_parent: new.parent_build.is_some(),
                source_stamps: source_stamps.clone(),
                properties: new.properties.clone(),
            };
            // Another master may have had it and offered it again before this answer came.
            if self.requests.get(*request).is_none() {
                self.find_older(id, &row);
                self.requests.add(row, true);
            }
        }
        self.collapse_next(id);
    }

    fn find_older(&mut self, id: SubmissionId, row: &BuildRequest) {
        let rule = collapse_rule(&self.config, row.builder);
        let (pairs, doomed) = match rule {
            Collapse::Never => (Vec::new(), Vec::new()),
            Collapse::Default => (Vec::new(), self.requests.older_alike(row)),
            Collapse::Ask(_) => {
                let older = self.requests.unclaimed(row.builder);
                let pair = |old| Pair {
                    builder: row.builder,
                    new: row.id,
                    old,
                };
                (older.map(pair).collect(), Vec::new())
            }
        };
        if let Some(submission) = self.submissions.open.get_mut(&id) {
            submission.pairs.extend(pairs);
            submission.doomed.extend(doomed);
        }
    }

    /// Asks about the next pair; when none is left, the replaced requests are ended.
    fn collapse_next(&mut self, id: SubmissionId) {
        loop {
            let Some(submission) = self.submissions.open.get_mut(&id) else {
                return;
            };
            submission.call = None;
            let Some(pair) = submission.pairs.front().copied() else {
                self.collapse(id);
                return;
            };
            if let Collapse::Ask(callable) = collapse_rule(&self.config, pair.builder)
                && self.requests.is_unclaimed(pair.old)
            {
                let question = Question::CollapseRequests {
                    builder: pair.builder,
                    new: pair.new,
                    old: pair.old,
                };
                let generation = self.config.generation;
                let call = self.ask(Asker::Submission(id), generation, &callable, question);
                if let Some(submission) = self.submissions.open.get_mut(&id) {
                    submission.call = Some(call);
                }
                return;
            }
            if let Some(submission) = self.submissions.open.get_mut(&id) {
                submission.pairs.pop_front();
            }
        }
    }

    /// A function that fails is not asked again for this request, since a queue may be long.
    pub(crate) fn collapse_answered(&mut self, id: SubmissionId, reply: &Reply) {
        let Some(submission) = self.submissions.open.get_mut(&id) else {
            return;
        };
        let Some(pair) = submission.pairs.pop_front() else {
            return;
        };
        match reply {
            Reply::Flag(true) => {
                submission.doomed.insert(pair.old);
            }
            Reply::Failed => submission.pairs.retain(|other| other.new != pair.new),
            _ => {}
        }
        self.collapse_next(id);
    }

    /// Functions of an older configuration are not waited for; the new one's are asked.
    pub(crate) fn ask_collapse_again(&mut self) {
        for id in self.submissions.asking() {
            let submission = self.submissions.open.get_mut(&id);
            if let Some(call) = submission.and_then(|submission| submission.call.take()) {
                self.forget_question(call);
                self.collapse_next(id);
            }
        }
    }

    /// Claims and ends the replaced requests, all or none.
    fn collapse(&mut self, id: SubmissionId) {
        let Some(submission) = self.submissions.open.get_mut(&id) else {
            return;
        };
        let mut doomed = std::mem::take(&mut submission.doomed);
        doomed.retain(|old| self.requests.is_unclaimed(*old));
        let mut writes = Vec::new();
        for old in &doomed {
            writes.extend(self.end_unbuilt(*old, Results::Skipped));
        }
        if doomed.is_empty() {
            if self.find_late(id) {
                self.collapse(id);
            } else {
                self.submission_done(id);
            }
            return;
        }
        if let Some(submission) = self.submissions.open.get_mut(&id) {
            submission.doomed = doomed;
        }
        self.commit(writes, Then::Collapsed(id));
    }

    /// Looks again for older requests, since some may have been stored at the same time.
    fn find_late(&mut self, id: SubmissionId) -> bool {
        let Some(submission) = self.submissions.open.get_mut(&id) else {
            return false;
        };
        for request in &submission.requests {
            let known = self.requests.get(*request);
            let known = known.filter(|it| is_collapsing(&self.config, it.row.builder));
            let older = known.map(|it| self.requests.older_alike(&it.row));
            submission.doomed.extend(older.unwrap_or_default());
        }
        !submission.doomed.is_empty()
    }

    pub(crate) fn collapse_done(&mut self, id: SubmissionId, answers: &[Answer]) {
        let Some(submission) = self.submissions.open.get_mut(&id) else {
            return;
        };
        let doomed = std::mem::take(&mut submission.doomed);
        for (old, answers) in doomed.into_iter().zip(answers.chunks(3)) {
            self.ended_unbuilt(old, Results::Skipped, answers);
        }
        self.submission_done(id);
    }

    /// Another master was faster with one of them; the others are tried again.
    pub(crate) fn collapse_refused(&mut self, id: SubmissionId, conflict: BuildRequestId) {
        let submission = self.submissions.open.get(&id);
        let doomed = submission.map_or_else(BTreeSet::new, |one| one.doomed.clone());
        for old in doomed.into_iter().filter(|old| *old != conflict) {
            self.requests.set(old, State::Unclaimed);
        }
        self.request_lost(conflict);
        self.collapse(id);
    }

    fn submission_done(&mut self, id: SubmissionId) {
        let Some(submission) = self.submissions.open.remove(&id) else {
            return;
        };
        self.announce(Fact::BuildsetAdded {
            submission: id,
            buildset: submission.buildset,
            requests: submission.requests.clone(),
            source_stamps: submission.source_stamps,
        });
        if submission.requests.is_empty() {
            self.announce(Fact::BuildsetCompleted {
                buildset: submission.buildset,
                results: Results::Success,
            });
        }
        for request in submission.requests {
            if let Some(State::New) = self.requests.state(request) {
                self.offer(request);
            }
        }
    }

    /// Lets a request be built, unless somebody no longer wants it.
    pub(crate) fn offer(&mut self, id: BuildRequestId) {
        let Some(request) = self.requests.get(id) else {
            return;
        };
        let (builder, is_cancelled) = (request.row.builder, request.cancel.is_some());
        let is_new = matches!(self.requests.state(id), Some(State::New));
        let is_replaced = is_new
            && is_collapsing(&self.config, builder)
            && self.requests.has_newer_alike(&request.row);
        self.requests.set(id, State::Unclaimed);
        if is_cancelled {
            self.end(id, Results::Cancelled);
        } else if is_replaced {
            self.end(id, Results::Skipped);
        } else {
            self.mark(builder);
        }
    }

    /// Claims and ends a request that nobody builds: three writes.
    fn end_unbuilt(&mut self, id: BuildRequestId, results: Results) -> Vec<Write> {
        let Some(request) = self.requests.get(id) else {
            return Vec::new();
        };
        let (buildset, at) = (request.row.buildset, self.now);
        self.requests.set(id, State::Ending);
        vec![
            Write::Claim { request: id, at },
            Write::CompleteRequest {
                request: id,
                results,
                at,
            },
            Write::CompleteBuildset { buildset, at },
        ]
    }

    pub(crate) fn ended_unbuilt(
        &mut self,
        id: BuildRequestId,
        results: Results,
        answers: &[Answer],
    ) {
        // Buildbot: events say that a collapsed request is claimed, but not that a cancelled one is.
        if results != Results::Cancelled {
            self.announce(Fact::RequestClaimed { request: id });
        }
        self.request_completed(id, results, answers);
    }

    /// A request is complete in the database, and its buildset may be.
    pub(crate) fn request_completed(
        &mut self,
        request: BuildRequestId,
        results: Results,
        answers: &[Answer],
    ) {
        self.announce(Fact::RequestCompleted { request, results });
        let end = answers.iter().find_map(|answer| match answer {
            Answer::BuildsetEnd(end) => *end,
            Answer::Done | Answer::Buildset { .. } | Answer::Build(_) | Answer::Step(..) => None,
        });
        let buildset = self
            .requests
            .get(request)
            .map(|request| request.row.buildset);
        if let (Some(results), Some(buildset)) = (end, buildset) {
            self.announce(Fact::BuildsetCompleted { buildset, results });
        }
        self.requests.forget(request);
    }

    pub(crate) fn request_cancelled(&mut self, id: BuildRequestId, reason: Arc<str>) {
        let Some(request) = self.requests.get_mut(id) else {
            return;
        };
        request.cancel = Some(reason.clone());
        match self.requests.state(id) {
            Some(State::Unclaimed) => self.end(id, Results::Cancelled),
            Some(State::Building(build)) => self.stop_build(*build, reason, Results::Cancelled),
            // Looked at when the answer of the database is here.
            Some(State::New | State::Claiming(_) | State::Ending) | None => {}
        }
    }

    /// Ends a request that nobody has claimed.
    fn end(&mut self, id: BuildRequestId, results: Results) {
        let writes = self.end_unbuilt(id, results);
        self.commit(writes, Then::Ended(id, results));
    }

    /// It is another master's, unless that gave it up before we heard that it was.
    pub(crate) fn request_lost(&mut self, id: BuildRequestId) {
        match self.requests.get_mut(id) {
            Some(request) if request.is_offered_again => {
                request.is_offered_again = false;
                self.offer(id);
            }
            Some(_) => self.requests.forget(id),
            None => {}
        }
    }

    pub(crate) fn priority_changed(&mut self, request: BuildRequestId, priority: i64) {
        let Some(known) = self.requests.get(request) else {
            return;
        };
        let builder = known.row.builder;
        self.requests.set_priority(request, priority);
        let write = Write::SetPriority { request, priority };
        self.commit(vec![write], Then::Nothing);
        self.mark(builder);
    }

    pub(crate) fn other_master(&mut self, event: OtherMaster) {
        match event {
            OtherMaster::Offered(row) => {
                let id = row.id;
                match self.requests.get_mut(id) {
                    Some(request) => request.is_offered_again = true,
                    None => {
                        self.requests.add(row, false);
                        self.offer(id);
                    }
                }
            }
            OtherMaster::Took(id) => {
                if self.requests.is_unclaimed(id) {
                    self.requests.forget(id);
                } else if let Some(request) = self.requests.get_mut(id) {
                    request.is_offered_again = false;
                }
            }
        }
    }

    pub(crate) fn announce(&mut self, fact: Fact) {
        self.effects.push_back(Effect::Announce(fact));
    }
}

fn collapse_rule(config: &Config, builder: BuilderId) -> Collapse {
    let builder = config.builders.get(&builder);
    builder.map_or(Collapse::Never, |builder| builder.collapse.clone())
}

/// Whether equal wishes are enough.
fn is_collapsing(config: &Config, builder: BuilderId) -> bool {
    matches!(collapse_rule(config, builder), Collapse::Default)
}
