//! Files between master and worker.

use buildbot_config::steps::transfer::{
    DirectoryUploadArguments, FileDownloadArguments, FileUploadArguments,
    JsonStringDownloadArguments, MultipleFileUploadArguments, SecretsToWorkerArguments,
    StringDownloadArguments,
};
use buildbot_model::Results;
use buildbot_render::Value;

use crate::command::{CommandEnd, Compression, DecodeRc, RemoteCommand, Transfer};
use crate::error::StepError;
use crate::json;
use crate::step::{Step, type_error};
use crate::value::text_of;
use crate::worker_files::{FileKind, files_of, stat_of};

/// Bytes of one piece of a secret.
const SECRET_BLOCK: i64 = 32 * 1024;

/// The last part of a path.
fn basename(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn most(maxsize: Option<i64>) -> Option<u64> {
    maxsize.and_then(|most| u64::try_from(most).ok())
}

fn maybe(number: Option<i64>) -> Value {
    number.map_or(Value::None, Value::Int)
}

fn mode_of(mode: &Value) -> Option<u32> {
    match mode {
        Value::Int(mode) => u32::try_from(*mode).ok(),
        _ => None,
    }
}

fn compression(value: &Value) -> Result<Option<Compression>, StepError> {
    match value.as_text() {
        Some("gz") => Ok(Some(Compression::Gzip)),
        Some("bz2") => Ok(Some(Compression::Bzip2)),
        None if value.is_none() => Ok(None),
        _ => Err(type_error("'compress' must be one of None, 'gz', or 'bz2'")),
    }
}

/// Ends without an exit code are good.
fn accept_none() -> DecodeRc {
    DecodeRc(vec![(None, Results::Success), (Some(0), Results::Success)])
}

/// Runs a transfer; its headers go into `stdio`.
async fn run(step: &Step<'_>, mut command: RemoteCommand) -> Result<Results, StepError> {
    command.stdio = Some(step.log_or_new("stdio").await?);
    command.decode_rc = accept_none();
    let end: CommandEnd = step.run_command(command, None).await?;
    Ok(end.results)
}

/// Shows at the end what was moved, whatever the arguments say.
fn describe(step: &Step<'_>, text: String) {
    step.set_description_done(Value::List(vec![text.into()]));
}

/// The link to what was uploaded.
async fn link(
    step: &Step<'_>,
    url: &Value,
    text: &Value,
    masterdest: &str,
) -> Result<(), StepError> {
    if url.is_none() {
        return Ok(());
    }
    let name = match text {
        Value::None => basename(masterdest.trim_end_matches('/')).to_owned(),
        text => text_of(text),
    };
    step.port.add_url(&name, &text_of(url)).await
}

/// `FileUpload`.
pub(crate) async fn upload(
    step: &Step<'_>,
    arguments: &FileUploadArguments,
) -> Result<Results, StepError> {
    step.check_worker_has("uploadFile")?;
    step.log_or_new("stdio").await?;
    let masterdest = text_of(&arguments.masterdest);
    let source = text_of(&arguments.workersrc);
    if !step.description().is_true() {
        let text = format!("uploading {}", basename(&source));
        step.set_description(Value::List(vec![text.as_str().into()]));
        if !step.description_done().is_true() {
            describe(step, text);
        }
    }
    link(step, &arguments.url, &arguments.url_text, &masterdest).await?;
    upload_file(
        step,
        &arguments.workersrc,
        masterdest,
        FileArguments {
            maxsize: arguments.maxsize,
            blocksize: arguments.blocksize,
            mode: &arguments.mode,
            keepstamp: arguments.keepstamp,
        },
    )
    .await
}

/// What is said of one file that is uploaded.
struct FileArguments<'a> {
    maxsize: Option<i64>,
    blocksize: i64,
    mode: &'a Value,
    keepstamp: bool,
}

