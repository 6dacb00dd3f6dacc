//! The transactions of the engine.

use std::sync::mpsc::channel;
use std::time::Duration;

use buildbot_db::tables::{build_requests, builds, buildsets, steps, workers};
use buildbot_db::{Outcome, WriteError};
use buildbot_model::{
    AddedBuild, AddedStep, Answer, BuildId, BuildNumber, BuildRequestId, BuilderId, BuildsetId,
    MasterId, NewBuildset, NewSourceStamp, NewStep, Properties, Property, Results, StepId,
    StepNumber, StepUpdate, Transaction, WantedSource, Write,
};

use crate::place::{NOW, Nouns, Place, add_nouns};

fn commit(place: &Place, master: MasterId, writes: Vec<Write>) -> Result<Outcome, WriteError> {
    let (answer, answers) = channel();
    place
        .database
        .commit(master, Transaction { writes }, move |outcome| {
            answer.send(outcome).unwrap();
        });
    answers.recv().unwrap()
}

fn answers(place: &Place, nouns: Nouns, writes: Vec<Write>) -> Vec<Answer> {
    match commit(place, nouns.master, writes).unwrap() {
        Outcome::Committed(answers) => answers,
        Outcome::Conflict(request) => panic!("request {request} was lost"),
    }
}

fn new_step(number: i64, name: &str) -> NewStep {
    NewStep {
        number: StepNumber(number),
        name: name.into(),
        started_at: Some(NOW),
        locks_acquired_at: None,
    }
}

