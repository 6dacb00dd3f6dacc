//! What a master's `buildbot.tac` says, as far as commands need it before a master runs.

use std::rc::Rc;

use crate::error::{Fault, TacErrors};
use crate::evaluate;
use crate::parser;
use crate::read::located;
use crate::surroundings::Surroundings;
use crate::syntax::Statement;
use crate::worker::LogTarget;

/// What a master's file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterTac {
    /// `configfile`, relative to the directory of the file; `None` if it is not assigned.
    pub config_file: Option<String>,
    /// `basedir`, if it can be found out.
    pub basedir: Option<String>,
    /// `umask`, if it is a number.
    pub umask: Option<u32>,
    /// Where the log goes.
    pub log: LogTarget,
    /// Settings of the rotation that are texts and should be numbers: `rotateLength`, `maxRotatedFiles`.
    pub texts_for_numbers: Vec<&'static str>,
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
    let follower = follow(WANTED, parts, surroundings)
        .map_err(|fault| located(vec![fault], &text, surroundings))?;
    let config_file = follower
        .text(WANTED)
        .map_err(|fault| located(vec![fault], &text, surroundings))?;
    let numbers = ["rotateLength", "maxRotatedFiles"];
    Ok(MasterTac {
        config_file,
        basedir: follower.text("basedir").ok().flatten(),
        umask: follower
            .number("umask")
            .and_then(|mask| u32::try_from(mask).ok()),
        log: follower.log(),
        texts_for_numbers: numbers
            .into_iter()
            .filter(|name| matches!(follower.text(name), Ok(Some(_))))
            .collect(),
    })
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
fn follow<'a>(
    wanted: &str,
    parts: Vec<Part>,
    surroundings: &'a Surroundings<'a>,
) -> Result<evaluate::Follower<'a>, Fault> {
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
    Ok(follower)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::{MasterTac, read_master};
    use crate::{LogTarget, MachineNames, NoFiles, Surroundings};

    fn config_file(text: &str) -> Result<Option<String>, String> {
        master(text).map(|tac| tac.config_file)
    }

    fn master(text: &str) -> Result<MasterTac, String> {
        let surroundings = Surroundings {
            file: PathBuf::from("/srv/bb/buildbot.tac"),
            directory: PathBuf::from("/srv/bb"),
            environ: BTreeMap::new(),
            home: None,
            machine: MachineNames::default(),
            cpus: 1,
            files: &NoFiles,
        };
        read_master(text, &surroundings).map_err(|errors| errors.to_string())
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
    fn what_create_master_writes_is_read_back() {
        for (rotation, rotates) in [
            (Some((1000, crate::NumberOrNone::none())), true),
            (None, false),
        ] {
            let text = crate::write_master(&crate::MasterOptions {
                basedir: "/srv/it's".to_owned(),
                config_file: "a.cfg".to_owned(),
                rotation,
            });
            assert!(text.contains("Application('buildmaster')"), "{text}");
            let tac = master(&text).expect("a tac");
            assert_eq!(tac.config_file.as_deref(), Some("a.cfg"));
            assert_eq!(tac.basedir.as_deref(), Some("/srv/it's"));
            assert_eq!(tac.umask, None);
            let expected = if rotates {
                LogTarget::RotatedFile {
                    path: "/srv/it's/twistd.log".into(),
                    rotate_length: Some(1000),
                    max_rotated_files: None,
                }
            } else {
                LogTarget::TwistdDefault
            };
            assert_eq!(tac.log, expected);
        }
    }

    #[test]
    fn a_hand_edited_file_keeps_its_log_and_umask() {
        let tac = master(
            "import sys\nfrom twisted.python.log import ILogObserver, FileLogObserver\nfrom twisted.application import service\n\
             umask = 0o27\nrotateLength = '10'\napplication = service.Application('buildmaster')\n\
             application.setComponent(ILogObserver, FileLogObserver(sys.stdout).emit)\n",
        )
        .expect("a tac");
        assert_eq!(
            (tac.umask, tac.log),
            (Some(0o27), LogTarget::StandardOutput)
        );
        assert_eq!(tac.texts_for_numbers, ["rotateLength"]);
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
