//! Files that are not as they were written.

use buildbot_db::tables::logs::LogKind;
use buildbot_logs::{Limits, LogReader, ReadError, Stream};
use buildbot_model::LogId;

use crate::place::{BUILD, LOG, Place, open, place, wait};

/// Some logs with a few frames each; the bytes of the sealed file.
async fn written() -> (Place, Vec<u8>) {
    let place = place();
    let build = place.store.begin(BUILD).unwrap();
    let mut random = fastrand::Rng::with_seed(5);
    for id in [LOG, LogId(8)] {
        let log = build.add(id, LogKind::Stdio, Limits::default()).unwrap();
        for _ in 0..3 {
            let text: String = (0..100)
                .map(|_| format!("{:x} and more text\n", random.u64(..)))
                .collect();
            log.append(Stream::Stdout, &text).await.unwrap();
            build.sync().await.unwrap();
        }
        log.finish().await.unwrap();
    }
    build.seal().await.unwrap();
    let bytes = std::fs::read(place.store.segment_path(BUILD)).unwrap();
    (place, bytes)
}

/// Reads everything; what can be read is right.
async fn read(place: &Place, expected: &[String; 2]) -> Result<(), ReadError> {
    let store = open(place.directory.path());
    for (id, expected) in [LOG, LogId(8)].into_iter().zip(expected) {
        let Some(source) = store.segment_source(BUILD, id).await? else {
            continue;
        };
        let reader = LogReader::new(id, LogKind::Stdio, source);
        let text = reader.read_lines(0, u64::MAX).await?;
        assert!(expected.starts_with(&text));
    }
    Ok(())
}

async fn texts(place: &Place) -> [String; 2] {
    [
        crate::place::all(&place.store, LOG).await,
        crate::place::all(&place.store, LogId(8)).await,
    ]
}

#[test]
fn a_changed_byte_is_an_error_with_file_and_offset_or_changes_nothing() {
    wait(async {
        let (place, bytes) = written().await;
        let expected = texts(&place).await;
        let path = place.store.segment_path(BUILD);
        let mut errors = 0;
        let step = 1 + bytes.len() / 400;
        for at in (0..bytes.len()).step_by(step) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            std::fs::write(&path, &damaged).unwrap();
            if let Err(error) = read(&place, &expected).await {
                errors += 1;
                let text = error.to_string();
                assert!(
                    text.contains("1234567.bblog") && text.contains("byte"),
                    "{text}"
                );
            }
        }
        assert!(errors > 300, "{errors}");
    });
}

#[test]
fn a_file_cut_anywhere_is_recovered_to_whole_records() {
    wait(async {
        let (place, bytes) = written().await;
        let expected = texts(&place).await;
        let path = place.store.segment_path(BUILD);
        for end in (0..bytes.len()).step_by(1 + bytes.len() / 200) {
            std::fs::write(&path, &bytes[..end]).unwrap();
            let store = open(place.directory.path());
            let recovered = store.recover(BUILD).await.unwrap();
            assert_eq!(recovered.is_some(), end >= 32);
            read(&place, &expected).await.unwrap();
            let again = store.recover(BUILD).await.unwrap();
            if let (Some(first), Some(second)) = (recovered, again) {
                let lines = |logs: &[buildbot_logs::RecoveredLog]| -> Vec<_> {
                    logs.iter().map(|log| (log.log, log.lines)).collect()
                };
                assert_eq!(lines(&first.logs), lines(&second.logs));
                assert!(first.damaged.is_empty());
                assert!(second.logs.iter().all(|log| log.was_finished));
            }
        }
    });
}

#[test]
fn what_follows_a_damaged_record_is_kept() {
    wait(async {
        let (place, bytes) = written().await;
        let path = place.store.segment_path(BUILD);
        let mut damaged = bytes[..bytes.len() - 24].to_vec();
        // In the first frame of the first log.
        damaged[300..400].fill(0);
        std::fs::write(&path, &damaged).unwrap();
        let store = open(place.directory.path());
        let recovery = store.recover(BUILD).await.unwrap().unwrap();
        assert_eq!(recovery.damaged.len(), 1);
        assert!(recovery.damaged[0].contains(&300), "{recovery:?}");
        assert!(recovery.logs.iter().all(|log| log.lines == 300));
        let reader = crate::place::reader(&store, LOG).await;
        let lost = reader.read_lines(0, 5).await.unwrap_err();
        assert!(matches!(lost, ReadError::Corrupt { .. }), "{lost}");
        let rest = reader.read_lines(100, u64::MAX).await.unwrap();
        assert_eq!(rest.lines().count(), 200);
    });
}

#[test]
fn the_segment_of_another_build_is_refused() {
    wait(async {
        let (place, _) = written().await;
        let other = buildbot_model::BuildId(1_234_568);
        std::fs::copy(
            place.store.segment_path(BUILD),
            place.store.segment_path(other),
        )
        .unwrap();
        let refused = place.store.segment_source(other, LOG).await.unwrap_err();
        assert!(matches!(refused, ReadError::Corrupt { offset: 16, .. }));
        assert!(place.store.recover(other).await.is_err());
    });
}
