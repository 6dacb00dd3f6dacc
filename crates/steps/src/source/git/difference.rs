//! What `git diff` prints, as data.

use crate::error::StepError;

/// Files that do not exist on one side.
const NO_FILE: &str = "/dev/null";

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileDifference {
    source: String,
    target: String,
    is_binary: bool,
    hunks: Vec<Hunk>,
}

/// Lines that differ: where they begin, and how many they are, before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hunk {
    source_start: u64,
    source_length: u64,
    target_start: u64,
    target_length: u64,
}

impl FileDifference {
    fn new(source: &str, target: &str) -> Self {
        Self {
            source: source.to_owned(),
            target: target.to_owned(),
            is_binary: false,
            hunks: Vec::new(),
        }
    }

    /// As the reference has it, the first two characters of names do not count.
    fn is_rename(&self) -> bool {
        let name = |path: &str| path.chars().skip(2).collect::<String>();
        self.source != NO_FILE && self.target != NO_FILE && name(&self.source) != name(&self.target)
    }
}

fn wrong(message: String) -> StepError {
    StepError::of_class("unidiff.errors.UnidiffParseError", message)
}

/// Reads a unified difference without prefixes of names.
///
/// Differs: `GitDiffInfo` understands names with blanks in every case, because the reference breaks on some.
pub(super) fn parse(text: &str) -> Result<Vec<FileDifference>, StepError> {
    let mut files: Vec<FileDifference> = Vec::new();
    // Whether lines about names and modes belong to the last file.
    let mut is_open = false;
    let mut source: Option<&str> = None;
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        let bare = line.trim_end_matches(['\n', '\r']);
        let last = files.last_mut().filter(|_| is_open);
        if let Some((from, to)) = bare.strip_prefix("diff --git ").and_then(names) {
            files.push(FileDifference::new(from, to));
            (is_open, source) = (true, None);
        } else if bare.starts_with("new file mode ") {
            last.into_iter()
                .for_each(|file| file.source = NO_FILE.to_owned());
        } else if bare.starts_with("deleted file mode ") {
            last.into_iter()
                .for_each(|file| file.target = NO_FILE.to_owned());
        } else if bare == "GIT binary patch" {
            last.into_iter().for_each(|file| file.is_binary = true);
        } else if let Some((from, to)) = binary(bare) {
            match last.filter(|file| file.hunks.is_empty()) {
                Some(file) => file.is_binary = true,
                None => {
                    files.push(FileDifference::new(from, to));
                    files
                        .last_mut()
                        .into_iter()
                        .for_each(|file| file.is_binary = true);
                }
            }
            (is_open, source) = (false, None);
        } else if let Some(name) = bare.strip_prefix("--- ") {
            source = Some(before_tab(name));
        } else if let Some(name) = bare.strip_prefix("+++ ") {
            let Some(from) = source.take() else {
                return Err(wrong(format!("Target without source: {line}")));
            };
            match last.filter(|file| file.hunks.is_empty()) {
                Some(file) => {
                    file.source = from.to_owned();
                    file.target = before_tab(name).to_owned();
                }
                None => files.push(FileDifference::new(from, before_tab(name))),
            }
            is_open = true;
        } else if let Some(hunk) = hunk(bare) {
            let Some(file) = last else {
                return Err(wrong(format!("Unexpected hunk found: {line}")));
            };
            skip(&mut lines, hunk)?;
            file.hunks.push(hunk);
        }
    }
    Ok(files)
}

/// The two names of `NAME NAME`. They are the same unless the file was renamed.
fn names(both: &str) -> Option<(&str, &str)> {
    let half = both.len() / 2;
    if both.as_bytes().get(half) == Some(&b' ') && both[..half] == both[half + 1..] {
        return Some((&both[..half], &both[half + 1..]));
    }
    both.rsplit_once(' ')
}

fn binary(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("Binary files ")?
        .strip_suffix(" differ")?
        .split_once(" and ")
}

