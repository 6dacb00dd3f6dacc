//! Names and passwords that code of the configuration checks: `CustomAuth`, checkers of Twisted.

use std::sync::Arc;

use buildbot_config::auth::AuthKind;
use buildbot_config::{MasterConfig, Value};
use buildbot_confighost::{Generation, Handle, Target};
use buildbot_model::Secret;
use buildbot_web::{Credentials, CredentialsError, Later};
use serde_json::{Map, json};

use crate::rendering;

/// What our package has for the master to call.
const METHOD: &str = "_check_password";

/// Asks the object in `c['www']['auth']`.
struct Code {
    host: Generation,
    handle: Handle,
}

/// Who checks passwords, if it is code of this configuration.
pub(crate) fn of(config: &MasterConfig, host: &Generation) -> Option<Arc<dyn Credentials>> {
    let part = config.www.auth.as_ref()?;
    if !matches!(part.kind, AuthKind::TwistedCred(_)) {
        return None;
    }
    let handle = Handle(part.object.as_ref()?.handle?.0);
    let host = host.clone();
    Some(Arc::new(Code { host, handle }))
}

impl Credentials for Code {
    fn check<'a>(
        &'a self,
        name: &'a str,
        password: &'a Secret<String>,
    ) -> Later<'a, Result<Option<String>, CredentialsError>> {
        Box::pin(async move {
            let bytes = |text: &str| json!(Value::Bytes(text.as_bytes().to_vec()));
            let arguments = vec![bytes(name), bytes(password.expose())];
            let asked = async {
                let host = self.host.host().await;
                let host = host.map_err(|error| rendering::lost(&error).to_string())?;
                let target = Target::from(self.handle);
                let answer = host
                    .method(target, METHOD.to_owned(), arguments, Map::new())
                    .await;
                let answer = answer.map_err(|error| rendering::unanswered(&error).to_string())?;
                answer.parse().map_err(|error| error.to_string())
            };
            asked.await.map_err(|error| {
                tracing::error!("while checking a password: {error}");
                CredentialsError
            })
        })
    }
}
