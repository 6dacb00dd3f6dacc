//! The REST API beside that of a real master: both read the same database, and must answer the same.
//!
//! `reference/fixture.py` runs the master of `reference/master.cfg`, has it do something of everything, and adds rows
//! for what only other masters or much time make.

mod control;
mod paths;
mod queries;
mod reference;
mod sides;
