//! All types of objects.

use crate::entity::{Entity, Field, Kind, Paging, Stored};

macro_rules! entity {
    (
        $(#[$doc:meta])*
        $constant:ident = $name:literal / $plural:literal, $paging:ident, from $from:literal order $order:literal {
            $($field:ident: $kind:expr $(, $null:ident)? => $stored:expr;)*
        }
    ) => {
        $(#[$doc])*
        pub(crate) static $constant: Entity = Entity {
            name: $name,
            plural: $plural,
            fields: &[$(Field {
                name: field_name(stringify!($field)),
                kind: $kind,
                may_be_null: entity!(@null $($null)?),
                stored: $stored,
            }),*],
            from: $from,
            order: $order,
            paging: Paging::$paging,
        };
    };
    (@null) => { false };
    (@null null) => { true };
}

/// `type` is no name of Rust's.
const fn field_name(name: &'static str) -> &'static str {
    if matches!(name.as_bytes(), b"kind") {
        "type"
    } else {
        name
    }
}

use Kind::{Binary, Boolean, Date, Identifier, Integer, Json, List, Properties, Text};
use Stored::{Column, Elsewhere, Json as JsonColumn};

/// The type of the objects that messages below a name are about.
pub(crate) fn of_messages(plural: &str) -> Option<&'static Entity> {
    let told: [&'static Entity; 13] = [
        &BUILD,
        &BUILDER,
        &BUILD_REQUEST,
        &BUILDSET,
        &CHANGE,
        &STEP,
        &LOG,
        &MASTER,
        &WORKER,
        &SCHEDULER,
        &CHANGE_SOURCE,
        &PROJECT,
        &CODEBASE,
    ];
    told.into_iter().find(|entity| entity.plural == plural)
}

entity! {
    BUILD = "build" / "builds", Database, from "builds" order "builds.id" {
        buildid: Integer => Column("builds.id");
        number: Integer => Column("builds.number");
        builderid: Integer => Column("builds.builderid");
        buildrequestid: Integer => Column("builds.buildrequestid");
        workerid: Integer => Column("builds.workerid");
        masterid: Integer => Column("builds.masterid");
        started_at: Date => Column("builds.started_at");
        complete: Boolean => Column("builds.complete_at IS NOT NULL");
        complete_at: Date, null => Column("builds.complete_at");
        locks_duration_s: Integer => Column("builds.locks_duration_s");
        results: Integer, null => Column("builds.results");
        state_string: Text => Column("builds.state_string");
        properties: Properties, null => Elsewhere;
    }
}

entity! {
    BUILDER = "builder" / "builders", Memory, from "builders" order "builders.id" {
        builderid: Integer => Column("builders.id");
        name: Text => Column("builders.name");
        masterids: List(&Integer) => Elsewhere;
        description: Text, null => Column("builders.description");
        description_format: Text, null => Column("builders.description_format");
        description_html: Text, null => Column("builders.description_html");
        projectid: Integer, null => Column("builders.projectid");
        tags: List(&Text) => Elsewhere;
    }
}

entity! {
    BUILD_REQUEST = "buildrequest" / "buildrequests", Database,
    from "buildrequests LEFT JOIN buildrequest_claims AS claims ON claims.brid = buildrequests.id"
    order "buildrequests.id" {
        buildrequestid: Integer => Column("buildrequests.id");
        buildsetid: Integer => Column("buildrequests.buildsetid");
        builderid: Integer => Column("buildrequests.builderid");
        priority: Integer => Column("buildrequests.priority");
        claimed: Boolean => Column("claims.masterid IS NOT NULL");
        claimed_at: Date, null => Column("claims.claimed_at");
        claimed_by_masterid: Integer, null => Column("claims.masterid");
        complete: Boolean => Column("buildrequests.complete");
        results: Integer, null => Column("buildrequests.results");
        submitted_at: Date => Column("buildrequests.submitted_at");
        complete_at: Date, null => Column("buildrequests.complete_at");
        waited_for: Boolean => Column("buildrequests.waited_for");
        properties: Properties, null => Elsewhere;
    }
}

entity! {
    BUILDSET = "buildset" / "buildsets", Database, from "buildsets" order "buildsets.id" {
        bsid: Integer => Column("buildsets.id");
        external_idstring: Text, null => Column("buildsets.external_idstring");
        reason: Text => Column("buildsets.reason");
        rebuilt_buildid: Integer, null => Column("buildsets.rebuilt_buildid");
        submitted_at: Integer => Column("buildsets.submitted_at");
        complete: Boolean => Column("buildsets.complete");
        complete_at: Integer, null => Column("buildsets.complete_at");
        results: Integer, null => Column("buildsets.results");
        sourcestamps: List(&Kind::Entity(&SOURCE_STAMP)) => Elsewhere;
        parent_buildid: Integer, null => Column("buildsets.parent_buildid");
        parent_relationship: Text, null => Column("buildsets.parent_relationship");
    }
}

entity! {
    PATCH = "patch" / "patches", Memory, from "patches" order "patches.id" {
        patchid: Integer => Column("patches.id");
        body: Binary => Elsewhere;
        level: Integer => Column("patches.patchlevel");
        subdir: Text => Column("patches.subdir");
        author: Text => Column("patches.patch_author");
        comment: Text => Column("patches.patch_comment");
    }
}

entity! {
    SOURCE_STAMP = "sourcestamp" / "sourcestamps", Memory, from "sourcestamps" order "sourcestamps.id" {
        ssid: Integer => Column("sourcestamps.id");
        revision: Text, null => Column("sourcestamps.revision");
        branch: Text, null => Column("sourcestamps.branch");
        repository: Text => Column("sourcestamps.repository");
        project: Text => Column("sourcestamps.project");
        codebase: Text => Column("sourcestamps.codebase");
        patch: Kind::Entity(&PATCH), null => Elsewhere;
        created_at: Date => Column("sourcestamps.created_at");
    }
}

entity! {
    CHANGE = "change" / "changes", Database, from "changes" order "changes.changeid" {
        changeid: Integer => Column("changes.changeid");
        parent_changeids: List(&Integer) => Elsewhere;
        author: Text => Column("changes.author");
        committer: Text => Column("changes.committer");
        files: List(&Text) => Elsewhere;
        comments: Text => Column("changes.comments");
        revision: Text, null => Column("changes.revision");
        when_timestamp: Integer => Column("changes.when_timestamp");
        branch: Text, null => Column("changes.branch");
        category: Text, null => Column("changes.category");
        revlink: Text, null => Column("changes.revlink");
        properties: Properties => Elsewhere;
        repository: Text => Column("changes.repository");
        project: Text => Column("changes.project");
        codebase: Text => Column("changes.codebase");
        sourcestamp: Kind::Entity(&SOURCE_STAMP) => Elsewhere;
    }
}

entity! {
    URL = "Url" / "urls", Memory, from "" order "" {
        name: Text => Elsewhere;
        url: Text => Elsewhere;
    }
}

entity! {
    STEP = "step" / "steps", Memory, from "steps" order "steps.number" {
        stepid: Integer => Column("steps.id");
        number: Integer => Column("steps.number");
        name: Identifier(50) => Column("steps.name");
        buildid: Integer => Column("steps.buildid");
        started_at: Date, null => Column("steps.started_at");
        locks_acquired_at: Date, null => Column("steps.locks_acquired_at");
        complete: Boolean => Column("steps.complete_at IS NOT NULL");
        complete_at: Date, null => Column("steps.complete_at");
        results: Integer, null => Column("steps.results");
        state_string: Text => Column("steps.state_string");
        urls: List(&Kind::Entity(&URL)) => JsonColumn("steps.urls_json");
        hidden: Boolean => Column("steps.hidden");
    }
}

entity! {
    LOG = "log" / "logs", Memory, from "logs" order "logs.id" {
        logid: Integer => Column("logs.id");
        name: Text => Column("logs.name");
        slug: Identifier(50) => Column("logs.slug");
        stepid: Integer => Column("logs.stepid");
        complete: Boolean => Column("logs.complete");
        num_lines: Integer => Column("logs.num_lines");
        kind: Identifier(1) => Column("logs.type");
    }
}

entity! {
    LOG_CHUNK = "logchunk" / "logchunks", Memory, from "" order "" {
        logid: Integer => Elsewhere;
        firstline: Integer => Elsewhere;
        content: Text => Elsewhere;
    }
}

entity! {
    MASTER = "master" / "masters", Memory, from "masters" order "masters.id" {
        masterid: Integer => Column("masters.id");
        name: Text => Column("masters.name");
        active: Boolean => Column("masters.active");
        last_active: Date => Column("masters.last_active");
    }
}

entity! {
    MASTER_ID = "master_id" / "master_ids", Memory, from "" order "" {
        masterid: Integer => Elsewhere;
    }
}

entity! {
    MASTER_BUILDER = "master_builder" / "master_builders", Memory, from "" order "" {
        masterid: Integer => Elsewhere;
        builderid: Integer => Elsewhere;
    }
}

entity! {
    WORKER = "worker" / "workers", Memory, from "workers" order "workers.id" {
        workerid: Integer => Column("workers.id");
        name: Text => Column("workers.name");
        connected_to: List(&Kind::Entity(&MASTER_ID)) => Elsewhere;
        configured_on: List(&Kind::Entity(&MASTER_BUILDER)) => Elsewhere;
        workerinfo: Json => JsonColumn("workers.info");
        paused: Boolean => Column("workers.paused");
        pause_reason: Text, null => Column("workers.pause_reason");
        graceful: Boolean => Column("workers.graceful");
    }
}

entity! {
    SCHEDULER = "scheduler" / "schedulers", Memory,
    from "schedulers" order "schedulers.id" {
        schedulerid: Integer => Column("schedulers.id");
        name: Text => Column("schedulers.name");
        enabled: Boolean => Column("schedulers.enabled");
        master: Kind::Entity(&MASTER), null => Elsewhere;
    }
}

entity! {
    CHANGE_SOURCE = "changesource" / "changesources", Memory, from "changesources" order "changesources.id" {
        changesourceid: Integer => Column("changesources.id");
        name: Text => Column("changesources.name");
        master: Kind::Entity(&MASTER), null => Elsewhere;
    }
}

entity! {
    FORCE_SCHEDULER = "forcescheduler" / "forceschedulers", Memory, from "" order "" {
        name: Identifier(50) => Elsewhere;
        button_name: Text => Elsewhere;
        label: Text => Elsewhere;
        builder_names: List(&Identifier(50)) => Elsewhere;
        enabled: Boolean => Elsewhere;
        all_fields: List(&Json) => Elsewhere;
    }
}

entity! {
    PROJECT = "project" / "projects", Memory, from "projects" order "projects.name" {
        projectid: Integer => Column("projects.id");
        name: Identifier(70) => Column("projects.name");
        slug: Identifier(70) => Column("projects.slug");
        active: Boolean, null => Elsewhere;
        description: Text, null => Column("projects.description");
        description_format: Text, null => Column("projects.description_format");
        description_html: Text, null => Column("projects.description_html");
    }
}

entity! {
    CODEBASE = "codebase" / "codebases", Database, from "codebases" order "codebases.id" {
        codebaseid: Integer => Column("codebases.id");
        projectid: Integer => Column("codebases.projectid");
        name: Identifier(70) => Column("codebases.name");
        slug: Identifier(70) => Column("codebases.slug");
    }
}

entity! {
    BRANCH = "branch" / "branches", Database, from "codebase_branches" order "codebase_branches.id" {
        branchid: Integer => Column("codebase_branches.id");
        codebaseid: Integer => Column("codebase_branches.codebaseid");
        name: Text => Column("codebase_branches.name");
        commitid: Integer => Column("codebase_branches.commitid");
        last_timestamp: Integer => Column("codebase_branches.last_timestamp");
    }
}

entity! {
    COMMIT = "commit" / "commits", Database, from "codebase_commits" order "codebase_commits.id" {
        commitid: Integer => Column("codebase_commits.id");
        codebaseid: Integer => Column("codebase_commits.codebaseid");
        author: Text => Column("codebase_commits.author");
        committer: Text, null => Column("codebase_commits.committer");
        comments: Text => Column("codebase_commits.comments");
        when_timestamp: Integer => Column("codebase_commits.when_timestamp");
        revision: Text => Column("codebase_commits.revision");
        parent_commitid: Integer, null => Column("codebase_commits.parent_commitid");
    }
}

entity! {
    COMMIT_GRAPH = "commit_graph" / "commit_graphs", Memory, from "" order "" {
        common: Integer => Elsewhere;
        to1: List(&Integer) => Elsewhere;
        to2: List(&Integer) => Elsewhere;
    }
}

entity! {
    TEST_RESULT_SET = "test_result_set" / "test_result_sets", Memory,
    from "test_result_sets" order "test_result_sets.id" {
        test_result_setid: Integer => Column("test_result_sets.id");
        builderid: Integer => Column("test_result_sets.builderid");
        buildid: Integer => Column("test_result_sets.buildid");
        stepid: Integer => Column("test_result_sets.stepid");
        description: Text, null => Column("test_result_sets.description");
        category: Text => Column("test_result_sets.category");
        value_unit: Text => Column("test_result_sets.value_unit");
        tests_passed: Integer, null => Column("test_result_sets.tests_passed");
        tests_failed: Integer, null => Column("test_result_sets.tests_failed");
        complete: Boolean => Column("test_result_sets.complete");
    }
}

entity! {
    TEST_RESULT = "test_result" / "test_results", Memory,
    from "test_results LEFT JOIN test_names ON test_names.id = test_results.test_nameid \
        LEFT JOIN test_code_paths ON test_code_paths.id = test_results.test_code_pathid"
    order "test_results.id" {
        test_resultid: Integer => Column("test_results.id");
        builderid: Integer => Column("test_results.builderid");
        test_result_setid: Integer => Column("test_results.test_result_setid");
        test_name: Text, null => Column("test_names.name");
        test_code_path: Text, null => Column("test_code_paths.path");
        line: Integer, null => Column("test_results.line");
        duration_ns: Integer, null => Column("test_results.duration_ns");
        value: Text => Column("test_results.value");
    }
}

entity! {
    BUILD_DATA = "build_data" / "build_data", Memory, from "build_data" order "build_data.id" {
        buildid: Integer => Column("build_data.buildid");
        name: Text => Column("build_data.name");
        length: Integer => Column("build_data.length");
        value: Binary, null => Elsewhere;
        source: Text => Column("build_data.source");
    }
}

entity! {
    PROPERTIES = "sourcedproperties" / "properties", Memory, from "" order "" {}
}

entity! {
    BUILD_PROPERTY = "_property" / "_properties", Database, from "build_properties" order "build_properties.rowid" {
        name: Text => Column("build_properties.name");
        source: Text => Column("build_properties.source");
        value: Json => Column("build_properties.value");
    }
}

entity! {
    PROPERTY = "_property" / "_properties", Memory, from "" order "" {
        name: Text => Elsewhere;
        source: Text => Elsewhere;
        value: Json => Elsewhere;
    }
}

entity! {
    ROOT_LINK = "rootlink" / "rootlinks", Memory, from "" order "" {
        name: Text => Elsewhere;
    }
}

entity! {
    SPEC = "spec" / "specs", Memory, from "" order "" {
        path: Text => Elsewhere;
        kind: Text => Elsewhere;
        plural: Text => Elsewhere;
        type_spec: Json => Elsewhere;
    }
}
