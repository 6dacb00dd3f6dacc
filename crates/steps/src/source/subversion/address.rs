//! Addresses of repositories in the form in which svn keeps them.

use std::fmt::Write as _;

/// Ports that need not be said.
const PORTS: [(&str, &str); 3] = [("http", "80"), ("https", "443"), ("svn", "3690")];

/// The address as svn tells it: small letters, no port that need not be said, a plain path.
pub(super) fn canonical(address: &str) -> String {
    if address.is_empty() || address == "/" {
        return address.to_owned();
    }
    let (before_fragment, fragment) = cut(address, '#');
    let (before_query, query) = cut(before_fragment, '?');
    let (scheme, rest) = match before_query.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
        _ => (String::new(), before_query),
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            (Some(without_port(&scheme, &rest[..end])), &rest[end..])
        }
        None => (None, rest),
    };
    let has_plain_path = PORTS.iter().any(|(known, _)| *known == scheme);
    let mut path = if has_plain_path {
        plain(path)
    } else {
        path.to_owned()
    };
    path = quoted(&unquoted(&path));
    let mut canonical = String::new();
    if !scheme.is_empty() {
        canonical.push_str(&scheme);
        canonical.push(':');
    }
    if let Some(authority) = authority {
        canonical.push_str("//");
        canonical.push_str(&authority);
    }
    canonical.push_str(&path);
    canonical.push_str(query);
    canonical.push_str(fragment);
    if canonical.ends_with('/') {
        canonical.pop();
    }
    canonical
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// What is before the mark, and what begins with it.
fn cut(text: &str, mark: char) -> (&str, &str) {
    text.split_at(text.find(mark).unwrap_or(text.len()))
}

/// The host in small letters, without a port that need not be said.
fn without_port(scheme: &str, authority: &str) -> String {
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (format!("{user}@"), host),
        None => (String::new(), authority),
    };
    let mut host = host.to_lowercase();
    let usual = PORTS.iter().find(|(known, _)| *known == scheme);
    if let (Some((_, usual)), Some((name, port))) = (usual, host.split_once(':'))
        && port == *usual
    {
        host = name.to_owned();
    }
    user + &host
}

/// Without `.`, `..` and empty parts.
fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() {
        return String::new();
    }
    let start = if path.starts_with('/') { "/" } else { "" };
    format!("{start}{}", parts.join("/"))
}

fn unquoted(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, others @ ..] = rest {
        let code = (*first == b'%')
            .then(|| std::str::from_utf8(others.get(..2)?).ok())
            .flatten()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(code) = code {
            bytes.push(code);
            rest = &others[2..];
        } else {
            bytes.push(*first);
            rest = others;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// As the reference quotes: by the number of the character, also beyond ASCII.
fn quoted(path: &str) -> String {
    let mut quoted = String::new();
    for c in path.chars() {
        if c.is_ascii_alphanumeric() || "!$&'()*+,-./:;=@_~".contains(c) {
            quoted.push(c);
        } else {
            // Writing to a text does not fail.
            let _ = write!(quoted, "%{:02X}", u32::from(c));
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn addresses_become_what_the_reference_makes_of_them() {
        for (address, expected) in [
            ("http://h/r", "http://h/r"),
            ("http://H:80/r.git/", "http://h/r.git"),
            ("https://h:443/x", "https://h/x"),
            ("svn://h:3690/r.git", "svn://h/r.git"),
            ("svn://h:80/r", "svn://h:80/r"),
            ("http://h:443/x", "http://h:443/x"),
            ("HTTP://h//r.git", "http://h/r.git"),
            ("http://h/../r", "http://h/r"),
            ("http://h/%72.git", "http://h/r.git"),
            ("http://h/r%2fgit", "http://h/r/git"),
            ("http://U:P@H/r", "http://U:P@h/r"),
            ("http://h/r git", "http://h/r%20git"),
            ("svn+ssh://h:22/x//y/", "svn+ssh://h:22/x//y"),
            ("svn+ssh://h/a/../b", "svn+ssh://h/a/../b"),
            ("SVN+SSH://H/x", "svn+ssh://h/x"),
            ("file:///r/../s", "file:///r/../s"),
            ("file:///x/", "file:///x"),
            ("http://h/", "http://h"),
            ("../x", "../x"),
            ("http://h/r.git?x#y", "http://h/r.git?x#y"),
            ("http://h/é", "http://h/%E9"),
            ("http://h/%c3%a9", "http://h/%E9"),
            ("http://h/%7Er", "http://h/~r"),
            ("/", "/"),
            ("", ""),
            ("a b", "a%20b"),
            ("http://h/%zz", "http://h/%25zz"),
            ("http://h/%", "http://h/%25"),
            (
                "http://h/a;b=c,d!e*f'g(h)i:j@k&l$m",
                "http://h/a;b=c,d!e*f'g(h)i:j@k&l$m",
            ),
            (
                "http://h/a<b>\"[]{}|\\^`#m",
                "http://h/a%3Cb%3E%22%5B%5D%7B%7D%7C%5C%5E%60#m",
            ),
            ("http://h//a///b/", "http://h/a/b"),
            ("http://h/a/b/..", "http://h/a"),
            ("http://[::1]:80/x", "http://[::1]:80/x"),
            ("ftp://h:21/x//y", "ftp://h:21/x//y"),
            ("http://h:080/x", "http://h:080/x"),
            ("http://h:/x", "http://h:/x"),
            ("mailto:x", "mailto:x"),
            ("x:y/z/", "x:y/z"),
        ] {
            assert_eq!(canonical(address), expected, "{address}");
        }
    }
}
