//! Hiding the secrets that a build has used.

use std::fmt;

use buildbot_model::Secret;

/// The secrets whose values do not appear in what is shown.
#[derive(Clone, Default)]
pub struct Masks {
    /// Replacements by secret value, the longest first.
    masks: Vec<(Secret<String>, String)>,
}

impl Masks {
    /// Hides a secret as `<name>` from here on.
    pub fn add(&mut self, name: &str, value: &Secret<String>) {
        self.hide(value, format!("<{name}>"));
    }

    /// Shows `mask` in place of `value` from here on. A value of nothing but white space is not hidden.
    pub fn hide(&mut self, value: &Secret<String>, mask: String) {
        if value.expose().chars().all(is_python_space) {
            return;
        }
        if let Some(known) = self.masks.iter_mut().find(|(known, _)| known == value) {
            known.1 = mask;
            return;
        }
        let length = |value: &Secret<String>| value.expose().chars().count();
        let at = self
            .masks
            .partition_point(|(known, _)| length(known) >= length(value));
        self.masks.insert(at, (value.clone(), mask));
    }

    /// `text` with `<name>` in place of each secret, longer ones first.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (value, mask) in &self.masks {
            if text.contains(value.expose()) {
                text = text.replace(value.expose(), mask);
            }
        }
        text
    }

    /// Whether nothing is hidden.
    pub fn is_empty(&self) -> bool {
        self.masks.is_empty()
    }
}

/// Whether `str.strip` takes it away; Rust's white space lacks four of the control characters.
fn is_python_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

impl fmt::Debug for Masks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.masks.iter().map(|(_, mask)| mask);
        f.debug_list().entries(names).finish()
    }
}

impl<'a> FromIterator<(&'a str, &'a Secret<String>)> for Masks {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a Secret<String>)>>(secrets: I) -> Self {
        let mut masks = Self::default();
        for (name, value) in secrets {
            masks.add(name, value);
        }
        masks
    }
}

impl<'a> FromIterator<(&'a String, &'a Secret<String>)> for Masks {
    fn from_iter<I: IntoIterator<Item = (&'a String, &'a Secret<String>)>>(secrets: I) -> Self {
        secrets
            .into_iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use buildbot_model::Secret;

    use super::Masks;

    fn masks(secrets: &[(&str, &str)]) -> Masks {
        let mut masks = Masks::default();
        for (name, value) in secrets {
            masks.add(name, &Secret::new((*value).to_owned()));
        }
        masks
    }

    #[test]
    fn longer_secrets_are_hidden_first() {
        let masks = masks(&[("short", "abc"), ("long", "abcdef"), ("blank", " \u{1c}\n")]);
        assert_eq!(masks.clean("abcdef abc  x"), "<long> <short>  x");
    }

    #[test]
    fn the_last_name_of_a_value_is_shown() {
        assert_eq!(masks(&[("a", "x1"), ("b", "x1")]).clean("x1"), "<b>");
    }

    #[test]
    fn masks_do_not_print_secrets() {
        assert_eq!(format!("{:?}", masks(&[("a", "pass")])), "[\"<a>\"]");
    }
}
