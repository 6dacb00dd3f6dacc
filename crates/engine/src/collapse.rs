//! When two requests want the same.

use std::collections::BTreeMap;

use buildbot_model::BuildRequest;

/// What a request wants, so that the newer of two with equal wishes does for both.
///
/// Equality of wishes is the whole test, so that those who are alike are found without looking at the others.
/// Buildbot: manual, "Collapsing Build Requests".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wish {
    sources: BTreeMap<String, Source>,
    /// Properties whose source is `Scheduler`, without the scheduler's name.
    properties: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Source {
    repository: String,
    branch: Option<String>,
    project: String,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// The newest of several changes: which revision does not matter.
    Changes,
    /// Exactly this one.
    Revision(Option<String>),
}

impl Wish {
    /// `None` if nothing else can want the same: it has a patch.
    pub(crate) fn of(request: &BuildRequest) -> Option<Self> {
        let mut sources = BTreeMap::new();
        for stamp in &request.source_stamps {
            if stamp.has_patch {
                return None;
            }
            let source = Source {
                repository: stamp.repository.clone(),
                branch: stamp.branch.clone(),
                project: stamp.project.clone(),
                what: if stamp.has_changes {
                    What::Changes
                } else {
                    What::Revision(stamp.revision.clone())
                },
            };
            sources.insert(stamp.codebase.clone(), source);
        }
        let properties = request.properties.iter();
        let properties = properties
            .filter(|(name, property)| property.source == "Scheduler" && *name != "scheduler")
            .map(|(name, property)| (name.clone(), property.value.clone()))
            .collect();
        Some(Self {
            sources,
            properties,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use buildbot_model::{
        BuildRequestId, BuilderId, BuildsetId, Property, SourceStamp, SourceStampId, Timestamp,
    };

    fn request(change: impl FnOnce(&mut BuildRequest)) -> Option<Wish> {
        let stamp = SourceStamp {
            id: SourceStampId(1),
            codebase: String::new(),
            repository: "r".to_owned(),
            branch: None,
            revision: None,
            project: String::new(),
            has_patch: false,
            has_changes: false,
        };
        let mut request = BuildRequest {
            id: BuildRequestId(1),
            buildset: BuildsetId(1),
            builder: BuilderId(1),
            priority: 0,
            submitted_at: Timestamp::default(),
            waited_for: false,
            has_parent: false,
            source_stamps: vec![stamp],
            properties: BTreeMap::new(),
        };
        change(&mut request);
        Wish::of(&request)
    }

    fn set(request: &mut BuildRequest, name: &str, value: &str, source: &str) {
        let property = Property {
            value: value.to_owned(),
            source: source.to_owned(),
        };
        request.properties.insert(name.to_owned(), property);
    }

    fn check(a: impl FnOnce(&mut BuildRequest), b: impl FnOnce(&mut BuildRequest), expected: bool) {
        let (a, b) = (request(a), request(b));
        assert_eq!(a.is_some() && a == b, expected, "{a:?} {b:?}");
    }

    #[test]
    fn requests_are_alike_by_the_rules() {
        let revision = |text: &str| {
            let text = Some(text.to_owned());
            move |r: &mut BuildRequest| r.source_stamps[0].revision = text
        };
        let changes = |text: &str| {
            let text = Some(text.to_owned());
            move |r: &mut BuildRequest| {
                r.source_stamps[0].revision = text;
                r.source_stamps[0].has_changes = true;
            }
        };
        check(|_| (), |_| (), true);
        check(revision("1"), revision("1"), true);
        check(revision("1"), revision("2"), false);
        check(changes("1"), changes("2"), true);
        check(changes("1"), revision("1"), false);
        check(|r| r.source_stamps[0].has_patch = true, |_| (), false);
        check(
            |r| r.source_stamps[0].branch = Some("b".to_owned()),
            |_| (),
            false,
        );
        check(
            |r| r.source_stamps[0].codebase = "c".to_owned(),
            |_| (),
            false,
        );
        check(|r| r.source_stamps.clear(), |_| (), false);
    }

    #[test]
    fn only_properties_of_schedulers_matter() {
        check(|r| set(r, "a", "1", "Scheduler"), |_| (), false);
        check(
            |r| set(r, "a", "1", "Scheduler"),
            |r| set(r, "a", "1", "Scheduler"),
            true,
        );
        check(
            |r| set(r, "a", "1", "Scheduler"),
            |r| set(r, "a", "2", "Scheduler"),
            false,
        );
        check(|r| set(r, "a", "1", "Force Build Form"), |_| (), true);
        check(|r| set(r, "scheduler", "\"x\"", "Scheduler"), |_| (), true);
    }
}
