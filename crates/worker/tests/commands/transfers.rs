//! `uploadFile`, `uploadDirectory` and `downloadFile`.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use buildbot_wire::session::TransferRequest;
use buildbot_wire::{Failure, Value};
use buildbot_worker::command::{InterruptReason, RemoteFailure};

use crate::stage::{Heard, Stage, by_master};

/// Arguments of a transfer over PB, whose defaults can be overridden.
fn transfer(name: &str, file: &str, others: &[(&str, Value)]) -> Value {
    let (path, object) = match name {
        "downloadFile" => ("workerdest", "reader"),
        _ => ("workersrc", "writer"),
    };
    let mut pairs: BTreeMap<&str, Value> = BTreeMap::from([
        ("workdir", "build".into()),
        (path, file.into()),
        (object, Value::Remote(5)),
        ("maxsize", Value::None),
        ("blocksize", 20.into()),
        ("mode", Value::None),
    ]);
    pairs.extend(others.iter().cloned());
    Value::Dict(
        pairs
            .into_iter()
            .map(|(key, value)| (key.into(), value))
            .collect(),
    )
}

fn upload(stage: &Stage, file: &str, others: &[(&str, Value)]) -> Heard {
    stage.run("uploadFile", transfer("uploadFile", file, others))
}

fn disk_full() -> Failure {
    Failure::new("builtins.RuntimeError", &[], "disk full")
}

fn refusal() -> RemoteFailure {
    RemoteFailure::Answered(disk_full())
}

#[test]
fn a_file_is_sent_in_blocks_and_closed() {
    let stage = Stage::new();
    let path = stage.write("build/up.txt", "0123456789".repeat(5));
    let heard = upload(&stage, "up.txt", &[]).completed();
    let blocks = [20, 20, 10]
        .map(|length| TransferRequest::Write(b"01234567890123456789"[..length].to_vec().into()));
    let expected: Vec<TransferRequest> =
        blocks.into_iter().chain([TransferRequest::Close]).collect();
    assert_eq!(heard.calls, expected);
    assert_eq!(heard.rc(), Some(0));
    assert_eq!(heard.header(), format!("sending {}\n", path.display()));
    assert_eq!(heard.keys(), ["header", "rc", "elapsed"]);
}

#[test]
fn times_follow_the_close_if_asked_for() {
    let stage = Stage::new();
    let path = stage.write("build/up.txt", "x");
    let before = std::fs::metadata(&path).expect("metadata");
    let heard = upload(&stage, "up.txt", &[("keepstamp", true.into())]).completed();
    let Some(TransferRequest::Utime { accessed, modified }) = heard.calls.last() else {
        panic!("{:?}", heard.calls);
    };
    let seconds = |whole: i64, nanos: i64| whole as f64 + nanos as f64 / 1e9;
    assert!((accessed - seconds(before.atime(), before.atime_nsec())).abs() < 1e-3);
    assert!((modified - seconds(before.mtime(), before.mtime_nsec())).abs() < 1e-3);
    assert_eq!(heard.calls[1], TransferRequest::Close);
}

