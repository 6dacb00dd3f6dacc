//! Identifiers: short names that can stand in the path of a URL.

/// How long the identifiers of the database are, in characters.
const LENGTH_MAX: usize = 50;

/// The name itself where it is an identifier, otherwise the nearest one.
///
/// Seen: `forceIdentifier(50, …)` of Buildbot 4.3.
pub(crate) fn of_name(name: &str) -> String {
    if is_identifier(name) {
        return name.to_owned();
    }
    let replaced = name.chars().enumerate().map(|(position, c)| match c {
        '0'..='9' if position == 0 => '_',
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => c,
        _ => '_',
    });
    replaced.take(LENGTH_MAX).collect()
}

/// The next one to try when `identifier` is taken: with `_2` behind it, or a higher number.
///
/// Seen: `incrementIdentifier(50, …)` of Buildbot 4.3.
pub(crate) fn next(identifier: &str) -> String {
    next_of(identifier, LENGTH_MAX)
}

/// The same for names of another length.
pub(crate) fn next_of(identifier: &str, length_max: usize) -> String {
    let (stem, number) = match identifier.rsplit_once('_') {
        Some((stem, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            match digits.parse::<u32>() {
                Ok(number) => (stem, number.saturating_add(1)),
                Err(_) => (identifier, 2),
            }
        }
        Some(_) | None => (identifier, 2),
    };
    let suffix = format!("_{number}");
    let room = length_max.saturating_sub(suffix.len());
    stem.chars().take(room).chain(suffix.chars()).collect()
}

fn is_identifier(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\u{a0}'..);
    name.chars().count() <= LENGTH_MAX
        && name.starts_with(|c: char| !c.is_ascii_digit())
        && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::{next, of_name};

    #[test]
    fn names_become_identifiers() {
        for (name, identifier) in [
            ("stdio", "stdio"),
            ("many lines", "many_lines"),
            ("1abc", "_abc"),
            ("é", "é"),
            ("é x", "__x"),
            ("a.b c", "a_b_c"),
            ("-a", "-a"),
            ("日本語", "日本語"),
            ("日本 語", "____"),
            ("", ""),
            (&"x".repeat(60), &"x".repeat(50)),
        ] {
            assert_eq!(of_name(name), identifier, "{name}");
        }
    }

    #[test]
    fn taken_identifiers_get_numbers() {
        let long = "x".repeat(48);
        for (taken, free) in [
            ("a", "a_2".to_owned()),
            ("a_2", "a_3".to_owned()),
            ("a_9", "a_10".to_owned()),
            ("a_x", "a_x_2".to_owned()),
            ("a_", "a__2".to_owned()),
            ("_2", "_3".to_owned()),
            (&format!("{long}xx"), format!("{long}_2")),
            (&format!("{long}_9"), format!("{}_10", &long[1..])),
        ] {
            assert_eq!(next(taken), free, "{taken}");
        }
    }
}
