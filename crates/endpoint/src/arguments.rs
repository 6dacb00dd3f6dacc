//! The grammar of endpoint strings: positional arguments and keys.

use std::collections::BTreeMap;

use crate::Problem;

/// The arguments of one endpoint string, not yet interpreted.
pub(crate) struct Arguments {
    kind: String,
    positional: Vec<String>,
    /// Of a key that is given several times, the last value counts.
    keys: BTreeMap<String, String>,
}

impl Arguments {
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let mut positional = Vec::new();
        let mut keys = BTreeMap::new();
        let mut key = None;
        let mut value = String::new();
        let mut end = |key: &mut Option<String>, value: &mut String| {
            let value = std::mem::take(value);
            match key.take() {
                Some(key) => drop(keys.insert(key, value)),
                None => positional.push(value),
            }
        };
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => value.push(characters.next().ok_or(Problem::TrailingBackslash)?),
                ':' => end(&mut key, &mut value),
                '=' if key.is_none() => key = Some(std::mem::take(&mut value)),
                other => value.push(other),
            }
        }
        end(&mut key, &mut value);
        let kind = if positional.is_empty() {
            String::new()
        } else {
            positional.remove(0)
        };
        Ok(Self {
            kind: kind.to_lowercase(),
            positional,
            keys,
        })
    }

    /// The endpoint type in lower case.
    pub(crate) fn kind(&self) -> String {
        self.kind.clone()
    }

    /// Gives the positional arguments their names. A key of the same name is overruled.
    pub(crate) fn name_positional(&mut self, names: &[&'static str]) -> Result<(), Problem> {
        let mut names_left = names.iter();
        for argument in self.positional.drain(..) {
            let Some(name) = names_left.next() else {
                let after = names.last().copied().unwrap_or_default();
                return Err(Problem::TooManyArguments { argument, after });
            };
            self.keys.insert((*name).to_owned(), argument);
        }
        Ok(())
    }

    /// As [`Arguments::name_positional`], but an argument by place and by key is an error.
    pub(crate) fn name_only_once(&mut self, names: &[&'static str]) -> Result<(), Problem> {
        let twice = names
            .iter()
            .zip(&self.positional)
            .find(|(name, _)| self.keys.contains_key(**name));
        if let Some((name, _)) = twice {
            return Err(Problem::Twice(name));
        }
        self.name_positional(names)
    }

    /// Takes the argument called `name` out.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.keys.remove(name)
    }

    /// Complains about a key that nobody took.
    pub(crate) fn expect_empty(self, kind: &'static str, known: &[&str]) -> Result<(), Problem> {
        match self.keys.into_keys().next() {
            None => Ok(()),
            Some(key) => Err(Problem::UnknownKey {
                key,
                kind,
                known: known.join(", "),
            }),
        }
    }
}
