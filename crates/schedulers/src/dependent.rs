//! What follows from the buildsets of other schedulers.

use std::sync::Arc;

use buildbot_model::{BuildsetId, Results, SourceStampId, Timestamp};

use crate::composition::{After, Order};
use crate::entry::{Entry, Wish};
use crate::input::StoredBuildset;
use crate::output::{Output, WantedStamp};
use crate::plan::Kind;
use crate::set::Schedulers;

impl Schedulers {
    pub(crate) fn buildset_added(
        &mut self,
        buildset: BuildsetId,
        of: &str,
        outputs: &mut Vec<Output>,
    ) {
        for entry in self.entries.values_mut() {
            let plan = Arc::clone(&entry.plan);
            if let Kind::Dependent { upstream } = &plan.kind
                && entry.is_active
                && upstream == of
                && !entry.upstream.contains(&buildset)
            {
                entry.upstream.push(buildset);
                keep_upstream(entry, outputs);
            }
        }
    }

    pub(crate) fn buildset_completed(
        &mut self,
        now: Timestamp,
        buildset: BuildsetId,
        results: Results,
        source_stamps: &[SourceStampId],
        outputs: &mut Vec<Output>,
    ) {
        let waiting: Vec<String> = self
            .entries
            .iter()
            .filter(|(_, entry)| {
                let waits = entry.is_active && entry.upstream.contains(&buildset);
                waits && !entry.following.contains(&buildset)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in waiting {
            let Some(entry) = self.entries.get_mut(&name) else {
                continue;
            };
            if matches!(results, Results::Success | Results::Warnings) {
                entry.following.insert(buildset);
                let stamps = source_stamps.iter().copied().map(WantedStamp::Stored);
                let order = Order {
                    stamps: stamps.collect(),
                    reason: "downstream".to_owned(),
                    ..Order::default()
                };
                let wish = Wish {
                    order,
                    after: After {
                        upstream: Some(buildset),
                        ..After::default()
                    },
                };
                self.compose(now, &name, wish, outputs);
            } else {
                self.followed(&name, Some(buildset), outputs);
            }
        }
    }

    /// Nothing more follows from a buildset. That is kept after what follows is stored: a master that is killed between
    /// the two makes it twice, and never not at all.
    pub(crate) fn followed(
        &mut self,
        name: &str,
        buildset: Option<BuildsetId>,
        outputs: &mut Vec<Output>,
    ) {
        let Some((entry, buildset)) = self.entries.get_mut(name).zip(buildset) else {
            return;
        };
        entry.following.remove(&buildset);
        entry.upstream.retain(|known| *known != buildset);
        // What is not read yet must not be overwritten.
        if entry.is_claimed() {
            keep_upstream(entry, outputs);
        }
    }

    /// What became of what a dependent scheduler has waited for in an earlier life.
    pub(crate) fn upstream_found(
        &mut self,
        now: Timestamp,
        name: &str,
        buildsets: Vec<StoredBuildset>,
        outputs: &mut Vec<Output>,
    ) {
        for StoredBuildset {
            id,
            results,
            source_stamps,
        } in buildsets
        {
            if let Some(results) = results
                && self.entries.contains_key(name)
            {
                self.buildset_completed(now, id, results, &source_stamps, outputs);
            }
        }
    }
}

fn keep_upstream(entry: &mut Entry, outputs: &mut Vec<Output>) {
    let known: Vec<i64> = entry.upstream.iter().map(|buildset| buildset.0).collect();
    entry.set_state("upstream_bsids", known.into(), outputs);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;
    use crate::world::{World, plan};
    use serde_json::json;

    #[test]
    fn what_a_dependent_scheduler_waits_for_is_kept_until_what_follows_is_stored() {
        let upstream = "up".to_owned();
        let mut world = World::new(plan("s", "Dependent", Kind::Dependent { upstream }));
        world.claimed();
        let buildset = BuildsetId(7);
        world.tell(Input::BuildsetAdded {
            buildset,
            scheduler: "up".to_owned(),
        });
        let complete = || Input::BuildsetCompleted {
            buildset,
            results: Results::Success,
            source_stamps: vec![SourceStampId(1)],
        };
        world.tell(complete());
        world.tell(complete());
        assert_eq!(world.submitted.len(), 1, "it is on its way");
        world.not_stored();
        assert_eq!(world.state("upstream_bsids"), json!([7]));
        world.tell(complete());
        world.stored();
        assert_eq!(world.state("upstream_bsids"), json!([]));
    }
}
