//! Encodings give what Python's codecs give: every name, every code, random and broken bytes, split anywhere.
//!
//! Needs `python3`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use buildbot_worker::output::Encoding;

/// Decodes piece by piece; a line of input is an encoding and the pieces in hexadecimal.
const DECODE: &str = r#"
import codecs, sys
for line in sys.stdin:
    name, *pieces = line.split()
    decoder = codecs.getincrementaldecoder(name)("replace")
    text = "".join(decoder.decode(bytes.fromhex(piece)) for piece in pieces) + decoder.decode(b"", True)
    print(text.encode("utf-8", "surrogatepass").hex())
"#;

/// Encodes every character; a line of input is an encoding.
const ENCODE: &str = r#"
import sys
for line in sys.stdin:
    name = line.strip()
    codes = []
    for point in list(range(0xd800)) + list(range(0xe000, 0x10000)) + list(range(0x1f300, 0x1f700)):
        try:
            codes.append(chr(point).encode(name).hex())
        except UnicodeEncodeError:
            codes.append("")
    print(",".join(codes))
"#;

/// Lists the aliases of each encoding.
const ALIASES: &str = r#"
import sys
from encodings.aliases import aliases
for line in sys.stdin:
    name = line.strip()
    print(",".join(alias for alias, of in aliases.items() if of == name))
"#;

fn python(script: &str, input: String) -> Vec<String> {
    let mut child = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 can be started");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("python3 can be waited for");
    assert!(
        output.status.success(),
        "python3 ended with {}",
        output.status
    );
    writer
        .join()
        .expect("the writer does not panic")
        .expect("python3 reads all");
    let text = String::from_utf8(output.stdout).expect("hexadecimal digits");
    text.lines().map(str::to_owned).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(encoding: &Encoding, pieces: &[Vec<u8>]) -> String {
    let mut decoder = encoding.new_decoder();
    let mut text: String = pieces
        .iter()
        .map(|piece| decoder.decode(piece).into_owned())
        .collect();
    text.push_str(decoder.finish());
    assert_eq!(decoder.pending_bytes(), 0);
    text
}

#[track_caller]
fn check(cases: &[(&str, Vec<Vec<u8>>)]) {
    let input = cases.iter().map(|(name, pieces)| {
        let pieces: Vec<String> = pieces.iter().map(|piece| hex(piece)).collect();
        format!("{name} {}\n", pieces.join(" "))
    });
    let expected = python(DECODE, input.collect());
    assert_eq!(expected.len(), cases.len());
    for ((name, pieces), expected) in cases.iter().zip(expected) {
        let encoding = Encoding::named(Some(name)).expect("the encoding is known");
        let text = decode(&encoding, pieces);
        if hex(text.as_bytes()) != expected {
            let bytes: Vec<u8> = (0..expected.len() / 2)
                .filter_map(|i| u8::from_str_radix(&expected[2 * i..2 * i + 2], 16).ok())
                .collect();
            let python = String::from_utf8_lossy(&bytes).into_owned();
            let differs = text.chars().zip(python.chars()).position(|(a, b)| a != b);
            let excerpt = |text: &str| {
                text.chars()
                    .skip(differs.unwrap_or(0).saturating_sub(5))
                    .take(20)
                    .collect::<String>()
            };
            panic!(
                "{name} differs at character {differs:?}: {:?}, but Python: {:?}; pieces {}",
                excerpt(&text),
                excerpt(&python),
                hex(&pieces.concat()).chars().take(400).collect::<String>()
            );
        }
    }
}

/// Bytes cut at random places, which may coincide.
fn split(random: &mut fastrand::Rng, bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut cuts: Vec<usize> = (0..random.usize(0..10))
        .map(|_| random.usize(0..=bytes.len()))
        .collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|ends| bytes[ends[0]..ends[1]].to_vec())
        .filter(|piece| !piece.is_empty())
        .collect()
}

/// Bytes that are hard on the decoder: text of the encoding, some of it damaged, and noise.
fn awkward_bytes(random: &mut fastrand::Rng, encoding: &Encoding) -> Vec<u8> {
    const RANGES: [std::ops::Range<u32>; 7] = [
        0x20..0x7f,
        0xa0..0x180,
        0x390..0x460,
        0x2010..0x2040,
        0x3040..0x3100,
        0x4e00..0x9fa0,
        0xac00..0xd7a0,
    ];
    let mut bytes = Vec::new();
    while bytes.len() < 120 {
        match random.u8(0..8) {
            0 => bytes.push(random.u8(..)),
            1 => bytes.push(random.u8(0x80..)),
            2 => bytes.extend([random.u8(0x80..), random.u8(0x80..)]),
            3 => {
                bytes.pop();
            }
            _ => {
                let range = random.choice(&RANGES).expect("there are ranges").clone();
                let character = char::from_u32(random.u32(range)).unwrap_or('?').to_string();
                bytes.extend_from_slice(&encoding.encode(&character).unwrap_or_default());
            }
        }
    }
    bytes
}

