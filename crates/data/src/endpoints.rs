//! All paths of the REST API: which objects each has.

use std::sync::LazyLock;

use crate::entities::{
    BRANCH, BUILD, BUILD_DATA, BUILD_PROPERTY, BUILD_REQUEST, BUILDER, BUILDSET, CHANGE,
    CHANGE_SOURCE, CODEBASE, COMMIT, COMMIT_GRAPH, FORCE_SCHEDULER, LOG, LOG_CHUNK, MASTER,
    PROJECT, PROPERTIES, PROPERTY, ROOT_LINK, SCHEDULER, SOURCE_STAMP, SPEC, STEP, TEST_RESULT,
    TEST_RESULT_SET, WORKER,
};
use crate::entity::{Entity, Paging};
use crate::path::PathPattern;
use crate::select::Arguments;

/// A path of the REST API.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    pattern: PathPattern,
    pub(crate) entity: &'static Entity,
    pub(crate) shape: Shape,
    pub(crate) source: Source,
    /// A statement that must give a row, or there is nothing at the path.
    pub(crate) parent: Option<String>,
    /// Who filters and pages in the reference: mostly the same for all objects of a type.
    pub(crate) paging: Paging,
}

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Collection,
    Single,
    /// A log, to be saved.
    Raw,
    /// A log, to be looked at.
    RawInline,
    /// The bytes of build data.
    Bytes,
}

/// Where the objects come from. In templates `{name}` is what the path has there.
#[derive(Debug)]
pub(crate) enum Source {
    /// Those rows for which this holds; all if it is empty.
    Where(String),
    /// Of a build, whose id is this.
    BuildProperties(String),
    BuildsetProperties,
    BuildsetPropertyList,
    ChangePropertyList,
    /// Which changes are new in a build, whose id is this.
    Blame(String),
    CommonParent,
    CommitRange,
    /// Lines of the log whose id is this.
    Lines(String),
    /// The bytes of build data for which this holds.
    Bytes(String),
    ForceSchedulers,
    RootLinks,
    Specs,
    Nothing,
}

/// All of them, in the order in which they are tried.
///
/// Differs: below a build, a step or a builder that does not exist, paths whose answer is an error 500 or everything in the
/// reference (`changes`, `test_result_sets`, `forceschedulers`) are not found or empty.
pub(crate) static ENDPOINTS: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    let mut endpoints = Vec::new();
    builders(&mut endpoints);
    builds(&mut endpoints);
    requests(&mut endpoints);
    changes(&mut endpoints);
    masters_and_workers(&mut endpoints);
    schedulers(&mut endpoints);
    projects(&mut endpoints);
    test_results(&mut endpoints);
    for build in &BUILDS {
        of_build(&mut endpoints, build);
    }
    steps_and_logs(&mut endpoints);
    endpoints.push(endpoint(
        "",
        &ROOT_LINK,
        Shape::Collection,
        Source::RootLinks,
    ));
    endpoints.push(endpoint(
        "application.spec",
        &SPEC,
        Shape::Collection,
        Source::Specs,
    ));
    endpoints
});

/// The endpoint of a path, and what the path says.
pub(crate) fn find(path: &[String]) -> Option<(&'static Endpoint, Arguments)> {
    ENDPOINTS
        .iter()
        .find_map(|endpoint| Some((endpoint, endpoint.pattern.matches(path)?)))
}

fn endpoint(
    path: impl Into<String>,
    entity: &'static Entity,
    shape: Shape,
    source: Source,
) -> Endpoint {
    // The table is made once and lives as long as the program.
    let path: &'static str = Box::leak(path.into().into_boxed_str());
    Endpoint {
        path,
        pattern: PathPattern::new(path),
        entity,
        shape,
        source,
        parent: None,
        paging: entity.paging,
    }
}

fn all(path: impl Into<String>, entity: &'static Entity, condition: impl Into<String>) -> Endpoint {
    endpoint(
        path,
        entity,
        Shape::Collection,
        Source::Where(condition.into()),
    )
}

fn one(path: impl Into<String>, entity: &'static Entity, condition: impl Into<String>) -> Endpoint {
    endpoint(path, entity, Shape::Single, Source::Where(condition.into()))
}

impl Endpoint {
    fn within(mut self, parent: impl Into<String>) -> Self {
        self.parent = Some(parent.into());
        self
    }

    fn paged_in_memory(mut self) -> Self {
        self.paging = Paging::Memory;
        self
    }
}

