//! What a master's `buildbot.tac` says, as far as commands need it before a master runs.

use std::rc::Rc;

use crate::error::{Fault, TacErrors};
use crate::evaluate;
use crate::parser;
use crate::read::located;
use crate::surroundings::Surroundings;
use crate::syntax::Statement;

/// What a master's file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterTac {
    /// `configfile`, relative to the directory of the file; `None` if it is not assigned.
    pub config_file: Option<String>,
}

/// Reads the file of a master.
///
/// A master's file may contain any Python: what is not understood is passed over, unless the wanted name
/// depends on it.
///
/// Differs: `buildbot.tac` is read and not executed, because a master needs Python for its configuration only.
///
/// # Errors
///
/// When the value of `configfile` cannot be found out, or is no text.
pub fn read_master(text: &str, surroundings: &Surroundings<'_>) -> Result<MasterTac, TacErrors> {
    const WANTED: &str = "configfile";
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let parts = match parser::parse(&text) {
        Ok(statements) => vec![Part {
            offset: 0,
            statements: Ok(statements),
        }],
        // Something in it is beyond the parser: take it to pieces.
        Err(_) => pieces(&text, WANTED),
    };
    let value = value_of(WANTED, parts, surroundings)
        .map_err(|fault| located(vec![fault], &text, surroundings))?;
    Ok(MasterTac { config_file: value })
}

/// Some statements of a file.
struct Part {
    /// Where they begin in the file.
    offset: usize,
    statements: Result<Vec<Statement>, Fault>,
}

/// The statements at the top level, each by itself; those that are not understood are left out,
/// unless they begin with `wanted`.
fn pieces(text: &str, wanted: &str) -> Vec<Part> {
    let mut starts: Vec<usize> = vec![0];
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let begins = |c: char| !c.is_whitespace() && !matches!(c, '#' | ')' | ']' | '}');
        let continues = ["else", "elif", "except", "finally"]
            .iter()
            .any(|word| line.starts_with(word));
        if offset > 0 && line.starts_with(begins) && !continues {
            starts.push(offset);
        }
        offset += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| {
            let piece = &text[*start..end];
            (*start, piece, parser::parse(piece))
        })
        .filter(|(_, piece, parsed)| parsed.is_ok() || is_assignment(piece, wanted))
        .map(|(offset, _, statements)| Part { offset, statements })
        .collect()
}

fn is_assignment(piece: &str, name: &str) -> bool {
    piece
        .strip_prefix(name)
        .is_some_and(|rest| rest.trim_start().starts_with('='))
}

/// Follows the parts as far as possible.
fn value_of(
    wanted: &str,
    parts: Vec<Part>,
    surroundings: &Surroundings<'_>,
) -> Result<Option<String>, Fault> {
    let mut follower = evaluate::Follower::new(surroundings);
    let wanted: Rc<str> = wanted.into();
    for Part { offset, statements } in parts {
        let moved = |mut fault: Fault| {
            fault.at += offset;
            fault
        };
        for statement in &statements.map_err(moved)? {
            follower.follow(statement, &wanted).map_err(moved)?;
        }
    }
    follower.text(&wanted)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::read_master;
    use crate::{MachineNames, NoFiles, Surroundings};

    fn config_file(text: &str) -> Result<Option<String>, String> {
        let surroundings = Surroundings {
            file: PathBuf::from("/srv/bb/buildbot.tac"),
            directory: PathBuf::from("/srv/bb"),
            environ: BTreeMap::new(),
            home: None,
            machine: MachineNames::default(),
            cpus: 1,
            files: &NoFiles,
        };
        read_master(text, &surroundings)
            .map(|tac| tac.config_file)
            .map_err(|errors| errors.to_string())
    }

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(config_file(text), Ok(expected.map(str::to_owned)), "{text}");
    }

    #[test]
    fn the_file_that_create_master_writes_is_understood() {
        check(
            "import os\n\nfrom twisted.application import service\nfrom buildbot.master import BuildMaster\n\n\
             basedir = '/srv/bb'\nrotateLength = 10000000\nmaxRotatedFiles = 10\nconfigfile = 'master2.cfg'\n\
             umask = None\napplication = service.Application('buildmaster')\n\
             m = BuildMaster(basedir, configfile, umask)\nm.setServiceParent(application)\n\
             m.log_rotation.rotateLength = rotateLength\n",
            Some("master2.cfg"),
        );
    }

    #[test]
    fn what_is_not_understood_is_passed_over() {
        check("", None);
        check(
            "import nosuch\nnosuch.call()\nconfigfile = 'a'\n",
            Some("a"),
        );
        check("def f():\n    return 1\n\nconfigfile = 'a'\n", Some("a"));
        check(
            "class A: pass\nname = 'x'\nconfigfile = name + '.cfg'\n@f\ndef g(): pass\n",
            Some("x.cfg"),
        );
        check(
            "import os\nif os.environ.get('X'):\n    configfile = 'a'\nelse:\n    configfile = 'b'\n",
            Some("b"),
        );
    }

    #[test]
    fn a_name_that_cannot_be_found_out_is_an_error_with_its_place() {
        let check = |text: &str, start: &str| {
            let error = config_file(text).expect_err(text);
            assert!(error.starts_with(start), "{text}: {error}");
        };
        check("configfile = nosuch()\n", "buildbot.tac:1:");
        check("lambda: 1\n\nconfigfile = nosuch\n", "buildbot.tac:3:");
        check("x = nosuch()\nconfigfile = x\n", "buildbot.tac:2:");
        check("configfile = 5\n", "buildbot.tac:1:");
    }
}
