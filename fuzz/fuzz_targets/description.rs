//! Descriptions of configurations: they are read, checked, shown and compared with themselves.
#![no_main]

use buildbot_config::diff::{Side, diff};
use buildbot_config::{Description, Sources, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(description) = Description::from_json(bytes) else {
        return;
    };
    let outcome = read(&description, Sources::NONE);
    for problem in outcome.problems.all() {
        assert!(!problem.shown("/srv").is_empty());
    }
    let side = Side { description: &description, config: &outcome.config };
    assert!(!diff(side, side).to_string().is_empty());
});
