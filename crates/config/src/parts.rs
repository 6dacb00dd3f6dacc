//! Objects that stand in arguments of others: generators of a reporter, formatters of a generator, rules, roles …

use std::sync::Arc;

use crate::arguments::{FromValue, Reader};
use crate::auth::{AuthKind, AvatarKind, UserInfoKind};
use crate::authz::{Authz, MatcherKind, RoleKind};
use crate::check::Check;
use crate::description::{Description, Object};
use crate::filters::FilterKind;
use crate::formatters::FormatterKind;
use crate::generators::GeneratorKind;
use crate::place::SourcePlace;
use crate::secrets::VaultAuthenticatorKind;
use crate::service::Service;
use crate::steps::StepArguments;
use crate::steps::shell::ShellArgKind;
use crate::users::UserManagerKind;
use buildbot_render::{ObjectId, Value};

/// What objects of one kind may be.
pub(crate) trait Kind: Sized {
    /// The classes that are known.
    #[cfg(test)]
    const CLASSES: &'static [&'static str];

    /// The arguments of an object.
    fn read(reader: &mut Reader<'_>) -> Self;
}

/// A named part of the configuration with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Named<K> {
    /// Name, class, place.
    pub service: Service,
    /// What it is.
    pub kind: K,
}

/// An object without a name, with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<K> {
    /// What stood there.
    pub value: Value,
    /// Class, arguments, and what the user's class changes; `None` if its class is none of the package.
    pub object: Option<Arc<Object>>,
    /// Where it was made.
    pub place: Option<SourcePlace>,
    /// What it is.
    pub kind: K,
}

/// A named part with its arguments; what is wrong with them is reported.
pub(crate) fn named<K: Kind>(check: &mut Check<'_>, service: Service) -> Named<K> {
    let object = Arc::clone(&service.object);
    let mut reader = Reader::new(check.description, &object);
    let kind = K::read(&mut reader);
    reader.finish(check, service.id, &service.name);
    Named { service, kind }
}

impl<K> Named<K> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.service.name
    }
}

/// What is wrong in a part is reported by [`check`], once for each object.
impl<K: Kind> FromValue for Part<K> {
    const EXPECTED: &'static str = "an object of Buildbot";

    fn from_value(value: &Value, description: &Description) -> Option<Self> {
        let object = match value {
            Value::Object(id) => Some(description.shared_object(*id)?),
            Value::Opaque(_) => None,
            _ => return None,
        };
        let nothing = Object::default();
        let kind = K::read(&mut Reader::new(
            description,
            object.as_deref().unwrap_or(&nothing),
        ));
        Some(Self {
            value: value.clone(),
            place: object
                .as_deref()
                .and_then(|object| description.source_place(object.at?)),
            object,
            kind,
        })
    }
}

/// Reports arguments of the wrong type of everything that has no list of its own in `BuildmasterConfig`.
pub(crate) fn check(check: &mut Check<'_>) {
    let description = check.description;
    for (number, object) in (0..).zip(&description.objects) {
        let mut reader = Reader::new(description, object);
        if !read_any(&mut reader) {
            continue;
        }
        let name = object.arguments.text("name").unwrap_or_default();
        reader.finish(check, ObjectId(number), name);
    }
}

/// Other objects of these modules are parts of steps.
fn is_step(class: &str) -> bool {
    class == "process.buildstep.BuildStep"
        || class.starts_with("steps.") && !class.starts_with("steps.source.repo.RepoDownloads")
}

