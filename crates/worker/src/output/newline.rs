//! What counts as a newline in output.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use buildbot_python_regex::translate;
use fancy_regex::{Regex, RegexBuilder};
use memchr::{memchr3, memrchr};

const CR: u8 = b'\r';
const BACKSPACE: u8 = 0x08;
const ESC: u8 = 0x1b;

/// The pattern that masters send, for which there is an equivalent by hand.
const USUAL: &str = r"(\r\n|\r(?=.)|\033\[u|\033\[[0-9]+;[0-9]+[Hf]|\033\[2J|\x08+)";

/// Steps that one search may take; enough for 64 KiB of text and dozens of alternatives.
const STEPS_MAX: usize = 4_000_000;
/// Instructions that a compiled pattern may have.
const PROGRAM_MAX: usize = 100_000;
/// Bytes that a compiled pattern may take.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// A pattern whose matches become newlines; the default is the one that masters send.
///
/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct NewlinePattern {
    kind: Kind,
}

#[derive(Debug, Clone, Default)]
enum Kind {
    /// What [`USUAL`] says, without an engine.
    #[default]
    Usual,
    General(Arc<General>),
}

#[derive(Debug)]
struct General {
    regex: Regex,
    /// The pattern has failed once, and the log says so.
    has_failed: AtomicBool,
}

/// A newline pattern that is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("newline_re {pattern:?} is not a usable regular expression: {reason}")]
pub struct NewlinePatternError {
    /// The pattern as the master sent it.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

impl NewlinePattern {
    /// Reads a regular expression in Python's syntax, as `newline_re` of the worker settings has it.
    ///
    /// Differs: in `newline_re` flags `a` and `L` and named characters (`\N{…}`) are refused, `\w` has the
    /// characters of Unicode's own definition, and where the pattern matches nothing a longer match at the same place is not
    /// looked for, because the engine has none of these and no master sends such patterns.
    ///
    /// Differs: a search for newlines that takes millions of steps is given up, and the text stays as it is
    /// until more arrives, because the pattern comes from outside and must not keep the worker busy for ever.
    pub fn from_python_regex(pattern: &str) -> Result<Self, NewlinePatternError> {
        if pattern == USUAL {
            return Ok(Self::default());
        }
        let unusable = |reason| NewlinePatternError {
            pattern: pattern.to_owned(),
            reason,
        };
        let translated = translate(pattern).map_err(unusable)?;
        let regex = RegexBuilder::new(&translated.pattern)
            .backtrack_limit(STEPS_MAX)
            .max_prog_size(PROGRAM_MAX)
            // Skips to where a match may begin, which makes look-ahead as fast as other patterns.
            .seek(true)
            .delegate_size_limit(COMPILED_BYTES_MAX)
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        // The references were checked by this number; the engine panics at a condition whose group it has not.
        if regex.captures_len() != translated.groups + 1 {
            return Err(unusable("its groups cannot be told apart".to_owned()));
        }
        let general = General {
            regex,
            has_failed: AtomicBool::new(false),
        };
        Ok(Self {
            kind: Kind::General(Arc::new(general)),
        })
    }

    /// Replaces every match by `\n`.
    pub(super) fn replace<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.kind {
            Kind::Usual => replace_usual(text),
            Kind::General(general) => general.replace(text),
        }
    }

    /// How many bytes at the end of a replaced text may become part of a match; `None` for all of it.
    pub(super) fn open_bytes(&self, text: &str) -> Option<usize> {
        match self.kind {
            Kind::Usual => Some(open_bytes_usual(text.as_bytes())),
            Kind::General(_) => None,
        }
    }
}

impl General {
    fn replace<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut replaced = String::new();
        let (mut copied, mut from) = (0, 0);
        while from <= text.len() {
            let found = match self.regex.find_from_pos(text, from) {
                Ok(Some(found)) => found,
                Ok(None) => break,
                Err(error) => {
                    if !self.has_failed.swap(true, Ordering::Relaxed) {
                        tracing::warn!(%error, "newline_re takes too long; output keeps what it would replace");
                    }
                    break;
                }
            };
            replaced.push_str(&text[copied..found.start()]);
            replaced.push('\n');
            copied = found.end();
            from = found.end();
            if found.start() == found.end() {
                // Python, too, goes on with the next character.
                from += text[from..].chars().next().map_or(1, char::len_utf8);
            }
        }
        if replaced.is_empty() {
            return Cow::Borrowed(text);
        }
        replaced.push_str(&text[copied..]);
        Cow::Owned(replaced)
    }
}

