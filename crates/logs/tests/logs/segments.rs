//! What is appended is read back: while it waits, from the file, after the end.

use std::collections::BTreeMap;

use buildbot_db::tables::logs::LogKind;
use buildbot_logs::{Limits, LogReader, Prefix, Stream};
use buildbot_model::LogId;
use proptest::prelude::*;

use crate::place::{BUILD, LOG, all, open, place, wait};

#[derive(Debug, Clone)]
enum Act {
    Append(u8, Stream, Vec<String>),
    Sync,
    Finish(u8),
}

fn stream() -> impl Strategy<Value = Stream> {
    prop_oneof![
        Just(Stream::Stdout),
        Just(Stream::Stderr),
        Just(Stream::Header)
    ]
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-z äß€]{0,40}",
        2 => (0..2000usize).prop_map(|length| "x".repeat(length)),
        // Longer than a frame.
        1 => (100_000..300_000usize).prop_map(|length| "long ".repeat(length / 5)),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        10 => (0..3u8, stream(), proptest::collection::vec(line(), 1..30))
            .prop_map(|(log, stream, lines)| Act::Append(log, stream, lines)),
        2 => Just(Act::Sync),
        1 => (0..3u8).prop_map(Act::Finish),
    ]
}

const KINDS: [LogKind; 3] = [LogKind::Stdio, LogKind::Text, LogKind::Html];

fn id(log: u8) -> LogId {
    LogId(100 + i64::from(log))
}