#[test]
fn a_file_that_is_too_large_is_cut_also_if_it_just_fits() {
    let stage = Stage::new();
    let path = stage.write("build/up.txt", "01234567");
    for (max_size, expected) in [(5, Some("01234")), (8, Some("01234567")), (9, None)] {
        let heard = upload(&stage, "up.txt", &[("maxsize", max_size.into())]).completed();
        let message = format!(
            "Maximum filesize reached, truncating file '{}'\n",
            path.display()
        );
        match expected {
            Some(expected) => {
                assert_eq!(
                    heard.calls[0],
                    TransferRequest::Write(Vec::from(expected).into())
                );
                assert_eq!((heard.rc(), heard.stderr()), (Some(1), message));
                assert_eq!(heard.keys(), ["header", "rc", "elapsed", "stderr"]);
            }
            None => assert_eq!((heard.rc(), heard.stderr()), (Some(0), String::new())),
        }
        assert_eq!(heard.calls.last(), Some(&TransferRequest::Close));
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_closed_all_the_same() {
    let stage = Stage::new();
    std::fs::create_dir_all(stage.path("build/dir")).expect("directory");
    for name in ["absent", "dir"] {
        let heard = upload(&stage, name, &[("keepstamp", true.into())]).completed();
        assert_eq!(heard.calls, [TransferRequest::Close]);
        assert_eq!(heard.rc(), Some(1));
        let path = stage.path_text(&format!("build/{name}"));
        assert_eq!(
            heard.stderr(),
            format!("Cannot open file '{path}' for upload\n")
        );
    }
}

#[test]
fn a_refused_block_closes_the_writer_and_fails_the_command() {
    let stage = Stage::new();
    stage.write("build/up.txt", "x".repeat(50));
    let args = transfer("uploadFile", "up.txt", &[]);
    let heard = stage.run_as_master(
        "uploadFile",
        args,
        |_, _| {},
        |request| match request {
            TransferRequest::Write(_) => Err(refusal()),
            _ => Ok(Value::None),
        },
    );
    assert_eq!(heard.calls.len(), 2);
    assert_eq!(heard.calls[1], TransferRequest::Close);
    assert_eq!(heard.rc(), Some(1));
    assert_eq!(heard.failure(), &disk_full());
}

#[test]
fn refused_times_matter_over_pb_only() {
    for (stage, rc) in [(Stage::new(), 1), (Stage::msgpack(), 0)] {
        let path = stage.write("build/up.txt", "x");
        let others = [
            ("keepstamp", true.into()),
            ("path", path.to_str().expect("text").into()),
        ];
        let args = transfer("uploadFile", "up.txt", &others);
        let heard = stage.run_as_master(
            "upload_file",
            args,
            |_, _| {},
            |request| match request {
                TransferRequest::Utime { .. } => Err(refusal()),
                _ => Ok(Value::None),
            },
        );
        assert_eq!(heard.rc(), Some(rc));
        assert_eq!(
            heard.outcome.is_some_and(|outcome| outcome.is_ok()),
            rc == 0
        );
    }
}

#[test]
fn an_interrupt_takes_effect_between_two_blocks() {
    let stage = Stage::new();
    stage.write("build/up.txt", "x".repeat(200));
    let mut blocks = 0;
    let heard = stage
        .run_with(
            "uploadFile",
            transfer("uploadFile", "up.txt", &[]),
            |event, interrupter| {
                if format!("{event:?}").contains("Write(") {
                    blocks += 1;
                    if blocks == 2 {
                        interrupter.interrupt(by_master());
                    }
                }
            },
        )
        .completed();
    assert_eq!(heard.calls.len(), 3);
    assert_eq!(heard.calls[2], TransferRequest::Close);
    assert_eq!(heard.rc(), Some(1));
    assert_eq!(heard.keys(), ["header", "rc"]);
}

#[test]
fn a_lost_connection_ends_a_transfer_in_silence() {
    let stage = Stage::new();
    stage.write("build/up.txt", "x".repeat(200));
    let heard = stage.run_with(
        "uploadFile",
        transfer("uploadFile", "up.txt", &[]),
        |event, interrupter| {
            if format!("{event:?}").contains("Write(") {
                interrupter.interrupt(InterruptReason::ConnectionLost);
            }
        },
    );
    assert_eq!(heard.outcome, None);
    assert_eq!(heard.calls.len(), 1);
}

/// Interrupts a transfer with a pipe that nobody opens at the other end.
fn interrupted_at_a_pipe(name: &str, reason: InterruptReason) -> Heard {
    let stage = Stage::new().eager();
    stage.write("build/neighbour", "");
    let made = std::process::Command::new("mkfifo")
        .arg(stage.path("build/pipe"))
        .status();
    assert!(made.expect("mkfifo").success());
    stage.run_interrupted(name, transfer(name, "pipe", &[]), reason)
}

#[test]
fn a_transfer_that_waits_for_the_disk_can_be_interrupted() {
    for name in ["uploadFile", "downloadFile"] {
        let heard = interrupted_at_a_pipe(name, by_master()).completed();
        assert_eq!(heard.rc(), Some(1), "{name}");
        assert_eq!(heard.calls.len(), 1, "{name} closes");
        let heard = interrupted_at_a_pipe(name, InterruptReason::Shutdown);
        assert_eq!(heard.outcome, None, "{name}");
        assert!(heard.calls.is_empty(), "{name}");
    }
}

#[test]
fn a_missing_argument_is_named() {
    let stage = Stage::new();
    for name in ["workdir", "workersrc", "writer", "maxsize", "blocksize"] {
        let Value::Dict(pairs) = transfer("uploadFile", "x", &[]) else {
            unreachable!()
        };
        let pairs = pairs
            .into_iter()
            .filter(|(key, _)| key.as_text() != Some(name))
            .collect();
        assert_eq!(
            stage.refused("uploadFile", &Value::Dict(pairs)).to_string(),
            format!("'{name}'")
        );
    }
}

/// The members of an archive that was uploaded: name → kind and content or target.
fn members(calls: &[TransferRequest], compress: Option<&str>) -> BTreeMap<String, String> {
    let mut bytes = Vec::new();
    for call in calls {
        if let TransferRequest::Write(block) = call {
            bytes.extend_from_slice(block);
        }
    }
    let reader: Box<dyn Read> = match compress {
        Some("gz") => Box::new(flate2::read::GzDecoder::new(&bytes[..])),
        Some("bz2") => Box::new(bzip2::read::BzDecoder::new(&bytes[..])),
        _ => Box::new(&bytes[..]),
    };
    let mut archive = tar::Archive::new(reader);
    archive
        .entries()
        .expect("archive")
        .map(|entry| {
            let mut entry = entry.expect("entry");
            let name = entry
                .path()
                .expect("path")
                .to_str()
                .expect("text")
                .to_owned();
            let kind = entry.header().entry_type();
            let target = entry
                .link_name()
                .expect("link")
                .map(|path| path.to_string_lossy().into_owned());
            let mut content = String::new();
            entry.read_to_string(&mut content).expect("content");
            (name, format!("{kind:?} {}", target.unwrap_or(content)))
        })
        .collect()
}

#[test]
fn a_directory_is_sent_as_archive_in_every_compression() {
    let stage = Stage::new();
    let long = format!("sub/{}", "long".repeat(50));
    stage.write("build/tree/a.txt", "file-a");
    stage.write(&format!("build/tree/{long}"), "file-b");
    symlink("a.txt", stage.path("build/tree/link")).expect("link");
    symlink("/nowhere", stage.path("build/tree/sub/dangling")).expect("link");
    let _socket =
        std::os::unix::net::UnixListener::bind(stage.path("build/tree/socket")).expect("socket");
    for compress in [None, Some("gz"), Some("bz2")] {
        let value = compress.map_or(Value::None, Value::from);
        let args = transfer(
            "uploadDirectory",
            "tree",
            &[("compress", value), ("blocksize", 512.into())],
        );
        let heard = stage.run("uploadDirectory", args).completed();
        assert_eq!(heard.rc(), Some(0));
        assert_eq!(heard.calls.last(), Some(&TransferRequest::Unpack));
        let expected = BTreeMap::from([
            (".".to_owned(), "Directory ".to_owned()),
            ("a.txt".to_owned(), "Regular file-a".to_owned()),
            ("link".to_owned(), "Symlink a.txt".to_owned()),
            ("sub".to_owned(), "Directory ".to_owned()),
            ("sub/dangling".to_owned(), "Symlink /nowhere".to_owned()),
            (long.clone(), "Regular file-b".to_owned()),
        ]);
        assert_eq!(members(&heard.calls, compress), expected);
        assert_eq!(
            heard.header(),
            format!("sending {}\n", stage.path_text("build/tree"))
        );
    }
}

#[test]
fn a_directory_that_cannot_be_read_makes_no_calls() {
    let stage = Stage::new();
    let args = transfer("uploadDirectory", "nodir", &[("compress", Value::None)]);
    let heard = stage.run("uploadDirectory", args).completed();
    assert_eq!(heard.calls, []);
    assert_eq!(heard.keys(), ["rc", "elapsed", "stderr"]);
    let path = stage.path_text("build/nodir");
    let expected = format!(
        "Cannot read directory '{path}' for upload: [Errno 2] No such file or directory: '{path}'\n"
    );
    assert_eq!((heard.rc(), heard.stderr()), (Some(1), expected));
}

#[test]
fn an_archive_obeys_the_size_limit() {
    let stage = Stage::new();
    stage.write("build/tree/a.txt", "x".repeat(5000));
    let args = transfer("uploadDirectory", "tree", &[("maxsize", 1000.into())]);
    let heard = stage.run("uploadDirectory", args).completed();
    assert_eq!(heard.rc(), Some(1));
    assert_eq!(heard.calls.last(), Some(&TransferRequest::Unpack));
    assert!(heard.stderr().starts_with("Maximum filesize reached"));
}

/// Downloads `content` in the blocks that the worker asks for.
fn download(stage: &Stage, file: &str, content: &[u8], others: &[(&str, Value)]) -> Heard {
    let mut rest = content;
    stage.run_as_master(
        "downloadFile",
        transfer("downloadFile", file, others),
        |_, _| {},
        |request| {
            Ok(match request {
                TransferRequest::Read { length } => {
                    let length = usize::try_from(*length).expect("length").min(rest.len());
                    let (block, after) = rest.split_at(length);
                    rest = after;
                    Value::Bytes(block.to_vec())
                }
                _ => Value::None,
            })
        },
    )
}

#[test]
fn a_file_is_written_with_parents_and_mode() {
    let stage = Stage::new();
    let content = b"downloaded line one\ndownloaded line two\n";
    let heard = download(&stage, "sub/dl.txt", content, &[("mode", 0o640.into())]).completed();
    let (close, reads) = heard.calls.split_last().expect("calls");
    assert_eq!(*close, TransferRequest::CloseReader);
    let read = TransferRequest::Read { length: 20 };
    assert!(reads.iter().all(|call| *call == read), "{reads:?}");
    assert_eq!(heard.keys(), ["rc", "elapsed"]);
    assert_eq!(heard.rc(), Some(0));
    assert_eq!(stage.read("build/sub/dl.txt").as_bytes(), content);
    let mode = std::fs::metadata(stage.path("build/sub/dl.txt"))
        .expect("file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o640);
}

#[test]
fn blocks_are_asked_for_ahead_over_pb_and_one_by_one_over_msgpack() {
    for (stage, reads_expected) in [(Stage::new(), 32), (Stage::msgpack(), 3)] {
        // Over PB a path is found by `workerdest`, over msgpack by `path`.
        let path = [("path", stage.path_text("build/dl").into())];
        let heard = download(&stage, "dl", &[b'x'; 40], &path).completed();
        let reads = heard.calls.len() - 1;
        assert_eq!(reads, reads_expected, "{:?}", heard.calls);
        assert_eq!(stage.read("build/dl").len(), 40);
    }
}

#[test]
fn what_a_short_block_lacks_is_asked_for_again() {
    let stage = Stage::new();
    let (mut given, mut limit) = (0, 0);
    let heard = stage
        .run_as_master(
            "downloadFile",
            transfer("downloadFile", "dl", &[("maxsize", 50.into())]),
            |_, _| {},
            |request| {
                let TransferRequest::Read { length } = request else {
                    return Ok(Value::None);
                };
                limit = limit.max(*length);
                // A master that gives half of what it is asked for.
                let length = usize::try_from(*length).expect("length").div_ceil(2);
                given += length;
                Ok(Value::Bytes(vec![b'x'; length]))
            },
        )
        .completed();
    assert_eq!((limit, given), (20, 50));
    assert_eq!(stage.read("build/dl").len(), 50);
    assert!(heard.stderr().starts_with("Maximum filesize reached"));
}

#[test]
fn an_existing_file_is_truncated() {
    let stage = Stage::new();
    stage.write("build/dl", "much longer than what comes");
    assert_eq!(
        download(&stage, "dl", b"short", &[]).completed().rc(),
        Some(0)
    );
    assert_eq!(stage.read("build/dl"), "short");
}

#[test]
fn a_download_that_is_too_large_is_cut() {
    let stage = Stage::new();
    let heard = download(&stage, "dl", &[b'x'; 100], &[("maxsize", 30.into())]).completed();
    assert_eq!(heard.rc(), Some(1));
    assert_eq!(heard.calls[1], TransferRequest::Read { length: 10 });
    assert!(
        heard
            .stderr()
            .starts_with("Maximum filesize reached, truncating file '")
    );
    assert_eq!(stage.read("build/dl").len(), 30);
    assert_eq!(heard.calls.last(), Some(&TransferRequest::CloseReader));
}

#[test]
fn a_download_to_nowhere_closes_the_reader_or_fails() {
    let stage = Stage::new();
    std::fs::create_dir_all(stage.path("build/dir")).expect("directory");
    let heard = download(&stage, "dir", b"x", &[]).completed();
    assert_eq!(heard.calls, [TransferRequest::CloseReader]);
    let path = stage.path_text("build/dir");
    assert_eq!(
        (heard.rc(), heard.stderr()),
        (Some(1), format!("Cannot open file '{path}' for download\n"))
    );
    let heard = download(&stage, "/proc/nope/dl.txt", b"x", &[]);
    assert_eq!(heard.failure().class(), "builtins.FileNotFoundError");
    assert_eq!(
        heard.failure().value,
        "[Errno 2] No such file or directory: '/proc/nope'"
    );
    assert_eq!(heard.keys(), ["elapsed"]);
}

#[test]
fn nothing_from_a_msgpack_master_is_the_end_of_the_file() {
    let stage = Stage::msgpack();
    let others = [("path", stage.path_text("dl").into())];
    let heard = stage
        .run("download_file", transfer("downloadFile", "x", &others))
        .completed();
    assert_eq!(
        heard.calls,
        [
            TransferRequest::Read { length: 20 },
            TransferRequest::CloseReader
        ]
    );
    assert_eq!((heard.rc(), stage.read("dl").as_str()), (Some(0), ""));
}

#[test]
fn a_refused_read_closes_the_reader_and_fails_the_command() {
    let stage = Stage::new();
    let args = transfer("downloadFile", "dl", &[]);
    let heard = stage.run_as_master(
        "downloadFile",
        args,
        |_, _| {},
        |request| match request {
            TransferRequest::Read { .. } => Err(refusal()),
            _ => Ok(Value::None),
        },
    );
    assert_eq!(heard.calls.last(), Some(&TransferRequest::CloseReader));
    assert_eq!(heard.rc(), Some(1));
    assert_eq!(heard.failure(), &disk_full());
}

#[test]
fn python_unpacks_the_archive_as_a_master_does() {
    let stage = Stage::new();
    stage.write("build/tree/sub/h\u{e9}.txt", "content");
    let long = "long".repeat(40);
    stage.write(&format!("build/tree/{long}/{long}"), "deep");
    symlink("sub", stage.path("build/tree/link")).expect("link");
    let args = transfer("uploadDirectory", "tree", &[("compress", "gz".into())]);
    let heard = stage.run("uploadDirectory", args).completed();
    let mut bytes = Vec::new();
    for call in &heard.calls {
        if let TransferRequest::Write(block) = call {
            bytes.extend_from_slice(block);
        }
    }
    let archive = stage.write("archive", bytes);
    let script = "import sys, tarfile\nwith tarfile.open(sys.argv[1]) as archive:\n    archive.extractall(sys.argv[2], filter='data')";
    let output = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(archive)
        .arg(stage.path("out"))
        .output()
        .expect("python3");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(stage.read("out/sub/h\u{e9}.txt"), "content");
    assert_eq!(stage.read(&format!("out/{long}/{long}")), "deep");
    assert_eq!(
        std::fs::read_link(stage.path("out/link"))
            .expect("link")
            .to_str(),
        Some("sub")
    );
}
