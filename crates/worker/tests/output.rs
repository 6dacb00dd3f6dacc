//! Output against a model that follows the rules letter by letter, and what holds for all of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use buildbot_wire::{LineMarks, Stream, Update};
use buildbot_worker::output::{Decoder, Encoding, NewlinePattern, Output, Settings};
use proptest::prelude::*;

/// The usual pattern, so written that it takes the way of all other patterns.
const USUAL_IN_OTHER_WORDS: &str =
    r"(?:\r\n|\r(?=.)|\033\[u|\033\[[0-9]+;[0-9]+[Hf]|\033\[2J|\x08+)";

/// A line with its newline, and when its first character arrived.
type Line = (String, f64);

/// What waits in the model's buffer.
#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Lines(Stream, Vec<Line>),
    Value(Update),
}

/// The rules of output, without regard to cost.
struct Model {
    /// What a line counts beside its characters.
    line_size: usize,
    buffer_size: usize,
    max_line_length: usize,
    newline: fancy_regex::Regex,
    decoders: BTreeMap<Stream, Decoder>,
    /// Unfinished lines, each character with its time.
    rests: BTreeMap<Stream, Vec<(char, f64)>>,
    buffer: Vec<Entry>,
    batches: Vec<Vec<Entry>>,
}

impl Model {
    fn new(settings: &Settings, marks: bool) -> Self {
        let usual = r"(\r\n|\r(?=.)|\x1b\[u|\x1b\[[0-9]+;[0-9]+[Hf]|\x1b\[2J|\x08+)";
        Self {
            line_size: if marks { 16 } else { 0 },
            buffer_size: settings.buffer_size,
            max_line_length: settings.max_line_length,
            newline: fancy_regex::Regex::new(usual).expect("the pattern is right"),
            decoders: BTreeMap::new(),
            rests: BTreeMap::new(),
            buffer: Vec::new(),
            batches: Vec::new(),
        }
    }

    fn bytes(&mut self, stream: &Stream, bytes: &[u8], now: f64) {
        let decoder = self
            .decoders
            .entry(stream.clone())
            .or_insert_with(|| utf8().new_decoder());
        let text = decoder.decode(bytes).into_owned();
        self.text(stream, &text, now);
    }

    fn text(&mut self, stream: &Stream, text: &str, now: f64) {
        let rest = self.rests.entry(stream.clone()).or_default();
        rest.extend(text.chars().map(|character| (character, now)));
        let joined: String = rest.iter().map(|(character, _)| *character).collect();
        let mut timed = std::mem::take(rest);
        let matches: Vec<_> = self
            .newline
            .find_iter(&joined)
            .map(|found| found.expect("it matches").range())
            .collect();
        for range in matches.into_iter().rev() {
            let first = joined[..range.start].chars().count();
            let count = joined[range].chars().count();
            let time = timed[first].1;
            timed.splice(first..first + count, [('\n', time)]);
        }
        let mut lines: Vec<Line> = Vec::new();
        let mut line: Vec<(char, f64)> = Vec::new();
        for (character, time) in timed {
            if character == '\n' {
                let began = line.first().map_or(time, |first| first.1);
                lines.push((
                    line.drain(..)
                        .map(|(character, _)| character)
                        .chain(['\n'])
                        .collect(),
                    began,
                ));
                continue;
            }
            line.push((character, time));
            if line.len() == self.max_line_length {
                let began = line[0].1;
                let piece = line
                    .drain(..self.max_line_length - 1)
                    .map(|(character, _)| character);
                lines.push((piece.chain(['\n']).collect(), began));
            }
        }
        self.rests.insert(stream.clone(), line);
        if !lines.is_empty() {
            self.append(Entry::Lines(stream.clone(), lines));
        }
    }

    fn append(&mut self, entry: Entry) {
        if self.size(&self.buffer) + self.size(std::slice::from_ref(&entry)) > self.buffer_size {
            self.flush();
        }
        match entry {
            Entry::Lines(stream, lines) if self.lines_size(&lines) > self.buffer_size => {
                let mut message: Vec<Line> = Vec::new();
                for line in lines {
                    if !message.is_empty()
                        && self.lines_size(&message) + self.lines_size(std::slice::from_ref(&line))
                            > self.buffer_size
                    {
                        self.batches.push(vec![Entry::Lines(
                            stream.clone(),
                            std::mem::take(&mut message),
                        )]);
                    }
                    message.push(line);
                }
                self.batches.push(vec![Entry::Lines(stream, message)]);
            }
            Entry::Lines(stream, lines) => match self.buffer.last_mut() {
                Some(Entry::Lines(last, before)) if *last == stream => before.extend(lines),
                _ => self.buffer.push(Entry::Lines(stream, lines)),
            },
            Entry::Value(_) => {
                self.buffer.push(entry);
                if self.size(&self.buffer) > self.buffer_size {
                    self.flush();
                }
            }
        }
    }

