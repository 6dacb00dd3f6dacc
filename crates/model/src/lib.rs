//! The nouns that every other crate shares.

mod buildset;
mod ids;
mod property;
pub mod python_number;
pub mod python_text;
mod results;
mod secret;
mod source_stamp;
mod timestamp;
mod transaction;

pub use buildset::{BuildRequest, NewBuildset};
pub use ids::{
    BuildId, BuildNumber, BuildRequestId, BuilderId, BuildsetId, ChangeId, ChangeSourceId,
    CodebaseId, LogId, MasterId, ObjectId, PatchId, ProjectId, SchedulerId, SourceStampId, StepId,
    StepNumber, TagId, UserId, WorkerId,
};
pub use property::{Properties, Property};
pub use results::Results;
pub use secret::Secret;
pub use source_stamp::{NewPatch, NewSourceStamp, SourceStamp, WantedSource};
pub use timestamp::Timestamp;
pub use transaction::{
    AddedBuild, AddedStep, Answer, NewStep, StepUpdate, Transaction, Url, VirtualBuilder, Write,
};
