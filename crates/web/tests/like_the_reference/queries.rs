//! Questions made at random: filters, order, pages, fields.

use anyhow::{Context as _, Result};
use fastrand::Rng;
use serde_json::Value as Json;

use crate::paths::patterns;
use crate::sides::{Side, Sides, Verdict, report};

/// Collections that are asked, and what orders them wholly.
const COLLECTIONS: &[(&str, &str)] = &[
    ("builds", "buildid"),
    ("builders/2/builds", "buildid"),
    ("builders/old%20builder/builds", "buildid"),
    ("workers/30/builds", "buildid"),
    ("changes/1/builds", "buildid"),
    ("builds/1/triggered_builds", "buildid"),
    ("builders", "builderid"),
    ("masters/2/builders", "builderid"),
    ("buildrequests", "buildrequestid"),
    ("builders/50/buildrequests", "buildrequestid"),
    ("buildsets", "bsid"),
    ("sourcestamps", "ssid"),
    ("changes", "changeid"),
    ("workers", "workerid"),
    ("masters", "masterid"),
    ("schedulers", "schedulerid"),
    ("changesources", "changesourceid"),
    ("projects", "projectid"),
    ("codebases", "codebaseid"),
    ("codebases/1/branches", "branchid"),
    ("codebases/1/commits", "commitid"),
    ("test_result_sets", "test_result_setid"),
    ("test_result_sets/1/results", "test_resultid"),
    ("builds/1/steps", "stepid"),
    ("steps/1/logs", "logid"),
    ("builds/1/data", "name"),
    ("builds/1/property_list", "name"),
    ("buildsets/1/properties_list", "name"),
    ("application.spec", "path"),
];

/// How many questions each collection is asked.
const QUESTIONS: usize = 45;

struct Collection {
    path: &'static str,
    key: &'static str,
    /// Name, type, and values that occur.
    fields: Vec<(String, String, Vec<Json>)>,
}

impl Collection {
    fn of(sides: &Sides, specs: &[Json], path: &'static str, key: &'static str) -> Result<Self> {
        let answer = sides
            .get(Side::Reference, &format!("api/v2/{path}"))?
            .json()?;
        let (plural, items) = answer
            .as_object()
            .and_then(|answer| answer.iter().find(|(name, _)| *name != "meta"))
            .context("a list")?;
        let spec = specs
            .iter()
            .find(|spec| spec["plural"] == **plural)
            .context("its type")?;
        let fields = spec["type_spec"]["fields"]
            .as_array()
            .context("its fields")?;
        let items = items.as_array().context("items")?;
        let fields = fields.iter().map(|field| {
            let name = field["name"].as_str().unwrap_or_default().to_owned();
            let kind = field["type"].as_str().unwrap_or_default().to_owned();
            let values = items.iter().map(|item| item[&name].clone()).collect();
            (name, kind, values)
        });
        Ok(Self {
            path,
            key,
            fields: fields.collect(),
        })
    }

    fn question(&self, random: &mut Rng) -> String {
        let mut parameters: Vec<(String, String)> = Vec::new();
        let mut used = Vec::new();
        for _ in 0..random.usize(0..3) {
            let (name, kind, values) = &self.fields[random.usize(0..self.fields.len())];
            if used.contains(name) {
                continue;
            }
            if let Some(filter) = filter(random, name, kind, values)
                && !is_wrong_there(self.path, kind, &filter)
            {
                used.push(name.clone());
                parameters.extend(filter);
            }
        }
        let plain = |kind: &str| !kind.starts_with("source") && !kind.starts_with("json");
        let orders = random.usize(0..3);
        for _ in 0..orders {
            let (name, kind, values) = &self.fields[random.usize(0..self.fields.len())];
            let is_simple = !values
                .iter()
                .any(|value| value.is_object() || value.is_array());
            if plain(kind) && is_simple {
                used.push(name.clone());
                let sign = if random.bool() { "-" } else { "" };
                parameters.push(("order".to_owned(), format!("{sign}{name}")));
            }
        }
        // Seen: requests with several codebases count as several there, so that pages are short.
        let pages = random.bool() && self.key != "buildrequestid";
        if pages || parameters.iter().any(|(name, _)| name == "order") {
            // Without this, what is equal may come in any order.
            used.push(self.key.to_owned());
            let sign = if random.bool() { "-" } else { "" };
            parameters.push(("order".to_owned(), format!("{sign}{}", self.key)));
        }
        if pages {
            parameters.push(("limit".to_owned(), random.usize(0..12).to_string()));
            if random.bool() {
                parameters.push(("offset".to_owned(), random.usize(0..8).to_string()));
            }
        }
        if random.u8(0..3) == 0 {
            used.push(self.fields[random.usize(0..self.fields.len())].0.clone());
            if random.u8(0..6) == 0 {
                used.remove(0);
            }
            for name in &used {
                parameters.push(("field".to_owned(), name.clone()));
            }
        }
        // Seen: those of builds of changes and of triggered builds stay out in the reference.
        let has_properties = !self.path.contains("triggered") && !self.path.contains("changes/");
        if random.u8(0..3) == 0 && has_properties {
            let name = ["*", "branch", "owner", "x y"][random.usize(0..4)];
            parameters.push(("property".to_owned(), name.to_owned()));
        }
        let encoded = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)));
        format!("{}?{}", self.path, encoded.collect::<Vec<_>>().join("&"))
    }
}

