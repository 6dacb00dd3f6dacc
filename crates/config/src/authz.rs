//! Who may do what: the key `authz` of `c['www']`.

use crate::arguments::{FromValue, Reader, arguments, kinds};
use crate::description::Description;
use crate::parts::Part;
use buildbot_render::Value;

kinds! {
    /// What a rule is about.
    pub enum MatcherKind in "buildbot.www.authz.endpointmatchers" {
        /// Everything.
        Any(AnyArguments) = "AnyEndpointMatcher",
        /// Everything that changes something.
        AnyControl(AnyArguments) = "AnyControlEndpointMatcher",
        /// Schedulers are switched on and off.
        EnableScheduler(AnyArguments) = "EnableSchedulerEndpointMatcher",
        /// Builds are stopped.
        StopBuild(OfBuilderArguments) = "StopBuildEndpointMatcher",
        /// Builds are forced.
        ForceBuild(OfBuilderArguments) = "ForceBuildEndpointMatcher",
        /// Builds are made again.
        RebuildBuild(OfBuilderArguments) = "RebuildBuildEndpointMatcher",
        /// Builds are looked at.
        ViewBuilds(ViewBuildsArguments) = "ViewBuildsEndpointMatcher",
        /// What belongs to a branch.
        Branch(BranchArguments) = "BranchEndpointMatcher",
    }
}

kinds! {
    /// What gives roles to people.
    pub enum RoleKind in "buildbot.www.authz.roles" {
        /// A role for each group.
        Groups(GroupsArguments) = "RolesFromGroups",
        /// Roles of addresses.
        Emails(NamedRoles) = "RolesFromEmails",
        /// Roles of domains of addresses.
        Domain(NamedRoles) = "RolesFromDomain",
        /// The role of who owns something.
        Owner(OwnerArguments) = "RolesFromOwner",
        /// Roles of users.
        Username(UsernameArguments) = "RolesFromUsername",
    }
}

arguments! {
    /// What every rule has.
    pub struct AnyArguments {
        role: Value = "role",
        default_deny: bool = "defaultDeny" or true,
    }
}

arguments! {
    /// What rules about builds of a builder have.
    pub struct OfBuilderArguments {
        builder: Value = "builder",
        role: Value = "role",
        default_deny: bool = "defaultDeny" or true,
    }
}

arguments! {
    /// Builds are looked at.
    pub struct ViewBuildsArguments {
        branch: Value = "branch",
        project: Value = "project",
        builder: Value = "builder",
        role: Value = "role",
        default_deny: bool = "defaultDeny" or true,
    }
}

arguments! {
    /// What belongs to a branch.
    pub struct BranchArguments {
        branch: Value = "branch",
        role: Value = "role",
        default_deny: bool = "defaultDeny" or true,
    }
}

arguments! {
    /// A role for each group.
    pub struct GroupsArguments {
        group_prefix: Value = "groupPrefix" or "".into(),
    }
}

arguments! {
    /// The role of who owns something.
    pub struct OwnerArguments {
        role: Value = "role",
    }
}

arguments! {
    /// Roles of users.
    pub struct UsernameArguments {
        roles: Value = "roles",
        usernames: Value = "usernames",
    }
}

arguments! {
    /// Who may do what.
    pub struct Authz {
        allow_rules: Vec<Part<MatcherKind>> = "allowRules",
        role_matchers: Vec<Part<RoleKind>> = "roleMatchers",
        strings_matcher: Value = "stringsMatcher",
    }
}

/// Roles, and who has them.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedRoles {
    /// A role, and addresses or domains.
    pub roles: Vec<(String, Value)>,
}

impl NamedRoles {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            roles: reader.all(),
        }
    }
}

impl FromValue for Authz {
    const EXPECTED: &'static str = "an Authz";

    fn from_value(value: &Value, description: &Description) -> Option<Self> {
        let object = description.object_of(value)?;
        Some(Self::read(&mut Reader::new(description, object)))
    }
}
