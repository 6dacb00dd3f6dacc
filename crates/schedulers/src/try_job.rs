//! Jobs of `buildbot try`: what clients put into a directory, or send.

use buildbot_render::Value;
use data_encoding::BASE64;
use serde_json::Value as Json;

use crate::composition::Order;
use crate::output::{NewSourceStamp, Patch, Wanted, WantedStamp};
use crate::plan::Plan;
use buildbot_render::value_of_json;

/// The source of the properties that a client gives.
const SOURCE: &str = "try build";

/// The longest part of a file, in bytes: the limit of the reference's netstrings.
const PART_BYTES_MAX: usize = 99_999;

/// What a client wants tried.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TryJob {
    /// The client's own name for it.
    pub id: Option<String>,
    /// The branch; `None` is the default one.
    pub branch: Option<String>,
    /// The revision that the patch is made against; `None` is the newest.
    pub revision: Option<String>,
    /// How many parts of file names are taken off.
    pub patch_level: i64,
    /// The patch.
    pub patch_body: Vec<u8>,
    /// Where the sources are kept.
    pub repository: String,
    /// The project that they belong to.
    pub project: String,
    /// Who tries it.
    pub who: String,
    /// What they say about it.
    pub comment: String,
    /// The builders that are asked for; none is all of them.
    pub builders: Vec<String>,
    /// Properties for the builds.
    pub properties: Vec<(String, Value)>,
}

/// Why a file is no job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// It does not consist of netstrings.
    #[error("it cannot be read: {0}")]
    Malformed(&'static str),
    /// A part is too long.
    #[error("a part of it is longer than {PART_BYTES_MAX} bytes")]
    TooLong,
    /// It is of a version that is not known.
    #[error("unknown version '{0}'")]
    Version(String),
    /// Its JSON cannot be read.
    #[error("unable to parse JSON: {0}")]
    Json(String),
}

impl TryJob {
    /// Reads a file of the directory of a `Try_Jobdir`, of any version.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn parse(content: &[u8]) -> Result<Self, JobError> {
        let mut parts = netstrings(content)?.into_iter();
        let mut next = || {
            let part = parts
                .next()
                .ok_or(JobError::Malformed("it ends too early"))?;
            Ok(part)
        };
        let version = text(next()?)?;
        if version == "5" || version == "6" {
            return of_json(next()?, version == "6");
        }
        if !["1", "2", "3", "4"].contains(&version.as_str()) {
            return Err(JobError::Version(version));
        }
        let mut job = Self {
            id: Some(text(next()?)?),
            branch: optional(text(next()?)?),
            revision: optional(text(next()?)?),
            patch_level: text(next()?)?
                .trim()
                .parse()
                .map_err(|_| JobError::Malformed("the level of the patch is no number"))?,
            patch_body: next()?.to_vec(),
            ..Self::default()
        };
        if version.as_str() >= "2" {
            job.repository = text(next()?)?;
            job.project = text(next()?)?;
        }
        if version.as_str() >= "3" {
            job.who = text(next()?)?;
        }
        if version.as_str() >= "4" {
            job.comment = text(next()?)?;
        }
        job.builders = parts.map(text).collect::<Result<_, _>>()?;
        Ok(job)
    }

    /// What a file asks for, or the builders that it may not ask for.
    pub(crate) fn order_of_file(&self, plan: &Plan) -> Result<Order, Vec<String>> {
        let mut reason = "'try' job".to_owned();
        if !self.who.is_empty() {
            reason = format!("{reason} by user {}", self.who);
        }
        Ok(Order {
            external_id: self.id.clone(),
            ..self.order(plan, reason)?
        })
    }

    /// What a client asks for that is connected, or the builders that it may not ask for.
    pub(crate) fn order_of_client(&self, plan: &Plan) -> Result<Order, Vec<String>> {
        let mut reason = "'try' job".to_owned();
        if !self.who.is_empty() {
            reason = format!("{reason} by user {}", self.who);
        }
        if !self.comment.is_empty() {
            reason = format!("{reason} ({})", self.comment);
        }
        Ok(Order {
            priority: Some(0),
            ..self.order(plan, reason)?
        })
    }

    fn order(&self, plan: &Plan, reason: String) -> Result<Order, Vec<String>> {
        let known: Vec<&str> = plan
            .builder_names
            .as_sequence()
            .unwrap_or_default()
            .iter()
            .filter_map(Value::as_text)
            .collect();
        let is_foreign = |name: &&String| !known.contains(&name.as_str());
        let foreign: Vec<String> = self.builders.iter().filter(is_foreign).cloned().collect();
        if !foreign.is_empty() {
            return Err(foreign);
        }
        let mut builders: Vec<Wanted> = self.builders.iter().cloned().map(Wanted::Name).collect();
        builders.sort();
        builders.dedup();
        let patch = Patch {
            body: self.patch_body.clone(),
            level: self.patch_level,
            author: self.who.clone(),
            comment: self.comment.clone(),
            subdir: Some(String::new()),
        };
        let stamp = NewSourceStamp {
            codebase: String::new(),
            repository: self.repository.clone(),
            branch: self.branch.clone(),
            revision: self.revision.clone(),
            project: self.project.clone(),
            // One that changes nothing is none.
            patch: (!self.patch_body.is_empty()).then_some(patch),
        };
        let properties = self.properties.iter();
        Ok(Order {
            stamps: vec![WantedStamp::New(Box::new(stamp))],
            properties: properties
                .map(|(name, value)| (name.clone(), value.clone(), SOURCE.to_owned()))
                .collect(),
            reason,
            builders: (!builders.is_empty()).then_some(builders),
            ..Order::default()
        })
    }
}