fn replace_usual(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let Some(first) = memchr3(CR, ESC, BACKSPACE, bytes) else {
        return Cow::Borrowed(text);
    };
    let mut replaced = String::with_capacity(text.len());
    let (mut copied, mut at) = (0, first);
    loop {
        let length = match_length(&bytes[at..]);
        if length > 0 {
            replaced.push_str(&text[copied..at]);
            replaced.push('\n');
            copied = at + length;
        }
        let next = at + length.max(1);
        match memchr3(CR, ESC, BACKSPACE, &bytes[next..]) {
            Some(distance) => at = next + distance,
            None => break,
        }
    }
    replaced.push_str(&text[copied..]);
    Cow::Owned(replaced)
}

/// Length of the match at the start of `bytes`, 0 if there is none.
fn match_length(bytes: &[u8]) -> usize {
    match bytes {
        [CR, b'\n', ..] => 2,
        [CR, _, ..] => 1,
        [BACKSPACE, ..] => bytes.iter().take_while(|&&byte| byte == BACKSPACE).count(),
        [ESC, b'[', b'u', ..] => 3,
        [ESC, b'[', b'2', b'J', ..] => 4,
        [ESC, b'[', numbers @ ..] => {
            let first = digits(numbers);
            let [b';', second @ ..] = &numbers[first..] else {
                return 0;
            };
            let length = digits(second);
            match second.get(length) {
                Some(b'H' | b'f') if first > 0 && length > 0 => 2 + first + 1 + length + 1,
                _ => 0,
            }
        }
        _ => 0,
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

fn open_bytes_usual(bytes: &[u8]) -> usize {
    if bytes.last() == Some(&CR) {
        return 1;
    }
    let Some(escape) = memrchr(ESC, bytes) else {
        return 0;
    };
    let sequence = &bytes[escape..];
    let is_open = match sequence {
        [_] | [_, b'['] => true,
        [_, b'[', numbers @ ..] => {
            let first = digits(numbers);
            match &numbers[first..] {
                [] => true,
                [b';', second @ ..] => first > 0 && digits(second) == second.len(),
                _ => false,
            }
        }
        _ => false,
    };
    if is_open { sequence.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// The pattern that masters send, so written that the engine runs it.
    const USUAL_IN_OTHER_WORDS: &str =
        r"(?:\r\n|\r(?=.)|\033\[u|\033\[[0-9]+;[0-9]+[Hf]|\033\[2J|\x08+)";

    fn pattern(text: &str) -> NewlinePattern {
        NewlinePattern::from_python_regex(text).expect("the pattern is right")
    }

    fn in_pieces_of(alphabet: &[&str], pieces: usize, random: &mut fastrand::Rng) -> String {
        (0..pieces)
            .map(|_| *random.choice(alphabet).expect("the alphabet is not empty"))
            .collect()
    }

    /// The texts with every match replaced by Python; `None` where it refuses the pattern.
    fn python(cases: &[(&str, String)]) -> Vec<Option<String>> {
        const SUBSTITUTE: &str = r#"
import re, sys, warnings
warnings.simplefilter("ignore")
for line in sys.stdin:
    pattern, text = (bytes.fromhex(part).decode() for part in line.rstrip("\n").split(","))
    try:
        print(re.sub(pattern, "\n", text).encode().hex())
    except (re.error, OverflowError):
        print("!")
"#;
        let hex = |text: &str| {
            text.bytes()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        let mut child = Command::new("python3")
            .args(["-c", SUBSTITUTE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 can be started");
        let input: String = cases
            .iter()
            .map(|(pattern, text)| format!("{},{}\n", hex(pattern), hex(text)))
            .collect();
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().expect("python3 can be waited for");
        writer
            .join()
            .expect("the writer does not panic")
            .expect("python3 reads all");
        let unhex = |line: &str| {
            let bytes =
                (0..line.len() / 2).map(|i| u8::from_str_radix(&line[2 * i..2 * i + 2], 16));
            String::from_utf8(bytes.collect::<Result<_, _>>().expect("hexadecimal")).expect("UTF-8")
        };
        let lines = String::from_utf8(output.stdout).expect("hexadecimal digits");
        lines
            .lines()
            .map(|line| (line != "!").then(|| unhex(line)))
            .collect()
    }

    #[test]
    fn the_pattern_that_masters_send_needs_no_engine() {
        assert!(matches!(pattern(USUAL).kind, Kind::Usual));
        assert!(matches!(
            pattern(USUAL_IN_OTHER_WORDS).kind,
            Kind::General(_)
        ));
    }

    #[test]
    fn the_equivalent_by_hand_replaces_what_the_pattern_matches() {
        let alphabet = [
            "\r",
            "\n",
            "\x08",
            "\x1b",
            "[",
            "2",
            "J",
            "u",
            ";",
            "1",
            "31",
            "H",
            "f",
            "x",
            "é",
            "\x1b[",
            "\x1b[2J",
            "\x1b[u",
            "\x1b[1;2H",
            "\x1b[12;34",
            "\r\n",
            "\x1b[;1H",
            "\x1b[1;H",
        ];
        let mut random = fastrand::Rng::with_seed(3);
        let texts: Vec<String> = (0..3000)
            .map(|_| in_pieces_of(&alphabet, 12, &mut random))
            .collect();
        let cases: Vec<_> = texts.iter().map(|text| (USUAL, text.clone())).collect();
        let general = pattern(USUAL_IN_OTHER_WORDS);
        for (text, expected) in texts.iter().zip(python(&cases)) {
            let expected = expected.expect("Python knows the pattern");
            assert_eq!(pattern(USUAL).replace(text), expected, "{text:?}");
            assert_eq!(general.replace(text), expected, "{text:?} by the engine");
        }
    }

    #[test]
    fn other_patterns_match_what_they_match_in_python() {
        let patterns = [
            r"\033\[[0-9;]*m",
            r"[\r\b]+",
            r"x*",
            r"a$",
            r"(?m)a$",
            r"a\Z",
            r"^a",
            r"[]x]",
            r"[^]x\n]",
            r"[[x]",
            r"[a&&b]",
            r"[a\-z]",
            r"[a-c]",
            r"[\]]",
            r"a{2}",
            r"a{,2}b",
            r"a{x",
            r"a{1,",
            r"{a",
            r"a{}",
            r"\x41|\u0041",
            r"\101",
            r"(a)\1",
            r"(a)(b)\2",
            r"(?P<q>a|b)(?P=q)",
            r"(?#note)a",
            r"(?i:A)b",
            r"(?i)AB",
            r"(?s)a.b",
            r"(?<=a)b",
            r"(?<!a)b",
            r"a(?!b)",
            r"\<|\>",
            r"\s",
            r"[\s]",
            r"\S+",
            r"[^\S]",
            r"\d+",
            r"[\d]",
            r"\0",
            r"[\0-\10]",
            r"\07",
            r"(a)|b\10",
            r"a#b",
            r"a-b",
            r"\.\*",
            r"(?x) a b # note",
            r"[ ]",
            r"(?x)[ ]",
            r"(a)?(?(1)b|c)",
            r"(?P<q>a)?(?(q)b|c)",
            r"(a)?(?(01)b)c",
            r"(?(1)a|b)(x)",
            r"(a(?(1)b|c))",
            r"(a)?(?(1))b",
            r"(a)?(?(1)|)b",
            r"(a)?(?(1)(?:))b",
            r"(a)?(?(1)|b)",
            r"(a)?(?(1)b|(c|x))",
            r"(a)(?<=(?(1)a|b))b",
            r"(?P<DEFINE>a)(?(DEFINE)b)",
            r"(?x) (a) # (
               \1",
            r"(?x: a # )
               )b",
            r"(?x:(?-x: )\x0ba\#)[#]",
            r"(?u)a",
            r"a|",
            r"é",
            r"[é-ï]",
            r"\bab\b",
            r"\Ba",
            r"\A.",
            r"a}",
            r"a]",
            r"\t|\v|\f|\a",
            r"~",
            r"[~~]",
            r"[a--b]",
            r"a{,}b",
            r"a{0}b",
            // Refused:
            r"(",
            r")",
            r"[",
            r"a\",
            r"\q",
            r"[\q]",
            r"*",
            r"(*FAIL)",
            r"\xg",
            r"\x4",
            r"[b-a]",
            r"[\d-z]",
            r"[a-\d]",
            r"(?<n>a)",
            r"(?R)",
            r"\400",
            r"[\400]",
            r"[\8]",
            r"\K",
            r"\h",
            r"\G",
            r"(?P>a)",
            r"(?P<n",
            r"\1",
            r"(?P=n)",
            r"(?#",
            r"a**",
            r"(?<=a*)b",
            r"(?q)a",
            r"(?)a",
            r"(a\1)",
            r"(?P<q>a(?P=q))",
            r"(?P=q)(?P<q>a)",
            r"(?P<q>a)(?P<q>b)",
            r"(?P<1>a)",
            r"(?P<>a)",
            r"(?(2)a|b)(x)",
            r"(?(6)|a)",
            r"(?(0)a)",
            r"(?()a)",
            r"(?(q)a|b)(?P<q>x)",
            r"(?(9223372036854775808)a)",
            r"(?(99999999999999999999)a)",
            r"(a)?(?(1)b|c|x)",
            r"(?<=(a)(?(1)b|c))x",
            r"(?<=(a)\1)x",
            r"(a(?<=(?(1)a|b)))",
            "(?x)(a)# (\n(?(2)b|c)",
        ];
        let alphabet = [
            "a", "b", "c", "x", "A", "B", "aa", "ab", "abab", "\r", "\n", "\t", "\x08", "\x1b[",
            "31", "m", ";", "]", "[", "{", "}", "&", "-", "~", "<", ">", " ", "é", "ï", "\0",
            "\x07", "\x1c", "\u{a0}", "0", "#", ".", "*", "{x", "a{}", "a{1,",
        ];
        let mut random = fastrand::Rng::with_seed(5);
        let mut cases = Vec::new();
        for regex in patterns {
            cases.extend((0..60).map(|_| (regex, in_pieces_of(&alphabet, 10, &mut random))));
        }
        let mut refused = 0;
        for ((regex, text), expected) in cases.iter().zip(python(&cases)) {
            match (NewlinePattern::from_python_regex(regex), expected) {
                (Ok(pattern), Some(expected)) => {
                    assert_eq!(pattern.replace(text), expected, "{regex} in {text:?}");
                }
                (Err(error), None) => {
                    refused += 1;
                    assert!(error.to_string().contains(&format!("{regex:?}")), "{error}");
                }
                (ours, theirs) => panic!("{regex}: {ours:?}, but Python: {theirs:?}"),
            }
        }
        assert!(refused > 0 && refused < cases.len() / 2);
    }

    #[test]
    fn a_pattern_with_endless_backtracking_leaves_the_text_as_it_is() {
        let text = "a".repeat(60);
        let endless = pattern(r"(?=(a+)+b)(\1)c|(a|aa)+(?!a)(?<=b)");
        assert_eq!(endless.replace(&text), text);
        let Kind::General(general) = endless.kind else {
            panic!("the pattern is not the usual one")
        };
        assert!(
            general.has_failed.load(Ordering::Relaxed),
            "the search was not given up"
        );
    }

    #[test]
    fn a_page_of_text_is_searched_to_its_end() {
        let alternatives: Vec<String> = (0..30).map(|i| format!("q{i}(?=z)")).collect();
        let text = "the quick brown fox\n".repeat(3277) + "q7z";
        let replaced = pattern(&alternatives.join("|")).replace(&text).into_owned();
        assert!(
            replaced.ends_with("\n\nz"),
            "{}",
            &replaced[replaced.len() - 20..]
        );
    }
}