async fn upload_file(
    step: &Step<'_>,
    source: &Value,
    path: String,
    arguments: FileArguments<'_>,
) -> Result<Results, StepError> {
    if arguments.keepstamp && step.port.worker().is_older_than("uploadFile", "2.13") {
        return Err(StepError::of_class(
            "buildbot.interfaces.WorkerSetupError",
            format!(
                "This worker ({}) does not support preserving timestamps. \
                 Please upgrade the worker.",
                step.port.worker().name
            ),
        ));
    }
    let mut command = RemoteCommand::new(
        "uploadFile",
        [
            ("workdir", step.workdir()),
            ("maxsize", maybe(arguments.maxsize)),
            ("blocksize", arguments.blocksize.into()),
            ("keepstamp", arguments.keepstamp.into()),
            ("workersrc", source.clone()),
        ],
    );
    command.transfer = Some(Transfer::ToFile {
        path,
        mode: mode_of(arguments.mode),
        max_bytes: most(arguments.maxsize),
    });
    run(step, command).await
}

/// `DirectoryUpload`.
pub(crate) async fn upload_directory(
    step: &Step<'_>,
    arguments: &DirectoryUploadArguments,
) -> Result<Results, StepError> {
    step.check_worker_has("uploadDirectory")?;
    let masterdest = text_of(&arguments.masterdest);
    let source = text_of(&arguments.workersrc);
    describe(step, format!("uploading {}", basename(&source)));
    link(step, &arguments.url, &arguments.url_text, &masterdest).await?;
    upload_tree(
        step,
        &arguments.workersrc,
        masterdest,
        (arguments.maxsize, arguments.blocksize),
        &arguments.compress,
    )
    .await
}

async fn upload_tree(
    step: &Step<'_>,
    source: &Value,
    path: String,
    (maxsize, blocksize): (Option<i64>, i64),
    compress: &Value,
) -> Result<Results, StepError> {
    let mut command = RemoteCommand::new(
        "uploadDirectory",
        [
            ("workdir", step.workdir()),
            ("maxsize", maybe(maxsize)),
            ("blocksize", blocksize.into()),
            ("compress", compress.clone()),
            ("workersrc", source.clone()),
        ],
    );
    command.transfer = Some(Transfer::ToDirectory {
        path,
        compress: compression(compress)?,
        max_bytes: most(maxsize),
    });
    run(step, command).await
}

/// `MultipleFileUpload`.
pub(crate) async fn upload_several(
    step: &Step<'_>,
    arguments: &MultipleFileUploadArguments,
) -> Result<Results, StepError> {
    step.check_worker_has("uploadDirectory")?;
    step.check_worker_has("uploadFile")?;
    step.check_worker_has("stat")?;
    step.log_or_new("stdio").await?;
    let masterdest = text_of(&arguments.masterdest);
    let mut sources = match &arguments.workersrcs {
        only @ Value::Text(_) => vec![only.clone()],
        other => other.as_sequence().unwrap_or_default().to_vec(),
    };
    if arguments.keepstamp && step.port.worker().is_older_than("uploadFile", "2.13") {
        return Err(StepError::of_class(
            "buildbot.interfaces.WorkerSetupError",
            format!(
                "This worker ({}) does not support preserving timestamps. \
                 Please upgrade the worker.",
                step.port.worker().name
            ),
        ));
    }
    if sources.is_empty() {
        return Ok(Results::Skipped);
    }
    if arguments.glob {
        let mut found = Vec::new();
        for source in &sources {
            let workdir = text_of(&step.workdir());
            let path = step.port.worker().join(&workdir, &text_of(source));
            let args = [("path", path.into()), ("logEnviron", false.into())];
            let end = step.run_simple("glob", args, None).await?;
            found.extend(files_of(&end)?);
        }
        sources = found;
    }
    let word = if sources.len() == 1 { "file" } else { "files" };
    describe(step, format!("uploading {} {word}", sources.len()));
    let mut results = Results::Skipped;
    for source in &sources {
        results = results.worst(one_of_several(step, arguments, source, &masterdest).await?);
        if results == Results::Failure {
            break;
        }
    }
    link(step, &arguments.url, &arguments.url_text, &masterdest).await?;
    Ok(results)
}

