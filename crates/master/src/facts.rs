//! What steps are told about their build and their worker.

use buildbot_config::Value;
use buildbot_gateway::WorkerInfo;
use buildbot_steps::{BuildFacts, ChangeFacts, PatchFacts, SourceFacts, WorkerFacts};
use indexmap::IndexMap;

use crate::build::Build;
use crate::json;
use crate::shell::Shell;
use crate::site::Site;
use crate::sources::{Change, Source};
use crate::wire_value::from_wire;

/// How texts of logs are decoded if the configuration says nothing that is a text.
const LOG_ENCODING: &str = "utf-8";

/// Where the pages of the master are, with a slash at the end.
pub(crate) fn buildbot_url(site: &Site) -> &str {
    site.config
        .globals
        .buildbot_url
        .as_deref()
        .unwrap_or_default()
}

/// The page of a build.
pub(crate) fn url_of_build(site: &Site, build: &Build) -> String {
    let url = buildbot_url(site);
    format!(
        "{url}#/builders/{}/builds/{}",
        build.recorded_under, build.number
    )
}

pub(crate) fn of_build(shell: &Shell, build: &Build) -> BuildFacts {
    let site = &build.site;
    let config = build.config();
    let factory = config.and_then(|config| config.factory.as_ref());
    let workdir = factory.and_then(|factory| factory.object.arguments.get("workdir"));
    let environment = std::env::vars_os().map(|(name, value)| {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        (text(name), text(value))
    });
    BuildFacts {
        build_id: build.id.0,
        number: build.number.0,
        builder: build.builder.name.to_string(),
        builder_id: build.builder.id.0,
        builder_dir: config.map_or(String::new(), |config| config.workerbuilddir.clone()),
        env: config.map_or(Value::None, |config| config.env.clone()),
        workdir: workdir.cloned().unwrap_or_else(|| "build".into()),
        sources: build.sources().iter().map(source).collect(),
        buildbot_url: buildbot_url(site).to_owned(),
        log_encoding: match &site.config.globals.log_encoding {
            Value::Text(name) => name.clone(),
            _ => LOG_ENCODING.to_owned(),
        },
        master_environment: environment.collect(),
        basedir: shell.basedir.to_string_lossy().into_owned(),
    }
}

fn source(source: &Source) -> SourceFacts {
    SourceFacts {
        id: source.id.0,
        codebase: source.codebase.clone(),
        repository: source.repository.clone(),
        project: source.project.clone(),
        branch: source.branch.clone(),
        revision: source.revision.clone(),
        patch: source.patch.as_ref().map(|patch| PatchFacts {
            level: patch.level,
            body: patch.body.clone(),
            subdir: patch.subdir.clone().unwrap_or_default(),
            author: patch.author.clone(),
            comment: patch.comment.clone(),
        }),
        changes: source.changes.iter().map(change).collect(),
    }
}

fn change(change: &Change) -> ChangeFacts {
    let row = &change.row;
    let properties = change.properties.iter().map(|(name, property)| {
        let value = json::value_of(&property.value);
        (name.clone(), value, property.source.clone())
    });
    ChangeFacts {
        id: row.id.0,
        author: row.author.clone(),
        committer: row.committer.clone(),
        comments: row.comments.clone(),
        files: change.files.clone(),
        branch: row.branch.clone(),
        revision: row.revision.clone(),
        category: row.category.clone(),
        revlink: row.revlink.clone().unwrap_or_default(),
        when: i64::try_from(row.when.seconds()).unwrap_or(i64::MAX),
        properties: properties.collect(),
    }
}

pub(crate) fn of_worker(name: &str, info: &WorkerInfo) -> WorkerFacts {
    let pairs = |map: &std::collections::BTreeMap<String, String>| {
        map.iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    WorkerFacts {
        name: name.to_owned(),
        version: info.version.clone().unwrap_or_default(),
        basedir: info.basedir.clone(),
        system: info.system.clone(),
        environ: pairs(&info.environ),
        commands: pairs(&info.commands),
    }
}

/// What a worker says of itself, as user code and `%(worker:…)s` see it.
pub(crate) fn info(info: &WorkerInfo) -> Vec<(String, Value)> {
    let mut all = vec![
        ("system".to_owned(), Value::from(info.system.as_str())),
        ("basedir".to_owned(), Value::from(info.basedir.as_str())),
        (
            "version".to_owned(),
            Value::from(info.version.as_deref().unwrap_or("(unknown)")),
        ),
    ];
    if let Some(count) = info.numcpus {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        all.push(("numcpus".to_owned(), Value::Int(count)));
    }
    all.push((
        "delete_leftover_dirs".to_owned(),
        Value::Bool(info.delete_leftover_dirs),
    ));
    all.extend(
        info.other
            .iter()
            .map(|(name, value)| (name.clone(), from_wire(value))),
    );
    all
}

/// What `%(src:CODEBASE:…)s` can refer to.
pub(crate) fn attributes_of_source(source: &Source) -> (String, IndexMap<String, Value>) {
    let optional = |text: &Option<String>| text.as_deref().map_or(Value::None, Value::from);
    let mut attributes = IndexMap::from([
        ("branch".to_owned(), optional(&source.branch)),
        ("revision".to_owned(), optional(&source.revision)),
        ("repository".to_owned(), source.repository.as_str().into()),
        ("project".to_owned(), source.project.as_str().into()),
        ("codebase".to_owned(), source.codebase.as_str().into()),
    ]);
    if let Some(patch) = &source.patch {
        let body = String::from_utf8_lossy(&patch.body).into_owned();
        attributes.extend([
            ("patch_level".to_owned(), Value::Int(patch.level)),
            ("patch_body".to_owned(), Value::Text(body)),
            ("patch_subdir".to_owned(), optional(&patch.subdir)),
            ("patch_author".to_owned(), patch.author.as_str().into()),
            ("patch_comment".to_owned(), patch.comment.as_str().into()),
        ]);
    }
    (source.codebase.clone(), attributes)
}
