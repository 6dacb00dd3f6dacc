//! `c['services']`, `c['secretsProviders']` and `c['configurators']`.

use std::collections::HashMap;

use buildbot_model::python_text::repr_of_text;

use crate::check::Check;
use crate::classes::is_service;
use crate::parts::{Named, named};
use crate::problem::Problem;
use crate::reporters::ServiceKind;
use crate::secrets::SecretsKind;
use crate::service::Service;
use crate::workers::refuse_same_name;
use buildbot_render::Value;

pub(crate) fn read(check: &mut Check<'_>) -> Vec<Named<ServiceKind>> {
    let Some(value) = check.key("services") else {
        return Vec::new();
    };
    let Some(items) = iterated(value) else {
        check.error_in_key("services", "c['services'] must be a list");
        return Vec::new();
    };
    let mut services: Vec<Named<ServiceKind>> = Vec::with_capacity(items.len());
    let mut seen: HashMap<String, usize> = HashMap::new();
    for item in &items {
        let service = check
            .object(item)
            .filter(|(_, object)| is_service(&object.class))
            .and_then(|(id, _)| Service::read(check, id));
        let Some(service) = service else {
            let class = item.python_type(check.description);
            let at = check.place_of_value(item, "services");
            check.report(
                Problem::error(format!(
                    "{class} object should be an instance of buildbot.util.service.BuildbotService"
                ))
                .at(at),
            );
            continue;
        };
        if let Some(index) = seen.get(&service.name) {
            let first = services[*index].service.place.as_ref();
            let first = first.map(|place| format!("the first one is at {place}"));
            check.report(
                Problem::error(format!(
                    "Duplicate service name {}",
                    repr_of_text(&service.name)
                ))
                .at(service.place.clone())
                .maybe_help(first)
                .help("give one of them another name=…"),
            );
            continue;
        }
        seen.insert(service.name.clone(), services.len());
        services.push(named(check, service));
    }
    services
}

/// What Python gives when it goes through a value.
fn iterated(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            Some(items.clone())
        }
        Value::Dict(pairs) => Some(pairs.iter().map(|(key, _)| key.clone()).collect()),
        Value::Text(text) => Some(
            text.chars()
                .map(|letter| Value::Text(letter.to_string()))
                .collect(),
        ),
        _ => None,
    }
}

pub(crate) fn read_secrets_providers(check: &mut Check<'_>) -> Vec<Named<SecretsKind>> {
    let Some(value) = check.key("secretsProviders") else {
        return Vec::new();
    };
    let Value::List(items) = value else {
        check.error_in_key("secretsProviders", "c['secretsProviders'] must be a list");
        return Vec::new();
    };
    let mut providers: Vec<Named<SecretsKind>> = Vec::with_capacity(items.len());
    for item in items {
        let provider = check
            .object(item)
            .filter(|(_, object)| is_service(&object.class))
            .and_then(|(id, _)| Service::read(check, id));
        let Some(provider) = provider else {
            let shown = item.repr(check.description);
            let at = check.place_of_value(item, "secretsProviders");
            check.refuse_at_start(
                Problem::warning(format!("{shown} in c['secretsProviders'] is no provider")).at(at),
            );
            continue;
        };
        match providers.iter().find(|known| known.name() == provider.name) {
            Some(first) => refuse_same_name(check, &provider, &first.service),
            None => providers.push(named(check, provider)),
        }
    }
    providers
}

#[cfg(test)]
mod tests {
    use crate::testing::{errors, object, refused};

    #[test]
    fn services_are_services_of_different_names() {
        let check = |services: &str, expected: &[&str]| {
            let found: Vec<String> = errors(&format!(r#"{{"services": {services}}}"#))
                .into_iter()
                .map(|problem| problem.message)
                .filter(|message| !message.ends_with("are configured"))
                .collect();
            assert_eq!(found, expected, "{services}");
        };
        let mail = object("buildbot.reporters.mail.MailNotifier", r#""name": "m""#);
        check(&format!("[{mail}]"), &[]);
        check(
            &format!("[{mail}, {mail}]"),
            &["Duplicate service name 'm'"],
        );
        check(
            "[5]",
            &[
                "<class 'int'> object should be an instance of buildbot.util.service.BuildbotService",
            ],
        );
        check("null", &["c['services'] must be a list"]);
    }

    #[test]
    fn two_providers_of_one_class_are_refused_at_start() {
        let provider = object(
            "buildbot.secrets.providers.file.SecretInAFile",
            r#""dirname": "d""#,
        );
        let config = format!(r#"{{"secretsProviders": [{provider}, {provider}]}}"#);
        assert!(refused(&config)[0].message.contains("'SecretInAFile'"));
    }
}