    fn finish_lines(&mut self, now: f64) {
        let streams: Vec<Stream> = self.rests.keys().cloned().collect();
        for stream in &streams {
            let text = self.decoders.get_mut(stream).map_or("", Decoder::finish);
            self.text(stream, text, now);
        }
        for stream in &streams {
            if !self.rests[stream].is_empty() {
                self.text(stream, "\n", now);
            }
        }
    }

    fn lines_size(&self, lines: &[Line]) -> usize {
        lines
            .iter()
            .map(|(line, _)| line.chars().count() + self.line_size)
            .sum()
    }

    fn size(&self, entries: &[Entry]) -> usize {
        let size = |entry: &Entry| match entry {
            Entry::Lines(_, lines) => self.lines_size(lines),
            Entry::Value(_) => 20,
        };
        entries.iter().map(size).sum()
    }

    fn flush(&mut self) {
        if !self.buffer.is_empty() {
            self.batches.push(std::mem::take(&mut self.buffer));
        }
    }

    fn updates(&self, marks: bool) -> Vec<Vec<Update>> {
        self.batches
            .iter()
            .map(|batch| batch.iter().map(|entry| update(entry, marks)).collect())
            .collect()
    }
}

fn update(entry: &Entry, marks: bool) -> Update {
    match entry {
        Entry::Value(value) => value.clone(),
        Entry::Lines(stream, lines) => {
            let text: String = lines.iter().map(|(line, _)| line.as_str()).collect();
            let positions = text
                .chars()
                .zip(0..)
                .filter(|(character, _)| *character == '\n');
            let line_marks = LineMarks {
                newlines: positions.map(|(_, position)| position).collect(),
                times: lines.iter().map(|(_, time)| *time).collect(),
            };
            Update::Text {
                stream: stream.clone(),
                text,
                marks: marks.then_some(line_marks),
            }
        }
    }
}

fn utf8() -> Encoding {
    Encoding::named(None).expect("UTF-8 is known")
}

fn streams() -> [Stream; 5] {
    [
        Stream::Stdout,
        Stream::Stderr,
        Stream::Header,
        Stream::Log("b".to_owned()),
        Stream::Log("a".to_owned()),
    ]
}

/// What happens to an output.
#[derive(Debug, Clone)]
enum Event {
    Bytes(usize, Vec<u8>),
    Text(usize, String),
    Value,
    Flush,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let token = prop::sample::select(vec![
        "\n",
        "\n",
        "\n",
        "\r",
        "\r\n",
        "\x08",
        "\x08\x08",
        "\x1b",
        "[",
        "\x1b[",
        "2",
        "J",
        "2J",
        "u",
        ";",
        "1",
        "12;3",
        "H",
        "f",
        "\x1b[2J",
        "\x1b[u",
        "\x1b[1;1H",
        "é",
        "€",
        "😀",
        "x",
        "word",
        "a longer piece of text",
        "\u{2028}",
    ]);
    let piece = prop::collection::vec(token, 0..8).prop_map(|tokens| tokens.concat());
    let stream = prop_oneof![6 => Just(0usize), 1 => 0..streams().len()];
    let cut = prop::collection::vec(any::<prop::sample::Index>(), 0..5);
    let bytes = (
        stream.clone(),
        prop::collection::vec(piece.clone(), 1..4),
        cut,
    )
        .prop_map(|(stream, pieces, cuts)| {
            let bytes = pieces.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            cuts.windows(2)
                .map(|ends| Event::Bytes(stream, bytes[ends[0]..ends[1]].to_vec()))
                .collect()
        });
    let invalid = (stream.clone(), prop::collection::vec(any::<u8>(), 0..6))
        .prop_map(|(stream, bytes)| vec![Event::Bytes(stream, bytes)]);
    let text = (stream, piece).prop_map(|(stream, text)| vec![Event::Text(stream, text)]);
    let event = prop_oneof![
        12 => bytes,
        1 => invalid,
        2 => text,
        1 => Just(vec![Event::Value]),
        1 => Just(vec![Event::Flush]),
    ];
    prop::collection::vec(event, 0..24).prop_map(|events| events.concat())
}

fn settings() -> impl Strategy<Value = Settings> {
    let buffer_size = prop_oneof![0usize..60, 60usize..400, Just(65_536usize)];
    let max_line_length = prop_oneof![2usize..8, 8usize..30, Just(4096usize)];
    (buffer_size, max_line_length, any::<bool>()).prop_map(
        |(buffer_size, max_line_length, general)| {
            let pattern = if general {
                USUAL_IN_OTHER_WORDS
            } else {
                r"(\r\n|\r(?=.)|\033\[u|\033\[[0-9]+;[0-9]+[Hf]|\033\[2J|\x08+)"
            };
            let newline = NewlinePattern::from_python_regex(pattern).expect("the pattern is right");
            Settings {
                buffer_size,
                max_line_length,
                newline,
                ..Settings::default()
            }
        },
    )
}

