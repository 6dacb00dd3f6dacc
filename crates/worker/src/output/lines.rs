//! The line stage of one stream: newlines, over-long lines, the unfinished rest.

use memchr::{memchr, memrchr};

use super::Settings;

/// The unfinished line of a stream.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Has no newline and fewer than `max_line_length` characters.
    rest: String,
    /// Characters in `rest`.
    rest_chars: usize,
    /// When the first character of `rest` arrived.
    rest_at: f64,
    /// Bytes at the end of `rest` that may turn into a newline with what comes next; always whole characters.
    open_bytes: usize,
}

impl Lines {
    /// Appends to `complete` the lines that `text` makes complete, and keeps the rest.
    ///
    /// Returns when the first of them began; all others began `now`.
    pub(super) fn push(
        &mut self,
        text: &str,
        now: f64,
        settings: &Settings,
        complete: &mut String,
    ) -> f64 {
        let first_at = if self.rest.is_empty() {
            now
        } else {
            self.rest_at
        };
        if text.is_empty() {
            return first_at;
        }
        let max_chars = settings
            .max_line_length
            .clamp(Settings::LINE_LENGTH_MIN, Settings::LINE_LENGTH_MAX);
        let before = complete.len();
        let open = if self.open_bytes == 0 {
            let text = settings.newline.replace(text);
            self.distribute(&text, max_chars, complete);
            settings.newline.open_bytes(&text)
        } else {
            let open = self
                .rest
                .split_off(self.rest.len().saturating_sub(self.open_bytes));
            self.rest_chars -= open.chars().count();
            let joined = open + text;
            let text = settings.newline.replace(&joined);
            self.distribute(&text, max_chars, complete);
            settings.newline.open_bytes(&text)
        };
        // Where the piece with the beginning of a match has been cut off, all of the rest is looked at
        // again, in vain.
        self.open_bytes = open.map_or(self.rest.len(), |bytes| bytes.min(self.rest.len()));
        self.rest_at = if complete.len() == before {
            first_at
        } else {
            now
        };
        first_at
    }

    /// Ends the unfinished line, if there is one, by a newline, which completes a held back CR as well.
    ///
    /// Returns when the line began.
    pub(super) fn finish(&mut self, now: f64, settings: &Settings, complete: &mut String) -> f64 {
        if self.rest.is_empty() {
            return now;
        }
        self.push("\n", now, settings, complete)
    }

    /// Bytes of the unfinished line.
    pub(super) fn pending_bytes(&self) -> usize {
        self.rest.len()
    }

    /// Cuts `text`, in which matches are newlines already, into lines that continue `rest`.
    fn distribute(&mut self, mut text: &str, max_chars: usize, complete: &mut String) {
        if !self.rest.is_empty() {
            let Some(newline) = memchr(b'\n', text.as_bytes()) else {
                return self.extend_line(text, max_chars, complete);
            };
            self.extend_line(&text[..newline], max_chars, complete);
            self.end_line(complete);
            text = &text[newline + 1..];
        }
        // Lines that are short enough are passed on in blocks: `copied..line` is such a block, and a
        // window as long as the longest line allowed skips to the last newline in it.
        let bytes = text.as_bytes();
        let (mut copied, mut line) = (0usize, 0usize);
        loop {
            let window = &bytes[line..bytes.len().min(line.saturating_add(max_chars))];
            if let Some(newline) = memrchr(b'\n', window) {
                line += newline + 1;
                continue;
            }
            complete.push_str(&text[copied..line]);
            let Some(newline) = memchr(b'\n', &bytes[line..]) else {
                return self.extend_line(&text[line..], max_chars, complete);
            };
            self.extend_line(&text[line..line + newline], max_chars, complete);
            self.end_line(complete);
            line += newline + 1;
            copied = line;
        }
    }

    /// Continues the unfinished line by `text`, which has no newline, passing on pieces that are long enough.
    fn extend_line(&mut self, mut text: &str, max_chars: usize, complete: &mut String) {
        while let Some(cut) = offset_of_char(text, max_chars - 1 - self.rest_chars) {
            complete.push_str(&self.rest);
            complete.push_str(&text[..cut]);
            complete.push('\n');
            self.rest.clear();
            self.rest_chars = 0;
            text = &text[cut..];
        }
        self.rest.push_str(text);
        self.rest_chars += text.chars().count();
    }

    fn end_line(&mut self, complete: &mut String) {
        complete.push_str(&self.rest);
        complete.push('\n');
        self.rest.clear();
        self.rest_chars = 0;
    }
}

/// Where the character with this index begins; `None` if `text` is shorter.
fn offset_of_char(text: &str, index: usize) -> Option<usize> {
    let head = text.as_bytes().get(..index)?;
    if head.is_ascii() {
        return (index < text.len()).then_some(index);
    }
    text.char_indices().nth(index).map(|(offset, _)| offset)
}
