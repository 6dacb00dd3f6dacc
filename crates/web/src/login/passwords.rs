//! Names and passwords, of the configuration or of a file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use buildbot_config::Value;
use buildbot_model::Secret;

/// Where passwords are.
#[derive(Debug)]
pub(crate) enum Passwords {
    Known(Users),
    /// Lines `name:password`, read whenever somebody logs in.
    File(PathBuf),
}

/// Who may log in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Users(BTreeMap<String, Secret<String>>);

impl Passwords {
    /// A dictionary, or a list of pairs.
    pub(crate) fn of_value(value: &Value) -> Result<Self, String> {
        let wrong = || "the users of c['www']['auth'] must be names with passwords".to_owned();
        let mut users = Users::default();
        let pairs: Vec<(&Value, &Value)> = match (value.as_dict(), value.as_sequence()) {
            (Some(pairs), _) => pairs
                .iter()
                .map(|(name, password)| (name, password))
                .collect(),
            (None, Some(pairs)) => pairs
                .iter()
                .map(|pair| match pair.as_sequence() {
                    Some([name, password]) => Ok((name, password)),
                    _ => Err(wrong()),
                })
                .collect::<Result<_, _>>()?,
            (None, None) => return Err(wrong()),
        };
        for (name, password) in pairs {
            let name = text(name).ok_or_else(wrong)?;
            let password = text(password).ok_or_else(wrong)?;
            users.0.insert(name, Secret::new(password));
        }
        Ok(Self::Known(users))
    }

    pub(crate) fn of_file(path: PathBuf) -> Self {
        Self::File(path)
    }

    /// All of them; nothing if the file cannot be read.
    ///
    /// Seen: passwords of the file are compared as they stand there; hashes are not understood.
    pub(crate) async fn all(&self) -> Option<Users> {
        let path = match self {
            Self::Known(users) => return Some(users.clone()),
            Self::File(path) => path.clone(),
        };
        let read = tokio::task::spawn_blocking(move || {
            let text = std::fs::read_to_string(&path);
            text.inspect_err(|error| {
                tracing::error!(path = %path.display(), %error, "nobody can log in: the passwords cannot be read");
            })
        });
        let text = read.await.ok()?.ok()?;
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        let users =
            lines.map(|(name, password)| (name.to_owned(), Secret::new(password.to_owned())));
        Some(Users(users.collect()))
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Bytes(bytes) => String::from_utf8(bytes.clone()).ok(),
        _ => None,
    }
}

impl Users {
    /// The password of somebody.
    pub(crate) fn of(&self, name: &str) -> Option<&Secret<String>> {
        self.0.get(name)
    }

    /// Whether it is the password of somebody. Takes as long for names that nobody has.
    pub(crate) fn is_right(&self, name: &str, password: &Secret<String>) -> bool {
        let nobody = Secret::new(String::new());
        let known = self.of(name);
        let expected = known.unwrap_or(&nobody);
        let same = equal(expected.expose().as_bytes(), password.expose().as_bytes());
        same && known.is_some()
    }
}

/// Compares without telling by time where texts differ: their digests are compared, byte by byte.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    use sha2::{Digest as _, Sha256};
    let (left, right) = (Sha256::digest(left), Sha256::digest(right));
    let differences = left.iter().zip(right.iter());
    differences.fold(0, |all, (left, right)| all | (left ^ right)) == 0
}

#[cfg(test)]
mod tests {
    use super::Passwords;
    use buildbot_config::Value;
    use buildbot_model::Secret;

    #[test]
    fn passwords_are_a_dictionary_or_pairs_and_do_not_print() {
        let pair = || (Value::from("bob"), Value::from("pw"));
        let (name, password) = pair();
        for value in [
            Value::Dict(vec![pair()]),
            Value::List(vec![Value::Tuple(vec![name, password])]),
        ] {
            let passwords = Passwords::of_value(&value).expect("passwords");
            let Passwords::Known(users) = &passwords else {
                panic!("they are known");
            };
            let check = |name: &str, password: &str| {
                users.is_right(name, &Secret::new(password.to_owned()))
            };
            assert!(check("bob", "pw"));
            assert!(!check("bob", ""));
            assert!(!check("ann", ""));
            assert!(!format!("{passwords:?}").contains("pw"));
        }
        assert!(Passwords::of_value(&Value::Int(5)).is_err());
    }
}