fn take_batches(output: &mut Output) -> Vec<Vec<Update>> {
    std::iter::from_fn(|| output.next_batch()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_output_in_any_pieces_gives_the_batches_of_the_rules(settings in settings(), events in events(), marks: bool) {
        let mut model = Model::new(&settings, marks);
        let mut output = Output::new(Arc::new(settings.clone()), &utf8(), marks);
        for (event, time) in events.iter().zip(1u32..) {
            let now = f64::from(time);
            match event {
                Event::Bytes(stream, bytes) => {
                    model.bytes(&streams()[*stream], bytes, now);
                    output.bytes(&streams()[*stream], bytes, now);
                }
                Event::Text(stream, text) => {
                    model.text(&streams()[*stream], text, now);
                    output.text(&streams()[*stream], text, now);
                }
                Event::Value => {
                    model.append(Entry::Value(Update::Rc(i64::from(time))));
                    output.value(Update::Rc(i64::from(time)));
                }
                Event::Flush => {
                    model.flush();
                    output.flush();
                }
            }
            prop_assert_eq!(output.is_buffering(), !model.buffer.is_empty());
        }
        model.finish_lines(1e3);
        output.finish_lines(1e3);
        model.flush();
        output.flush();
        let batches = take_batches(&mut output);
        prop_assert_eq!(output.pending_bytes(), 0);
        for update in batches.iter().flatten() {
            if let Update::Text { text, .. } = update {
                let lines = text.matches('\n').count();
                prop_assert!(text.ends_with('\n'));
                let size = text.chars().count() + model.line_size * lines;
                prop_assert!(lines == 1 || size <= settings.buffer_size);
            }
        }
        prop_assert_eq!(batches, model.updates(marks));
    }
}

fn text_of(batches: &[Vec<Update>]) -> String {
    let texts = batches.iter().flatten().filter_map(|update| match update {
        Update::Text { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn ten_megabytes_without_a_newline_are_cut_and_never_held() {
    for character in ["x", "é"] {
        let mut output = Output::new(Arc::new(Settings::default()), &utf8(), true);
        let chunk = character.repeat(65_536 / character.len());
        let mut text = String::new();
        let mut most = 0;
        for _ in 0..160 {
            output.bytes(&Stream::Stdout, chunk.as_bytes(), 1.0);
            most = most.max(output.pending_bytes());
            text.push_str(&text_of(&take_batches(&mut output)));
        }
        output.finish_lines(1.0);
        output.flush();
        text.push_str(&text_of(&take_batches(&mut output)));
        assert!(most < 300_000, "{most} bytes were held");
        assert!(
            text.lines()
                .rev()
                .skip(1)
                .all(|line| line.chars().count() == 4095)
        );
        assert_eq!(text.replace('\n', ""), chunk.repeat(160));
    }
}

#[test]
fn a_million_lines_arrive_in_order() {
    let mut output = Output::new(Arc::new(Settings::default()), &utf8(), true);
    let expected: String = (0..1_000_000)
        .map(|line| format!("line {line}\n"))
        .collect();
    let mut batches = Vec::new();
    for chunk in expected.as_bytes().chunks(65_521) {
        output.bytes(&Stream::Stdout, chunk, 1.0);
        batches.extend(take_batches(&mut output));
    }
    output.flush();
    batches.extend(take_batches(&mut output));
    assert!(text_of(&batches) == expected);
    let marks = batches.iter().flatten().filter_map(|update| match update {
        Update::Text {
            marks: Some(marks), ..
        } => Some((marks.newlines.len(), marks.times.len())),
        _ => None,
    });
    let (newlines, times) = marks.fold((0, 0), |sum, marks| (sum.0 + marks.0, sum.1 + marks.1));
    assert_eq!((newlines, times), (1_000_000, 1_000_000));
}

#[test]
fn what_is_held_is_counted_until_it_is_taken() {
    let mut output = Output::new(Arc::new(Settings::default()), &utf8(), false);
    output.bytes(&Stream::Stdout, b"unfinished \xe2\x82", 1.0);
    assert_eq!(output.pending_bytes(), 13);
    output.bytes(&Stream::Stdout, b"\xac\n", 1.0);
    assert!(output.pending_bytes() > 14);
    output.flush();
    assert!(output.pending_bytes() > 14);
    assert_eq!(text_of(&take_batches(&mut output)), "unfinished €\n");
    assert_eq!(output.pending_bytes(), 0);
}
