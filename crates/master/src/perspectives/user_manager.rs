//! `CommandlineUserManager`: `buildbot user` asks for users, and changes them.
//!
//! Buildbot: manual, "Users Options".

use std::sync::Arc;

use buildbot_db::tables::users::{self, User};
use buildbot_db::{Connection, StatementError};
use buildbot_gateway::{
    Argument, Failure, Later, Referenceable, RemoteCall, Sent, Value as WireValue,
};
use buildbot_model::{Secret, UserId};

use super::refusal::{no_such_perspective, runtime_error};
use crate::shell::Shell;

/// What a person gets who may manage users.
pub(super) struct UserManager {
    pub(super) shell: Arc<Shell>,
}

/// How many users one call names, and how much is said of each: their transaction holds up all others.
const ITEMS_MAX: usize = 1000;

impl Referenceable for UserManager {
    fn call(self: Arc<Self>, call: RemoteCall) -> Later<'static, Result<Sent, Failure>> {
        Box::pin(async move {
            if call.method != "commandline" {
                return Err(no_such_perspective(
                    "CommandlineUserManagerPerspective",
                    &call.method,
                ));
            }
            let wish = Wish::read(call).map_err(Failure::type_error)?;
            tracing::info!("perspective_commandline called");
            let store = &self.shell.store;
            let done = store.write(move |connection| wish.carry_out(connection));
            match done.await {
                Ok(text) => Ok(text.into()),
                Err(error) => {
                    tracing::error!("users are not changed: {error}");
                    Err(runtime_error(&error))
                }
            }
        })
    }
}

/// The arguments of `commandline`, in their order.
const ARGUMENTS: [&str; 5] = ["op", "bb_username", "bb_password", "ids", "info"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Add,
    Remove,
    Update,
    Get,
}

/// What is to be done.
#[derive(Debug)]
struct Wish {
    operation: Operation,
    login: Option<(String, Secret<String>)>,
    of: Of,
}

/// With whom.
#[derive(Debug)]
enum Of {
    Known(Vec<String>),
    Described(Vec<Description>),
}

#[derive(Debug)]
struct Description {
    identifier: String,
    attributes: Vec<(String, String)>,
}

impl Wish {
    /// The error is a text for the client.
    fn read(call: RemoteCall) -> Result<Self, String> {
        let mut values: Vec<(&str, WireValue)> = Vec::new();
        if call.args.len() > ARGUMENTS.len() {
            return Err("commandline() takes 5 arguments".to_owned());
        }
        for (name, argument) in ARGUMENTS.into_iter().zip(call.args) {
            match argument {
                Argument::Value(value) => values.push((name, value)),
                Argument::Object(_) => return Err(format!("{name} is an object")),
            }
        }
        for (name, value) in call.kwargs {
            let known = ARGUMENTS.into_iter().find(|known| *known == name);
            let known = known.ok_or_else(|| format!("commandline() has no argument {name}"))?;
            values.push((known, value));
        }
        let value = |name: &str| {
            let mut values = values.iter();
            let found = values.find(|(known, _)| *known == name);
            found.map_or(&WireValue::None, |(_, value)| value)
        };
        let operation = match value("op").as_text() {
            Some("add") => Operation::Add,
            Some("remove") => Operation::Remove,
            Some("update") => Operation::Update,
            Some("get") => Operation::Get,
            _ => return Err("op is none of add, remove, update, get".to_owned()),
        };
        let login = match (value("bb_username"), value("bb_password")) {
            (WireValue::None, _) => None,
            (name, password) => {
                let login = name.as_text().zip(password.as_text());
                let (name, password) = login.ok_or("bb_username and bb_password are texts")?;
                Some((name.to_owned(), Secret::new(password.to_owned())))
            }
        };
        let ids = value("ids").as_sequence().unwrap_or_default();
        let of = if ids.is_empty() {
            let info = value("info").as_sequence().unwrap_or_default();
            let described: Result<Vec<_>, _> = info.iter().map(Description::read).collect();
            Of::Described(described?)
        } else {
            let known: Option<Vec<_>> = ids
                .iter()
                .map(|id| id.as_text().map(str::to_owned))
                .collect();
            Of::Known(known.ok_or("ids are texts")?)
        };
        let items = match &of {
            Of::Known(known) => known.len(),
            Of::Described(described) => described
                .iter()
                .map(|description| 1 + description.attributes.len())
                .sum(),
        };
        if items > ITEMS_MAX {
            return Err(format!("more than {ITEMS_MAX} things about users at once"));
        }
        Ok(Self {
            operation,
            login,
            of,
        })
    }

