//! The lists of encodings that come with the program, read only when an encoding is named.

/// Encodings with one byte per character.
pub(super) const SINGLE_BYTE: &str = include_str!("tables/single_byte.txt");
/// Encodings with several bytes per character.
pub(super) const MULTI_BYTE: &str = include_str!("tables/multi_byte.txt");

/// One encoding of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Python's name.
    pub(super) name: &'static str,
    /// Name and aliases, separated by blanks.
    names: &'static str,
    /// What the list says about it.
    body: &'static str,
}

impl Entry {
    /// Says whether this is the encoding's name or one of its aliases.
    pub(super) fn is_named(&self, normalised: &str) -> bool {
        self.names
            .split_ascii_whitespace()
            .any(|name| name == normalised)
    }

    /// The words that describe the encoding.
    pub(super) fn words(&self) -> impl Iterator<Item = &'static str> {
        self.body.split_ascii_whitespace()
    }
}

/// The encodings of a list.
pub(super) fn entries(list: &'static str) -> impl Iterator<Item = Entry> {
    let mut left = list;
    std::iter::from_fn(move || {
        loop {
            // A record reaches to the first newline that no continuation follows.
            let end = left
                .match_indices('\n')
                .find(|(at, _)| !left[at + 1..].starts_with(' '));
            let (end, _) = end?;
            let (record, after) = left.split_at(end + 1);
            left = after;
            if record.starts_with('#') {
                continue;
            }
            let (names, body) = record.split_once(" : ")?;
            let name = names.split_ascii_whitespace().next()?;
            return Some(Entry { name, names, body });
        }
    })
}

/// A number as the lists write it.
pub(super) fn hex(word: &str) -> Option<u32> {
    u32::from_str_radix(word, 16).ok()
}

/// A character as the lists write it.
pub(super) fn hex_char(word: &str) -> Option<char> {
    char::from_u32(hex(word)?)
}