async fn check_ranges(reader: &LogReader, lines: &[String], seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut ranges = vec![(0, u64::MAX), (lines.len() as u64, u64::MAX), (0, 0)];
    for _ in 0..8 {
        let first = random.u64(0..lines.len() as u64 + 2);
        ranges.push((first, first + random.u64(0..40)));
    }
    for (first, last) in ranges {
        let count = (last - first).saturating_add(1);
        let expected: String = lines
            .iter()
            .skip(first as usize)
            .take(usize::try_from(count).unwrap_or(usize::MAX))
            .map(|line| format!("{line}\n"))
            .collect();
        let found = reader.read_lines(first, last).await.unwrap();
        assert!(found == expected, "lines {first} to {last}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn what_was_appended_is_read_back_at_any_range(
        acts in proptest::collection::vec(act(), 1..25), seed: u64,
    ) {
        wait(async {
            let place = place();
            let build = place.store.begin(BUILD).unwrap();
            let mut expected: BTreeMap<u8, Vec<String>> = BTreeMap::new();
            let mut writers = BTreeMap::new();
            let mut finished = [false; 3];
            for log in 0..3u8 {
                let kind = KINDS[usize::from(log)];
                writers.insert(log, build.add(id(log), kind, Limits::default()).unwrap());
                expected.insert(log, Vec::new());
            }
            for act in acts {
                match act {
                    Act::Append(log, _, _) | Act::Finish(log) if finished[usize::from(log)] => {}
                    Act::Append(log, stream, lines) => {
                        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
                        let kept = expected.get_mut(&log).unwrap();
                        for line in lines {
                            let letter = stream.letter();
                            kept.push(if log == 0 { format!("{letter}{line}") } else { line });
                        }
                        let count = writers[&log].append(stream, &text).await.unwrap();
                        assert_eq!(count, kept.len() as u64);
                    }
                    Act::Sync => build.sync().await.unwrap(),
                    Act::Finish(log) => {
                        finished[usize::from(log)] = true;
                        let count = writers[&log].finish().await.unwrap();
                        assert_eq!(count, expected[&log].len() as u64);
                    }
                }
                for log in 0..3u8 {
                    let source = place.store.segment_source(BUILD, id(log)).await.unwrap().unwrap();
                    let reader = LogReader::new(id(log), KINDS[usize::from(log)], source);
                    check_ranges(&reader, &expected[&log], seed).await;
                }
            }
            let live = place.reader(id(0)).await;
            build.seal().await.unwrap();
            check_ranges(&live, &expected[&0], seed).await;
            for store in [place.store.clone(), open(place.directory.path())] {
                for log in 0..3u8 {
                    let source = store.segment_source(BUILD, id(log)).await.unwrap().unwrap();
                    let reader = LogReader::new(id(log), KINDS[usize::from(log)], source);
                    check_ranges(&reader, &expected[&log], seed).await;
                }
            }
        });
    }
}

#[test]
fn raw_text_has_no_letters() {
    wait(async {
        let place = place();
        let build = place.store.begin(BUILD).unwrap();
        let log = build.add(LOG, LogKind::Stdio, Limits::default()).unwrap();
        log.append(Stream::Stdout, "öne\n\n").await.unwrap();
        log.append(Stream::Header, "end").await.unwrap();
        let mut pieces = place.reader(LOG).await.raw();
        let piece = pieces.next().await.unwrap().unwrap();
        assert_eq!((piece.count, piece.text.as_str()), (3, "öne\n\nend\n"));
        assert_eq!(pieces.next().await.unwrap(), None);
    });
}

#[test]
fn a_large_log_comes_in_pieces_of_bounded_size() {
    wait(async {
        let place = place();
        let build = place.store.begin(BUILD).unwrap();
        let log = build.add(LOG, LogKind::Stdio, Limits::default()).unwrap();
        let block = "a line of the output of some program\n".repeat(10_000);
        for _ in 0..20 {
            log.append(Stream::Stdout, &block).await.unwrap();
        }
        build.seal().await.unwrap();
        let mut pieces = place.reader(LOG).await.raw();
        let mut bytes = 0;
        while let Some(piece) = pieces.next().await.unwrap() {
            assert!(piece.text.len() <= buildbot_logs::BLOCK_BYTES_MAX);
            bytes += piece.text.len();
        }
        assert_eq!(bytes, 20 * block.len());
    });
}

#[test]
fn who_follows_a_log_gets_each_line_once_until_it_is_finished() {
    wait(async {
        let place = place();
        let build = place.store.begin(BUILD).unwrap();
        let log = build.add(LOG, LogKind::Stdio, Limits::default()).unwrap();
        log.append(Stream::Stdout, "0\n1\n").await.unwrap();
        let mut followed = place.reader(LOG).await.follow(1, Prefix::Strip);
        let follow = async {
            let mut text = String::new();
            while let Some(piece) = followed.next().await.unwrap() {
                text.push_str(&piece.text);
            }
            text
        };
        let write = async {
            for number in 2..200 {
                log.append(Stream::Stdout, &format!("{number}\n"))
                    .await
                    .unwrap();
                if number % 20 == 0 {
                    build.sync().await.unwrap();
                }
                tokio::task::yield_now().await;
            }
            log.finish().await.unwrap();
        };
        let (text, ()) = tokio::join!(follow, write);
        let expected: String = (1..200).map(|number| format!("{number}\n")).collect();
        assert_eq!(text, expected);
    });
}

#[test]
fn a_line_longer_than_the_longest_goes_on_in_the_next() {
    wait(async {
        let place = place();
        let build = place.store.begin(BUILD).unwrap();
        let log = build.add(LOG, LogKind::Stdio, Limits::default()).unwrap();
        let long = "€".repeat(1_000_000);
        let lines = log
            .append(Stream::Stdout, &format!("{long}\nshort\n"))
            .await
            .unwrap();
        log.finish().await.unwrap();
        let text = all(&place.store, LOG).await;
        assert_eq!(text.lines().count() as u64, lines);
        assert!(
            text.lines()
                .all(|line| line.len() <= buildbot_logs::LINE_BYTES_MAX + 1)
        );
        let joined: String = text.lines().map(|line| &line[1..]).collect();
        assert!(joined == format!("{long}short"));
    });
}

#[test]
fn segments_of_many_builds_share_no_large_directory() {
    let place = place();
    let path = |build| place.store.segment_path(buildbot_model::BuildId(build));
    let root = place.directory.path().join("log-segments");
    assert_eq!(path(7), root.join("0/000/7.bblog"));
    assert_eq!(path(1_234_567), root.join("1/234/1234567.bblog"));
}