fn submit(
    place: &Place,
    nouns: Nouns,
    builders: &[BuilderId],
) -> (BuildsetId, Vec<BuildRequestId>) {
    let new = NewBuildset {
        builders: builders.iter().copied().collect(),
        source_stamps: vec![WantedSource::Stored(nouns.source_stamp)],
        external_id: None,
        properties: <_>::default(),
        reason: "because".to_owned(),
        priority: 3,
        waited_for: false,
        parent_build: None,
        parent_relationship: None,
        rebuilt_build: None,
        submitted_at: NOW,
    };
    match answers(place, nouns, vec![Write::AddBuildset(new)]).pop() {
        Some(Answer::Buildset {
            buildset, requests, ..
        }) => (buildset, requests),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_becomes_a_build_and_its_buildset_ends() {
    let place = Place::new();
    let nouns = place.write(add_nouns);
    let (buildset, requests) = submit(&place, nouns, &[nouns.builder, BuilderId(9)]);
    let waiting = place.read(build_requests::waiting);
    assert_eq!(
        waiting.iter().map(|request| request.id).collect::<Vec<_>>(),
        requests
    );
    assert_eq!(waiting[0].source_stamps[0].id, nouns.source_stamp);

    let request = requests[0];
    let started = answers(
        &place,
        nouns,
        vec![
            Write::SetPriority {
                request,
                priority: 8,
            },
            Write::Claim { request, at: NOW },
            Write::StartBuild {
                request,
                builder: nouns.builder,
                virtual_builder: None,
                worker: nouns.worker,
                at: NOW,
                state: "pinging worker".into(),
                steps: vec![new_step(0, "worker_preparation")],
            },
        ],
    );
    let (build, number) = (BuildId(1), BuildNumber(1));
    let added = Answer::Build(AddedBuild {
        id: build,
        number,
        recorded_under: nouns.builder,
        virtual_name: None,
        steps: vec![AddedStep {
            id: StepId(1),
            number: StepNumber(0),
            name: "worker_preparation".into(),
        }],
    });
    assert_eq!(started, [Answer::Done, Answer::Done, added]);
    let step = StepNumber(1);
    let property = Property {
        value: "7".to_owned(),
        source: "Build".to_owned(),
    };
    let properties = Properties::from([("answer".to_owned(), property)]);
    let ended = answers(
        &place,
        nouns,
        vec![
            Write::AddStep {
                build,
                step: new_step(1, "shell"),
            },
            Write::FinishStep {
                build,
                step,
                results: Results::Warnings,
                at: NOW,
                update: StepUpdate {
                    locks_acquired_at: Some(NOW),
                    state: Some("'make'".into()),
                    hidden: Some(true),
                    ..StepUpdate::default()
                },
            },
            Write::SetBuildProperties {
                build,
                properties: properties.clone(),
            },
            Write::FinishBuild {
                build,
                results: Results::Warnings,
                state: "warnings 'make'".into(),
                waited_for_locks: Duration::from_secs(7),
                at: NOW,
            },
            Write::CompleteRequest {
                request,
                results: Results::Warnings,
                at: NOW,
            },
            Write::CompleteBuildset { buildset, at: NOW },
            // The other request is cancelled.
            Write::Claim {
                request: requests[1],
                at: NOW,
            },
            Write::CompleteRequest {
                request: requests[1],
                results: Results::Cancelled,
                at: NOW,
            },
            Write::CompleteBuildset { buildset, at: NOW },
            Write::CompleteBuildset { buildset, at: NOW },
        ],
    );
    assert_eq!(ended[5], Answer::BuildsetEnd(None));
    assert_eq!(ended[8], Answer::BuildsetEnd(Some(Results::Cancelled)));
    assert_eq!(ended[9], Answer::BuildsetEnd(None), "it ends once");

    let stored = place.read(move |connection| builds::by_id(connection, build));
    let stored = stored.unwrap();
    assert_eq!(stored.results, Some(Results::Warnings));
    assert_eq!(stored.waited_for_locks, Duration::from_secs(7));
    let step = place.read(move |connection| steps::of_build(connection, build));
    assert_eq!(step[0].name, "worker_preparation");
    let step = &step[1];
    assert_eq!((step.locks_acquired_at, step.hidden), (Some(NOW), true));
    assert_eq!(step.state_string, "'make'");
    assert_eq!(stored.state_string, "warnings 'make'");
    let kept = place.read(move |connection| builds::properties(connection, build));
    assert_eq!(kept, properties);
    let stored = place.read(move |connection| buildsets::by_id(connection, buildset));
    assert!(stored.unwrap().complete);
    let stored = place.read(move |connection| build_requests::by_id(connection, request));
    let stored = stored.unwrap();
    assert_eq!(stored.priority, 8);
    assert_eq!(stored.claim, Some((nouns.master, NOW)), "it stays");
}

#[test]
fn a_lost_claim_undoes_what_was_written_with_it() {
    let place = Place::new();
    let nouns = place.write(add_nouns);
    let (_, requests) = submit(&place, nouns, &[nouns.builder, BuilderId(9)]);
    let claim = |request| Write::Claim { request, at: NOW };
    let other = MasterId(77);
    commit(&place, other, vec![claim(requests[1])]).unwrap();

    let outcome = commit(
        &place,
        nouns.master,
        vec![claim(requests[0]), claim(requests[1])],
    );
    assert_eq!(outcome.unwrap(), Outcome::Conflict(requests[1]));
    let stored = place.read(build_requests::incomplete);
    assert_eq!(stored[0].claim, None);
    assert_eq!(stored[1].claim, Some((other, NOW)));

    // Nobody gives up the claim of another master.
    answers(
        &place,
        nouns,
        vec![Write::Unclaim {
            request: requests[1],
        }],
    );
    let stored = place.read(build_requests::incomplete);
    assert_eq!(stored[1].claim, Some((other, NOW)));

    commit(
        &place,
        other,
        vec![Write::Unclaim {
            request: requests[1],
        }],
    )
    .unwrap();
    answers(&place, nouns, vec![claim(requests[0]), claim(requests[1])]);
}

#[test]
fn nothing_is_claimed_that_is_complete_or_unknown() {
    let place = Place::new();
    let nouns = place.write(add_nouns);
    let (_, requests) = submit(&place, nouns, &[nouns.builder]);
    let request = requests[0];
    answers(
        &place,
        nouns,
        vec![Write::CompleteRequest {
            request,
            results: Results::Skipped,
            at: NOW,
        }],
    );
    for request in [request, BuildRequestId(99)] {
        let outcome = commit(
            &place,
            nouns.master,
            vec![Write::Claim { request, at: NOW }],
        );
        assert_eq!(outcome.unwrap(), Outcome::Conflict(request));
    }
}

#[test]
fn builds_of_a_builder_are_numbered_without_gaps() {
    let place = Place::new();
    let nouns = place.write(add_nouns);
    let start = |builder| Write::StartBuild {
        request: BuildRequestId(1),
        builder,
        virtual_builder: None,
        worker: nouns.worker,
        at: NOW,
        state: "created".into(),
        steps: Vec::new(),
    };
    let numbers = |answers: Vec<Answer>| {
        let number = |answer| match answer {
            Answer::Build(build) => build.number.0,
            other => panic!("{other:?}"),
        };
        answers.into_iter().map(number).collect::<Vec<_>>()
    };
    let (a, b) = (nouns.builder, BuilderId(9));
    let first = answers(&place, nouns, vec![start(a), start(b), start(a)]);
    assert_eq!(numbers(first), [1, 1, 2]);
    // What is undone leaves no gap.
    let claim = Write::Claim {
        request: BuildRequestId(99),
        at: NOW,
    };
    commit(&place, nouns.master, vec![start(a), claim]).unwrap();
    assert_eq!(numbers(answers(&place, nouns, vec![start(a)])), [3]);
}

#[test]
fn what_is_not_there_cannot_be_ended() {
    let place = Place::new();
    let nouns = place.write(add_nouns);
    let build = BuildId(5);
    let finish_build = Write::FinishBuild {
        build,
        results: Results::Success,
        state: "build successful".into(),
        waited_for_locks: Duration::ZERO,
        at: NOW,
    };
    let finish_step = Write::FinishStep {
        build,
        step: StepNumber(2),
        results: Results::Success,
        at: NOW,
        update: StepUpdate::default(),
    };
    for (write, text) in [
        (finish_build, "there is no build 5"),
        (finish_step, "there is no step 2"),
    ] {
        let error = commit(&place, nouns.master, vec![write]).unwrap_err();
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn the_state_of_a_worker_is_kept() {
    let place = Place::new();
    let nouns = place.write(add_nouns);
    let state = Write::SetWorkerState {
        worker: nouns.worker,
        paused: true,
        pause_reason: Some("broken disk".into()),
        graceful: true,
    };
    answers(&place, nouns, vec![state]);
    let worker = place.read(move |connection| workers::by_id(connection, nouns.worker));
    let worker = worker.unwrap();
    assert!(worker.paused && worker.graceful);
    assert_eq!(worker.pause_reason.as_deref(), Some("broken disk"));
}

#[test]
fn a_buildset_finds_or_adds_its_source_stamps_and_is_complete_without_requests() {
    let place = Place::new();
    let nouns = place.write(add_nouns);
    let new = NewSourceStamp {
        repository: "somewhere".to_owned(),
        ..NewSourceStamp::default()
    };
    let wanted = |source| NewBuildset {
        builders: <_>::default(),
        source_stamps: vec![source],
        properties: <_>::default(),
        external_id: Some("mine".to_owned()),
        reason: "because".to_owned(),
        priority: 0,
        waited_for: false,
        parent_build: Some(BuildId(3)),
        parent_relationship: Some("Triggered from".to_owned()),
        rebuilt_build: Some(BuildId(2)),
        submitted_at: NOW,
    };
    let add = |source| match answers(&place, nouns, vec![Write::AddBuildset(wanted(source))]).pop()
    {
        Some(Answer::Buildset {
            buildset,
            source_stamps,
            ..
        }) => (buildset, source_stamps),
        other => panic!("{other:?}"),
    };
    let (buildset, first) = add(WantedSource::New(new.clone()));
    assert_eq!(first[0].repository, "somewhere");
    assert_eq!(add(WantedSource::New(new)).1, first);
    assert_eq!(add(WantedSource::Stored(first[0].id)).1, first);
    let stored = place.read(move |connection| buildsets::by_id(connection, buildset));
    let stored = stored.unwrap();
    assert_eq!(stored.results, Some(Results::Success));
    assert_eq!(stored.external_id.as_deref(), Some("mine"));
    assert_eq!(
        stored.parent_relationship.as_deref(),
        Some("Triggered from")
    );
    assert_eq!(stored.rebuilt_build, Some(BuildId(2)));
}