fn optional(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn text(part: &[u8]) -> Result<String, JobError> {
    let text = std::str::from_utf8(part);
    text.map(str::to_owned)
        .map_err(|_| JobError::Malformed("a part of it is no UTF-8"))
}

/// The parts of `LENGTH:BYTES,` after each other.
fn netstrings(mut content: &[u8]) -> Result<Vec<&[u8]>, JobError> {
    const MALFORMED: JobError = JobError::Malformed("it does not consist of netstrings");
    let mut parts = Vec::new();
    while !content.is_empty() {
        let colon = content.iter().take(20).position(|byte| *byte == b':');
        let (digits, rest) = content.split_at(colon.ok_or(MALFORMED)?);
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let has_zero = digits.len() > 1 && digits[0] == b'0';
        if !is_number || has_zero {
            return Err(MALFORMED);
        }
        let length = std::str::from_utf8(digits).ok();
        let length: usize = length
            .and_then(|digits| digits.parse().ok())
            .ok_or(JobError::TooLong)?;
        if length > PART_BYTES_MAX {
            return Err(JobError::TooLong);
        }
        let rest = &rest[1..];
        if rest.len() < length + 1 || rest[length] != b',' {
            return Err(MALFORMED);
        }
        parts.push(&rest[..length]);
        content = &rest[length + 1..];
    }
    Ok(parts)
}

fn of_json(part: &[u8], is_base64: bool) -> Result<TryJob, JobError> {
    let json: Json =
        serde_json::from_slice(part).map_err(|error| JobError::Json(error.to_string()))?;
    let missing = |name: &str| JobError::Json(format!("{name} is missing"));
    let string = |name: &str| match &json[name] {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let patch_body = if is_base64 {
        let body = string("patch_body_base64").ok_or_else(|| missing("patch_body_base64"))?;
        let body = BASE64.decode(body.as_bytes());
        body.map_err(|_| JobError::Json("patch_body_base64 is no base64".to_owned()))?
    } else if json.get("patch_body") == Some(&Json::Null) {
        // Nothing was changed.
        Vec::new()
    } else {
        let body = string("patch_body").ok_or_else(|| missing("patch_body"))?;
        body.into_bytes()
    };
    let level = json["patch_level"].as_i64();
    let level = level.or_else(|| json["patch_level"].as_str()?.trim().parse().ok());
    let builders = json["builderNames"].as_array();
    let properties = json["properties"].as_object();
    Ok(TryJob {
        id: string("jobid"),
        branch: string("branch").and_then(optional),
        revision: string("baserev").and_then(optional),
        patch_level: level.ok_or_else(|| missing("patch_level"))?,
        patch_body,
        repository: string("repository").unwrap_or_default(),
        project: string("project").unwrap_or_default(),
        who: string("who").unwrap_or_default(),
        comment: string("comment").unwrap_or_default(),
        builders: builders
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect(),
        properties: properties
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value_of_json(value)))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::{JobError, TryJob};

    fn netstring(parts: &[&str]) -> Vec<u8> {
        let parts = parts.iter();
        let parts: String = parts
            .map(|part| format!("{}:{part},", part.len()))
            .collect();
        parts.into_bytes()
    }

    #[test]
    fn files_of_all_versions_are_read() {
        let read = |parts: &[&str]| TryJob::parse(&netstring(parts)).expect("a job");
        let job = read(&["1", "id", "", "rev", "1", "PATCH", "b1", "b2"]);
        assert_eq!(
            (job.id.as_deref(), job.branch.as_deref()),
            (Some("id"), None)
        );
        assert_eq!(job.revision.as_deref(), Some("rev"));
        assert_eq!((job.patch_level, &job.patch_body[..]), (1, &b"PATCH"[..]));
        assert_eq!(job.builders, ["b1", "b2"]);
        let job = read(&["4", "id", "br", "", "0", "P", "rep", "pro", "me", "why"]);
        assert_eq!(
            (job.repository.as_str(), job.project.as_str()),
            ("rep", "pro")
        );
        assert_eq!((job.who.as_str(), job.comment.as_str()), ("me", "why"));
        assert!(job.builders.is_empty());
        let json = r#"{"jobid": "id", "branch": "br", "baserev": "r", "patch_level": 1,
            "patch_body_base64": "UEFUQ0g=", "repository": "", "project": "", "who": "me",
            "comment": "", "builderNames": ["b1"], "properties": {"p": [1]}}"#;
        let job = read(&["6", json]);
        assert_eq!(job.patch_body, b"PATCH");
        assert_eq!(job.properties[0].0, "p");
        let job = read(&["5", r#"{"patch_level": 1, "patch_body": null}"#]);
        assert!(job.patch_body.is_empty(), "nothing was changed");
    }

    #[test]
    fn what_is_no_job_is_refused() {
        let check = |content: &[u8], expected: &str| {
            let error = TryJob::parse(content).expect_err("no job");
            assert!(error.to_string().contains(expected), "{error}");
        };
        check(b"", "too early");
        check(b"1:1", "netstrings");
        check(b"01:1,", "netstrings");
        check(b"1:1;", "netstrings");
        check(b"99999999999999999999:", "netstrings");
        check(b"100000:", "longer");
        check(&netstring(&["9"]), "unknown version '9'");
        check(&netstring(&["5", "{"]), "JSON");
        check(&netstring(&["5", "{}"]), "patch_body is missing");
        check(&netstring(&["1", "id", "", "", "x", "P"]), "no number");
        assert_eq!(
            TryJob::parse(&netstring(&["7"])),
            Err(JobError::Version("7".to_owned()))
        );
    }
}
