//! A log segment: with its checksums as they are, and with right ones, so that what they protect is reached.
#![no_main]

use buildbot_logs::{inspect, inspect_records};
use libfuzzer_sys::fuzz_target;

fn look(bytes: &[u8]) {
    if let Ok(logs) = inspect(bytes) {
        for log in logs {
            let lines = log.text.lines().count() as u64;
            assert!(lines <= log.lines);
        }
    }
    let _ = inspect_records(bytes);
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(four.try_into().ok()?) as usize)
}

/// Writes the right checksum of `covered` to `at`.
fn put(bytes: &mut [u8], covered: std::ops::Range<usize>, at: usize) -> Option<()> {
    let checksum = crc32fast::hash(bytes.get(covered)?);
    bytes.get_mut(at..at + 4)?.copy_from_slice(&checksum.to_le_bytes());
    Some(())
}

fn repair(bytes: &mut [u8]) -> Option<()> {
    put(bytes, 0..28, 28)?;
    let trailer = bytes.len().checked_sub(24)?;
    put(bytes, trailer..trailer + 12, trailer + 12)?;
    let mut at = 32;
    loop {
        let stored = number(bytes, at + 28)?;
        let end = (at + 44).checked_add(stored).filter(|end| *end <= bytes.len());
        if let Some(end) = end {
            put(bytes, at + 44..end, at + 36)?;
        }
        put(bytes, at..at + 40, at + 40)?;
        at = end?;
    }
}

fuzz_target!(|bytes: &[u8]| {
    look(bytes);
    let mut repaired = bytes.to_vec();
    let _ = repair(&mut repaired);
    look(&repaired);
});
