//! A job of `buildbot try` as a file, which `buildbot tryserver` or a `Try_Jobdir` takes.

use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use serde_json::{Map, Value as Json, json};

use crate::try_source::TrySource;

/// What is tried, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct TryJob {
    pub(crate) source: TrySource,
    pub(crate) who: Option<String>,
    pub(crate) comment: Option<String>,
    /// None given is all that the scheduler has.
    pub(crate) builders: Option<Vec<String>>,
    pub(crate) properties: Vec<(String, String)>,
}

impl TryJob {
    /// The content of the file: of version 5, or 6 if the patch is no UTF-8.
    pub(crate) fn to_file(&self) -> String {
        let source = &self.source;
        let properties: Map<String, Json> = self
            .properties
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let mut job = json!({
            "jobid": new_id(),
            "branch": source.branch.as_deref().unwrap_or_default(),
            "baserev": source.revision.as_deref().unwrap_or_default(),
            "patch_level": source.patch_level,
            "repository": source.repository,
            "project": "",
            "who": self.who,
            "comment": self.comment,
            "builderNames": self.builders,
            "properties": properties,
        });
        let patch = source.patch.as_deref();
        let version = match patch.map(std::str::from_utf8).transpose() {
            Ok(text) => {
                job["patch_body"] = json!(text);
                "5"
            }
            Err(_) => {
                job["patch_body_base64"] = json!(BASE64.encode(patch.unwrap_or_default()));
                "6"
            }
        };
        let text = ascii(&job.to_string());
        format!("{}:{version},{}:{text},", version.len(), text.len())
    }
}

/// The same JSON with escapes for everything beyond ASCII: the reference counts characters, not bytes.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            text.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            text.push_str(&format!("\\u{unit:04x}"));
        }
    }
    text
}

/// A name that no other job has.
fn new_id() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.unwrap_or_default().as_secs_f64();
    format!("{seconds}-{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_two_netstrings_of_ascii() {
        let mut job = TryJob {
            comment: Some("hi é \u{1f600}".to_owned()),
            ..TryJob::default()
        };
        job.source.patch = Some("é".into());
        let text = job.to_file();
        assert!(
            text.is_ascii() && text.starts_with("1:5,") && text.ends_with("},"),
            "{text}"
        );
        assert!(
            text.contains(r#""comment":"hi \u00e9 \ud83d\ude00""#),
            "{text}"
        );
        job.source.patch = Some(vec![0xff]);
        let text = job.to_file();
        assert!(
            text.starts_with("1:6,") && text.contains(r#""patch_body_base64":"/w==""#),
            "{text}"
        );
    }
}