const BUILDER_NAMED: &str = "(SELECT id FROM builders WHERE name = {buildername})";

/// How a build is addressed.
struct BuildPath {
    prefix: &'static str,
    /// An expression for its id.
    id: &'static str,
    /// Whether it is by the name of its builder, which some paths do not know.
    is_by_name: bool,
    is_by_number: bool,
}

static BUILDS: [BuildPath; 3] = [
    BuildPath {
        prefix: "builds/n:buildid",
        id: "{buildid}",
        is_by_name: false,
        is_by_number: false,
    },
    BuildPath {
        prefix: "builders/n:builderid/builds/n:build_number",
        id: "(SELECT id FROM builds WHERE builderid = {builderid} AND number = {build_number})",
        is_by_name: false,
        is_by_number: true,
    },
    BuildPath {
        prefix: "builders/s:buildername/builds/n:build_number",
        id: "(SELECT id FROM builds WHERE builderid = (SELECT id FROM builders WHERE name = {buildername}) \
            AND number = {build_number})",
        is_by_name: true,
        is_by_number: true,
    },
];

const ON_MASTER: &str = "IN (SELECT builderid FROM builder_masters WHERE masterid = {masterid})";

fn builders(to: &mut Vec<Endpoint>) {
    to.extend([
        all("builders", &BUILDER, ""),
        one(
            "builders/n:builderid",
            &BUILDER,
            "builders.id = {builderid}",
        ),
        one(
            "builders/s:buildername",
            &BUILDER,
            "builders.name = {buildername}",
        ),
        all(
            "masters/n:masterid/builders",
            &BUILDER,
            format!("builders.id {ON_MASTER}"),
        ),
        one(
            "masters/n:masterid/builders/n:builderid",
            &BUILDER,
            format!("builders.id = {{builderid}} AND builders.id {ON_MASTER}"),
        ),
        all(
            "projects/n:projectid/builders",
            &BUILDER,
            "builders.projectid = {projectid}",
        ),
        all(
            "workers/n:workerid/builders",
            &BUILDER,
            "builders.id IN (SELECT builder_masters.builderid FROM configured_workers \
                JOIN builder_masters ON builder_masters.id = configured_workers.buildermasterid \
                WHERE configured_workers.workerid = {workerid})",
        ),
    ]);
}

fn builds(to: &mut Vec<Endpoint>) {
    to.extend([
        all("builds", &BUILD, ""),
        one("builds/n:buildid", &BUILD, "builds.id = {buildid}"),
        all(
            "builders/n:builderid/builds",
            &BUILD,
            "builds.builderid = {builderid}",
        ),
        one(
            "builders/n:builderid/builds/n:build_number",
            &BUILD,
            "builds.builderid = {builderid} AND builds.number = {build_number}",
        ),
        all(
            "builders/s:buildername/builds",
            &BUILD,
            format!("builds.builderid = {BUILDER_NAMED}"),
        ),
        one(
            "builders/s:buildername/builds/n:build_number",
            &BUILD,
            format!("builds.builderid = {BUILDER_NAMED} AND builds.number = {{build_number}}"),
        ),
        all(
            "buildrequests/n:buildrequestid/builds",
            &BUILD,
            "builds.buildrequestid = {buildrequestid}",
        ),
        all(
            "changes/n:changeid/builds",
            &BUILD,
            "builds.buildrequestid IN (SELECT buildrequests.id FROM changes \
                JOIN buildset_sourcestamps ON buildset_sourcestamps.sourcestampid = changes.sourcestampid \
                JOIN buildrequests ON buildrequests.buildsetid = buildset_sourcestamps.buildsetid \
                WHERE changes.changeid = {changeid})",
        )
        .paged_in_memory(),
        all(
            "workers/n:workerid/builds",
            &BUILD,
            "builds.workerid = {workerid}",
        ),
        all(
            "builds/n:buildid/triggered_builds",
            &BUILD,
            "builds.buildrequestid IN (SELECT buildrequests.id FROM buildsets \
                JOIN buildrequests ON buildrequests.buildsetid = buildsets.id \
                WHERE buildsets.parent_buildid = {buildid})",
        )
        .paged_in_memory(),
        all(
            "builds/n:buildid/property_list",
            &BUILD_PROPERTY,
            "build_properties.buildid = {buildid}",
        ),
    ]);
}

