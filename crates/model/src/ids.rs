//! Ids: the integers of the database, one type for each noun.

macro_rules! id {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

id! {
    /// A builder, found or made by its name.
    BuilderId;
    /// A worker, found or made by its name.
    WorkerId;
    /// A master, found or made by its name.
    MasterId;
    /// A set of requests that were submitted together.
    BuildsetId;
    /// A request for one build of one builder.
    BuildRequestId;
    /// A build, over all builders.
    BuildId;
    /// A source stamp: equal data has equal ids.
    SourceStampId;
    /// The number of a build among those of its builder, from 1 on.
    BuildNumber;
    /// The number of a step in its build, from 0 on.
    StepNumber;
    /// A step, over all builds.
    StepId;
    /// A log of a step.
    LogId;
    /// A change.
    ChangeId;
    /// A patch; no two source stamps share one.
    PatchId;
    /// Somebody who makes changes.
    UserId;
    /// A scheduler, found or made by its name.
    SchedulerId;
    /// A change source, found or made by its name.
    ChangeSourceId;
    /// A tag of builders.
    TagId;
    /// A project, found or made by its name.
    ProjectId;
    /// A codebase of a project, found or made by its name.
    CodebaseId;
    /// Something that keeps state over restarts, found or made by its name and class.
    ObjectId;
}
