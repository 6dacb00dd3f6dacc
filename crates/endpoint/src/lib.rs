//! Endpoint strings: how an administrator says where a worker connects to and where a master listens.
//!
//! The form is Twisted's: `type:argument:argument:…`. An argument is positional or `key=value`, `\`
//! makes the next character ordinary, the type is not case sensitive. Nothing here touches files or the
//! network: paths are read, and sockets opened, by who uses a [`client::Endpoint`] or a
//! [`server::Endpoint`].

mod arguments;
pub mod client;
mod problem;
mod python_number;
pub mod server;

pub use problem::{EndpointError, Problem};
pub use python_number::python_int;
