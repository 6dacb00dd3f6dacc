//! `--diff`.

use crate::program::{buildbot, config, stage};

#[test]
fn a_difference_is_shown_after_the_verdict() {
    let old = config("");
    let new = config(
        "c['builders'].append(builder(name='b2', tags=['x']))\n\
         c['schedulers'][0] = schedulers.ForceScheduler(name='force', builderNames=['b1', 'b2'])\n\
         c['builders'][0].factory.addStep(steps.ShellCommand(name='test', command=['make', 'test']))\n\
         c['title'] = 'New'",
    );
    let directory = stage(&[("old.cfg", &old), ("new.cfg", &new)]);
    let said = buildbot(
        directory.path(),
        &["checkconfig", "--diff", "old.cfg", "new.cfg"],
    );
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(
        said.stdout,
        "Config file is good!\n\
         builders:\n\
         \u{20} + b2\n\
         \u{20} ~ b1\n\
         \u{20}     step 2 ShellCommand 'test': added\n\
         schedulers:\n\
         \u{20} ~ force\n\
         \u{20}     builderNames: ['b1'] → ['b1', 'b2']\n\
         other keys:\n\
         \u{20} title: (default) → 'New'\n"
    );
    let said = buildbot(
        directory.path(),
        &["checkconfig", "--json", "--diff", "old.cfg", "new.cfg"],
    );
    let difference = &said.json()["diff"];
    assert_eq!(difference["builders"]["added"][0], "b2");
    assert_eq!(
        difference["builders"]["altered"][0]["steps"][0]["change"],
        "added"
    );
    assert_eq!(difference["keys"][0]["argument"], "title");
}

#[test]
fn moving_lines_about_changes_nothing() {
    let old = config("c['prioritizeBuilders'] = lambda master, builders: builders");
    let new = config("\n\n\nc['prioritizeBuilders'] = lambda master, builders: builders");
    let directory = stage(&[("old.cfg", &old), ("new.cfg", &new)]);
    let said = buildbot(
        directory.path(),
        &["checkconfig", "--diff", "old.cfg", "new.cfg"],
    );
    assert_eq!(
        said.stdout, "Config file is good!\nnothing would change\n",
        "{said:?}"
    );
}

#[test]
fn what_cannot_be_executed_cannot_be_compared_with() {
    let directory = stage(&[("old.cfg", "x = ("), ("new.cfg", &config(""))]);
    let said = buildbot(
        directory.path(),
        &["checkconfig", "--diff", "old.cfg", "new.cfg"],
    );
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr
            .starts_with("The configuration to compare with cannot be read:"),
        "{said:?}"
    );
}

#[test]
fn errors_of_the_old_one_do_not_matter() {
    let directory = stage(&[
        ("old.cfg", &config("c['title'] = 5")),
        ("new.cfg", &config("")),
    ]);
    let said = buildbot(
        directory.path(),
        &["checkconfig", "--diff", "old.cfg", "new.cfg"],
    );
    assert_eq!(said.code, Some(0));
    assert!(said.stdout.contains("title: 5 → (default)"), "{said:?}");
}
