//! Steps that make and check packages: Lintian, pbuilder, mock, rpmbuild, rpmlint.

use buildbot_config::steps::package::{
    LintianArguments, MockArguments, MockBuildArguments, MockRebuildArguments, PbuilderArguments,
    RpmBuildArguments, RpmLintArguments,
};
use buildbot_model::Results;
use buildbot_python_regex::Pattern;
use buildbot_render::{Regex, Value};

use crate::command::{Piece, RemoteCommand};
use crate::error::StepError;
use crate::pattern::raise;
use crate::port::Channel;
use crate::shell::{Shell, run_lines};
use crate::step::Step;
use crate::value::{pairs, text_of};
use crate::warnings::{self, Counting, Suppression};
use crate::worker_files::{FileKind, stat_of};

/// `DebLintian`.
pub(crate) async fn lintian(
    step: &Step<'_>,
    arguments: &LintianArguments,
) -> Result<Results, StepError> {
    let mut command = vec!["lintian".into(), "-v".into(), arguments.fileloc.clone()];
    for tag in arguments.suppress_tags.as_sequence().unwrap_or_default() {
        command.extend(["--suppress-tags".into(), tag.clone()]);
    }
    let (mut warnings, mut errors) = (Vec::new(), Vec::new());
    let see = |channel, line: &str| {
        if channel != Channel::Stdout {
            return;
        }
        if line.starts_with("W: ") {
            warnings.push(line.to_owned());
        } else if line.starts_with("E: ") {
            errors.push(line.to_owned());
        }
    };
    let end = run_lines(step, Shell::of(Value::List(command)), see).await?;
    for (lines, word) in [(&warnings, "Warnings"), (&errors, "Errors")] {
        if !lines.is_empty() {
            let name = format!("{} {word}", lines.len());
            step.add_complete_log(&name, &lines.join("\n")).await?;
        }
    }
    Ok(if end.rc != Some(0) || !errors.is_empty() {
        Results::Failure
    } else if warnings.is_empty() {
        Results::Success
    } else {
        Results::Warnings
    })
}

/// `RpmLint`: its warnings are in a log of their own.
pub(crate) async fn rpmlint(
    step: &Step<'_>,
    arguments: &RpmLintArguments,
) -> Result<Results, StepError> {
    let mut command: Vec<Value> = vec!["rpmlint".into(), "-i".into()];
    if arguments.config.is_true() {
        command.extend(["-f".into(), arguments.config.clone()]);
    }
    command.push(match &arguments.fileloc {
        Value::None => ".".into(),
        given => given.clone(),
    });
    let counting = Counting {
        pattern: arguments.warning_pattern.clone(),
        extractor: arguments.warning_extractor.clone(),
        most: arguments.max_warn_count.clone(),
        enter: arguments.directory_enter_pattern.clone(),
        leave: arguments.directory_leave_pattern.clone(),
        file: arguments.suppression_file.clone(),
        list: arguments.suppression_list.clone(),
        own: Vec::new(),
        class: "WarningCountingShellCommand",
        default_pattern: warnings::WARNING,
        command: Some(Value::List(command)),
        is_reported: false,
    };
    let mut lines = Vec::new();
    let mut see = |piece: Piece<'_>| {
        for line in piece.lines() {
            if piece.channel == Channel::Stdout && line.starts_with("W: ") {
                lines.push(line.to_owned());
            }
        }
    };
    let results = warnings::run(step, &counting, Some(&mut see)).await?;
    if !lines.is_empty() {
        let name = format!("{} Warnings", lines.len());
        step.add_complete_log(&name, &lines.join("\n")).await?;
    }
    Ok(results)
}

