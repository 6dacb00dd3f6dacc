//! What schedulers share with the rest of the configuration.

use buildbot_config::{MasterConfig, Value};
use buildbot_python_regex::Pattern;

/// Which names and values of properties people may enter: `c['validation']`.
#[derive(Debug, Clone, Default)]
pub struct Validation {
    /// `property_name`.
    pub property_name: Option<Pattern>,
    /// `property_value`.
    pub property_value: Option<Pattern>,
}

/// What schedulers share with the rest of the configuration.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The number of the configuration, for questions to its code.
    pub generation: u64,
    /// Whether it names a provider of secrets.
    pub has_secrets: bool,
    /// Which properties people may enter.
    pub validation: Validation,
    /// Why nobody can tell which they may enter.
    pub wrong: Option<String>,
}

impl Settings {
    /// The settings of a configuration.
    pub fn of(config: &MasterConfig, generation: u64) -> Self {
        let mut settings = Self {
            generation,
            has_secrets: !config.secrets_providers.is_empty(),
            ..Self::default()
        };
        let given = &config.validation;
        for (name, value, place) in [
            (
                "property_name",
                &given.property_name,
                &mut settings.validation.property_name,
            ),
            (
                "property_value",
                &given.property_value,
                &mut settings.validation.property_value,
            ),
        ] {
            let pattern = match value {
                Value::Text(text) => Pattern::new(text, 0).map_err(|error| error.to_string()),
                Value::Regex(regex) => match regex.pattern.as_text() {
                    Some(text) => {
                        Pattern::new(text, regex.flags).map_err(|error| error.to_string())
                    }
                    None => Err("it is no text".to_owned()),
                },
                _ => Err("it is no text".to_owned()),
            };
            match pattern {
                Ok(pattern) => *place = Some(pattern),
                Err(why) => {
                    settings.wrong = Some(format!("{name} of c['validation']: {why}"));
                }
            }
        }
        settings
    }
}
