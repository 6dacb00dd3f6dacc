//! Archives of friends and enemies.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tar::{Builder, EntryType, Header};

use super::super::{Compression, TransferError};
use super::DirectoryWriter;

/// An archive of entries: kind, name, link target, mode.
fn archive(entries: &[(EntryType, &str, &str, u32)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, name, target, mode) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_mtime(1_000_000_000);
        let content: &[u8] = match kind {
            EntryType::Regular => b"content",
            _ => b"",
        };
        header.set_size(content.len() as u64);
        // As they are: the methods of `Header` would refuse what an enemy writes.
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        old.linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn unpack(root: &Path, bytes: &[u8]) -> Result<(), TransferError> {
    let mut writer = DirectoryWriter::open(root.to_owned(), None, Compression::None)?;
    for block in bytes.chunks(1000) {
        writer.write(block)?;
    }
    writer.unpack().map(drop)
}

fn check_refused(kind: EntryType, name: &str, target: &str, expected: &str) {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    let refused = unpack(&root, &archive(&[(kind, name, target, 0o644)]));
    let message = refused.expect_err(name).to_string();
    assert!(message.contains(expected), "{name}: {message}");
    assert!(message.contains(name), "{name}: {message}");
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().collect();
    assert!(left.is_empty(), "{name}: {left:?}");
}

#[test]
fn a_tree_is_unpacked_with_safe_permissions_and_its_times() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("deep/root");
    let bytes = archive(&[
        (EntryType::Directory, "./", "", 0o755),
        (EntryType::Directory, "sub", "", 0o700),
        (EntryType::Regular, "sub/file", "", 0o6777),
        (EntryType::Regular, "/plain", "", 0o666),
        (EntryType::Symlink, "sub/up", "../plain", 0o777),
        (EntryType::Link, "hard", "sub/file", 0o644),
        (EntryType::Regular, "missing/dir/file", "", 0o400),
    ]);
    unpack(&root, &bytes).unwrap();
    let mode = |name: &str| fs::metadata(root.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("sub/file"), 0o755);
    assert_eq!(mode("plain"), 0o644);
    assert_eq!(mode("missing/dir/file"), 0o600);
    assert_eq!(fs::read(root.join("sub/up")).unwrap(), b"content");
    assert_eq!(fs::read(root.join("hard")).unwrap(), b"content");
    for name in ["sub/file", "sub"] {
        let modified = fs::metadata(root.join(name)).unwrap().modified().unwrap();
        let seconds = modified.duration_since(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(seconds.as_secs(), 1_000_000_000, "{name}");
    }
    // Once more over what is there.
    unpack(&root, &bytes).unwrap();
}

#[test]
fn nothing_gets_out_of_the_destination() {
    check_refused(EntryType::Regular, "../up", "", "outside");
    check_refused(EntryType::Regular, "a/../../up", "", "outside");
    check_refused(EntryType::Symlink, "link", "/etc/passwd", "outside");
    check_refused(EntryType::Symlink, "link", "../x", "outside");
    check_refused(EntryType::Symlink, "a/link", "../../x", "outside");
    check_refused(EntryType::Symlink, "a/link", "b/../../../x", "outside");
    check_refused(EntryType::Link, "hard", "../x", "outside");
    check_refused(EntryType::Fifo, "fifo", "", "neither");
    check_refused(EntryType::Char, "device", "", "neither");
}

#[test]
fn a_link_that_was_there_before_does_not_lead_out() {
    let place = tempfile::tempdir().unwrap();
    let (root, outside) = (place.path().join("root"), place.path().join("outside"));
    fs::create_dir(&root).unwrap();
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, root.join("link")).unwrap();
    let bytes = archive(&[(EntryType::Regular, "link/file", "", 0o644)]);
    unpack(&root, &bytes).expect_err("through the link");
    let bytes = archive(&[(EntryType::Regular, "link/new/file", "", 0o644)]);
    unpack(&root, &bytes).expect_err("through the link");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    // In place of the link, not behind it.
    let bytes = archive(&[(EntryType::Regular, "link", "", 0o644)]);
    unpack(&root, &bytes).unwrap();
    assert!(root.join("link").symlink_metadata().unwrap().is_file());
}

#[test]
fn what_is_no_archive_is_refused_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    unpack(&root, &[b'x'; 2000]).expect_err("no archive");
    let cut = archive(&[(EntryType::Regular, "file", "", 0o644)]);
    unpack(&root, &cut[..515]).expect_err("cut off");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

/// An entry with the name that an extension header of so many bytes gives it.
fn with_long_name(kind: EntryType, bytes: usize) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_path("extension").unwrap();
    header.set_size(bytes as u64);
    header.set_cksum();
    builder
        .append(&header, vec![b'n'; bytes].as_slice())
        .unwrap();
    let mut archive = builder.into_inner().unwrap();
    archive.truncate(archive.len() - 1024);
    archive.extend(self::archive(&[(EntryType::Regular, "file", "", 0o644)]));
    archive
}

#[test]
fn headers_of_an_entry_are_not_taken_into_memory_whatever_their_size() {
    for kind in [
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::XHeader,
    ] {
        let place = tempfile::tempdir().unwrap();
        let refused = unpack(&place.path().join("root"), &with_long_name(kind, 2 << 20));
        let message = refused.expect_err("too long").to_string();
        assert!(message.contains("too many headers"), "{kind:?}: {message}");
    }
    // What people have is no matter, also behind files that are larger than headers may be.
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    let mut builder = Builder::new(Vec::new());
    for name in ["d/".repeat(100), "e/".repeat(100)] {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(3 << 20);
        let content = vec![7; 3 << 20];
        builder
            .append_data(&mut header, format!("{name}file"), content.as_slice())
            .unwrap();
    }
    unpack(&root, &builder.into_inner().unwrap()).unwrap();
    let file = root.join("e/".repeat(100)).join("file");
    assert_eq!(fs::metadata(file).unwrap().len(), 3 << 20);
}

#[test]
fn an_archive_does_not_become_far_more_than_was_sent() {
    let place = tempfile::tempdir().unwrap();
    let check = |bytes: &[u8], max: u64| super::unpack(bytes, place.path(), max);
    let bytes = archive(&[(EntryType::Regular, "file", "", 0o644)]);
    check(&bytes, bytes.len() as u64).unwrap();
    let refused = check(&bytes, 600).unwrap_err();
    assert!(refused.contains("far more than was sent"), "{refused}");

    // A sparse file has content that is nowhere in the archive.
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNUSparse);
    header.set_path("sparse").unwrap();
    header.set_size(0);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.set_real_size(1 << 40);
    let set = |field: &mut [u8; 12], octal: &[u8]| field[..octal.len()].copy_from_slice(octal);
    set(&mut gnu.sparse[0].offset, b"20000000000000"[..12].as_ref());
    set(&mut gnu.sparse[0].numbytes, b"00000000000");
    gnu.set_real_size(0o200_000_000_000);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.resize(2048, 0);
    let refused = check(&bytes, 1 << 20).unwrap_err();
    assert!(refused.contains("far more than was sent"), "{refused}");
    assert!(fs::metadata(place.path().join("sparse")).unwrap().len() < 2 << 20);
}

#[test]
fn what_may_come_out_follows_what_was_sent() {
    assert_eq!(super::unpacked_bytes_max(10), 256 << 20);
    assert_eq!(super::unpacked_bytes_max(1 << 30), 256 << 30);
    assert_eq!(super::unpacked_bytes_max(u64::MAX), u64::MAX);
}
