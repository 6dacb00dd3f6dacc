//! Which changes count: the argument `change_filter`.

use crate::arguments::{Given, arguments, kinds};
use buildbot_render::Value;

kinds! {
    /// The kinds of filters.
    pub enum FilterKind in "buildbot.changes" {
        /// Changes.
        Changes(ChangeFilterArguments) = "filter.ChangeFilter",
        /// Changes of Gerrit.
        Gerrit(GerritFilterArguments) = "gerritchangesource.GerritChangeFilter",
    }
}

arguments! {
    /// Which changes count.
    pub struct ChangeFilterArguments {
        filter_fn: Value = "filter_fn",
        project: Value = "project",
        project_not_eq: Value = "project_not_eq",
        project_re: Value = "project_re",
        project_not_re: Value = "project_not_re",
        project_fn: Value = "project_fn",
        repository: Value = "repository",
        repository_not_eq: Value = "repository_not_eq",
        repository_re: Value = "repository_re",
        repository_not_re: Value = "repository_not_re",
        repository_fn: Value = "repository_fn",
        branch: Given = "branch",
        branch_not_eq: Given = "branch_not_eq",
        branch_re: Value = "branch_re",
        branch_not_re: Value = "branch_not_re",
        branch_fn: Value = "branch_fn",
        category: Value = "category",
        category_not_eq: Value = "category_not_eq",
        category_re: Value = "category_re",
        category_not_re: Value = "category_not_re",
        category_fn: Value = "category_fn",
        codebase: Value = "codebase",
        codebase_not_eq: Value = "codebase_not_eq",
        codebase_re: Value = "codebase_re",
        codebase_not_re: Value = "codebase_not_re",
        codebase_fn: Value = "codebase_fn",
        property_eq: Value = "property_eq",
        property_not_eq: Value = "property_not_eq",
        property_re: Value = "property_re",
        property_not_re: Value = "property_not_re",
    }
}

arguments! {
    /// Which changes count, also by the event of Gerrit.
    pub struct GerritFilterArguments {
        branch: Given = "branch",
        branch_re: Value = "branch_re",
        branch_fn: Value = "branch_fn",
        eventtype: Value = "eventtype",
        eventtype_re: Value = "eventtype_re",
        eventtype_fn: Value = "eventtype_fn",
        filter_fn: Value = "filter_fn",
        project: Value = "project",
        project_not_eq: Value = "project_not_eq",
        project_re: Value = "project_re",
        project_not_re: Value = "project_not_re",
        project_fn: Value = "project_fn",
        repository: Value = "repository",
        repository_not_eq: Value = "repository_not_eq",
        repository_re: Value = "repository_re",
        repository_not_re: Value = "repository_not_re",
        repository_fn: Value = "repository_fn",
        branch_not_eq: Given = "branch_not_eq",
        branch_not_re: Value = "branch_not_re",
        category: Value = "category",
        category_not_eq: Value = "category_not_eq",
        category_re: Value = "category_re",
        category_not_re: Value = "category_not_re",
        category_fn: Value = "category_fn",
        codebase: Value = "codebase",
        codebase_not_eq: Value = "codebase_not_eq",
        codebase_re: Value = "codebase_re",
        codebase_not_re: Value = "codebase_not_re",
        codebase_fn: Value = "codebase_fn",
        property_eq: Value = "property_eq",
        property_not_eq: Value = "property_not_eq",
        property_re: Value = "property_re",
        property_not_re: Value = "property_not_re",
    }
}
