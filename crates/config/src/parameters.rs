//! Every parameter of every class of the package has its field, with the default of Python.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::arguments::Reader;
use crate::auth::{AuthKind, AvatarKind, UserInfoKind};
use crate::authz::{Authz, MatcherKind, RoleKind};
use crate::changes::{ChangeSourceKind, PollingArguments};
use crate::description::Description;
use crate::filters::FilterKind;
use crate::formatters::FormatterKind;
use crate::generators::GeneratorKind;
use crate::parts::Kind;
use crate::reporters::ServiceKind;
use crate::secrets::{SecretsKind, VaultAuthenticatorKind};
use crate::steps::StepArguments;
use crate::steps::kind::StepKind;
use crate::steps::shell::ShellArgKind;
use crate::users::UserManagerKind;
use crate::{SchedulerArguments, WorkerArguments, schedulers, workers};

/// What users derive classes from: the kind is `Custom`, and the arguments are in the object.
const BASES: &[&str] = &[
    "buildbot.changes.base.ChangeSource",
    "buildbot.changes.base.ReconfigurablePollingChangeSource",
    "buildbot.changes.gerritchangesource.GerritChangeSourceBase",
    "buildbot.reporters.base.ReporterBase",
    "buildbot.reporters.generators.utils.BuildStatusGeneratorMixin",
    "buildbot.reporters.gerrit.GerritStatusGeneratorBase",
    "buildbot.reporters.message.MessageFormatterBase",
    "buildbot.schedulers.base.BaseScheduler",
    "buildbot.schedulers.base.ReconfigurableBaseScheduler",
    "buildbot.schedulers.basic.BaseBasicScheduler",
    "buildbot.schedulers.timed.NightlyBase",
    "buildbot.schedulers.timed.Timed",
    "buildbot.schedulers.trysched.TryBase",
    "buildbot.secrets.providers.base.SecretProviderBase",
    "buildbot.secrets.providers.vault_hvac.VaultAuthenticator",
    "buildbot.worker.base.AbstractWorker",
    "buildbot.worker.docker.DockerBaseWorker",
    "buildbot.www.auth.AuthBase",
    "buildbot.www.auth.UserInfoProviderBase",
    "buildbot.www.authz.endpointmatchers.EndpointMatcherBase",
    "buildbot.www.authz.roles.RolesFromBase",
    "buildbot.www.avatar.AvatarBase",
];

/// Arguments of others that have no types yet: they are `Value` or `Arc<Object>`.
const OBJECTS: &[&str] = &[
    "buildbot.reporters.mail.Domain",
    "buildbot.schedulers.forcesched.AnyPropertyParameter",
    "buildbot.schedulers.forcesched.BaseParameter",
    "buildbot.schedulers.forcesched.BooleanParameter",
    "buildbot.schedulers.forcesched.ChoiceStringParameter",
    "buildbot.schedulers.forcesched.CodebaseParameter",
    "buildbot.schedulers.forcesched.FileParameter",
    "buildbot.schedulers.forcesched.FixedParameter",
    "buildbot.schedulers.forcesched.InheritBuildParameter",
    "buildbot.schedulers.forcesched.IntParameter",
    "buildbot.schedulers.forcesched.NestedParameter",
    "buildbot.schedulers.forcesched.PatchParameter",
    "buildbot.schedulers.forcesched.StringParameter",
    "buildbot.schedulers.forcesched.TextParameter",
    "buildbot.schedulers.forcesched.UserNameParameter",
    "buildbot.schedulers.forcesched.WorkerChoiceParameter",
    "buildbot.steps.source.repo.RepoDownloadsFromChangeSource",
    "buildbot.steps.source.repo.RepoDownloadsFromProperties",
];

