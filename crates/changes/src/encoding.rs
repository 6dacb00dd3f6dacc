//! What programs write, as text.

use std::borrow::Cow;

use encoding_rs::Encoding;

/// An encoding by the name that Python has for it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Codec {
    Utf8,
    Latin1,
    Other(&'static Encoding),
}

impl Codec {
    pub(crate) fn find(name: &str) -> Option<Self> {
        let plain = name.to_ascii_lowercase().replace('_', "-");
        Some(match plain.as_str() {
            "utf-8" | "utf8" | "u8" | "ascii" | "us-ascii" => Self::Utf8,
            "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "l1" => Self::Latin1,
            other => Self::Other(
                Encoding::for_label(other.as_bytes())
                    .or_else(|| Encoding::for_label(other.replace("cp", "windows-").as_bytes()))?,
            ),
        })
    }

    /// The text; what is none in this encoding becomes U+FFFD.
    pub(crate) fn decode(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes),
            Self::Latin1 => bytes.iter().map(|byte| char::from(*byte)).collect(),
            Self::Other(encoding) => match encoding.decode_without_bom_handling(bytes).0 {
                Cow::Borrowed(text) => Cow::Borrowed(text),
                Cow::Owned(text) => Cow::Owned(text),
            },
        }
        .into_owned()
    }
}
