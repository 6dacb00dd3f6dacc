//! HTTP Digest: a password is proved without being sent.

use std::collections::BTreeMap;

use buildbot_model::Secret;
use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};

use super::passwords::equal;
use crate::site::now;

/// How long the answer to a challenge is taken, in seconds.
const CHALLENGE_LIFE_S: u64 = 15 * 60;

/// Makes challenges, and checks answers to them. It remembers none: a challenge is signed.
#[derive(Debug)]
pub(crate) struct Digests {
    key: Secret<[u8; 32]>,
}

impl Digests {
    pub(crate) fn new() -> Result<Self, String> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| format!("there are no random numbers: {error}"))?;
        Ok(Self {
            key: Secret::new(key),
        })
    }

    /// A challenge for the header `WWW-Authenticate`.
    pub(crate) fn challenge(&self, realm: &str) -> String {
        let time = now();
        let nonce = format!("{time:x}-{}", self.sign(time));
        let opaque = self.sign(0);
        format!(
            "digest nonce=\"{nonce}\", opaque=\"{opaque}\", qop=\"auth\", algorithm=\"MD5\", realm=\"{realm}\""
        )
    }

    fn sign(&self, time: u64) -> String {
        use sha2::{Digest as _, Sha256};
        let mut hash = Sha256::new();
        hash.update(self.key.expose());
        hash.update(time.to_be_bytes());
        hash.update(self.key.expose());
        HEXLOWER.encode(&hash.finalize()[..16])
    }

    /// Who an answer proves to be, given what everybody's password is.
    pub(crate) fn check<'a>(
        &self,
        answer: &str,
        method: &str,
        realm: &str,
        password: impl FnOnce(&str) -> Option<&'a Secret<String>>,
    ) -> Option<String> {
        let fields = fields(answer);
        let field = |name: &str| fields.get(name).map(String::as_str);
        let nonce = field("nonce")?;
        let (time, signature) = nonce.split_once('-')?;
        let time = u64::from_str_radix(time, 16).ok()?;
        let is_ours = equal(signature.as_bytes(), self.sign(time).as_bytes());
        let is_fresh = now().saturating_sub(time) <= CHALLENGE_LIFE_S;
        if !is_ours || !is_fresh || field("realm").is_some_and(|named| named != realm) {
            return None;
        }
        let name = field("username")?;
        let nobody = Secret::new(String::new());
        let known = password(name);
        let secret = known.unwrap_or(&nobody).expose();
        let first = hash(&[name, realm, secret]);
        let second = hash(&[method, field("uri")?]);
        let expected = match field("qop") {
            Some("auth") => hash(&[
                &first,
                nonce,
                field("nc")?,
                field("cnonce")?,
                "auth",
                &second,
            ]),
            Some(_) => return None,
            None => hash(&[&first, nonce, &second]),
        };
        let is_right = equal(expected.as_bytes(), field("response")?.as_bytes());
        (is_right && known.is_some()).then(|| name.to_owned())
    }
}

fn hash(parts: &[&str]) -> String {
    HEXLOWER.encode(&Md5::digest(parts.join(":").as_bytes()))
}

/// `name="value", name=value`.
fn fields(text: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',']).to_ascii_lowercase();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        fields.insert(name, value.trim().to_owned());
        rest = after;
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::{Digests, fields, hash};
    use buildbot_model::Secret;

    #[test]
    fn an_answer_to_our_challenge_proves_a_password() {
        let digests = Digests::new().expect("random numbers");
        let challenge = digests.challenge("buildbot");
        let challenge = fields(challenge.strip_prefix("digest ").expect("a digest"));
        let nonce = &challenge["nonce"];
        let answer = |password: &str, nonce: &str| {
            let first = hash(&["bob", "buildbot", password]);
            let second = hash(&["GET", "/auth/login"]);
            let response = hash(&[&first, nonce, "00000001", "c", "auth", &second]);
            format!(
                "username=\"bob\", realm=\"buildbot\", nonce=\"{nonce}\", uri=\"/auth/login\", qop=auth, \
                 nc=00000001, cnonce=\"c\", response=\"{response}\""
            )
        };
        let secret = Secret::new("pw".to_owned());
        let check = |answer: &str| {
            digests.check(answer, "GET", "buildbot", |name| {
                (name == "bob").then_some(&secret)
            })
        };
        assert_eq!(check(&answer("pw", nonce)).as_deref(), Some("bob"));
        assert_eq!(check(&answer("other", nonce)), None);
        assert_eq!(check(&answer("pw", "5-abc")), None);
        assert_eq!(check(""), None);
    }
}
