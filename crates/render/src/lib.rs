//! The values of a configuration, and what renderables among them become for a build.
//!
//! `docs/formats/config-host.md` describes values as they come from the configuration host; [`Value`] reads and
//! writes them. [`Evaluation`] evaluates them with the [`Properties`] of a [`Context`] as the reference does,
//! errors included; what only Python can compute is asked of it once per round. There is no IO in this crate.

mod decode;
mod encode;
mod evaluation;
mod exception;
mod interpolate;
mod mask;
mod number;
mod operator;
mod percent;
mod place;
mod plain_json;
mod properties;
mod text;
mod value;
mod with_properties;

pub use evaluation::{Answers, Evaluation, Rendered, Round};
pub use exception::{Exception, Kind};
pub use mask::Masks;
pub use place::Place;
pub use plain_json::{json_of_value, value_of_json};
pub use properties::{Context, Properties, Property, SecretService};
pub use value::{
    Callable, Format, Handle, ObjectId, Objects, Opaque, Regex, Renderable, RenderableKind, Value,
};
