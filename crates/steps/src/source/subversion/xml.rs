//! What svn says as XML.

use roxmltree::{Document, Node};

/// `svn info --xml`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Info {
    /// Where the sources are from.
    pub url: Option<String>,
    /// Their revision.
    pub revision: Option<String>,
    /// The revision of their last change.
    pub commit: Option<String>,
}

/// A file of `svn status --xml`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub path: String,
    /// What is with it: `unversioned`, `missing`.
    pub item: Option<String>,
}

fn named<'a, 'i>(
    node: Node<'a, 'i>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> + use<'a, 'i> {
    node.descendants()
        .filter(move |node| node.tag_name().name() == name)
}

fn attribute(node: Node<'_, '_>, name: &str) -> Option<String> {
    node.attribute(name).map(str::to_owned)
}

impl Info {
    /// `None` if it is no XML.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let document = Document::parse(text).ok()?;
        let first = |name| named(document.root(), name).next();
        Some(Self {
            url: first("url").map(|url| url.text().unwrap_or_default().to_owned()),
            revision: first("entry").and_then(|entry| attribute(entry, "revision")),
            commit: first("commit").and_then(|commit| attribute(commit, "revision")),
        })
    }
}

/// The files of `svn status --xml`; `None` if it is no XML.
pub(super) fn status(text: &str) -> Option<Vec<Entry>> {
    let document = Document::parse(text).ok()?;
    let entries = named(document.root(), "entry").map(|entry| Entry {
        path: attribute(entry, "path").unwrap_or_default(),
        item: named(entry, "wc-status")
            .next()
            .map(|status| attribute(status, "item").unwrap_or_default()),
    });
    Some(entries.collect())
}

#[cfg(test)]
mod tests {
    use super::{Info, status};

    #[test]
    fn what_is_no_xml_is_nothing() {
        for text in ["", "x", "<info", "<info></status>"] {
            assert_eq!(Info::parse(text), None);
            assert_eq!(status(text), None);
        }
        assert_eq!(Info::parse("<info/>"), Some(Info::default()));
    }
}
