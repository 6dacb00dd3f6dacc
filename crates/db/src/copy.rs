//! A database as rows of another one, for a master that is to use another database.
//!
//! Both have the schema of [`crate::REVISION`]. Rows go over in parts of [`PART_ROWS`], each committed alone, so that
//! neither memory nor write-ahead log grow with the history. What is copied is said as it happens.

use std::path::{Path, PathBuf};

use buildbot_model::python_text::{repr_of_bytes, repr_of_text};

use crate::connection::{Connection, Statement, StatementError, values};
use crate::schema::{self, OpenError, driver};
use crate::value::{Column, Value};

/// How many rows go over together.
const PART_ROWS: i64 = 10_000;

/// How much of a row is shown, in characters.
const SHOWN_MAX: usize = 200;

/// All tables: what a row refers to comes before it, but for references that go in a circle.
const TABLES: [&str; 42] = [
    "buildsets",
    "buildset_properties",
    "projects",
    "codebases",
    "codebase_commits",
    "codebase_branches",
    "builders",
    "changesources",
    "buildrequests",
    "workers",
    "masters",
    "buildrequest_claims",
    "changesource_masters",
    "builder_masters",
    "configured_workers",
    "connected_workers",
    "patches",
    "sourcestamps",
    "buildset_sourcestamps",
    "changes",
    "change_files",
    "change_properties",
    "users",
    "users_info",
    "change_users",
    "builds",
    "build_properties",
    "build_data",
    "steps",
    "logs",
    "logchunks",
    "schedulers",
    "scheduler_masters",
    "scheduler_changes",
    "tags",
    "builders_tags",
    "test_result_sets",
    "test_names",
    "test_code_paths",
    "test_results",
    "objects",
    "object_state",
];

/// Columns of `buildsets` that refer to builds, which come later.
const LATER: [&str; 2] = ["parent_buildid", "rebuilt_buildid"];

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Rows of a table, or values of a column, go over.
    Part {
        /// `steps table`, `buildset.parent_buildid field`.
        of: String,
        /// How many now.
        count: i64,
        /// How many with these.
        done: i64,
        /// How many there are.
        total: i64,
    },
    /// A row does not.
    Ignored {
        /// Its table.
        table: &'static str,
        /// The column that refers to nothing.
        column: String,
        /// What is in it.
        value: String,
        /// The row as Python shows a dictionary, cut off.
        row: String,
    },
}

/// Why a database was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// One of the two cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Something is in the destination.
    #[error(
        "the destination {} is not empty: its table {table} has rows; name a database that does not exist yet",
        path.display()
    )]
    NotEmpty {
        /// The file.
        path: PathBuf,
        /// A table with rows.
        table: &'static str,
    },
    /// SQLite takes names as text only.
    #[error("the name of the database {} is no UTF-8", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// A statement failed.
    #[error("while copying: {0}; the destination is not complete and has to be removed")]
    Statement(#[from] StatementError),
    /// A transaction failed.
    #[error("while copying: {0}; the destination is not complete and has to be removed")]
    Commit(OpenError),
}

/// Copies all rows of one database into another one, which is made if it does not exist.
///
/// With `skips_dangling`, rows that refer to something that does not exist are left out, and said. Without it they go
/// over as they are: SQLite has them, too.
///
/// Differs: `buildbot copy-db` refuses a destination that has rows by name, because otherwise the first row with an id
/// that exists ends it halfway.
///
/// Differs: `buildbot copy-db --ignore-fk-error-rows` keeps commits whose parent is in the same table, because that is
/// no error; the reference looks for parents before it has copied any.
pub fn copy(
    source: &Path,
    destination: &Path,
    skips_dangling: bool,
    say: &mut dyn FnMut(Progress),
) -> Result<(), CopyError> {
    let source_name = source.to_str().ok_or_else(|| CopyError::Name {
        path: source.to_owned(),
    })?;
    // It has the right schema, or nothing is done.
    drop(schema::open(source)?);
    schema::create(destination)?;
    let connection = schema::open(destination)?;
    let ask = |text: &str, values: &[Value<'_>]| {
        let statement = Statement { name: "copy", text };
        connection.first(statement, values, |row| row.take::<i64>())
    };
    for table in TABLES {
        if ask(&format!("SELECT 1 FROM main.{table} LIMIT 1"), &[])?.is_some() {
            return Err(CopyError::NotEmpty {
                path: destination.to_owned(),
                table,
            });
        }
    }
    let attach = Statement {
        name: "copy/attach",
        text: "ATTACH DATABASE $1 AS source",
    };
    connection.execute(attach, values![source_name])?;
    for table in TABLES {
        Table::of(&connection, table)?.copy(&connection, destination, skips_dangling, say)?;
    }
    for column in LATER {
        fill(&connection, destination, column, say)?;
    }
    connection
        .run("DETACH DATABASE source; PRAGMA wal_checkpoint(TRUNCATE)")
        .map_err(|error| CopyError::Commit(driver(destination)(error)))
}

