//! From the text of a tac file to what it says.

use crate::error::{Fault, TacErrors};
use crate::evaluate::evaluate;
use crate::parser;
use crate::surroundings::Surroundings;
use crate::worker::WorkerTac;

/// The longest tac file that is read, in bytes. Real ones have two thousand.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Reads a tac file.
///
/// Nothing is executed, and nothing is consulted but `surroundings`; files only if the tac file names
/// them in `open(…)` or `os.path`. Time, memory and stack are bounded for any text.
///
/// # Errors
///
/// When the file uses what is not understood, or its values are not those of a worker.
pub fn read_worker(text: &str, surroundings: &Surroundings<'_>) -> Result<WorkerTac, TacErrors> {
    // Python reads source with any line end, and ignores a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    follow(&text, surroundings).map_err(|faults| located(faults, &text, surroundings))
}

/// The faults with their places in `text`.
pub(crate) fn located(
    faults: Vec<Fault>,
    text: &str,
    surroundings: &Surroundings<'_>,
) -> TacErrors {
    TacErrors {
        file_name: surroundings.file.file_name().map_or_else(
            || "buildbot.tac".into(),
            |name| name.to_string_lossy().into_owned(),
        ),
        errors: faults.into_iter().map(|fault| fault.locate(text)).collect(),
    }
}

fn follow(text: &str, surroundings: &Surroundings<'_>) -> Result<WorkerTac, Vec<Fault>> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(vec![Fault::new(
            0,
            format!("the file is longer than {TEXT_BYTES_MAX} bytes"),
            "a worker's file needs two thousand: remove what is not for the worker",
        )]);
    }
    if let Some(at) = text.find('\0') {
        return Err(vec![Fault::new(
            at,
            "the file contains a NUL character",
            "remove it",
        )]);
    }
    check_encoding(text).map_err(|fault| vec![fault])?;
    let statements = parser::parse(text).map_err(|fault| vec![fault])?;
    evaluate(text, &statements, surroundings)
}

/// Refuses a file that says to be in another encoding than the one it was read in.
fn check_encoding(text: &str) -> Result<(), Fault> {
    if text.is_ascii() {
        return Ok(());
    }
    let mut at = 0;
    for line in text.split_inclusive('\n').take(2) {
        let named = line
            .trim_start()
            .strip_prefix('#')
            .and_then(|comment| comment.split_once("coding"))
            .and_then(|(_, rest)| rest.strip_prefix([':', '=']))
            .map(|rest| {
                rest.trim_start()
                    .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
                    .next()
                    .unwrap_or("")
                    .to_ascii_lowercase()
                    .replace('_', "-")
            });
        if let Some(encoding) = named
            && !matches!(encoding.as_str(), "utf-8" | "utf8")
        {
            return Err(Fault::new(
                at,
                format!("the file says to be in {encoding}"),
                "save it as UTF-8 and remove this line",
            ));
        }
        at += line.len();
    }
    Ok(())
}
