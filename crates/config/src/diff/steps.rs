//! Which steps of a builder would change.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use crate::description::Arguments;
use crate::diff::compare::Comparison;
use crate::diff::{ArgumentChange, argument_changes, object_changes};
use crate::steps::{Factory, StepConfig};
use buildbot_render::ObjectId;

/// A step that is new, gone, or otherwise than before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepChange {
    /// Its position in the new configuration, or in the old one if it is gone; from 1.
    pub position: usize,
    /// Its class, without the module.
    pub class: String,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub kind: StepChangeKind,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum StepChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Some of its arguments are different.
    Altered {
        /// These.
        arguments: Vec<ArgumentChange>,
    },
}

/// What changes from one factory to another.
#[derive(Clone, Default)]
pub(crate) struct FactoryChanges {
    pub(crate) arguments: Vec<ArgumentChange>,
    pub(crate) steps: Vec<StepChange>,
}

/// Many builders may share a factory; it is compared once.
pub(crate) type Known = HashMap<(ObjectId, ObjectId), Arc<FactoryChanges>>;

pub(crate) fn factory_changes(
    comparison: Comparison<'_>,
    known: &mut Known,
    old: &Factory,
    new: &Factory,
) -> FactoryChanges {
    let found = known.entry((old.id, new.id)).or_insert_with(|| {
        Arc::new(FactoryChanges {
            arguments: argument_changes(
                comparison,
                &without_steps(&old.object.arguments),
                &without_steps(&new.object.arguments),
            ),
            steps: step_changes(comparison, &old.steps, &new.steps),
        })
    });
    FactoryChanges::clone(found)
}

fn without_steps(arguments: &Arguments) -> Arguments {
    Arguments(
        arguments
            .0
            .iter()
            .filter(|(name, _)| name != "steps")
            .map(|(name, value)| (format!("factory.{name}"), value.clone()))
            .collect(),
    )
}

fn step_changes(
    comparison: Comparison<'_>,
    old: &[StepConfig],
    new: &[StepConfig],
) -> Vec<StepChange> {
    let same = |old: &StepConfig, new: &StepConfig| {
        object_changes(comparison, &old.object, &new.object).is_empty()
            && old.object.overridden == new.object.overridden
    };
    let before = old
        .iter()
        .zip(new)
        .take_while(|(old, new)| same(old, new))
        .count();
    let (old_rest, new_rest) = (&old[before..], &new[before..]);
    let after = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(|(old, new)| same(old, new))
        .count();
    let old_rest = &old_rest[..old_rest.len() - after];
    let new_rest = &new_rest[..new_rest.len() - after];
    align(comparison, before, old_rest, new_rest)
}

/// Pairs what lies between the steps that are the same: by class and name, in order.
fn align(
    comparison: Comparison<'_>,
    offset: usize,
    old: &[StepConfig],
    new: &[StepConfig],
) -> Vec<StepChange> {
    let mut changes = Vec::new();
    let mut taken = 0;
    for (index, step) in new.iter().enumerate() {
        let position = offset + index + 1;
        let partner = old[taken..].iter().position(|other| {
            other.object.own_class() == step.object.own_class() && other.name() == step.name()
        });
        let Some(skipped) = partner else {
            changes.push(change(position, step, StepChangeKind::Added));
            continue;
        };
        for (index, gone) in old[taken..taken + skipped].iter().enumerate() {
            changes.push(change(
                offset + taken + index + 1,
                gone,
                StepChangeKind::Removed,
            ));
        }
        let arguments = object_changes(comparison, &old[taken + skipped].object, &step.object);
        if !arguments.is_empty() {
            changes.push(change(
                position,
                step,
                StepChangeKind::Altered { arguments },
            ));
        }
        taken += skipped + 1;
    }
    for (index, gone) in old[taken..].iter().enumerate() {
        changes.push(change(
            offset + taken + index + 1,
            gone,
            StepChangeKind::Removed,
        ));
    }
    changes
}

fn change(position: usize, step: &StepConfig, kind: StepChangeKind) -> StepChange {
    StepChange {
        position,
        class: step
            .object
            .own_class()
            .rsplit('.')
            .next()
            .unwrap_or_default()
            .to_owned(),
        name: step.name().map(str::to_owned),
        kind,
    }
}