fn before_tab(name: &str) -> &str {
    name.split('\t').next().unwrap_or(name)
}

/// `@@ -START[,LENGTH] +START[,LENGTH] @@…`.
fn hunk(line: &str) -> Option<Hunk> {
    let (source, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
    let (target, _) = rest.split_once(" @@")?;
    let range = |range: &str| -> Option<(u64, u64)> {
        match range.split_once(',') {
            Some((start, length)) => Some((start.parse().ok()?, length.parse().ok()?)),
            None => Some((range.parse().ok()?, 1)),
        }
    };
    let (source_start, source_length) = range(source)?;
    let (target_start, target_length) = range(target)?;
    Some(Hunk {
        source_start,
        source_length,
        target_start,
        target_length,
    })
}

/// Skips the lines of a hunk.
fn skip<'a>(lines: &mut impl Iterator<Item = &'a str>, hunk: Hunk) -> Result<(), StepError> {
    let (mut source, mut target) = (hunk.source_length, hunk.target_length);
    while source > 0 || target > 0 {
        let Some(line) = lines.next() else {
            return Err(wrong("Hunk is shorter than expected".to_owned()));
        };
        let (removed, added) = match line.chars().next() {
            Some(' ' | '\n' | '\r') => (1, 1),
            Some('-') => (1, 0),
            Some('+') => (0, 1),
            Some('\\') => (0, 0),
            Some(_) | None => return Err(wrong(format!("Hunk diff line expected: {line}"))),
        };
        match (source.checked_sub(removed), target.checked_sub(added)) {
            (Some(left), Some(right)) => (source, target) = (left, right),
            _ => return Err(wrong("Hunk is longer than expected".to_owned())),
        }
    }
    Ok(())
}

/// The differences as JSON.
pub(super) fn to_json(files: &[FileDifference]) -> String {
    let files: Vec<String> = files
        .iter()
        .map(|file| {
            let hunks: Vec<String> = file
                .hunks
                .iter()
                .map(|hunk| {
                    format!(
                        r#"{{"ss": {}, "sl": {}, "ts": {}, "tl": {}}}"#,
                        hunk.source_start,
                        hunk.source_length,
                        hunk.target_start,
                        hunk.target_length
                    )
                })
                .collect();
            format!(
                r#"{{"source_file": {}, "target_file": {}, "is_binary": {}, "is_rename": {}, "hunks": [{}]}}"#,
                json_text(&file.source),
                json_text(&file.target),
                file.is_binary,
                file.is_rename(),
                hunks.join(", ")
            )
        })
        .collect();
    format!("[{}]", files.join(", "))
}

fn json_text(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            ' '..='~' => json.push(c),
            other => {
                let mut units = [0; 2];
                for unit in other.encode_utf16(&mut units) {
                    json.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::{json_text, parse, to_json};

    #[test]
    fn names_with_blanks_are_understood() {
        let files =
            parse("diff --git a b a b\n--- a b\t\n+++ a b\t\n@@ -1 +1 @@\n-x\n+y\n").unwrap();
        assert_eq!(
            to_json(&files),
            r#"[{"source_file": "a b", "target_file": "a b", "is_binary": false, "is_rename": false, "hunks": [{"ss": 1, "sl": 1, "ts": 1, "tl": 1}]}]"#
        );
    }

    #[test]
    fn json_is_ascii() {
        assert_eq!(json_text("é\"\\\n😀"), r#""\u00e9\"\\\u000a\ud83d\ude00""#);
    }

    #[test]
    fn what_is_no_difference_is_never_a_panic() {
        for text in [
            "diff --git ",
            "diff --git é",
            "@@ -1 +1 @@",
            "@@ -99999999999999999999 +1 @@",
            "--- ",
            "+++ ",
            "Binary files  and  differ",
        ] {
            let _ = parse(text);
        }
    }
}