/// What only exists while a master runs.
const RUNNING: &[&str] = &[
    "buildbot.changes.changes.Change",
    "buildbot.changes.gerritchangesource.GerritHttpEventLogPollerConnector",
    "buildbot.changes.gerritchangesource.GerritSshStreamEventsConnector",
    "buildbot.changes.gitpoller.GitError",
    "buildbot.changes.manager.ChangeManager",
    "buildbot.changes.p4poller.P4PollerError",
    "buildbot.changes.p4poller.TicketLoginProtocol",
    "buildbot.changes.pb.ChangePerspective",
    "buildbot.reporters.gerrit.DEFAULT_REVIEW",
    "buildbot.reporters.gerrit.DEFAULT_SUMMARY",
    "buildbot.reporters.irc.IRCChannel",
    "buildbot.reporters.irc.IRCContact",
    "buildbot.reporters.irc.IrcStatusBot",
    "buildbot.reporters.irc.IrcStatusFactory",
    "buildbot.reporters.irc.UsageError",
    "buildbot.reporters.telegram.TelegramChannel",
    "buildbot.reporters.telegram.TelegramContact",
    "buildbot.reporters.telegram.TelegramPollingBot",
    "buildbot.reporters.telegram.TelegramStatusBot",
    "buildbot.reporters.telegram.TelegramWebhookBot",
    "buildbot.reporters.words.Channel",
    "buildbot.reporters.words.Contact",
    "buildbot.reporters.words.StatusBot",
    "buildbot.reporters.words.ThrottledClientFactory",
    "buildbot.reporters.words.UsageError",
    "buildbot.reporters.words.WebhookResource",
    "buildbot.reporters.words.__getattr__.<locals>.ForceOptions",
    "buildbot.schedulers.forcesched.CollectedValidationError",
    "buildbot.schedulers.forcesched.ValidationError",
    "buildbot.schedulers.forcesched.ValidationErrorCollector",
    "buildbot.schedulers.manager.SchedulerManager",
    "buildbot.schedulers.trysched.BadJobfile",
    "buildbot.schedulers.trysched.JobdirService",
    "buildbot.schedulers.trysched.RemoteBuild",
    "buildbot.schedulers.trysched.RemoteBuildRequest",
    "buildbot.schedulers.trysched.RemoteBuildSetStatus",
    "buildbot.schedulers.trysched.Try_Userpass_Perspective",
    "buildbot.steps.maxq.MaxQObserver",
    "buildbot.steps.package.deb.lintian.MaxQObserver",
    "buildbot.steps.package.rpm.mock.MockStateObserver",
    "buildbot.steps.package.util.WEObserver",
    "buildbot.steps.python_twisted.TrialTestCaseCounter",
    "buildbot.steps.shell.PerlModuleTestObserver",
    "buildbot.steps.subunit.SubunitLogObserver",
    "buildbot.steps.vstudio.MSLogLineObserver",
    "buildbot.steps.worker.CompositeStepMixin",
    "buildbot.worker.kubernetes.KubeError",
    "buildbot.worker.kubernetes.KubeJsonError",
    "buildbot.worker.kubernetes.KubeTextError",
    "buildbot.worker.latent.States",
    "buildbot.worker.libvirt.Connection",
    "buildbot.worker.libvirt.ServerThreadPool",
    "buildbot.worker.libvirt.ThreadWithQueue",
    "buildbot.worker.manager.WorkerManager",
    "buildbot.worker.manager.WorkerRegistration",
    "buildbot.www.auth.AuthRealm",
    "buildbot.www.auth.AuthRootResource",
    "buildbot.www.auth.LoginResource",
    "buildbot.www.auth.LogoutResource",
    "buildbot.www.auth.PreAuthenticatedLoginResource",
    "buildbot.www.authz.authz.Forbidden",
    "buildbot.www.authz.endpointmatchers.Match",
    "buildbot.www.avatar.AvatarResource",
    "buildbot.www.oauth2.OAuth2LoginResource",
];

/// What is read in another way than as an argument with a type.
const READ_ELSEWHERE: &[&str] = &["builderNames", "locks", "name", "shouldntBeSet"];

#[derive(Deserialize)]
struct Class {
    bases: Vec<String>,
    parameters: Vec<(String, Json)>,
}

