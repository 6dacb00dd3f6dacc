//! The database file of a master, looked at from outside.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use rusqlite::Connection;

use crate::Site;

impl Site {
    /// A copy of the database as it lies there, with what has not been folded into it. The original stays untouched.
    pub fn database(&self) -> Result<Connection> {
        let copy = self.path().join("database");
        fs::create_dir_all(&copy)?;
        for name in ["state.sqlite", "state.sqlite-wal"] {
            let (from, to) = (self.basedir().join(name), copy.join(name));
            if from.exists() {
                fs::copy(from, to)?;
            } else if to.exists() {
                fs::remove_file(to)?;
            }
        }
        Ok(Connection::open(copy.join("state.sqlite"))?)
    }

    /// Fails if the database is damaged.
    pub fn check_database(&self) -> Result<()> {
        let found: String = self
            .database()?
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .context("while checking the database")?;
        ensure!(found == "ok", "{found}");
        Ok(())
    }

    /// The number that a query of the database gives.
    pub fn count(&self, query: &str) -> Result<i64> {
        let count = self.database()?.query_row(query, [], |row| row.get(0));
        count.with_context(|| query.to_owned())
    }

    /// Changes the database of a master that does not run.
    pub fn execute(&self, statements: &str) -> Result<()> {
        let connection = Connection::open(self.basedir().join("state.sqlite"))?;
        Ok(connection.execute_batch(statements)?)
    }
}