/// What mock is told to do.
async fn run_mock(
    step: &Step<'_>,
    root: &Value,
    resultdir: &Value,
    more: Vec<Value>,
    mut see: impl FnMut(&str) + Send,
) -> Result<Results, StepError> {
    let logs = ["build.log", "root.log", "state.log"];
    let mut command = vec!["mock".into(), "--root".into(), root.clone()];
    if resultdir.is_true() {
        command.extend(["--resultdir".into(), resultdir.clone()]);
    }
    command.extend(more);
    let command = Value::List(command);
    step.set_command(command.clone());
    let below = if resultdir.is_true() {
        format!("build/{}", text_of(resultdir))
    } else {
        "build".to_owned()
    };
    let paths = logs.map(|name| step.port.worker().join(&below, name).into());
    let stdio = step.log_or_new("stdio").await?;
    let args = [
        ("dir", Value::List(paths.to_vec())),
        ("logEnviron", false.into()),
    ];
    let end = step.run_simple("rmdir", args, Some(stdio)).await?;
    if end.did_fail() {
        return Ok(Results::Failure);
    }
    let logfiles = logs.map(|name| {
        let path = if resultdir.is_true() {
            step.port.worker().join(&text_of(resultdir), name)
        } else {
            name.to_owned()
        };
        (name.into(), path.into())
    });
    let shell = Shell {
        logfiles: Some(Value::Dict(logfiles.to_vec())),
        ..Shell::of(command)
    };
    let start = Pattern::new(r"INFO: Start: (.*)$|^.*Start: (.*)$", 32).map_err(raise)?;
    let mut observer = |piece: Piece<'_>| {
        for line in piece.lines() {
            if piece.log == "state.log" {
                if let Ok(Some(found)) = start.match_start(line) {
                    let what = found.group(1).or(found.group(2)).unwrap_or_default();
                    step.set_description_suffix(Value::List(vec![format!("[{what}]").into()]));
                } else if line.contains("Finish:") {
                    step.set_description_suffix(Value::None);
                }
            } else if piece.log == "stdio" {
                see(line);
            }
        }
    };
    let end = step.run_shell(shell, Some(&mut observer)).await?;
    Ok(end.results)
}

/// `Mock`.
pub(crate) async fn mock(step: &Step<'_>, arguments: &MockArguments) -> Result<Results, StepError> {
    let (root, dir) = (&arguments.root, &arguments.resultdir);
    run_mock(step, root, dir, Vec::new(), |_| ()).await
}

/// `MockBuildSRPM`.
pub(crate) async fn mock_build(
    step: &Step<'_>,
    arguments: &MockBuildArguments,
) -> Result<Results, StepError> {
    let wrote = Pattern::new(r".*Wrote: .*/([^/]*.src.rpm)", 32).map_err(raise)?;
    let sources = match &arguments.sources {
        Value::None => ".".into(),
        given => given.clone(),
    };
    let more = vec![
        "--buildsrpm".into(),
        "--spec".into(),
        arguments.spec.clone(),
        "--sources".into(),
        sources,
    ];
    let mut srpm = None;
    let see = |line: &str| {
        if let Ok(Some(found)) = wrote.search(line) {
            srpm = found.group(1).map(str::to_owned);
        }
    };
    let (root, dir) = (&arguments.root, &arguments.resultdir);
    let results = run_mock(step, root, dir, more, see).await?;
    if let Some(srpm) = srpm {
        step.port.set_property("srpm", srpm.into(), "MockBuildSRPM");
    }
    Ok(results)
}

/// `MockRebuild`.
pub(crate) async fn mock_rebuild(
    step: &Step<'_>,
    arguments: &MockRebuildArguments,
) -> Result<Results, StepError> {
    let more = vec!["--rebuild".into(), arguments.srpm.clone()];
    let (root, dir) = (&arguments.root, &arguments.resultdir);
    run_mock(step, root, dir, more, |_| ()).await
}

