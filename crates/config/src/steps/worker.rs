//! Steps that look at files of the worker.

use crate::arguments::{Seconds, arguments};
use buildbot_render::Value;

arguments! {
    /// Variables of the worker.
    pub struct SetPropertiesFromEnvArguments {
        variables: Value = "variables",
        source: Value = "source" or "WorkerEnvironment".into(),
    }
}

arguments! {
    /// A file that must exist.
    pub struct FileExistsArguments {
        file: Value = "file",
    }
}

arguments! {
    /// A directory, and where it goes.
    pub struct CopyDirectoryArguments {
        src: Value = "src",
        dest: Value = "dest",
        timeout: Option<Seconds> = "timeout" or Some(Seconds(120.0)),
        max_time: Option<Seconds> = "maxTime",
    }
}

arguments! {
    /// A directory.
    pub struct DirectoryArguments {
        dir: Value = "dir",
    }
}
