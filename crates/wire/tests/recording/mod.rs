//! Reads the conversations under `tests/transcripts`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    ToMaster,
    ToWorker,
}

/// One connection of a conversation: what each side sent, in the order of the recording.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) name: String,
    pub(crate) records: Vec<(Direction, Vec<u8>)>,
}

impl Connection {
    /// Everything that one side sent.
    pub(crate) fn stream(&self, direction: Direction) -> Vec<u8> {
        let records = self.records.iter().filter(|(side, _)| *side == direction);
        records
            .flat_map(|(_, bytes)| bytes.iter().copied())
            .collect()
    }
}

/// All connections of all conversations whose name begins with `prefix`.
pub(crate) fn connections(prefix: &str) -> Vec<Connection> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(prefix)
        })
        .collect();
    files.sort();
    assert_eq!(files.len(), 11, "conversations of {prefix}");
    files.iter().flat_map(|path| read(path)).collect()
}

fn read(path: &Path) -> Vec<Connection> {
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let mut connections: Vec<Connection> = Vec::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        let record: Json = serde_json::from_str(line).unwrap();
        let Some(hex) = record.get("hex").and_then(Json::as_str) else {
            continue;
        };
        let direction = match record["dir"].as_str().unwrap() {
            "w2m" => Direction::ToMaster,
            "m2w" => Direction::ToWorker,
            other => panic!("direction {other}"),
        };
        let number = usize::try_from(record["conn"].as_u64().unwrap()).unwrap();
        while connections.len() <= number {
            let name = format!("{stem}, connection {}", connections.len());
            connections.push(Connection {
                name,
                records: Vec::new(),
            });
        }
        connections[number].records.push((direction, unhex(hex)));
    }
    connections
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex
        .chars()
        .map(|digit| digit.to_digit(16).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
        .collect()
}
