//! News fragments: one file per change that a user sees.

use anyhow::Result;

use crate::{Problem, Tree};

const DIRECTORY: &str = "newsfragments/";
const KINDS: [&str; 5] = ["feature", "bugfix", "change", "removal", "compat"];

pub(crate) fn check(tree: &Tree) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for path in tree.files() {
        if let Some(name) = path.strip_prefix(DIRECTORY) {
            problems.extend(check_fragment(path, name, &tree.source(path)?));
        }
    }
    Ok(problems)
}

fn check_fragment(path: &str, name: &str, text: &str) -> Option<Problem> {
    if name == "README.md" {
        return None;
    }
    let parts: Vec<&str> = name.split('.').collect();
    let is_slug = |slug: &str| {
        !slug.is_empty()
            && slug
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let is_named =
        matches!(parts.as_slice(), [slug, kind, "md"] if is_slug(slug) && KINDS.contains(kind));
    if !is_named {
        let text = format!(
            "a fragment is called SLUG.KIND.md, where SLUG has small letters, digits and hyphens \
             and KIND is one of {KINDS:?}"
        );
        return Some(Problem::in_file(path, text));
    }
    let sentence = text.trim_end();
    let is_sentence = sentence.ends_with('.') && !sentence.contains("\n\n");
    (!is_sentence).then(|| {
        Problem::in_file(
            path,
            "a fragment is one sentence with a full stop, for the person who runs the program",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_has_a_name_of_the_form_and_one_sentence() {
        let check = |name: &str, text: &str, is_good: bool| {
            assert_eq!(check_fragment("x", name, text).is_none(), is_good, "{name}");
        };
        check("worker-tls.feature.md", "The worker speaks TLS.\n", true);
        check("README.md", "# News", true);
        check("worker-tls.md", "The worker speaks TLS.\n", false);
        check("Worker.feature.md", "The worker speaks TLS.\n", false);
        check("worker.news.md", "The worker speaks TLS.\n", false);
        check("worker.feature.md", "", false);
        check("worker.feature.md", "One.\n\nTwo.\n", false);
    }
}
