//! A difference as text for people.

use std::fmt;

use crate::diff::{ArgumentChange, Changes, Difference, StepChange, StepChangeKind};

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "nothing would change");
        }
        for (title, changes) in self.parts() {
            write_changes(f, title, changes)?;
        }
        if !self.keys.is_empty() {
            writeln!(f, "other keys:")?;
            for change in &self.keys {
                writeln!(f, "  {change}")?;
            }
        }
        Ok(())
    }
}

fn write_changes(f: &mut fmt::Formatter<'_>, title: &str, changes: &Changes) -> fmt::Result {
    if changes.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}:")?;
    for name in &changes.added {
        writeln!(f, "  + {name}")?;
    }
    for name in &changes.removed {
        writeln!(f, "  - {name}")?;
    }
    for altered in &changes.altered {
        writeln!(f, "  ~ {}", altered.name)?;
        for change in &altered.arguments {
            writeln!(f, "      {change}")?;
        }
        for step in &altered.steps {
            write_step(f, step)?;
        }
    }
    Ok(())
}

fn write_step(f: &mut fmt::Formatter<'_>, step: &StepChange) -> fmt::Result {
    let name = step.name.as_ref().map(|name| format!(" '{name}'"));
    let title = format!(
        "      step {} {}{}",
        step.position,
        step.class,
        name.unwrap_or_default()
    );
    match &step.kind {
        StepChangeKind::Added => writeln!(f, "{title}: added"),
        StepChangeKind::Removed => writeln!(f, "{title}: removed"),
        StepChangeKind::Altered { arguments } => arguments
            .iter()
            .try_for_each(|change| writeln!(f, "{title}: {change}")),
    }
}

impl fmt::Display for ArgumentChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(default)".into());
        write!(
            f,
            "{}: {} → {}",
            self.argument,
            shown(&self.old),
            shown(&self.new)
        )
    }
}
