//! Addresses of repositories.

use buildbot_render::{Kind, Value};

use crate::error::StepError;
use crate::source::words::required;
use crate::value::text_of as text;

/// The address as git gets it: `host:path` becomes `ssh://host:port/path`, everything else stays.
pub(super) fn address(repourl: &Value, port: &Value) -> Result<String, StepError> {
    let url = required(repourl, "startswith")?;
    if url.contains("://") || url.contains(":\\") {
        return Ok(url.to_owned());
    }
    let Some((host, path)) = url.split_once(':') else {
        return Ok(url.to_owned());
    };
    if path.contains(':') {
        return Err(StepError::raise(
            Kind::Value,
            "too many values to unpack (expected 2)",
        ));
    }
    Ok(format!("ssh://{host}:{}/{path}", text(port)))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_with_a_host_and_a_path_are_those_of_ssh() {
        for (url, expected) in [
            ("git@host:path/to", "ssh://git@host:22/path/to"),
            ("host:/abs", "ssh://host:22//abs"),
            ("host:", "ssh://host:22/"),
            ("./x:y", "ssh://./x:22/y"),
            ("C:/x", "ssh://C:22//x"),
            ("C:\\x", "C:\\x"),
            ("/local/path", "/local/path"),
            ("ssh://h:23/p", "ssh://h:23/p"),
            ("h://p", "h://p"),
        ] {
            assert_eq!(address(&url.into(), &22.into()).as_deref(), Ok(expected));
        }
        assert!(address(&"git@host:22:p".into(), &22.into()).is_err());
    }
}