fn read_any(reader: &mut Reader<'_>) -> bool {
    let class = reader.object.class.as_str();
    let Some(rest) = class.strip_prefix("buildbot.") else {
        return false;
    };
    let is_in = |package: &str| rest.starts_with(package);
    if is_in("steps.shellsequence.ShellArg") {
        ShellArgKind::read(reader);
    } else if is_step(rest) {
        StepArguments::read(reader);
    } else if is_in("reporters.generators.") || is_in("reporters.gerrit.GerritBuild") {
        GeneratorKind::read(reader);
    } else if is_in("reporters.message.") {
        FormatterKind::read(reader);
    } else if is_in("secrets.providers.vault_hvac.VaultAuthenticator") {
        VaultAuthenticatorKind::read(reader);
    } else if is_in("changes.filter.") || is_in("changes.gerritchangesource.GerritChangeFilter") {
        FilterKind::read(reader);
    } else if is_in("www.authz.authz.") {
        Authz::read(reader);
    } else if is_in("www.authz.endpointmatchers.") {
        MatcherKind::read(reader);
    } else if is_in("www.authz.roles.") {
        RoleKind::read(reader);
    } else if is_in("www.auth.") || is_in("www.oauth2.") {
        AuthKind::read(reader);
    } else if is_in("www.avatar.") {
        AvatarKind::read(reader);
    } else if is_in("www.ldapuserinfo.") {
        UserInfoKind::read(reader);
    } else if is_in("process.users.") {
        UserManagerKind::read(reader);
    } else {
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use crate::formatters::FormatterKind;
    use crate::generators::GeneratorKind;
    use crate::reporters::ServiceKind;
    use crate::secrets::SecretsKind;
    use crate::testing::{config, object, refused};

    fn mail(formatter: &str) -> String {
        let generator = object(
            "buildbot.reporters.generators.build.BuildStatusGenerator",
            &format!(r#""mode": "all", "message_formatter": {formatter}"#),
        );
        object(
            "buildbot.reporters.mail.MailNotifier",
            &format!(
                r#""fromaddr": "a@example.com", "smtpPassword": "p", "generators": [{generator}]"#
            ),
        )
    }

    #[test]
    fn a_reporter_has_its_generators_and_they_have_their_formatters() {
        let formatter = object(
            "buildbot.reporters.message.MessageFormatter",
            r#""template": "t""#,
        );
        let reporter = config(&format!(r#"{{"services": [{}]}}"#, mail(&formatter)))
            .services
            .remove(0);
        assert_eq!(reporter.name(), "MailNotifier");
        let ServiceKind::Mail(mail) = &reporter.kind else {
            panic!("{reporter:?}");
        };
        assert_eq!(mail.relayhost, "localhost".into());
        assert!(!format!("{mail:?}").contains("\"p\""));
        let GeneratorKind::Status(generator) = &mail.generators[0].kind else {
            panic!("{mail:?}");
        };
        assert_eq!(generator.mode, "all".into());
        let formatter = generator.message_formatter.as_ref().expect("a formatter");
        let FormatterKind::Template(template) = &formatter.kind else {
            panic!("{formatter:?}");
        };
        assert_eq!(template.template, "t".into());
        assert!(template.want_properties);
    }

    #[test]
    fn what_is_wrong_in_a_part_is_refused_at_start() {
        let check = |config: &str, expected: &str| {
            let found: Vec<String> = refused(config).into_iter().map(|p| p.message).collect();
            assert_eq!(found, [expected], "{config}");
        };
        check(
            &format!(r#"{{"services": [{}]}}"#, mail("5")),
            "BuildStatusGenerator: message_formatter must be an object of Buildbot",
        );
        let vault = object(
            "buildbot.secrets.providers.vault_hvac.HashiCorpVaultKvSecretProvider",
            r#""api_version": "two""#,
        );
        check(
            &format!(r#"{{"secretsProviders": [{vault}]}}"#),
            "HashiCorpVaultKvSecretProvider 'HashiCorpVaultKvSecretProvider': api_version must be an integer",
        );
        let download = object(
            "buildbot.steps.transfer.FileDownload",
            r#""mastersrc": "a", "workerdest": "b", "blocksize": "big""#,
        );
        check(
            &format!(r#"{{"services": [], "title": {download}}}"#),
            "FileDownload: blocksize must be an integer",
        );
    }

    #[test]
    fn a_class_of_the_users_is_custom() {
        let provider = object(
            "buildbot.secrets.providers.base.SecretProviderBase",
            r#""name": "mine", "anything": 1"#,
        );
        let provider = config(&format!(r#"{{"secretsProviders": [{provider}]}}"#))
            .secrets_providers
            .remove(0);
        assert_eq!(provider.kind, SecretsKind::Custom);
        assert_eq!(
            provider.service.object.arguments.get("anything"),
            Some(&1.into())
        );
    }
}
