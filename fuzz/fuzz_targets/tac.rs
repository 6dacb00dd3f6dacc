//! `buildbot.tac` files; nothing they say touches the machine.
#![no_main]

use std::collections::BTreeMap;

use buildbot_tac::{MachineNames, NoFiles, Surroundings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let surroundings = Surroundings {
        file: "/worker/buildbot.tac".into(),
        directory: "/worker".into(),
        environ: BTreeMap::from([("HOME".to_owned(), "/home/ci".to_owned())]),
        home: None,
        machine: MachineNames {
            system: "Linux".to_owned(),
            node: "node".to_owned(),
            release: "1".to_owned(),
            version: "1".to_owned(),
            machine: "x86_64".to_owned(),
        },
        cpus: 2,
        files: &NoFiles,
    };
    if let Err(errors) = buildbot_tac::read_worker(text, &surroundings) {
        assert!(!errors.to_string().is_empty());
    }
});
