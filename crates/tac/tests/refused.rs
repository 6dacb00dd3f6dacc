//! What is refused, where, and with which words; and that no text whatever does harm.
//!
//! The answer to each `tests/refused/*.tac` stands in `tests/refused/expected.txt`; with
//! `EXPECT=write` in the environment the test writes the file, to be read before it is committed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use buildbot_tac::{
    MachineNames, NoFiles, Surroundings, TEXT_BYTES_MAX, TacErrors, WorkerTac, read_worker,
};
use proptest::prelude::*;

fn read(text: &str) -> Result<WorkerTac, TacErrors> {
    let surroundings = Surroundings {
        file: PathBuf::from("/srv/worker/buildbot.tac"),
        directory: PathBuf::from("/srv/worker"),
        environ: BTreeMap::new(),
        home: None,
        machine: MachineNames::default(),
        cpus: 4,
        files: &NoFiles,
    };
    read_worker(text, &surroundings)
}

fn files(directory: &str) -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut files: Vec<(String, String)> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tac"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn refused_files_say_where_and_what_is_allowed() {
    let mut answers = String::new();
    let files = files("tests/refused");
    assert!(files.len() >= 90, "only {} files", files.len());
    for (name, text) in &files {
        let errors = read(text).expect_err(name);
        assert!(!errors.errors.is_empty(), "{name}: no error");
        answers.push_str(&format!("{name}\n{errors}\n\n"));
    }
    // Every text in these files that could be a password.
    assert!(!answers.contains("GEHEIM"), "an error shows a secret");
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/refused/expected.txt");
    if std::env::var_os("EXPECT").is_some() {
        std::fs::write(&expected, &answers).unwrap();
    }
    let expected = std::fs::read_to_string(&expected).unwrap();
    for (ours, expected) in answers.split("\n\n").zip(expected.split("\n\n")) {
        assert_eq!(ours, expected);
    }
    assert_eq!(answers, expected);
}

#[test]
fn a_file_that_is_too_long_is_refused_before_it_is_read() {
    let errors = read(&"#\n".repeat(TEXT_BYTES_MAX)).unwrap_err();
    assert!(errors.to_string().contains("longer than 65536 bytes"));
}

/// Texts that want much: none may take longer than a moment or exhaust the stack.
#[test]
fn hostile_files_end_soon() {
    let deep = 20_000;
    let texts = [
        "(".repeat(deep),
        "[".repeat(deep) + &"]".repeat(deep),
        "{1:".repeat(deep),
        "x=".repeat(deep) + "1",
        "-".repeat(deep) + "1",
        "not ".repeat(deep) + "1",
        "1**".repeat(deep) + "1",
        "1 if 1 else ".repeat(4000) + "1",
        "a".to_owned() + &".a".repeat(deep),
        "a".to_owned() + &"()".repeat(deep),
        "a".to_owned() + &"[0]".repeat(deep),
        "'a' ".repeat(10_000),
        "f'{f\"{1}\"}'".repeat(4000),
        "f'{".repeat(10_000),
        "x = {".to_owned() + &(0..9000).map(|i| format!("{i}:0,")).collect::<String>() + "}",
        "if 1:\n".to_owned()
            + &(0..200)
                .map(|i| " ".repeat(i + 1) + "if 1:\n")
                .collect::<String>(),
        "x = 'a' * 1000000\nfor i in x:\n  y = x + x\n".to_owned(),
        "x = ['a' * 900000]\ny = str([x[0], x[0]])\nfor i in 'a' * 99:\n  z = x == x\n".to_owned(),
        "x = 'a' * 1000\ny = ('%s' * 10000) % ((x,) * 10)\n".to_owned(),
        "x = 'a' * 100000\ny = ('{0}' * 10000).format(x)\n".to_owned(),
        "x = 'ab' * 100000\ny = x.replace('a', x)\n".to_owned(),
        "import fnmatch\nx = fnmatch.fnmatch('a' * 100000, '*a' * 10000 + 'b')\n".to_owned(),
        "x = '%1000s' * 5000 % ('a',)\n".to_owned(),
        "x = '' * 10 ** 30\nfor i in 'ab':\n  x = x * 10 ** 30\n".to_owned(),
        "x = 2 ** 3 ** 4 ** 5\n".to_owned(),
        "x = 1 << 126 << 126\n".to_owned(),
        "x = -2 ** 127 // -1\n".to_owned(),
        "x = '0'.zfill(10 ** 12)\n".to_owned(),
    ];
    for text in texts {
        let shown: String = text.chars().take(40).collect();
        let started = std::time::Instant::now();
        let _ = read(&text);
        let taken = started.elapsed();
        assert!(taken.as_secs() < 3, "{shown:?} took {taken:?}");
    }
}

/// Pieces that tac files consist of, to get past the lexer.
const PIECES: &[&str] = &[
    "x",
    "os",
    ".",
    "environ",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    ",",
    ":",
    "=",
    "==",
    "'",
    "\"",
    "'''",
    "\\",
    "\n",
    "\n    ",
    "\n\t",
    " ",
    "if ",
    "else",
    "for ",
    " in ",
    "with ",
    "try",
    "except ",
    "ImportError",
    "import ",
    "from ",
    " as ",
    "del ",
    "Worker",
    "'h'",
    "9989",
    "0o22",
    "1e5",
    "-",
    "+",
    "*",
    "**",
    "%",
    "/",
    "//",
    "<<",
    "not ",
    "None",
    "True",
    "f'{x}'",
    "f'{x!r:>5}'",
    "r'\\'",
    "'%s'",
    "'{}'",
    ".format",
    ".split",
    ".join",
    "open",
    "int",
    "str",
    "len",
    "print",
    "é",
    "#",
    ";",
    "\u{feff}",
    "application",
    "service",
    "s",
    "\r\n",
    "@",
    "lambda ",
    "b''",
    "1_0",
    "~",
    "!",
    "$",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = read(&text);
    }

    #[test]
    fn no_order_of_pieces_makes_the_reader_panic(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..60),
        intact in any::<bool>(),
    ) {
        let imports = if intact { "import os\nx = 'a'\n" } else { "" };
        let _ = read(&(imports.to_owned() + &pieces.concat()));
    }
}

#[test]
fn no_damaged_file_makes_the_reader_panic() {
    for (_, text) in files("tests/files") {
        let boundaries: Vec<usize> = text.char_indices().map(|(index, _)| index).collect();
        for &cut in boundaries.iter().step_by(3) {
            let (before, after) = text.split_at(cut);
            let _ = read(before);
            let mut rest = after.chars();
            rest.next();
            let _ = read(&format!("{before}{}", rest.as_str()));
            let _ = read(&format!("{before}({}", rest.as_str()));
        }
    }
}
