//! Shell patterns as Python's `fnmatch` understands them, on whole texts.

/// Whether a text is what a pattern with `*`, `?`, `[abc]`, `[a-c]` and `[!abc]` says.
pub(crate) fn fnmatch(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    // Where the last `*` is, and up to where it has eaten the text.
    let mut star: Option<(usize, usize)> = None;
    let (mut at, mut next) = (0, 0);
    while at < text.len() {
        match step(&pattern, next, text[at]) {
            Step::Star => {
                star = Some((next + 1, at));
                next += 1;
            }
            Step::Matches(length) => {
                at += 1;
                next += length;
            }
            Step::Fails => {
                let Some((after, eaten)) = star else {
                    return false;
                };
                star = Some((after, eaten + 1));
                at = eaten + 1;
                next = after;
            }
        }
    }
    pattern[next..].iter().all(|&character| character == '*')
}

enum Step {
    Star,
    /// The character fits so many characters of the pattern.
    Matches(usize),
    Fails,
}

fn step(pattern: &[char], at: usize, character: char) -> Step {
    match pattern.get(at) {
        None => Step::Fails,
        Some('*') => Step::Star,
        Some('?') => Step::Matches(1),
        Some('[') => match set(&pattern[at..]) {
            Some((inside, length)) if in_set(inside, character) => Step::Matches(length),
            Some(_) => Step::Fails,
            None if character == '[' => Step::Matches(1),
            None => Step::Fails,
        },
        Some(literal) if *literal == character => Step::Matches(1),
        Some(_) => Step::Fails,
    }
}

/// What stands between the brackets, and how long both are together; nothing if the bracket is not closed.
fn set(pattern: &[char]) -> Option<(&[char], usize)> {
    let from = if pattern.get(1) == Some(&'!') { 2 } else { 1 };
    // A bracket that closes at once is a member.
    let close = (from + 1..pattern.len()).find(|&at| pattern[at] == ']')?;
    Some((&pattern[1..close], close + 1))
}

fn in_set(inside: &[char], character: char) -> bool {
    let (negated, mut rest) = match inside {
        ['!', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut found = false;
    while let [first, after @ ..] = rest {
        match after {
            ['-', last, after @ ..] => {
                found |= (*first..=*last).contains(&character);
                rest = after;
            }
            _ => {
                found |= *first == character;
                rest = after;
            }
        }
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::fnmatch;

    #[test]
    fn patterns_match_whole_texts() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(fnmatch(text, pattern), expected, "{pattern} {text}");
        };
        check("abc", "abc", true);
        check("abc", "abcd", false);
        check("a*c", "abbc", true);
        check("a*c", "abbcd", false);
        check("*", "", true);
        check("?", "", false);
        check("[a-c]x", "bx", true);
        check("[!a-c]x", "bx", false);
        check("[]x]", "]", true);
        check("[x", "[x", true);
        check("http://*.example.com", "http://a.example.com", true);
        check("*a*b*", "xxaxxbxx", true);
        check("b[!1]*", "b22", true);
    }
}