fn requests(to: &mut Vec<Endpoint>) {
    to.extend([
        all("buildrequests", &BUILD_REQUEST, ""),
        one(
            "buildrequests/n:buildrequestid",
            &BUILD_REQUEST,
            "buildrequests.id = {buildrequestid}",
        ),
        all(
            "builders/n:builderid/buildrequests",
            &BUILD_REQUEST,
            "buildrequests.builderid = {builderid}",
        ),
        all("buildsets", &BUILDSET, ""),
        one("buildsets/n:bsid", &BUILDSET, "buildsets.id = {bsid}"),
        endpoint(
            "buildsets/n:bsid/properties",
            &PROPERTIES,
            Shape::Single,
            Source::BuildsetProperties,
        ),
        endpoint(
            "buildsets/n:bsid/properties_list",
            &PROPERTY,
            Shape::Collection,
            Source::BuildsetPropertyList,
        ),
        all("sourcestamps", &SOURCE_STAMP, ""),
        one("sourcestamps/n:ssid", &SOURCE_STAMP, "sourcestamps.id = {ssid}"),
        all(
            "buildsets/:buildsetid/sourcestamps",
            &SOURCE_STAMP,
            "sourcestamps.id IN (SELECT sourcestampid FROM buildset_sourcestamps WHERE buildsetid = {buildsetid})",
        ),
    ]);
}

fn changes(to: &mut Vec<Endpoint>) {
    to.extend([
        all("changes", &CHANGE, ""),
        one(
            "changes/n:changeid",
            &CHANGE,
            "changes.changeid = {changeid}",
        ),
        all(
            "sourcestamps/n:ssid/changes",
            &CHANGE,
            "changes.changeid = (SELECT MAX(newest.changeid) FROM changes AS newest \
                WHERE newest.sourcestampid = {ssid})",
        ),
        endpoint(
            "changes/n:changeid/properties_list",
            &PROPERTY,
            Shape::Collection,
            Source::ChangePropertyList,
        ),
    ]);
}

fn masters_and_workers(to: &mut Vec<Endpoint>) {
    to.extend([
        all("masters", &MASTER, ""),
        one("masters/n:masterid", &MASTER, "masters.id = {masterid}"),
        all(
            "builders/n:builderid/masters",
            &MASTER,
            "masters.id IN (SELECT masterid FROM builder_masters WHERE builderid = {builderid})",
        ),
        one(
            "builders/n:builderid/masters/n:masterid",
            &MASTER,
            "masters.id = {masterid} \
                AND masters.id IN (SELECT masterid FROM builder_masters WHERE builderid = {builderid})",
        ),
        all("workers", &WORKER, ""),
        one("workers/n:workerid", &WORKER, "workers.id = {workerid}"),
        one("workers/i:name", &WORKER, "workers.name = {name}"),
    ]);
    for (prefix, condition) in [
        (
            "masters/n:masterid",
            "builder_masters.masterid = {masterid}",
        ),
        (
            "builders/n:builderid",
            "builder_masters.builderid = {builderid}",
        ),
        (
            "masters/n:masterid/builders/n:builderid",
            "builder_masters.masterid = {masterid} AND builder_masters.builderid = {builderid}",
        ),
    ] {
        let configured = format!(
            "workers.id IN (SELECT configured_workers.workerid FROM builder_masters \
                JOIN configured_workers ON configured_workers.buildermasterid = builder_masters.id WHERE {condition})"
        );
        to.extend([
            all(format!("{prefix}/workers"), &WORKER, configured.clone()),
            one(
                format!("{prefix}/workers/n:workerid"),
                &WORKER,
                format!("workers.id = {{workerid}} AND {configured}"),
            ),
            one(
                format!("{prefix}/workers/i:name"),
                &WORKER,
                format!("workers.name = {{name}} AND {configured}"),
            ),
        ]);
    }
}

