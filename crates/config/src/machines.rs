//! `c['machines']`.

use std::collections::HashSet;

use crate::arguments::{Reader, Seconds, arguments};
use crate::check::Check;
use crate::classes::{Family, family};
use crate::problem::Problem;
use crate::service::Service;
use buildbot_render::Value;

/// A machine on which workers run.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// Name, class, place.
    pub service: Service,
    /// How it is switched on and off, if it is.
    pub latent: Option<LatentMachineArguments>,
}

arguments! {
    /// How a machine is switched on and off.
    pub struct LatentMachineArguments {
        start_action: Value = "start_action",
        stop_action: Value = "stop_action",
        build_wait_timeout: Seconds = "build_wait_timeout",
        missing_timeout: Seconds = "missing_timeout" or Seconds(1200.0),
    }
}

pub(crate) fn read(check: &mut Check<'_>) -> Vec<Machine> {
    let Some(value) = check.key("machines") else {
        return Vec::new();
    };
    let Some(items) = value.as_sequence() else {
        check.error_in_key("machines", "c['machines'] must be a list of machines");
        return Vec::new();
    };
    let mut machines = Vec::with_capacity(items.len());
    for item in items {
        let Some(machine) = read_one(check, item) else {
            let shown = item.repr(check.description);
            let at = check.place_of_value(item, "machines");
            check.report(
                Problem::error("c['machines'] must be a list of machines")
                    .at(at)
                    .help(format!("{shown} is not one")),
            );
            return Vec::new();
        };
        machines.push(machine);
    }
    machines
}

fn read_one(check: &mut Check<'_>, item: &Value) -> Option<Machine> {
    let (id, object) = check.object(item)?;
    if family(&object.class) != Some(Family::Machine) {
        return None;
    }
    let service = Service::read(check, id)?;
    let mut reader = Reader::new(check.description, object);
    let latent = (object.class != "buildbot.machine.base.Machine")
        .then(|| LatentMachineArguments::read(&mut reader));
    reader.finish(check, id, &service.name);
    Some(Machine { service, latent })
}

pub(crate) fn check_names(check: &mut Check<'_>, machines: &[Machine]) {
    let mut seen = HashSet::new();
    for machine in machines {
        if !seen.insert(machine.service.name.as_str()) {
            check.report(
                Problem::error(format!("duplicate machine name '{}'", machine.service.name))
                    .at(machine.service.place.clone()),
            );
        }
    }
}
