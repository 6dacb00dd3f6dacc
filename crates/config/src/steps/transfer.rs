//! Steps that move files between master and worker.

use crate::arguments::arguments;
use buildbot_render::Value;

arguments! {
    /// A file from the worker.
    pub struct FileUploadArguments {
        workersrc: Value = "workersrc",
        masterdest: Value = "masterdest",
        maxsize: Option<i64> = "maxsize",
        blocksize: i64 = "blocksize" or 262144,
        mode: Value = "mode",
        keepstamp: bool = "keepstamp",
        url: Value = "url",
        url_text: Value = "urlText",
    }
}

arguments! {
    /// A directory from the worker.
    pub struct DirectoryUploadArguments {
        workersrc: Value = "workersrc",
        masterdest: Value = "masterdest",
        maxsize: Option<i64> = "maxsize",
        blocksize: i64 = "blocksize" or 16384,
        compress: Value = "compress",
        url: Value = "url",
        url_text: Value = "urlText",
    }
}

arguments! {
    /// Several files from the worker.
    pub struct MultipleFileUploadArguments {
        workersrcs: Value = "workersrcs",
        masterdest: Value = "masterdest",
        maxsize: Option<i64> = "maxsize",
        blocksize: i64 = "blocksize" or 16384,
        glob: bool = "glob",
        mode: Value = "mode",
        compress: Value = "compress",
        keepstamp: bool = "keepstamp",
        url: Value = "url",
        url_text: Value = "urlText",
    }
}

arguments! {
    /// A file to the worker.
    pub struct FileDownloadArguments {
        mastersrc: Value = "mastersrc",
        workerdest: Value = "workerdest",
        maxsize: Option<i64> = "maxsize",
        blocksize: i64 = "blocksize" or 16384,
        mode: Value = "mode",
    }
}

arguments! {
    /// A text to the worker.
    pub struct StringDownloadArguments {
        s: Value = "s",
        workerdest: Value = "workerdest",
        maxsize: Option<i64> = "maxsize",
        blocksize: i64 = "blocksize" or 16384,
        mode: Value = "mode",
    }
}

arguments! {
    /// A value as JSON to the worker.
    pub struct JsonStringDownloadArguments {
        o: Value = "o",
        workerdest: Value = "workerdest",
        s: Value = "s",
        maxsize: Option<i64> = "maxsize",
        blocksize: i64 = "blocksize" or 16384,
        mode: Value = "mode",
    }
}

arguments! {
    /// Secrets as files on the worker.
    pub struct SecretsToWorkerArguments {
        populated_secret_list: Value = "populated_secret_list",
        log_environ: bool = "logEnviron",
    }
}