async fn one_of_several(
    step: &Step<'_>,
    arguments: &MultipleFileUploadArguments,
    source: &Value,
    masterdest: &str,
) -> Result<Results, StepError> {
    let path = format!(
        "{}/{}",
        masterdest.trim_end_matches('/'),
        basename(&text_of(source))
    );
    let args = [("file", source.clone()), ("workdir", step.workdir())];
    let log = step.log_or_new("stdio").await?;
    let end = step.run_simple("stat", args, Some(log)).await?;
    if end.did_fail() {
        let workdir = text_of(&step.workdir());
        let path = step.port.worker().join(&workdir, &text_of(source));
        return complain(step, &format!("File {path} not available at worker")).await;
    }
    match stat_of(&end) {
        Some((FileKind::Directory, _)) => {
            let sizes = (arguments.maxsize, arguments.blocksize);
            upload_tree(step, source, path, sizes, &arguments.compress).await
        }
        Some((FileKind::File, _)) => {
            let file = FileArguments {
                maxsize: arguments.maxsize,
                blocksize: arguments.blocksize,
                mode: &arguments.mode,
                keepstamp: arguments.keepstamp,
            };
            upload_file(step, source, path, file).await
        }
        _ => {
            let text = format!(
                "{} is neither a regular file, nor a directory",
                text_of(source)
            );
            complain(step, &text).await
        }
    }
}

/// A log `stderr` says why the step failed.
async fn complain(step: &Step<'_>, text: &str) -> Result<Results, StepError> {
    step.add_complete_log("stderr", text).await?;
    Ok(Results::Failure)
}

/// `FileDownload`.
pub(crate) async fn download(
    step: &Step<'_>,
    arguments: &FileDownloadArguments,
) -> Result<Results, StepError> {
    step.check_worker_has("downloadFile")?;
    step.log_or_new("stdio").await?;
    let source = text_of(&arguments.mastersrc);
    let shown = text_of(&arguments.workerdest);
    describe(step, format!("downloading to {}", basename(&shown)));
    if !step.port.is_file(&source).await {
        let text = format!(
            "File {} not available at master",
            crate::value::repr(&source.as_str().into())
        );
        return complain(step, &text).await;
    }
    let sizes = (arguments.maxsize, arguments.blocksize);
    let transfer = Transfer::FromFile { path: source };
    send(
        step,
        &arguments.workerdest,
        sizes,
        &arguments.mode,
        transfer,
    )
    .await
}

async fn send(
    step: &Step<'_>,
    workerdest: &Value,
    (maxsize, blocksize): (Option<i64>, i64),
    mode: &Value,
    transfer: Transfer,
) -> Result<Results, StepError> {
    let mut command = RemoteCommand::new(
        "downloadFile",
        [
            ("maxsize", maybe(maxsize)),
            ("blocksize", blocksize.into()),
            ("workdir", step.workdir()),
            ("mode", mode.clone()),
            ("workerdest", workerdest.clone()),
        ],
    );
    command.transfer = Some(transfer);
    run(step, command).await
}

async fn send_text(
    step: &Step<'_>,
    text: String,
    workerdest: &Value,
    sizes: (Option<i64>, i64),
    mode: &Value,
) -> Result<Results, StepError> {
    step.check_worker_has("downloadFile")?;
    let shown = text_of(workerdest);
    describe(step, format!("downloading to {}", basename(&shown)));
    let transfer = Transfer::FromMemory(text.into_bytes());
    send(step, workerdest, sizes, mode, transfer).await
}

