//! Who may manage users: `c['user_managers']`.

use buildbot_model::Secret;

use crate::arguments::{FromValue as _, arguments, kinds};
use crate::check::Check;
use crate::parts::Part;
use crate::problem::Problem;
use buildbot_render::Value;

kinds! {
    /// The kinds of managers of users.
    pub enum UserManagerKind in "buildbot.process.users" {
        /// `buildbot user` connects to it.
        Commandline(CommandlineArguments) = "manual.CommandlineUserManager",
    }
}

arguments! {
    /// How `buildbot user` logs in, and where.
    pub struct CommandlineArguments {
        username: Value = "username",
        passwd: Secret<Value> = "passwd" or Secret::new(Value::None),
        port: Value = "port",
    }
}

/// The reference looks at nothing but the list when it checks a file, and fails with what is no manager at start.
pub(crate) fn read(check: &mut Check<'_>) -> Vec<Part<UserManagerKind>> {
    let Some(value) = check.key("user_managers") else {
        return Vec::new();
    };
    let Some(items) = value.as_sequence() else {
        check.error_in_key(
            "user_managers",
            "c['user_managers'] must be a list of user managers",
        );
        return Vec::new();
    };
    let mut managers = Vec::with_capacity(items.len());
    for item in items {
        match Part::from_value(item, check.description) {
            Some(manager) => managers.push(manager),
            None => {
                let shown = item.repr(check.description);
                let at = check.place_of_value(item, "user_managers");
                let message = format!("{shown} in c['user_managers'] is no manager of users");
                check.refuse_at_start(Problem::warning(message).at(at));
            }
        }
    }
    managers
}
