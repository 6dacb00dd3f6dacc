//! Home directories in paths.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

/// Replaces a leading `~` or `~name` by the home directory: of the worker's variable `HOME`, else of the
/// password database. Where there is no answer the path stays as it is, as with Python's `expanduser`.
pub(crate) fn expand(path: PathBuf, environ: &[(OsString, OsString)]) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    let Some(after_tilde) = bytes.strip_prefix(b"~") else {
        return path;
    };
    let length = after_tilde.iter().take_while(|byte| **byte != b'/').count();
    let Some((name, rest)) = after_tilde.split_at_checked(length) else {
        return path;
    };
    let Some(home) = home_of(name, environ) else {
        return path;
    };
    // A home of `/` adds no second slash.
    let mut result = home.as_os_str().as_bytes().to_vec();
    while result.last() == Some(&b'/') {
        result.pop();
    }
    result.extend_from_slice(rest);
    if result.is_empty() {
        result.push(b'/');
    }
    PathBuf::from(OsStr::from_bytes(&result))
}

fn home_of(name: &[u8], environ: &[(OsString, OsString)]) -> Option<PathBuf> {
    if name.is_empty() {
        let variable = environ.iter().find(|(variable, _)| variable == "HOME");
        if let Some((_, home)) = variable {
            return Some(Path::new(home).to_owned());
        }
        return Some(User::from_uid(Uid::current()).ok()??.dir);
    }
    let name = std::str::from_utf8(name).ok()?;
    Some(User::from_name(name).ok()??.dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, home: Option<&str>, expected: &str) {
        let environ: Vec<_> = home
            .map(|home| ("HOME".into(), home.into()))
            .into_iter()
            .collect();
        assert_eq!(
            expand(path.into(), &environ),
            PathBuf::from(expected),
            "{path}"
        );
    }

    #[test]
    fn a_tilde_is_the_home_directory() {
        check("~", Some("/home/ci"), "/home/ci");
        check("~/x/y", Some("/home/ci/"), "/home/ci/x/y");
        check("~/x", Some("/"), "/x");
        check("~", Some("/"), "/");
        check("a/~/b", Some("/home/ci"), "a/~/b");
        check("", Some("/home/ci"), "");
    }

    #[test]
    fn names_and_a_missing_variable_are_looked_up_in_the_password_database() {
        let me = User::from_uid(Uid::current())
            .expect("database")
            .expect("this user");
        let home = me.dir.to_str().expect("text");
        check("~/x", None, &format!("{home}/x"));
        check(
            &format!("~{}/x", me.name),
            Some("/elsewhere"),
            &format!("{home}/x"),
        );
        check(
            "~no-such-user-here/x",
            Some("/home/ci"),
            "~no-such-user-here/x",
        );
    }
}