fn classes() -> BTreeMap<String, Class> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let names = std::fs::read(root.join("python/tests/names.json")).expect("names.json");
    let mut python = Command::new("python3")
        .args(["-W", "ignore"])
        .arg(root.join("crates/config/tests/parameters.py"))
        .env("PYTHONPATH", root.join("python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut stdin = python.stdin.take().expect("its input");
    stdin.write_all(&names).expect("it reads");
    drop(stdin);
    let output = python.wait_with_output().expect("python3 ends");
    assert!(output.status.success(), "{}", output.status);
    serde_json::from_slice(&output.stdout).expect("its answer")
}

/// What is wrong with the arguments of a class, as `read` types them.
fn look<T: PartialEq>(
    name: &str,
    class: &Class,
    read: impl Fn(&mut Reader<'_>) -> T,
) -> Vec<String> {
    let plain = |default: &Json| !matches!(default["$"].as_str(), Some("required" | "other"));
    let given = class.parameters.iter().map(|(parameter, default)| {
        let default = if plain(default) { default } else { &Json::Null };
        json!({"c": name, "a": {parameter: default}})
    });
    let objects: Vec<Json> = std::iter::once(json!({"c": name, "a": {}}))
        .chain(given)
        .collect();
    let json = json!({"version": 1, "config": {}, "objects": objects});
    let description = Description::from_json(json.to_string().as_bytes()).expect("a description");
    let mut reader = Reader::new(&description, &description.objects[0]);
    let without = read(&mut reader);
    let seen = reader.seen;
    let mut wrong = Vec::new();
    for ((parameter, default), object) in class.parameters.iter().zip(&description.objects[1..]) {
        if READ_ELSEWHERE.contains(&parameter.as_str()) && !seen.contains(parameter) {
            continue;
        }
        if !seen.contains(parameter) {
            wrong.push(format!("{name}: {parameter} has no field"));
        } else if plain(default) {
            let mut reader = Reader::new(&description, object);
            if read(&mut reader) != without || !reader.wrong().is_empty() {
                wrong.push(format!("{name}: the default of {parameter} is {default}"));
            }
        }
    }
    wrong
}

fn is_known<K: Kind>(name: &str) -> bool {
    K::CLASSES.contains(&name)
}

/// `None` for a class without typed arguments.
fn look_at(name: &str, class: &Class) -> Option<Vec<String>> {
    let is_a = |base: &str| class.bases.iter().any(|known| known == base);
    Some(if is_known::<ChangeSourceKind>(name) {
        look(name, class, |reader| {
            (
                PollingArguments::read(reader),
                ChangeSourceKind::read(reader),
            )
        })
    } else if is_known::<StepKind>(name) || is_a("buildbot.process.buildstep.BuildStep") {
        look(name, class, StepArguments::read)
    } else if is_known::<FilterKind>(name) {
        look(name, class, FilterKind::read)
    } else if is_known::<ShellArgKind>(name) {
        look(name, class, ShellArgKind::read)
    } else if is_known::<ServiceKind>(name) {
        look(name, class, ServiceKind::read)
    } else if is_known::<GeneratorKind>(name) {
        look(name, class, GeneratorKind::read)
    } else if is_known::<FormatterKind>(name) {
        look(name, class, FormatterKind::read)
    } else if is_known::<SecretsKind>(name) {
        look(name, class, SecretsKind::read)
    } else if is_known::<VaultAuthenticatorKind>(name) {
        look(name, class, VaultAuthenticatorKind::read)
    } else if is_known::<AuthKind>(name) {
        look(name, class, AuthKind::read)
    } else if is_known::<AvatarKind>(name) {
        look(name, class, AvatarKind::read)
    } else if is_known::<UserInfoKind>(name) {
        look(name, class, UserInfoKind::read)
    } else if is_known::<UserManagerKind>(name) {
        look(name, class, UserManagerKind::read)
    } else if is_known::<MatcherKind>(name) {
        look(name, class, MatcherKind::read)
    } else if is_known::<RoleKind>(name) {
        look(name, class, RoleKind::read)
    } else if name == "buildbot.www.authz.authz.Authz" {
        look(name, class, Authz::read)
    } else if name.starts_with("buildbot.schedulers.") {
        look(name, class, |reader| {
            (
                schedulers::read_kind(reader),
                SchedulerArguments::read(reader),
            )
        })
    } else if name.starts_with("buildbot.worker.") {
        look(name, class, |reader| {
            (workers::read_kind(reader), WorkerArguments::read(reader))
        })
    } else {
        return None;
    })
}

#[test]
fn every_parameter_has_a_field_with_its_default() {
    let mut wrong = Vec::new();
    for (name, class) in classes() {
        if [BASES, OBJECTS, RUNNING].concat().contains(&name.as_str()) {
            continue;
        }
        match look_at(&name, &class) {
            Some(found) => wrong.extend(found),
            None => wrong.push(format!("{name} has no typed arguments")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_known_class_is_one_of_the_package() {
    let classes = classes();
    let known = [
        ChangeSourceKind::CLASSES,
        StepKind::CLASSES,
        GeneratorKind::CLASSES,
        FormatterKind::CLASSES,
        SecretsKind::CLASSES,
        AuthKind::CLASSES,
        MatcherKind::CLASSES,
        RoleKind::CLASSES,
    ];
    let missing: Vec<&&str> = known
        .into_iter()
        .flatten()
        .filter(|name| !classes.contains_key(**name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