/// Python composes Hangul after this code; see the differences of `Decoder`.
fn has_hangul_composition(name: &str, bytes: &[u8]) -> bool {
    name == "euc_kr" && bytes.windows(2).any(|pair| pair == [0xa4, 0xd4])
}

#[test]
fn random_bytes_in_random_pieces_decode_as_in_python() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut cases = Vec::new();
    for name in Encoding::known() {
        let encoding = Encoding::named(Some(name)).expect("the encoding is known");
        let asked_for = ["utf_8", "latin_1", "cp1252", "euc_jp"].contains(&name);
        for _ in 0..if asked_for { 2000 } else { 150 } {
            let bytes = awkward_bytes(&mut random, &encoding);
            if !has_hangul_composition(name, &bytes) {
                cases.push((name, split(&mut random, &bytes)));
            }
        }
    }
    check(&cases);
}

#[test]
fn every_split_of_some_bytes_decodes_as_in_python() {
    let samples: [(&str, &[u8]); 5] = [
        ("utf_8", b"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xe2\x82\xff\xed\xa0\x80\xf0\x9f\xf4\x90\x80\x80\xc0\x80z\xe2\x82"),
        ("latin_1", b"\x80\x9f\xa0\xffa\xc3\xa9"),
        ("cp1252", b"\x80\x81\x8d\x8f\x90\x9d\x9f\xa0\xffa"),
        ("euc_jp", b"\xa4\xa2\x8e\xb1\x8f\xb0\xa1\xa4A\x8fA\x8f\xb0A\xff\xff\xa1\xc1z\x8f\xb0"),
        ("gb18030", b"\x81\x30\x81\x30\xb0\xa1\x81\x31A\x84\x31\x82\x36\xff\x30\x81\x30\x81"),
    ];
    let mut cases = Vec::new();
    for (name, bytes) in samples {
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                cases.push((
                    name,
                    pieces
                        .iter()
                        .filter(|piece| !piece.is_empty())
                        .map(|piece| piece.to_vec())
                        .collect(),
                ));
            }
        }
        cases.push((name, bytes.iter().map(|byte| vec![*byte]).collect()));
    }
    check(&cases);
}

#[test]
fn every_code_decodes_as_in_python() {
    let mut random = fastrand::Rng::with_seed(8);
    let mut cases = Vec::new();
    for name in Encoding::known() {
        let mut bytes = Vec::new();
        for lead in 0..=0xff {
            bytes.extend([lead, b'\n', b'\n', b'\n']);
            for second in 0x20..=0xffu8 {
                if !has_hangul_composition(name, &[lead, second]) {
                    bytes.extend([lead, second, b'\n', b'\n']);
                }
            }
        }
        for second in 0xa0..=0xff {
            for third in 0xa0..=0xff {
                bytes.extend([0x8f, second, third, b'\n', b'\n']);
            }
        }
        for _ in 0..if name == "gb18030" { 20_000 } else { 0 } {
            let mut digit = || random.u8(b'0'..=b'9');
            let (second, fourth) = (digit(), digit());
            bytes.extend([random.u8(0x80..), second, random.u8(0x80..), fourth, b'\n']);
        }
        cases.push((name, vec![bytes]));
    }
    check(&cases);
}

#[test]
fn every_character_is_encoded_as_in_python() {
    let names: Vec<&str> = Encoding::known().collect();
    let codes = python(
        ENCODE,
        names.iter().map(|name| format!("{name}\n")).collect(),
    );
    assert_eq!(codes.len(), names.len());
    for (name, codes) in names.into_iter().zip(codes) {
        let encoding = Encoding::named(Some(name)).expect("the encoding is known");
        let characters = ('\0'..='\u{ffff}').chain('\u{1f300}'..'\u{1f700}');
        for (character, code) in characters.zip(codes.split(',')) {
            // The Hangul that Python would compose from eight bytes.
            let expected = if name == "euc_kr" && code.len() > 4 {
                ""
            } else {
                code
            };
            let text = character.to_string();
            let encoded = encoding
                .encode(&text)
                .map(|bytes| hex(&bytes))
                .unwrap_or_default();
            assert_eq!(
                encoded,
                expected,
                "{name}: {character:?} U+{:04x}",
                u32::from(character)
            );
        }
    }
}

#[test]
fn every_alias_is_known() {
    let names: Vec<&str> = Encoding::known().collect();
    let aliases = python(
        ALIASES,
        names.iter().map(|name| format!("{name}\n")).collect(),
    );
    assert_eq!(aliases.len(), names.len());
    for (name, aliases) in names.into_iter().zip(aliases) {
        for alias in aliases
            .split(',')
            .chain([name])
            .filter(|alias| !alias.is_empty())
        {
            for spelling in [
                alias.to_owned(),
                alias.to_uppercase(),
                alias.replace('_', "-"),
                alias.replace('_', " "),
            ] {
                let found = Encoding::named(Some(&spelling)).map(|encoding| encoding.name());
                assert_eq!(found, Ok(name), "{spelling}");
            }
        }
    }
}
