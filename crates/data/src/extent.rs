//! How much may come and go at a path, as far as the path says: who serves it makes room before it is read.

use crate::endpoints::{self, Shape, Source};

/// Lists of more objects than this are long.
const PAGE_MAX: u64 = 1_000;

/// Whether all of an answer is made at once and may have any length.
///
/// A log that is told as text is not: it goes out piece by piece.
pub fn may_be_long(path: &[String], parameters: &[(String, String)]) -> bool {
    let Some((endpoint, _)) = endpoints::find(path) else {
        return false;
    };
    match (endpoint.shape, &endpoint.source) {
        // A line has any length, and so have the bytes that a build keeps.
        (Shape::Single, Source::Lines(_)) | (Shape::Bytes, _) => true,
        (Shape::Single | Shape::Raw | Shape::RawInline, _) => false,
        (Shape::Collection, _) => {
            let mut limits = parameters.iter().filter(|(name, _)| name == "limit");
            let limit = limits.next().and_then(|(_, limit)| limit.parse().ok());
            !matches!(limit, Some(..=PAGE_MAX))
        }
    }
}

/// Whether forms of a force scheduler are sent to a path: they may have files in them.
pub fn takes_form(path: &[String]) -> bool {
    endpoints::find(path).is_some_and(|(endpoint, _)| {
        endpoint.shape == Shape::Single && matches!(endpoint.source, Source::ForceSchedulers)
    })
}

#[cfg(test)]
mod tests {
    use super::{may_be_long, takes_form};

    fn parts(path: &str) -> Vec<String> {
        path.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn what_has_no_end_of_its_own_may_be_long() {
        let check = |path: &str, limit: Option<&str>, expected: bool| {
            let limit = limit.map(|limit| ("limit".to_owned(), limit.to_owned()));
            let parameters: Vec<_> = limit.into_iter().collect();
            assert_eq!(may_be_long(&parts(path), &parameters), expected, "{path}");
        };
        check("builds", None, true);
        check("builds", Some("-1"), true);
        check("builds", Some("1001"), true);
        check("builds", Some("1000"), false);
        check("builds/1", None, false);
        check("logs/1/contents", Some("1"), true);
        check("logs/1/raw", None, false);
        check("logs/1/raw_inline", None, false);
        check("builds/1/data/x/value", None, true);
        check("no/such/path", None, false);
    }

    #[test]
    fn forms_go_to_one_force_scheduler() {
        assert!(takes_form(&parts("forceschedulers/force")));
        assert!(!takes_form(&parts("forceschedulers")));
        assert!(!takes_form(&parts("builders/forceschedulers")));
        assert!(!takes_form(&parts("builds/1")));
    }
}