/// A column that refers to another table.
struct Reference {
    column: String,
    /// Where the row that is meant must be: `main.builders` …
    place: String,
    key: String,
}

impl Reference {
    /// Whether the row that a row of the source refers to is there.
    fn holds(&self, table: &str) -> String {
        let Self { column, place, key } = self;
        let given = format!("source.{table}.{column}");
        format!("({given} IS NULL OR EXISTS (SELECT 1 FROM {place} AS r WHERE r.{key} = {given}))")
    }
}

struct Table {
    name: &'static str,
    columns: Vec<String>,
    references: Vec<Reference>,
}

impl Table {
    fn of(connection: &Connection, name: &'static str) -> Result<Self, StatementError> {
        let columns = connection.all(
            Statement {
                name: "copy/columns",
                text: "SELECT name FROM pragma_table_info($1) ORDER BY cid",
            },
            values![name],
            |row| row.take::<String>(),
        )?;
        let mut references = connection.all(
            Statement {
                name: "copy/references",
                text: "SELECT \"from\", \"table\", \"to\" FROM pragma_foreign_key_list($1)",
            },
            values![name],
            |row| {
                Ok((
                    row.take::<String>()?,
                    row.take::<String>()?,
                    row.take::<String>()?,
                ))
            },
        )?;
        references.retain(|(column, _, _)| {
            let is_later = name == "buildsets" && LATER.contains(&column.as_str());
            // A change whose parent is gone is one without a parent.
            let is_parent = name == "changes" && column == "parent_changeids";
            !is_later && !is_parent
        });
        references.sort_by_key(|(column, _, _)| columns.iter().position(|known| known == column));
        let references = references
            .into_iter()
            .map(|(column, table, key)| Reference {
                place: if table == name {
                    format!("source.{table}")
                } else {
                    format!("main.{table}")
                },
                column,
                key,
            });
        Ok(Self {
            name,
            references: references.collect(),
            columns,
        })
    }

    fn copy(
        &self,
        connection: &Connection,
        destination: &Path,
        skips_dangling: bool,
        say: &mut dyn FnMut(Progress),
    ) -> Result<(), CopyError> {
        let name = self.name;
        let is_later = |column: &String| name == "buildsets" && LATER.contains(&column.as_str());
        let names = self.columns.join(", ");
        let given: Vec<&str> = self
            .columns
            .iter()
            .map(|column| {
                if is_later(column) {
                    "NULL"
                } else {
                    column.as_str()
                }
            })
            .collect();
        let mut insert = format!(
            "INSERT INTO main.{name} ({names}) SELECT {} FROM source.{name} \
             WHERE source.{name}.rowid > $1 AND source.{name}.rowid <= $2",
            given.join(", "),
        );
        if skips_dangling {
            for reference in &self.references {
                insert.push_str(" AND ");
                insert.push_str(&reference.holds(name));
            }
        }
        insert.push_str(" ORDER BY source.");
        insert.push_str(name);
        insert.push_str(".rowid");
        let parts = Parts {
            connection,
            destination,
            of: format!("{name} table"),
            rows: format!("source.{name}"),
        };
        let look = |range: &[Value<'_>], say: &mut dyn FnMut(Progress)| {
            if skips_dangling {
                self.say_dangling(connection, range, say)?;
            }
            Ok(())
        };
        parts.each(say, look, &insert)
    }