fn schedulers(to: &mut Vec<Endpoint>) {
    const SCHEDULERS: &str =
        "schedulers.id IN (SELECT schedulerid FROM scheduler_masters WHERE masterid = {masterid})";
    const SOURCES: &str = "changesources.id IN \
        (SELECT changesourceid FROM changesource_masters WHERE masterid = {masterid})";
    to.extend([
        all("schedulers", &SCHEDULER, ""),
        one(
            "schedulers/n:schedulerid",
            &SCHEDULER,
            "schedulers.id = {schedulerid}",
        ),
        all("masters/n:masterid/schedulers", &SCHEDULER, SCHEDULERS),
        one(
            "masters/n:masterid/schedulers/n:schedulerid",
            &SCHEDULER,
            format!("schedulers.id = {{schedulerid}} AND {SCHEDULERS}"),
        ),
        all("changesources", &CHANGE_SOURCE, ""),
        one(
            "changesources/n:changesourceid",
            &CHANGE_SOURCE,
            "changesources.id = {changesourceid}",
        ),
        all("masters/n:masterid/changesources", &CHANGE_SOURCE, SOURCES),
        one(
            "masters/n:masterid/changesources/n:changesourceid",
            &CHANGE_SOURCE,
            format!("changesources.id = {{changesourceid}} AND {SOURCES}"),
        ),
        endpoint(
            "forceschedulers",
            &FORCE_SCHEDULER,
            Shape::Collection,
            Source::ForceSchedulers,
        ),
        endpoint(
            "forceschedulers/i:schedulername",
            &FORCE_SCHEDULER,
            Shape::Single,
            Source::ForceSchedulers,
        ),
        endpoint(
            "builders/:builderid/forceschedulers",
            &FORCE_SCHEDULER,
            Shape::Collection,
            Source::ForceSchedulers,
        )
        .within("SELECT id FROM builders WHERE id = {builderid}"),
    ]);
}

fn projects(to: &mut Vec<Endpoint>) {
    to.extend([
        all("projects", &PROJECT, ""),
        one(
            "projects/n:projectid",
            &PROJECT,
            "projects.id = {projectid}",
        ),
        one(
            "projects/i:projectname",
            &PROJECT,
            "projects.name = {projectname}",
        ),
        all("codebases", &CODEBASE, ""),
        one(
            "codebases/n:codebaseid",
            &CODEBASE,
            "codebases.id = {codebaseid}",
        ),
        one(
            "projects/n:projectid/codebases/i:codebasename",
            &CODEBASE,
            "codebases.projectid = {projectid} AND codebases.name = {codebasename}",
        ),
        all(
            "codebases/n:codebaseid/branches",
            &BRANCH,
            "codebase_branches.codebaseid = {codebaseid}",
        ),
        one(
            "branches/n:branchid",
            &BRANCH,
            "codebase_branches.id = {branchid}",
        ),
        all(
            "codebases/n:codebaseid/commits",
            &COMMIT,
            "codebase_commits.codebaseid = {codebaseid}",
        ),
        one(
            "commits/n:commitid",
            &COMMIT,
            "codebase_commits.id = {commitid}",
        ),
        one(
            "codebases/n:codebaseid/commits_by_revision/s:revision",
            &COMMIT,
            "codebase_commits.codebaseid = {codebaseid} AND codebase_commits.revision = {revision}",
        ),
        endpoint(
            "codebases/n:codebaseid/commit_range/n:commitid1/n:commitid2/commits_common_parent",
            &COMMIT_GRAPH,
            Shape::Single,
            Source::CommonParent,
        ),
        endpoint(
            "codebases/n:codebaseid/commit_range/n:commitid1/n:commitid2/test_result_sets",
            &TEST_RESULT_SET,
            Shape::Collection,
            Source::CommitRange,
        ),
    ]);
}

fn test_results(to: &mut Vec<Endpoint>) {
    to.extend([
        all("test_result_sets", &TEST_RESULT_SET, ""),
        one(
            "test_result_sets/n:test_result_setid",
            &TEST_RESULT_SET,
            "test_result_sets.id = {test_result_setid}",
        ),
        all(
            "test_result_sets/n:test_result_setid/results",
            &TEST_RESULT,
            "test_results.test_result_setid = {test_result_setid}",
        ),
        all(
            "builders/n:builderid/test_result_sets",
            &TEST_RESULT_SET,
            "test_result_sets.builderid = {builderid}",
        ),
        all(
            "builders/s:buildername/test_result_sets",
            &TEST_RESULT_SET,
            format!("test_result_sets.builderid = {BUILDER_NAMED}"),
        ),
        all(
            "builds/n:buildid/test_result_sets",
            &TEST_RESULT_SET,
            "test_result_sets.builderid = (SELECT builderid FROM builds WHERE id = {buildid}) \
                AND test_result_sets.buildid = {buildid}",
        )
        .within("SELECT id FROM builds WHERE id = {buildid}"),
        all(
            "steps/n:stepid/test_result_sets",
            &TEST_RESULT_SET,
            "test_result_sets.stepid = {stepid}",
        )
        .within("SELECT id FROM steps WHERE id = {stepid}"),
    ]);
}

