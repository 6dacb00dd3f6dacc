//! Text on its way into a log, which takes whole lines.

use buildbot_logs::LINE_BYTES_MAX;

/// What a line may have beyond its greatest length before its begin is let go, so that a secret across the cut is seen.
const OVERLAP_BYTES: usize = 64 * 1024;

/// What has no end of its line yet.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    text: String,
    /// Whether it may hold parts of secrets that came in pieces.
    is_raw: bool,
}

/// How a text came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Anywhere: a secret may have been cut in two.
    Anywhere,
    /// Where it does not matter.
    Harmless,
}

impl Unfinished {
    /// Takes what comes next, and gives what is complete with that. `settle` makes of what came anywhere what stands in a
    /// log: secrets are replaced, and newlines of other systems.
    pub(super) fn push(
        &mut self,
        text: &str,
        cut: Cut,
        settle: impl Fn(&str) -> String,
    ) -> Option<String> {
        let is_raw = cut == Cut::Anywhere;
        self.is_raw |= is_raw;
        let whole = match text.rfind('\n') {
            Some(end) => {
                let (lines, rest) = text.split_at(end + 1);
                let mut whole = std::mem::take(&mut self.text);
                whole.push_str(lines);
                self.text.push_str(rest);
                let was_raw = std::mem::replace(&mut self.is_raw, is_raw);
                if was_raw { settle(&whole) } else { whole }
            }
            None => {
                self.text.push_str(text);
                if self.text.len() < LINE_BYTES_MAX + OVERLAP_BYTES {
                    return None;
                }
                if self.is_raw {
                    self.text = settle(&self.text);
                }
                let end = match self.text.rfind('\n') {
                    Some(newline) => newline + 1,
                    None => {
                        let mut end = LINE_BYTES_MAX.min(self.text.len());
                        while !self.text.is_char_boundary(end) {
                            end -= 1;
                        }
                        end
                    }
                };
                let rest = self.text.split_off(end);
                std::mem::replace(&mut self.text, rest)
            }
        };
        Some(whole)
    }

    /// What is left at the end of the log, as a line.
    pub(super) fn end(&mut self, settle: impl Fn(&str) -> String) -> Option<String> {
        let mut rest = std::mem::take(&mut self.text);
        if rest.is_empty() {
            return None;
        }
        rest.push('\n');
        Some(if self.is_raw { settle(&rest) } else { rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(text: &str) -> String {
        text.replace("hunter2", "<password>")
    }

    #[test]
    fn a_secret_that_comes_in_two_pieces_is_hidden() {
        let mut line = Unfinished::default();
        assert_eq!(line.push("it is hun", Cut::Anywhere, mask), None);
        let whole = line.push("ter2.\nand hunt", Cut::Anywhere, mask);
        assert_eq!(whole.as_deref(), Some("it is <password>.\n"));
        assert_eq!(line.push("er2", Cut::Anywhere, mask), None);
        assert_eq!(line.end(mask).as_deref(), Some("and <password>\n"));
        assert_eq!(line.end(mask), None);
    }

    #[test]
    fn the_last_line_is_settled_as_the_others_are() {
        let settle = |text: &str| buildbot_gateway::clean(&mask(text)).into_owned();
        let mut line = Unfinished::default();
        assert_eq!(line.push("10%\r20% hun", Cut::Anywhere, settle), None);
        assert_eq!(line.push("ter2\r", Cut::Harmless, settle), None);
        assert_eq!(line.end(settle).as_deref(), Some("10%\n20% <password>\n"));
    }

    #[test]
    fn a_line_without_end_does_not_grow_for_ever() {
        let mut line = Unfinished::default();
        let piece = "x".repeat(32 * 1024);
        let mut given = 0;
        for _ in 0..200 {
            given += line
                .push(&piece, Cut::Anywhere, mask)
                .map_or(0, |whole| whole.len());
            assert!(line.text.len() < LINE_BYTES_MAX + OVERLAP_BYTES);
        }
        let rest = line.end(mask).map_or(0, |line| line.len() - 1);
        assert_eq!(given + rest, 200 * piece.len());
    }

    #[test]
    fn a_secret_across_the_cut_of_a_long_line_is_hidden() {
        let mut line = Unfinished::default();
        let before = "x".repeat(LINE_BYTES_MAX - 3);
        assert_eq!(line.push(&before, Cut::Anywhere, mask), None);
        let after = format!("hunter2{}", "y".repeat(OVERLAP_BYTES));
        let whole = line.push(&after, Cut::Anywhere, mask).expect("a long line");
        let rest = line.end(mask).expect("the rest");
        assert!(!whole.contains("hun") && !rest.contains("ter2"));
    }

    #[test]
    fn what_came_in_harmless_pieces_is_not_looked_at_again() {
        let mut line = Unfinished::default();
        let whole = line.push("hunter2\n", Cut::Harmless, mask);
        assert_eq!(whole.as_deref(), Some("hunter2\n"));
    }
}