/// `RpmBuild`.
pub(crate) async fn rpmbuild(
    step: &Step<'_>,
    arguments: &RpmBuildArguments,
) -> Result<Results, StepError> {
    let mut command = "rpmbuild".to_owned();
    for (name, value) in [
        ("_topdir", &arguments.topdir),
        ("_builddir", &arguments.builddir),
        ("_rpmdir", &arguments.rpmdir),
        ("_sourcedir", &arguments.sourcedir),
        ("_specdir", &arguments.specdir),
        ("_srcrpmdir", &arguments.srcrpmdir),
    ] {
        command.push_str(&format!(" --define \"{name} {}\"", text_of(value)));
    }
    for (name, value) in pairs(&arguments.define) {
        let (name, value) = (text_of(name), text_of(value));
        command.push_str(&format!(" --define \"{name} {value}\""));
    }
    if arguments.vcs_revision {
        let revision = step.port.property("got_revision");
        if let Some(revision) = revision.filter(|revision| revision.value.is_true())
            && revision.value.as_dict().is_none()
        {
            let revision = text_of(&revision.value);
            command.push_str(&format!(" --define \"_revision {revision}\""));
        }
    }
    command.push_str(&format!(" --define \"dist {}\"", text_of(&arguments.dist)));
    command.push_str(&format!(" -ba {}", text_of(&arguments.specfile)));
    let prefixes = [
        "Processing files:",
        "Provides:",
        "Requires(rpmlib):",
        "Requires:",
        "Checking for unpackaged",
        "Wrote:",
        "Executing(%",
        "+ ",
        "Processing files:",
    ];
    let mut lines: Vec<String> = Vec::new();
    let mut errors: Vec<String> = Vec::new();
    let see = |_, line: &str| {
        if prefixes.iter().any(|prefix| line.starts_with(prefix)) {
            lines.push(line.to_owned());
        } else if line.starts_with("   ")
            || line.starts_with("RPM build errors:")
            || line.starts_with("error: ")
        {
            errors.push(line.to_owned());
        }
    };
    let end = run_lines(step, Shell::of(command), see).await?;
    step.add_complete_log("RPM Command Log", &lines.join("\n"))
        .await?;
    if !errors.is_empty() {
        step.add_complete_log("RPM Errors", &errors.join("\n"))
            .await?;
    }
    Ok(end.results)
}

/// A chroot older than this is brought up to date: seven days.
const AGE_S: f64 = 7.0 * 24.0 * 60.0 * 60.0;

/// How long the preparation of a chroot may be silent.
const TIMEOUT_S: i64 = 1200;

