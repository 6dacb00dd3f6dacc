//! What must arrive of a program's output.

use anyhow::{Result, ensure};

/// Length of lines from which on they are split (`worker-commands.md` 1.3, `max_line_length`).
const LINE_CHARS_MAX: usize = 4096;

/// The lines of a log for what a program has written, by the rules of `worker-commands.md` 1.3 for an encoding of
/// UTF-8. Of what else ends a line, only carriage returns are known here: no escape sequences, no backspaces.
#[must_use]
pub fn lines_of(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    let mut characters = text.chars().peekable();
    let mut lines = Vec::new();
    let (mut line, mut length) = (String::new(), 0);
    while let Some(character) = characters.next() {
        if character == '\r' {
            characters.next_if_eq(&'\n');
        }
        if matches!(character, '\r' | '\n') {
            lines.push(std::mem::take(&mut line));
            length = 0;
            continue;
        }
        if length == LINE_CHARS_MAX - 1 {
            // One more makes the line too long: what is there goes as a line of its own.
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        line.push(character);
        length += 1;
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Fails with the first difference.
pub fn ensure_lines(what: &str, found: &[String], expected: &[String]) -> Result<()> {
    let pairs = found.iter().zip(expected);
    if let Some((number, (found, expected))) = (1..).zip(pairs).find(|(_, (a, b))| a != b) {
        anyhow::bail!("{what}: line {number} is {found:?}, expected {expected:?}");
    }
    ensure!(
        found.len() == expected.len(),
        "{what}: {} lines, expected {}",
        found.len(),
        expected.len()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_and_are_split_as_documented() {
        assert_eq!(lines_of(b"a\rb\r\nc\n\nd\r"), ["a", "b", "c", "", "d"]);
        assert_eq!(lines_of(b"h\xc3\xa9\xff\n"), ["hé\u{fffd}"]);
        for (length, pieces) in [
            (4095, vec![4095]),
            (4096, vec![4095, 1]),
            (8190, vec![4095, 4095]),
        ] {
            let lines = lines_of("é".repeat(length).as_bytes());
            let found: Vec<usize> = lines.iter().map(|line| line.chars().count()).collect();
            assert_eq!(found, pieces);
        }
    }

    #[test]
    fn a_difference_names_the_line() {
        let lines = |text: &str| lines_of(text.as_bytes());
        let error = ensure_lines("x", &lines("a\nb"), &lines("a\nc")).unwrap_err();
        assert_eq!(error.to_string(), r#"x: line 2 is "b", expected "c""#);
        assert!(ensure_lines("x", &lines("a"), &lines("a\nc")).is_err());
    }
}
