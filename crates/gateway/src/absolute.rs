//! Commands as msgpack wants them: with other names, and with absolute paths that the master computes.
//!
//! Seen: transcripts/mp-build.jsonl.

use buildbot_wire::Value;

use crate::paths::{expand_user, join};
use crate::{PathStyle, WorkerInfo};

/// A path is not a text.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("the argument {0:?} is missing or no text")]
pub(crate) struct BadPath(&'static str);

/// Turns name and arguments of a command in terms of PB into those of msgpack. `directory` is that of the builder.
pub(crate) fn absolute(
    info: &WorkerInfo,
    directory: &str,
    name: String,
    mut args: Vec<(String, Value)>,
) -> Result<(String, Vec<(String, Value)>), BadPath> {
    let style = info.path_style();
    let base = join(style, &info.basedir, directory);
    let beneath = |part: &str| join(style, &base, part);
    match name.as_str() {
        "shell" => {
            let path = beneath(&text(&args, "workdir")?);
            set(&mut args, "workdir", Value::Text(path));
        }
        "uploadFile" | "uploadDirectory" | "downloadFile" => {
            let key = match name.as_str() {
                "downloadFile" => "workerdest",
                _ => "workersrc",
            };
            let path = expand_user(info, &text(&args, key)?);
            let path = join(style, &beneath(&text(&args, "workdir")?), &path);
            set(&mut args, "path", Value::Text(path));
            let name = match name.as_str() {
                "uploadFile" => "upload_file",
                "uploadDirectory" => "upload_directory",
                _ => "download_file",
            };
            return Ok((name.to_owned(), args));
        }
        "mkdir" | "rmdir" => {
            let paths = match take(&mut args, "dir") {
                Some(Value::List(dirs) | Value::Tuple(dirs)) => dirs,
                Some(dir) => vec![dir],
                None => return Err(BadPath("dir")),
            };
            let paths: Option<Vec<Value>> = paths
                .iter()
                .map(|dir| Some(Value::Text(beneath(dir.as_text()?))))
                .collect();
            let paths = Value::List(paths.ok_or(BadPath("dir"))?);
            set(&mut args, "paths", paths);
        }
        "cpdir" => {
            for (old, new) in [("fromdir", "from_path"), ("todir", "to_path")] {
                let path = beneath(&text(&args, old)?);
                take(&mut args, old);
                set(&mut args, new, Value::Text(path));
            }
        }
        "stat" => {
            let file = text(&args, "file")?;
            let workdir = take(&mut args, "workdir");
            let workdir = workdir.as_ref().and_then(Value::as_text);
            let path = stat_path(style, &base, workdir.unwrap_or_default(), &file);
            take(&mut args, "file");
            set(&mut args, "path", Value::Text(path));
        }
        "glob" => {
            let path = beneath(&text(&args, "path")?);
            set(&mut args, "path", Value::Text(path));
        }
        "listdir" => {
            let path = beneath(&text(&args, "dir")?);
            take(&mut args, "dir");
            set(&mut args, "path", Value::Text(path));
        }
        "rmfile" => {
            let path = beneath(&expand_user(info, &text(&args, "path")?));
            set(&mut args, "path", Value::Text(path));
        }
        // Commands that this master does not know are the business of the worker.
        _ => {}
    }
    Ok((name, args))
}

fn stat_path(style: PathStyle, base: &str, workdir: &str, file: &str) -> String {
    let within = match workdir {
        "" => base.to_owned(),
        workdir => join(style, base, workdir),
    };
    join(style, &within, file)
}

fn text(args: &[(String, Value)], key: &'static str) -> Result<String, BadPath> {
    let found = args.iter().find(|(candidate, _)| candidate == key);
    let text = found.and_then(|(_, value)| value.as_text());
    text.map(str::to_owned).ok_or(BadPath(key))
}

fn take(args: &mut Vec<(String, Value)>, key: &str) -> Option<Value> {
    let place = args.iter().position(|(candidate, _)| candidate == key)?;
    Some(args.remove(place).1)
}

fn set(args: &mut Vec<(String, Value)>, key: &str, value: Value) {
    match args.iter_mut().find(|(candidate, _)| candidate == key) {
        Some((_, place)) => *place = value,
        None => args.push((key.to_owned(), value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn check(name: &str, args: &[(&str, Value)], expected: (&str, &[(&str, Value)])) {
        let owned = |args: &[(&str, Value)]| -> Vec<(String, Value)> {
            let args = args.iter();
            args.map(|(key, value)| ((*key).to_owned(), value.clone()))
                .collect()
        };
        let info = WorkerInfo {
            system: "posix".to_owned(),
            basedir: "/srv/ci".to_owned(),
            environ: [("HOME".to_owned(), "/own".to_owned())].into(),
            ..WorkerInfo::default()
        };
        let (name, args) = absolute(&info, "full", name.to_owned(), owned(args)).unwrap();
        assert_eq!((name.as_str(), args), (expected.0, owned(expected.1)));
    }

    #[test]
    fn paths_become_what_the_reference_sends() {
        check(
            "shell",
            &[("workdir", text("build")), ("command", text("true"))],
            (
                "shell",
                &[
                    ("workdir", text("/srv/ci/full/build")),
                    ("command", text("true")),
                ],
            ),
        );
        check(
            "uploadFile",
            &[("workdir", text("build")), ("workersrc", text("~/up"))],
            (
                "upload_file",
                &[
                    ("workdir", text("build")),
                    ("workersrc", text("~/up")),
                    ("path", text("/own/up")),
                ],
            ),
        );
        check(
            "downloadFile",
            &[("workdir", text("build")), ("workerdest", text("/abs"))],
            (
                "download_file",
                &[
                    ("workdir", text("build")),
                    ("workerdest", text("/abs")),
                    ("path", text("/abs")),
                ],
            ),
        );
        let paths = |paths: &[&str]| Value::List(paths.iter().map(|path| text(path)).collect());
        check(
            "mkdir",
            &[("dir", text("build/new"))],
            ("mkdir", &[("paths", paths(&["/srv/ci/full/build/new"]))]),
        );
        check(
            "rmdir",
            &[
                ("dir", paths(&["a", "/b"])),
                ("logEnviron", Value::Bool(false)),
            ],
            (
                "rmdir",
                &[
                    ("logEnviron", Value::Bool(false)),
                    ("paths", paths(&["/srv/ci/full/a", "/b"])),
                ],
            ),
        );
        check(
            "cpdir",
            &[("fromdir", text("a")), ("todir", text("b"))],
            (
                "cpdir",
                &[
                    ("from_path", text("/srv/ci/full/a")),
                    ("to_path", text("/srv/ci/full/b")),
                ],
            ),
        );
        check(
            "stat",
            &[("file", text("f")), ("workdir", text("build"))],
            ("stat", &[("path", text("/srv/ci/full/build/f"))]),
        );
        check(
            "listdir",
            &[("dir", text("build"))],
            ("listdir", &[("path", text("/srv/ci/full/build"))]),
        );
    }

    #[test]
    fn a_missing_path_is_named() {
        let info = WorkerInfo::default();
        let refused = absolute(&info, "b", "glob".to_owned(), Vec::new());
        assert_eq!(refused, Err(BadPath("path")));
    }
}