/// `DebPbuilder` and its kin: makes the chroot, or brings it up to date, and builds a package in it.
pub(crate) async fn pbuilder(
    step: &Step<'_>,
    arguments: &PbuilderArguments,
) -> Result<Results, StepError> {
    let class = step.config.class();
    let is_cow = class.ends_with("Cowbuilder");
    let is_ubuntu = class.contains(".Ubu");
    let tool = if is_cow {
        "/usr/sbin/cowbuilder"
    } else {
        "/usr/sbin/pbuilder"
    };
    let option = if is_cow { "--basepath" } else { "--basetgz" };
    let distribution = match &arguments.distribution {
        Value::None => "stable".to_owned(),
        given => text_of(given),
    };
    let base = match &arguments.basetgz {
        Value::None => {
            let architecture = match &arguments.architecture {
                Value::None => "local".to_owned(),
                given => text_of(given),
            };
            let end = if is_cow { "cow/" } else { "tgz" };
            format!("/var/cache/pbuilder/{distribution}-{architecture}-buildbot.{end}")
        }
        given => text_of(given),
    };
    let mirror = match &arguments.mirror {
        Value::None if is_ubuntu => "http://archive.ubuntu.com/ubuntu/".to_owned(),
        Value::None => "http://cdn.debian.net/debian/".to_owned(),
        given => text_of(given),
    };
    let extra: Vec<String> = arguments
        .extrapackages
        .as_sequence()
        .unwrap_or_default()
        .iter()
        .map(text_of)
        .collect();
    let end = step
        .run_simple("stat", [("file", base.as_str().into())], None)
        .await?;
    let prepare = if end.did_fail() {
        let mut command: Vec<String> = [
            "sudo",
            tool,
            "--create",
            option,
            &base,
            "--distribution",
            &distribution,
            "--mirror",
            &mirror,
        ]
        .map(str::to_owned)
        .to_vec();
        if arguments.othermirror.is_true() {
            let mirrors: Vec<String> = match &arguments.othermirror {
                Value::Text(one) => vec![one.clone()],
                several => flat(several),
            };
            command.extend(["--othermirror".to_owned(), mirrors.join("|")]);
        }
        if arguments.architecture.is_true() {
            command.extend([
                "--architecture".to_owned(),
                text_of(&arguments.architecture),
            ]);
        }
        if !extra.is_empty() {
            command.extend(["--extrapackages".to_owned(), extra.join(" ")]);
        }
        if arguments.keyring.is_true() {
            let keyring = format!("--keyring={}", text_of(&arguments.keyring));
            command.extend(["--debootstrapopts".to_owned(), keyring]);
        }
        let components = match &arguments.components {
            Value::None if is_ubuntu => Some("main universe".to_owned()),
            Value::None => None,
            given => Some(text_of(given)),
        };
        if let Some(components) = components {
            command.extend(["--components".to_owned(), components]);
        }
        Some(command)
    } else {
        match stat_of(&end) {
            Some((FileKind::File | FileKind::Directory, modified)) => {
                // A chroot older than this is brought up to date.
                (modified < step.port.now_s() - AGE_S).then(|| {
                    ["sudo", tool, "--update", option, &base]
                        .map(str::to_owned)
                        .to_vec()
                })
            }
            _ => return Ok(Results::Failure),
        }
    };
    if let Some(command) = prepare {
        let mut remote = RemoteCommand::new(
            "shell",
            [
                (
                    "command",
                    Value::List(command.into_iter().map(Value::from).collect()),
                ),
                ("workdir", step.workdir()),
                ("env", Value::None),
                ("want_stdout", 1.into()),
                ("want_stderr", 1.into()),
                ("logfiles", Value::Dict(Vec::new())),
                ("timeout", TIMEOUT_S.into()),
                ("maxTime", Value::None),
                ("max_lines", Value::None),
                ("sigtermTime", Value::None),
                ("usePTY", false.into()),
                ("logEnviron", true.into()),
                ("initial_stdin", Value::None),
            ],
        );
        remote.stdio = Some(step.log_or_new("pbuilder").await?);
        if step.run_command(remote, None).await?.rc != Some(0) {
            return Ok(Results::Failure);
        }
    }
    let mut command: Vec<String> = ["pdebuild", "--buildresult", ".", "--pbuilder", tool]
        .map(str::to_owned)
        .to_vec();
    if arguments.architecture.is_true() {
        command.extend([
            "--architecture".to_owned(),
            text_of(&arguments.architecture),
        ]);
    }
    command.extend(["--", "--buildresult", ".", option, &base].map(str::to_owned));
    if !extra.is_empty() {
        command.extend(["--extrapackages".to_owned(), extra.join(" ")]);
    }
    let command = Value::List(command.into_iter().map(Value::from).collect());
    let changes = Pattern::new(r".*dpkg-genchanges  >\.\./(.+\.changes)", 32).map_err(raise)?;
    let mut found = None;
    let mut see = |piece: Piece<'_>| {
        for line in piece.lines().filter(|_| piece.channel == Channel::Stdout) {
            if let Ok(Some(matched)) = changes.match_start(line) {
                found = matched.group(1).map(str::to_owned);
            }
        }
    };
    let counting = counting_of_pbuilder(arguments, command);
    let results = warnings::run(step, &counting, Some(&mut see)).await?;
    if let Some(found) = found {
        let class = class.rsplit('.').next().unwrap_or(class);
        step.port.set_property("deb-changes", found.into(), class);
    }
    Ok(results)
}

fn flat(value: &Value) -> Vec<String> {
    crate::value::flatten(value).iter().map(text_of).collect()
}

/// The counting of warnings of pbuilder.
fn counting_of_pbuilder(arguments: &PbuilderArguments, command: Value) -> Counting {
    Counting {
        pattern: arguments.warning_pattern.clone(),
        extractor: arguments.warning_extractor.clone(),
        most: arguments.max_warn_count.clone(),
        enter: arguments.directory_enter_pattern.clone(),
        leave: arguments.directory_leave_pattern.clone(),
        file: arguments.suppression_file.clone(),
        list: arguments.suppression_list.clone(),
        own: vec![Suppression {
            text: Some(Regex {
                pattern: r"\.pbuilderrc does not exist".into(),
                flags: 32,
            }),
            ..Suppression::default()
        }],
        class: "WarningCountingShellCommand",
        default_pattern: ".*(warning[: ]|\\sW: ).*",
        command: Some(command),
        is_reported: true,
    }
}