    /// Says which rows of a part refer to nothing, each with the first of its columns that does.
    fn say_dangling(
        &self,
        connection: &Connection,
        range: &[Value<'_>],
        say: &mut dyn FnMut(Progress),
    ) -> Result<(), StatementError> {
        let name = self.name;
        let mut before = String::new();
        for reference in &self.references {
            let holds = reference.holds(name);
            let text = format!(
                "SELECT {column}, {columns} FROM source.{name} \
                 WHERE rowid > $1 AND rowid <= $2 AND NOT {holds}{before} ORDER BY rowid",
                column = reference.column,
                columns = self.columns.join(", "),
            );
            let statement = Statement {
                name: "copy/dangling",
                text: &text,
            };
            let rows = connection.all(statement, range, |row| {
                let value = row.take::<Shown>()?.0;
                let mut items = Vec::new();
                for column in &self.columns {
                    let shown = row.take::<Shown>()?.0;
                    items.push(format!("{}: {shown}", repr_of_text(column)));
                }
                Ok((value, format!("{{{}}}", items.join(", "))))
            })?;
            for (value, row) in rows {
                say(Progress::Ignored {
                    table: name,
                    column: reference.column.clone(),
                    value,
                    row: row.chars().take(SHOWN_MAX).collect(),
                });
            }
            before.push_str(" AND ");
            before.push_str(&holds);
        }
        Ok(())
    }
}

/// The builds that buildsets refer to, now that these are there.
///
/// Differs: `buildbot copy-db` copies `parent_buildid` and `rebuilt_buildid` of buildsets, because the reference says that
/// it does, and only does not commit it.
fn fill(
    connection: &Connection,
    destination: &Path,
    column: &str,
    say: &mut dyn FnMut(Progress),
) -> Result<(), CopyError> {
    let update = format!(
        "UPDATE main.buildsets SET {column} = s.{column} FROM source.buildsets AS s \
         WHERE s.id = main.buildsets.id AND s.{column} IS NOT NULL AND s.rowid > $1 AND s.rowid <= $2"
    );
    let parts = Parts {
        connection,
        destination,
        of: format!("buildset.{column} field"),
        rows: format!("(SELECT rowid FROM source.buildsets WHERE {column} IS NOT NULL)"),
    };
    parts.each(say, |_, _| Ok(()), &update)
}

/// Rows in parts: each is looked at, said, and then a transaction.
struct Parts<'a> {
    connection: &'a Connection,
    destination: &'a Path,
    of: String,
    rows: String,
}

impl Parts<'_> {
    fn each(
        &self,
        say: &mut dyn FnMut(Progress),
        look: impl Fn(&[Value<'_>], &mut dyn FnMut(Progress)) -> Result<(), StatementError>,
        work: &str,
    ) -> Result<(), CopyError> {
        let run = |text: &str| {
            let done = self.connection.run(text);
            done.map_err(|error| CopyError::Commit(driver(self.destination)(error)))
        };
        let total = format!("SELECT count(*) FROM {}", self.rows);
        let statement = Statement {
            name: "copy/total",
            text: &total,
        };
        let total = self.connection.first(statement, &[], |row| row.take())?;
        let total: i64 = total.unwrap_or(0);
        let next = format!(
            "SELECT max(rowid), count(*) FROM \
             (SELECT rowid FROM {} WHERE rowid > $1 ORDER BY rowid LIMIT $2)",
            self.rows
        );
        let statement = Statement {
            name: "copy/next",
            text: &next,
        };
        let mut done = 0;
        let mut after = i64::MIN;
        loop {
            let part = self
                .connection
                .first(statement, values![after, PART_ROWS], |row| {
                    Ok((row.take::<Option<i64>>()?, row.take::<i64>()?))
                })?;
            let Some((Some(last), count)) = part else {
                return Ok(());
            };
            let range = values![after, last];
            look(range, say)?;
            done += count;
            say(Progress::Part {
                of: self.of.clone(),
                count,
                done,
                total,
            });
            run("BEGIN IMMEDIATE")?;
            let statement = Statement {
                name: "copy/part",
                text: work,
            };
            self.connection.execute(statement, range)?;
            run("COMMIT")?;
            after = last;
        }
    }
}

/// A value as Python shows it.
struct Shown(String);

impl Column for Shown {
    const NAME: &'static str = "a value";

    fn from_value(value: Value<'_>) -> Option<Self> {
        Some(Self(match value {
            Value::Null => "None".to_owned(),
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => repr_of_text(text),
            Value::Blob(bytes) => repr_of_bytes(bytes),
        }))
    }
}