    /// Does it, and says it as the command shows it.
    ///
    /// Differs: what one call of `buildbot user` asks for is one transaction, because half of it could not be asked for
    /// again.
    fn carry_out(&self, connection: &Connection) -> Result<String, StatementError> {
        let mut said = match self.operation {
            Operation::Add => "user(s) added:\n",
            Operation::Remove => "user(s) removed:\n",
            Operation::Update => "user(s) updated:\n",
            Operation::Get => "user(s) found:\n",
        }
        .to_owned();
        match &self.of {
            Of::Known(known) => {
                for identifier in known {
                    said.push_str(&self.one_known(connection, identifier)?);
                }
            }
            Of::Described(described) => {
                for description in described {
                    self.one_described(connection, description, &mut said)?;
                }
            }
        }
        Ok(said)
    }

    fn one_known(
        &self,
        connection: &Connection,
        identifier: &str,
    ) -> Result<String, StatementError> {
        let id = users::id_of(connection, identifier)?;
        if id.is_none() {
            tracing::info!("Unable to find uid for identifier {identifier}");
        }
        Ok(match (self.operation, id) {
            (Operation::Remove, Some(id)) => {
                users::remove(connection, id)?;
                said_identifier(identifier)
            }
            (Operation::Get, Some(id)) => match users::by_id(connection, id)? {
                Some(user) => said_user(&user),
                None => NO_MATCH.to_owned(),
            },
            (Operation::Get, None) => NO_MATCH.to_owned(),
            // The command does not ask for this.
            (Operation::Remove, None) | (Operation::Add | Operation::Update, _) => String::new(),
        })
    }

    /// Says the user once for each thing that is known, as the reference does.
    ///
    /// Differs: `buildbot user --op=update` with a login keeps what it sets; the reference says that it has, and forgets it.
    fn one_described(
        &self,
        connection: &Connection,
        description: &Description,
        said: &mut String,
    ) -> Result<(), StatementError> {
        let Description {
            identifier,
            attributes,
        } = description;
        let mut id = users::id_of(connection, identifier)?;
        if attributes.is_empty() {
            if let Some(id) = id {
                self.set_login(connection, id)?;
                if self.operation != Operation::Get {
                    said.push_str(&said_identifier(identifier));
                }
            }
            return Ok(());
        }
        let mut is_added = false;
        for (kind, value) in attributes {
            let adds = self.operation == Operation::Add && !is_added;
            if adds {
                let added = users::find_or_add_called(connection, identifier, kind, value)?;
                id = Some(added);
                is_added = true;
            } else if self.operation == Operation::Update || is_added {
                match id {
                    Some(id) => {
                        self.set_login(connection, id)?;
                        set_attribute(connection, id, kind, value)?;
                    }
                    None => tracing::info!("Unable to find uid for identifier {identifier}"),
                }
            }
            said.push_str(&said_identifier(identifier));
            if adds && let Some(UserId(id)) = id {
                said.push_str(&format!("uid: {id}\n\n"));
            }
        }
        Ok(())
    }

    fn set_login(&self, connection: &Connection, id: UserId) -> Result<(), StatementError> {
        match &self.login {
            Some((name, password)) => users::set_login(connection, id, name, password),
            None => Ok(()),
        }
    }
}

/// What somebody else has stays theirs.
fn set_attribute(
    connection: &Connection,
    id: UserId,
    kind: &str,
    value: &str,
) -> Result<(), StatementError> {
    match users::with_attribute(connection, kind, value)? {
        Some(owner) if owner != id => {
            tracing::info!("{kind} {value} belongs to another user");
            Ok(())
        }
        Some(_) | None => users::set_attribute(connection, id, kind, value),
    }
}

impl Description {
    fn read(given: &WireValue) -> Result<Self, String> {
        let pairs = given
            .as_dict()
            .ok_or("what describes a user is no dictionary")?;
        let mut identifier = None;
        let mut attributes = Vec::new();
        for (kind, value) in pairs {
            let pair = kind.as_text().zip(value.as_text());
            let (kind, value) = pair.ok_or("what describes a user is no text")?;
            match kind {
                "identifier" => identifier = Some(value.to_owned()),
                kind => attributes.push((kind.to_owned(), value.to_owned())),
            }
        }
        Ok(Self {
            identifier: identifier.ok_or("'identifier'")?,
            attributes,
        })
    }
}

const NO_MATCH: &str = "no match found\n";

fn said_identifier(identifier: &str) -> String {
    format!("identifier: {identifier}\n")
}

fn said_user(user: &User) -> String {
    let login = user.login.as_deref().unwrap_or("None");
    let mut said = format!(
        "uid: {}\nidentifier: {}\nbb_username: {login}\n",
        user.id.0, user.identifier
    );
    if !user.attributes.is_empty() {
        said.push_str("attributes:\n");
        for (kind, value) in &user.attributes {
            said.push_str(&format!("\t{kind}: {value}\n"));
        }
        said.push('\n');
    }
    said
}