/// What lies below a build.
fn of_build(to: &mut Vec<Endpoint>, build: &BuildPath) {
    let BuildPath { prefix, id, .. } = build;
    if !build.is_by_name {
        to.push(endpoint(
            format!("{prefix}/properties"),
            &PROPERTIES,
            Shape::Single,
            Source::BuildProperties((*id).to_owned()),
        ));
        to.push(
            endpoint(
                format!("{prefix}/changes"),
                &CHANGE,
                Shape::Collection,
                Source::Blame((*id).to_owned()),
            )
            .within(format!("SELECT id FROM builds WHERE id = {id}")),
        );
    }
    let data = format!("build_data.buildid = {id}");
    let named = format!("{data} AND build_data.name = {{name}}");
    let steps = all(
        format!("{prefix}/steps"),
        &STEP,
        format!("steps.buildid = {id}"),
    );
    to.extend([
        all(format!("{prefix}/data"), &BUILD_DATA, data),
        one(format!("{prefix}/data/i:name"), &BUILD_DATA, named.clone()),
        endpoint(
            format!("{prefix}/data/i:name/value"),
            &BUILD_DATA,
            Shape::Bytes,
            Source::Bytes(named),
        ),
        if build.is_by_number {
            steps.within(format!("SELECT id FROM builds WHERE id = {id}"))
        } else {
            steps
        },
    ]);
    for (step, column) in [
        ("n:step_number", "number = {step_number}"),
        ("i:step_name", "name = {step_name}"),
    ] {
        let step_id = format!("(SELECT id FROM steps WHERE buildid = {id} AND {column})");
        to.push(one(
            format!("{prefix}/steps/{step}"),
            &STEP,
            format!("steps.buildid = {id} AND steps.{column}"),
        ));
        of_step(
            to,
            &format!("{prefix}/steps/{step}"),
            &step_id,
            !build.is_by_name,
        );
    }
}

fn steps_and_logs(to: &mut Vec<Endpoint>) {
    to.push(one("steps/n:stepid", &STEP, "steps.id = {stepid}"));
    of_step(to, "steps/n:stepid", "{stepid}", true);
    to.push(one("logs/n:logid", &LOG, "logs.id = {logid}"));
    of_log(to, "logs/n:logid", "{logid}");
    to.push(endpoint(
        "logchunks",
        &LOG_CHUNK,
        Shape::Single,
        Source::Nothing,
    ));
}

fn of_step(to: &mut Vec<Endpoint>, prefix: &str, id: &str, has_lines: bool) {
    to.push(all(
        format!("{prefix}/logs"),
        &LOG,
        format!("logs.stepid = {id}"),
    ));
    to.push(one(
        format!("{prefix}/logs/i:log_slug"),
        &LOG,
        format!("logs.stepid = {id} AND logs.slug = {{log_slug}}"),
    ));
    if has_lines {
        let log = format!("(SELECT id FROM logs WHERE stepid = {id} AND slug = {{log_slug}})");
        of_log(to, &format!("{prefix}/logs/i:log_slug"), &log);
    }
}

fn of_log(to: &mut Vec<Endpoint>, prefix: &str, id: &str) {
    for (name, shape) in [
        ("contents", Shape::Single),
        ("raw", Shape::Raw),
        ("raw_inline", Shape::RawInline),
    ] {
        to.push(endpoint(
            format!("{prefix}/{name}"),
            &LOG_CHUNK,
            shape,
            Source::Lines(id.to_owned()),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::{ENDPOINTS, find};

    #[test]
    fn there_are_as_many_paths_as_in_the_reference_and_none_twice() {
        let mut paths: Vec<&str> = ENDPOINTS.iter().map(|endpoint| endpoint.path).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), 138);
    }

    #[test]
    fn a_number_is_an_id_before_it_is_a_name() {
        let check = |path: &str, expected: Option<&str>| {
            let path: Vec<String> = path.split('/').map(str::to_owned).collect();
            let found = find(&path).map(|(endpoint, _)| endpoint.path);
            assert_eq!(found, expected, "{path:?}");
        };
        check("builders/12", Some("builders/n:builderid"));
        check("builders/b 1", Some("builders/s:buildername"));
        check("workers/w1", Some("workers/i:name"));
        check("builds/1/steps/many lines", None);
        check(
            "builds/1/steps/2",
            Some("builds/n:buildid/steps/n:step_number"),
        );
        check("builds/+1", Some("builds/n:buildid"));
        check("builds/0x1", None);
        check("masters/", None);
        check("builders/b1/builds/1/properties", None);
    }
}
