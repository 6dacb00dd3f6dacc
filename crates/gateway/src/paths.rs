//! Paths on a worker, joined as the worker itself joins them.

use crate::{PathStyle, WorkerInfo};

/// Joins as the path functions of the worker's system do: an absolute later part replaces what is before it.
pub(crate) fn join(style: PathStyle, base: &str, part: &str) -> String {
    match style {
        PathStyle::Posix => join_posix(base, part),
        PathStyle::Windows => join_windows(base, part),
    }
}

/// Replaces a leading `~` by the home directory of the worker's user. `~name` stays: only the worker knows.
pub(crate) fn expand_user(info: &WorkerInfo, path: &str) -> String {
    let variable = |name: &str| info.environ.get(name).filter(|home| !home.is_empty());
    let home = match info.path_style() {
        PathStyle::Posix => variable("HOME").cloned(),
        PathStyle::Windows => variable("USERPROFILE").cloned().or_else(|| {
            let (drive, path) = (variable("HOMEDRIVE"), variable("HOMEPATH"));
            path.map(|path| format!("{}{path}", drive.map_or("", String::as_str)))
        }),
    };
    let Some((rest, home)) = path.strip_prefix('~').zip(home) else {
        return path.to_owned();
    };
    let is_own = match info.path_style() {
        PathStyle::Posix => rest.is_empty() || rest.starts_with('/'),
        PathStyle::Windows => rest.is_empty() || rest.starts_with(['/', '\\']),
    };
    if !is_own {
        return path.to_owned();
    }
    let home = match info.path_style() {
        PathStyle::Posix => home.trim_end_matches('/'),
        PathStyle::Windows => &home,
    };
    match format!("{home}{rest}") {
        nothing if nothing.is_empty() => "/".to_owned(),
        expanded => expanded,
    }
}

fn join_posix(base: &str, part: &str) -> String {
    if part.starts_with('/') || base.is_empty() {
        return part.to_owned();
    }
    if base.ends_with('/') {
        return format!("{base}{part}");
    }
    format!("{base}/{part}")
}

fn join_windows(base: &str, part: &str) -> String {
    let is_separator = |character: char| character == '/' || character == '\\';
    let (base_drive, base_path) = split_drive(base);
    let (drive, path) = split_drive(part);
    if path.starts_with(is_separator) {
        let drive = if drive.is_empty() { base_drive } else { drive };
        return format!("{drive}{path}");
    }
    if !drive.is_empty() && !drive.eq_ignore_ascii_case(base_drive) {
        return part.to_owned();
    }
    let drive = if drive.is_empty() { base_drive } else { drive };
    let joint = if base_path.is_empty() || base_path.ends_with(is_separator) {
        ""
    } else {
        "\\"
    };
    // A share needs a separator before what is in it.
    let root = match base_path.is_empty() && !drive.is_empty() && !drive.ends_with(':') {
        true => "\\",
        false => "",
    };
    format!("{drive}{root}{base_path}{joint}{path}")
}

/// `C:` or `\\server\share`, and the rest.
fn split_drive(path: &str) -> (&str, &str) {
    let is_separator = |character: char| character == '/' || character == '\\';
    let bytes = path.as_bytes();
    let end = match bytes {
        [_, b':', ..] if path.is_char_boundary(2) => 2,
        [b'/' | b'\\', b'/' | b'\\', ..] => {
            let mut separators = path
                .char_indices()
                .skip(2)
                .filter(|(_, c)| is_separator(*c));
            let share = separators.next();
            match (share, separators.next()) {
                (Some(_), Some((end, _))) => end,
                (Some(_), None) => path.len(),
                (None, _) => 0,
            }
        }
        _ => 0,
    };
    path.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_as_python_joins_them() {
        let posix = |base: &str, part: &str, expected: &str| {
            assert_eq!(
                join(PathStyle::Posix, base, part),
                expected,
                "{base} {part}"
            );
        };
        posix("/b", "c", "/b/c");
        posix("/b/", "c", "/b/c");
        posix("/b", "/c", "/c");
        posix("/b", "", "/b/");
        posix("", "c", "c");
        posix("/b", "../c", "/b/../c");
        let windows = |base: &str, part: &str, expected: &str| {
            assert_eq!(
                join(PathStyle::Windows, base, part),
                expected,
                "{base} {part}"
            );
        };
        // Measured: `ntpath.join` of Python 3.11.
        windows(r"C:\b", "c", r"C:\b\c");
        windows(r"C:\b", r"\c", r"C:\c");
        windows(r"C:\b", r"D:\c", r"D:\c");
        windows(r"C:\b", "D:c", "D:c");
        windows(r"C:\b", "c:d", r"c:\b\d");
        windows(r"C:\b\", "c/d", r"C:\b\c/d");
        windows("C:", "c", "C:c");
        windows(r"\\s\h", "c", r"\\s\h\c");
        windows(r"\\s\h\b", "c", r"\\s\h\b\c");
        windows(r"C:\b", "", "C:\\b\\");
    }

    #[test]
    fn the_home_directory_is_the_worker_s() {
        let mut info = WorkerInfo::default();
        info.environ.insert("HOME".to_owned(), "/own/".to_owned());
        assert_eq!(expand_user(&info, "~"), "/own");
        assert_eq!(expand_user(&info, "~/x"), "/own/x");
        assert_eq!(expand_user(&info, "~other/x"), "~other/x");
        assert_eq!(expand_user(&info, "a/~"), "a/~");
        info.system = "nt".to_owned();
        info.environ
            .insert("USERPROFILE".to_owned(), r"C:\Users\w".to_owned());
        assert_eq!(expand_user(&info, r"~\x"), r"C:\Users\w\x");
    }
}
