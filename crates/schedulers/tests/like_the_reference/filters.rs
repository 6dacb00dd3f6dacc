//! Which changes a filter accepts.

use buildbot_config::{SchedulerKind, Sources};
use buildbot_model::{ChangeId, SourceStampId};
use buildbot_render::value_of_json;
use buildbot_schedulers::{Change, Decision, Filter};
use serde_json::{Value as Json, json};

use crate::{assert_nothing_wrong, described, made};

fn change(of: &Json) -> Change {
    let text = |name: &str| of[name].as_str().map(str::to_owned);
    let properties = of["properties"].as_object().expect("an object").iter();
    Change {
        id: ChangeId(of["number"].as_i64().expect("a number")),
        author: "a".to_owned(),
        committer: None,
        files: Vec::new(),
        comments: String::new(),
        revision: None,
        when: 0,
        branch: text("branch"),
        category: text("category"),
        revlink: None,
        properties: properties
            .map(|(name, value)| (name.clone(), (value_of_json(value), "Change".to_owned())))
            .collect(),
        repository: text("repository").unwrap_or_default(),
        project: text("project").unwrap_or_default(),
        codebase: text("codebase").unwrap_or_default(),
        source_stamp: SourceStampId(1),
        parents: Vec::new(),
    }
}

#[test]
fn random_filters_accept_the_changes_that_the_reference_accepts() {
    let (source, changes, accepted): (String, Vec<Json>, Vec<Vec<Option<bool>>>) =
        made("filters.py", 18_000);
    let description = described(&source);
    let config = buildbot_config::read(&description, Sources::NONE).config;
    let mut wrong = Vec::new();
    let (mut compared, mut yes) = (0, 0);
    assert_eq!(config.schedulers.len(), accepted.len());
    for (scheduler, row) in config.schedulers.iter().zip(accepted) {
        let SchedulerKind::AnyBranch(arguments) = &scheduler.kind else {
            panic!("{scheduler:?}");
        };
        let part = arguments.change_filter.as_ref().expect("a filter");
        let filter = Filter::of_part(part).expect("a filter that can be used");
        for (of, expected) in changes.iter().zip(row) {
            compared += 1;
            yes += usize::from(expected == Some(true));
            let got = match filter.on_change(&change(of)) {
                Decision::No => Some(false),
                Decision::If(_) => Some(true),
                Decision::Failed(_) => None,
            };
            // A condition that fails may stand before or behind one that refuses.
            let is_order = got != Some(true) && expected != Some(true);
            if got != expected && !is_order {
                wrong.push(format!(
                    "{:?} on {}: {got:?} and not {expected:?}",
                    part.object.as_ref().map(|object| &object.arguments),
                    json!(of)
                ));
            }
        }
    }
    println!("{yes} accepted");
    assert_nothing_wrong(compared, &wrong);
}