/// `StringDownload`.
pub(crate) async fn download_text(
    step: &Step<'_>,
    arguments: &StringDownloadArguments,
) -> Result<Results, StepError> {
    let text = match &arguments.s {
        Value::Text(text) => text.clone(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => {
            return Err(type_error(format!(
                "the text to download is no text but {}",
                other.type_name()
            )));
        }
    };
    let sizes = (arguments.maxsize, arguments.blocksize);
    send_text(step, text, &arguments.workerdest, sizes, &arguments.mode).await
}

/// `JSONStringDownload`.
pub(crate) async fn download_json(
    step: &Step<'_>,
    arguments: &JsonStringDownloadArguments,
) -> Result<Results, StepError> {
    let text = json::dumps(&arguments.o)?;
    let sizes = (arguments.maxsize, arguments.blocksize);
    send_text(step, text, &arguments.workerdest, sizes, &arguments.mode).await
}

/// `JSONPropertiesDownload`.
pub(crate) async fn download_properties(
    step: &Step<'_>,
    arguments: &StringDownloadArguments,
) -> Result<Results, StepError> {
    let properties = step.port.properties();
    let properties = properties
        .iter()
        .map(|(name, property)| (name.into(), property.value.clone()))
        .collect();
    let stamps = step.port.build().sources.iter().map(stamp).collect();
    let value = Value::Dict(vec![
        ("properties".into(), Value::Dict(properties)),
        ("sourcestamps".into(), Value::List(stamps)),
    ]);
    let text = json::dumps(&value)?;
    let sizes = (arguments.maxsize, arguments.blocksize);
    send_text(step, text, &arguments.workerdest, sizes, &arguments.mode).await
}

/// A source stamp as a dictionary.
pub(crate) fn stamp(source: &crate::facts::SourceFacts) -> Value {
    let pairs = stamp_pairs(source);
    Value::Dict(
        pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
    )
}

/// The attributes of a source stamp with its patch.
pub(crate) fn stamp_pairs(source: &crate::facts::SourceFacts) -> Vec<(&'static str, Value)> {
    let text = |text: &Option<String>| text.clone().map_or(Value::None, Value::Text);
    let patch = source.patch.as_ref();
    let of_patch = |get: fn(&crate::facts::PatchFacts) -> Value| patch.map_or(Value::None, get);
    vec![
        ("branch", text(&source.branch)),
        ("revision", text(&source.revision)),
        ("repository", source.repository.as_str().into()),
        ("project", source.project.as_str().into()),
        ("codebase", source.codebase.as_str().into()),
        ("patch_level", of_patch(|patch| patch.level.into())),
        (
            "patch_body",
            of_patch(|patch| Value::Bytes(patch.body.clone())),
        ),
        (
            "patch_subdir",
            of_patch(|patch| patch.subdir.as_str().into()),
        ),
        (
            "patch_author",
            of_patch(|patch| patch.author.as_str().into()),
        ),
        (
            "patch_comment",
            of_patch(|patch| patch.comment.as_str().into()),
        ),
    ]
}

/// `DownloadSecretsToWorker`; it succeeds always, as the reference's.
pub(crate) async fn download_secrets(
    step: &Step<'_>,
    arguments: &SecretsToWorkerArguments,
) -> Result<Results, StepError> {
    for (path, secret) in secrets(&arguments.populated_secret_list)? {
        let mut command = RemoteCommand::new(
            "downloadFile",
            [
                ("maxsize", Value::None),
                ("blocksize", SECRET_BLOCK.into()),
                ("workdir", step.workdir()),
                ("mode", Value::Int(0o600)),
                ("workerdest", path),
            ],
        );
        command.transfer = Some(Transfer::FromMemory(text_of(&secret).into_bytes()));
        step.run_command(command, None).await?;
    }
    Ok(Results::Success)
}

/// `RemoveWorkerFileSecret`; it succeeds always, as the reference's.
pub(crate) async fn remove_secrets(
    step: &Step<'_>,
    arguments: &SecretsToWorkerArguments,
) -> Result<Results, StepError> {
    for (path, _) in secrets(&arguments.populated_secret_list)? {
        let is_old = step.port.worker().is_older_than("rmdir", "3.1");
        let mut args = vec![
            ("path", path.clone()),
            ("logEnviron", arguments.log_environ.into()),
        ];
        if is_old {
            let path = text_of(&path);
            let path = if path.starts_with('/') {
                path
            } else {
                format!("{}/{path}", step.port.build().basedir)
            };
            args.push(("dir", path.into()));
        }
        let name = if is_old { "rmdir" } else { "rmfile" };
        step.run_simple(name, args, None).await?;
    }
    Ok(Results::Success)
}

/// Paths and secrets.
fn secrets(list: &Value) -> Result<Vec<(Value, Value)>, StepError> {
    let items = list.as_sequence().unwrap_or_default();
    items
        .iter()
        .map(|item| match item.as_sequence() {
            Some([path, secret]) => Ok((path.clone(), secret.clone())),
            _ => Err(type_error("a secret is a pair of a path and a value")),
        })
        .collect()
}
