//! The database: Buildbot 4.3's schema, statements as files, typed functions for each table, one writer with group
//! commit, readers beside it.
//!
//! What a transaction makes true is answered only after it is on the disk. Times are whole seconds, and no statement
//! depends on how much history there is.

mod connection;
pub mod copy;
mod database;
mod hash;
mod identifier;
mod location;
mod readers;
mod schema;
pub mod tables;
mod transaction;
mod value;
mod writer;

pub use connection::{Connection, Statement, StatementError};
pub use database::{Database, vacuum};
pub use location::{LocationError, locate};
pub use readers::{READ_QUEUE_MAX, ReadError, Reader};
pub use schema::{OpenError, REVISION, create};
pub use transaction::Outcome;
pub use value::{Column, ColumnError, Row, Value};
pub use writer::{GROUP_MAX, QUEUE_MAX as WRITE_QUEUE_MAX, Verdict, WriteError};
