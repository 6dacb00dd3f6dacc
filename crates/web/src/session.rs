//! Sessions: a signed token in a cookie says who somebody is. The server keeps none.

use std::time::Duration;

use buildbot_model::Secret;
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value as Json, json};
use sha2::Sha256;

use crate::identity::Identity;

/// The name of the cookie.
pub(crate) const COOKIE: &str = "TWISTED_SESSION";

/// The name of the cookie over TLS.
pub(crate) const SECURE_COOKIE: &str = "TWISTED_SECURE_SESSION";

/// Signs and checks tokens: JSON web tokens with HS256, as the reference has them, so that users stay logged in.
#[derive(Debug)]
pub(crate) struct Sessions {
    secret: Secret<String>,
    life: Duration,
}

/// What a cookie says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Session {
    /// There is none.
    None,
    /// It is expired, or not signed by us.
    Bad,
    /// It says this.
    Valid(Identity),
}

type Signature = Hmac<Sha256>;

impl Sessions {
    pub(crate) fn new(secret: Secret<String>, life: Duration) -> Self {
        Self { secret, life }
    }

    fn mac(&self, signed: &str) -> Option<Signature> {
        // A key may have any length.
        let mut mac = Signature::new_from_slice(self.secret.expose().as_bytes()).ok()?;
        mac.update(signed.as_bytes());
        Some(mac)
    }

    /// A token for somebody. `now` is in seconds.
    pub(crate) fn token(&self, identity: &Identity, now: u64) -> String {
        let header = json!({"alg": "HS256", "typ": "JWT"});
        let claims =
            json!({"user_info": identity.info(), "exp": now.saturating_add(self.life.as_secs())});
        let part = |value: Json| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.mac(&signed).map(|mac| mac.finalize().into_bytes());
        let signature = signature.map(|bytes| BASE64URL_NOPAD.encode(&bytes));
        format!("{signed}.{}", signature.unwrap_or_default())
    }

    /// Who a token is for.
    pub(crate) fn read(&self, token: &str, now: u64) -> Session {
        self.claims(token, now).map_or(Session::Bad, Session::Valid)
    }

    fn claims(&self, token: &str, now: u64) -> Option<Identity> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        // Takes the same time wherever it differs.
        self.mac(signed)?.verify_slice(&signature).ok()?;
        let (header, claims) = signed.split_once('.')?;
        let part = |text: &str| -> Option<Json> {
            serde_json::from_slice(&BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok()
        };
        if part(header)?.get("alg")?.as_str()? != "HS256" {
            return None;
        }
        let claims = part(claims)?;
        if claims.get("exp")?.as_u64()? <= now {
            return None;
        }
        let info = claims.get("user_info")?.as_object()?;
        Some(Identity::of(info.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Session, Sessions};
    use crate::identity::Identity;
    use buildbot_model::Secret;
    use std::time::Duration;

    fn sessions(secret: &str) -> Sessions {
        Sessions::new(Secret::new(secret.to_owned()), Duration::from_secs(60))
    }

    #[test]
    fn a_token_says_who_it_is_for_until_it_expires() {
        let bob = Identity::of(serde_json::from_str(r#"{"username": "bob"}"#).expect("JSON"));
        let token = sessions("s").token(&bob, 1000);
        assert_eq!(sessions("s").read(&token, 1059), Session::Valid(bob));
        assert_eq!(sessions("s").read(&token, 1060), Session::Bad);
        assert_eq!(sessions("other").read(&token, 1000), Session::Bad);
        assert_eq!(sessions("s").read("a.b.c", 1000), Session::Bad);
        assert_eq!(sessions("s").read("", 1000), Session::Bad);
    }

    #[test]
    fn a_token_of_the_reference_is_understood() {
        // Seen: made by PyJWT with the key "secret".
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
            eyJ1c2VyX2luZm8iOnsiYW5vbnltb3VzIjp0cnVlfSwiZXhwIjoyMDAwMDAwMDAwfQ.\
            3kQc0Y-3i2Vmpvg2gLNqAwom_zCqcEtUlyIJlG4fd-Q";
        assert_eq!(
            sessions("secret").read(token, 1_900_000_000),
            Session::Valid(Identity::anonymous())
        );
    }
}