/// Filters that the reference does not apply, or applies to something else.
///
/// Differs: several values of `buildrequestid`, and anything but one value of `claimed_by_masterid`, are not looked at
/// there; where it filters in memory, dates are equal to no number, and `contains` with several texts compares letters.
/// Here they are filters like all others.
fn is_wrong_there(path: &str, kind: &str, filter: &[(String, String)]) -> bool {
    let name = filter.first().map_or("", |(name, _)| name.as_str());
    const PAGED: [&str; 8] = [
        "builds",
        "buildrequests",
        "buildsets",
        "changes",
        "codebases",
        "branches",
        "commits",
        "property_list",
    ];
    let last = path.rsplit('/').next().unwrap_or_default();
    let is_in_memory =
        path.contains("triggered") || path.contains("changes/") || !PAGED.contains(&last);
    name.starts_with("claimed_by_masterid")
        || (name.starts_with("buildrequestid") && filter.len() > 1)
        || (is_in_memory && kind.starts_with("datetime"))
        || (is_in_memory
            && kind.starts_with("string")
            && name.ends_with("__contains")
            && filter.len() > 1)
        || (is_in_memory && kind.starts_with("identifier") && name.ends_with("__contains"))
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte);
    let encoded = text.bytes().map(|byte| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    encoded.collect()
}

fn filter(
    random: &mut Rng,
    name: &str,
    kind: &str,
    values: &[Json],
) -> Option<Vec<(String, String)>> {
    let mut scalars: Vec<String> = Vec::new();
    for value in values {
        let all = match value {
            Json::Array(elements) => elements.clone(),
            other => vec![other.clone()],
        };
        scalars.extend(all.iter().filter_map(|value| match value {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            Json::Bool(value) => Some(value.to_string()),
            _ => None,
        }));
    }
    scalars.push("zzz".to_owned());
    scalars.push("5".to_owned());
    let mut pick = || scalars[random.usize(0..scalars.len())].clone();
    let (mut first, second, third) = (pick(), pick(), pick());
    let operators: &[&str] = if kind.starts_with("list") {
        &["", "__contains", "__contains2", "__ne", "__eq"]
    } else if kind.starts_with("boolean") {
        // Seen: several values of `complete` or `claimed` are not looked at; who asks so gets what it says here.
        &["", "__eq", "__ne"]
    } else {
        &[
            "",
            "__eq",
            "__ne",
            "__lt",
            "__le",
            "__gt",
            "__ge",
            "__contains",
            "__contains2",
            "__eq2",
            "__ne2",
            "__ne3",
            "__in",
            "__notin",
            "__lt2",
            "__bad",
        ]
    };
    let operator = operators[random.usize(0..operators.len())];
    if operator.starts_with("__contains") && kind.starts_with("string") && random.bool() {
        let from = random.usize(0..=first.chars().count().min(3));
        first = first.chars().skip(from).take(4).collect();
    }
    let bare = operator.trim_end_matches(['2', '3']);
    let count = match operator.chars().last() {
        Some('2') => 2,
        Some('3') => 3,
        _ => 1,
    };
    let values = [first, second, third];
    let values = values.into_iter().take(count);
    Some(
        values
            .map(|value| (format!("{name}{bare}"), value))
            .collect(),
    )
}

/// Questions made at random are answered as in the reference.
pub(crate) fn check(sides: &Sides) -> Result<()> {
    let specs = patterns(sides)?;
    let mut random = Rng::with_seed(4711);
    let mut differences = Vec::new();
    let (mut same, mut refused, mut failed) = (0, 0, 0);
    for (path, key) in COLLECTIONS {
        let collection = Collection::of(sides, &specs, path, key)?;
        for _ in 0..QUESTIONS {
            let question = collection.question(&mut random);
            match sides.compare(&question)? {
                Verdict::Same(answer) if answer.status == 200 => same += 1,
                Verdict::Same(_) => refused += 1,
                Verdict::Differs(difference) => differences.push(difference),
                Verdict::ReferenceFails => failed += 1,
            }
        }
    }
    println!(
        "{same} questions answered the same, {refused} refused the same, {failed} where the reference crashes, \
         {} differ",
        differences.len()
    );
    report(&differences)
}
