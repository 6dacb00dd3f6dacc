//! What one process is asked, whose turn it is, and what is done when an answer is late. No IO, no clock.
//!
//! A Python executes one thing at a time, so only one question has its *turn*: the next is sent when that one is
//! answered, or says that it awaits something other than Python code. Its clock runs from the moment it is sent;
//! questions that wait for their turn are not charged for it.
//!
//! A question past its deadline is broken off: by a signal if its code runs, by a message if it awaits. If that
//! does not bring an answer within the grace time, the process has to be killed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::ended::Ended;
use crate::host::AskError;
use crate::message::{Answer, Beat, Failure, Question};

/// Most questions that wait for their turn; more wait outside.
pub(crate) const WAITING_MAX: usize = 1024;

/// A deadline that is as good as none.
const DEADLINE_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// A sign of life that is older says nothing about now; the child sends one every second.
pub(crate) const BEAT_FRESH: Duration = Duration::from_secs(3);

/// Where an answer goes.
pub(crate) type Reply = oneshot::Sender<Result<Answer, AskError>>;

/// What has to be done about a late answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Signal the process, which raises an exception in the code that runs.
    Interrupt,
    /// Send a message that breaks this question off.
    Cancel(u64),
    /// Kill the process: this question cannot be broken off.
    Kill(&'static str),
}

/// The questions to one process.
#[derive(Debug)]
pub(crate) struct Questions {
    grace: Duration,
    next_id: u64,
    waiting: VecDeque<Waiting>,
    sent: BTreeMap<u64, Sent>,
    turn: Option<u64>,
    beat: Option<LastBeat>,
}

#[derive(Debug)]
struct Waiting {
    question: Question,
    deadline: Duration,
    reply: Reply,
}

#[derive(Debug)]
struct Sent {
    name: &'static str,
    reply: Reply,
    since: Instant,
    /// When it is late.
    due: Instant,
    broken_off: Option<Instant>,
}

/// What was heard last.
#[derive(Debug, Clone, Copy)]
struct LastBeat {
    at: Instant,
    busy: Option<u64>,
}

impl Questions {
    /// No questions yet; `grace` is the time between breaking off and killing.
    pub(crate) fn new(grace: Duration) -> Self {
        Self {
            grace,
            next_id: 1,
            waiting: VecDeque::new(),
            sent: BTreeMap::new(),
            turn: None,
            beat: None,
        }
    }

    /// Takes a question, which waits for its turn.
    pub(crate) fn ask(&mut self, question: Question, deadline: Duration, reply: Reply) {
        self.waiting.push_back(Waiting {
            question,
            deadline: deadline.min(DEADLINE_MAX),
            reply,
        });
    }

    /// Whether another question may be taken.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    /// Questions without an answer, those that wait for their turn included.
    pub(crate) fn open(&self) -> usize {
        self.waiting.len() + self.sent.len()
    }

    /// A number for a message that nobody waits for.
    pub(crate) fn fresh_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// The text of the next question and its number, if it has its turn; it is taken as sent.
    pub(crate) fn next(&mut self, now: Instant) -> Option<(Vec<u8>, u64)> {
        if self.turn.is_some() {
            return None;
        }
        // Nobody waits for some of them any more.
        let wanted = self
            .waiting
            .iter()
            .position(|waiting| !waiting.reply.is_closed());
        self.waiting.drain(..wanted.unwrap_or(self.waiting.len()));
        let Waiting {
            question,
            deadline,
            reply,
        } = self.waiting.pop_front()?;
        let id = self.fresh_id();
        let sent = Sent {
            name: question.name(),
            reply,
            since: now,
            due: now + deadline,
            broken_off: None,
        };
        self.sent.insert(id, sent);
        self.turn = Some(id);
        Some((question.encode(id, deadline), id))
    }

    /// Gives an answer to who asked. False: nobody did, or it was answered before.
    pub(crate) fn answered(&mut self, id: u64, outcome: Result<Answer, Failure>) -> bool {
        self.end_turn(id);
        let Some(sent) = self.sent.remove(&id) else {
            return false;
        };
        // Who asked may have gone away.
        let _ = sent.reply.send(outcome.map_err(AskError::Failed));
        true
    }

    /// Answers a question that cannot be sent.
    pub(crate) fn refuse(&mut self, id: u64, error: AskError) {
        self.end_turn(id);
        if let Some(sent) = self.sent.remove(&id) {
            let _ = sent.reply.send(Err(error));
        }
    }

    /// A question awaits something; the next one has its turn.
    pub(crate) fn end_turn(&mut self, id: u64) {
        if self.turn == Some(id) {
            self.turn = None;
        }
    }

    /// Hears a sign of life.
    pub(crate) fn heard(&mut self, now: Instant, beat: &Beat) {
        let silence = self.beat.map(|last| now.saturating_duration_since(last.at));
        self.beat = Some(LastBeat {
            at: now,
            busy: beat.busy,
        });
        // The code of another question, resumed after it awaited, keeps this one from running.
        let Some(running) = beat.busy.filter(|busy| self.sent.contains_key(busy)) else {
            return;
        };
        let Some(sent) = self.turn.and_then(|turn| self.sent.get_mut(&turn)) else {
            return;
        };
        if self.turn != Some(running) && sent.broken_off.is_none() {
            let busy = Duration::try_from_secs_f64(beat.busy_ms / 1000.0).unwrap_or_default();
            let waited = now.saturating_duration_since(sent.since);
            sent.due += busy.min(waited).min(silence.unwrap_or(waited));
        }
    }

    /// What runs by the last sign of life, if that is a question of ours: its name.
    pub(crate) fn name(&self, id: u64) -> Option<&'static str> {
        self.sent.get(&id).map(|sent| sent.name)
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        self.sent.values().map(|sent| sent.limit(self.grace)).min()
    }

    /// Breaks off what is late.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<Act> {
        let running = self
            .beat
            .filter(|last| now.saturating_duration_since(last.at) < BEAT_FRESH)
            .and_then(|last| last.busy)
            .filter(|busy| self.sent.contains_key(busy));
        let turn = self.turn;
        let turn_since = turn.and_then(|turn| Some(self.sent.get(&turn)?.since));
        let mut acts = Vec::new();
        for (&id, sent) in &mut self.sent {
            if now < sent.limit(self.grace) {
                continue;
            }
            let has_turn = turn == Some(id);
            if let Some(broken_off) = sent.broken_off {
                // A message is not read while other code runs that began before it.
                if !has_turn && turn_since.is_some_and(|since| since < broken_off) {
                    sent.broken_off = Some(now);
                } else {
                    acts.push(Act::Kill(sent.name));
                }
            } else if has_turn && running.is_some_and(|running| running != id) {
                // Not its fault; seen again after the next sign of life.
                sent.due = now + BEAT_FRESH / 3;
            } else {
                sent.broken_off = Some(now);
                // Code of its own may go on after it awaited; the child knows whether it runs any.
                if has_turn || running == Some(id) || (turn.is_none() && running.is_none()) {
                    acts.push(Act::Interrupt);
                }
                acts.push(Act::Cancel(id));
            }
        }
        acts
    }

    /// Does not count some time that has passed, in which nothing could be heard.
    pub(crate) fn excuse(&mut self, time: Duration) {
        for sent in self.sent.values_mut() {
            sent.due += time;
            sent.broken_off = sent.broken_off.map(|at| at + time);
        }
    }

    /// Answers everything with the end of the process.
    pub(crate) fn fail(&mut self, ended: &Arc<Ended>) {
        let sent = std::mem::take(&mut self.sent)
            .into_values()
            .map(|sent| sent.reply);
        let waiting = std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|waiting| waiting.reply);
        for reply in sent.chain(waiting) {
            let _ = reply.send(Err(AskError::Ended(ended.clone())));
        }
    }
}

impl Sent {
    /// When something has to be done about it.
    fn limit(&self, grace: Duration) -> Instant {
        self.broken_off.map_or(self.due, |at| at + grace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{self, Message};

    const GRACE: Duration = Duration::from_secs(5);

    /// Questions, a clock, and what was asked.
    struct World {
        questions: Questions,
        now: Instant,
        answers: Vec<oneshot::Receiver<Result<Answer, AskError>>>,
    }

    impl World {
        fn new() -> Self {
            Self {
                questions: Questions::new(GRACE),
                now: Instant::now(),
                answers: Vec::new(),
            }
        }

        fn ask(&mut self, deadline_s: u64) {
            let (reply, answer) = oneshot::channel();
            let deadline = Duration::from_secs(deadline_s);
            self.questions.ask(Question::Ping, deadline, reply);
            self.answers.push(answer);
        }

        /// Sends what has its turn; the ids.
        fn send(&mut self) -> Vec<u64> {
            let mut ids = Vec::new();
            while let Some((text, id)) = self.questions.next(self.now) {
                let value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
                assert_eq!(value["id"], id);
                ids.push(id);
            }
            ids
        }

        fn advance(&mut self, seconds: u64) {
            self.now += Duration::from_secs(seconds);
        }

        fn beat(&mut self, busy: Option<u64>, busy_s: f64) {
            let beat = Beat {
                busy,
                busy_ms: busy_s * 1000.0,
                rss_kb: 0,
                age_s: 0.0,
            };
            self.questions.heard(self.now, &beat);
        }

        fn expect(&mut self, acts: &[Act]) {
            assert_eq!(self.questions.handle_timeout(self.now), acts);
        }

        fn answer(&mut self, id: u64) -> bool {
            let Ok(Message::Answer { outcome, .. }) = message::decode(br#"{"id":1,"ok":1}"#) else {
                unreachable!("it is an answer");
            };
            self.questions.answered(id, outcome)
        }
    }

    #[test]
    fn one_question_has_its_turn_until_it_is_answered() {
        let mut world = World::new();
        world.ask(30);
        world.ask(30);
        assert_eq!(world.send(), [1]);
        assert!(world.answer(1));
        assert_eq!(world.send(), [2]);
        assert!(world.answers[0].try_recv().expect("answered").is_ok());
        assert!(world.answers[1].try_recv().is_err());
    }

    #[test]
    fn a_question_that_awaits_lets_the_next_one_in() {
        let mut world = World::new();
        world.ask(30);
        world.ask(30);
        assert_eq!(world.send(), [1]);
        world.questions.end_turn(1);
        assert_eq!(world.send(), [2]);
        assert!(world.answer(1));
        assert_eq!(world.send(), [0; 0]);
    }

    #[test]
    fn code_past_its_deadline_is_interrupted_and_then_killed() {
        let mut world = World::new();
        world.ask(30);
        world.send();
        world.advance(29);
        world.expect(&[]);
        world.advance(1);
        world.expect(&[Act::Interrupt, Act::Cancel(1)]);
        world.advance(4);
        world.expect(&[]);
        assert_eq!(
            world.questions.timeout(),
            Some(world.now + Duration::from_secs(1))
        );
        world.advance(1);
        world.expect(&[Act::Kill("ping")]);
    }

    #[test]
    fn what_awaits_past_its_deadline_is_cancelled() {
        let mut world = World::new();
        world.ask(30);
        world.send();
        world.questions.end_turn(1);
        world.advance(30);
        world.expect(&[Act::Interrupt, Act::Cancel(1)]);
    }

    #[test]
    fn what_awaits_past_its_deadline_does_not_interrupt_another() {
        let mut world = World::new();
        world.ask(30);
        world.ask(30);
        world.send();
        world.questions.end_turn(1);
        world.advance(20);
        assert_eq!(world.send(), [2]);
        world.advance(10);
        world.expect(&[Act::Cancel(1)]);
    }

    #[test]
    fn what_awaited_and_runs_again_past_its_deadline_is_signalled() {
        let mut world = World::new();
        world.ask(30);
        world.send();
        world.questions.end_turn(1);
        world.advance(29);
        world.beat(Some(1), 10.0);
        world.advance(1);
        world.expect(&[Act::Interrupt, Act::Cancel(1)]);
    }

    #[test]
    fn the_time_before_its_turn_is_not_charged() {
        let mut world = World::new();
        world.ask(30);
        world.ask(30);
        world.send();
        world.advance(29);
        world.answer(1);
        world.send();
        world.advance(29);
        world.expect(&[]);
    }

    #[test]
    fn a_question_is_not_charged_for_the_resumed_code_of_another() {
        let mut world = World::new();
        world.ask(100);
        world.send();
        world.questions.end_turn(1);
        world.ask(3);
        assert_eq!(world.send(), [2]);
        for second in 1..=10 {
            world.advance(1);
            world.beat(Some(1), f64::from(second));
            world.expect(&[]);
        }
        world.beat(None, 0.0);
        world.advance(3);
        world.expect(&[Act::Interrupt, Act::Cancel(2)]);
    }

    #[test]
    fn old_news_excuse_nobody() {
        let mut world = World::new();
        world.ask(100);
        world.send();
        world.questions.end_turn(1);
        world.beat(Some(1), 1.0);
        world.ask(30);
        world.send();
        world.advance(30);
        world.expect(&[Act::Interrupt, Act::Cancel(2)]);
    }

    #[test]
    fn a_cancelled_question_is_not_killed_for_code_that_ran_before() {
        let mut world = World::new();
        world.ask(10);
        world.send();
        world.questions.end_turn(1);
        world.advance(5);
        world.ask(60);
        assert_eq!(world.send(), [2]);
        world.advance(5);
        world.expect(&[Act::Cancel(1)]);
        world.advance(5);
        world.expect(&[]);
        world.answer(2);
        world.advance(5);
        world.expect(&[Act::Kill("ping")]);
    }

    #[test]
    fn time_in_which_nothing_was_heard_does_not_count() {
        let mut world = World::new();
        world.ask(30);
        world.send();
        world.advance(31);
        world.questions.excuse(Duration::from_secs(10));
        world.expect(&[]);
        world.advance(9);
        world.expect(&[Act::Interrupt, Act::Cancel(1)]);
        world.advance(6);
        world.questions.excuse(Duration::from_secs(2));
        world.expect(&[]);
    }

    #[test]
    fn what_nobody_waits_for_is_not_sent() {
        let mut world = World::new();
        world.ask(30);
        world.ask(30);
        world.answers.remove(0);
        assert_eq!(world.send(), [1]);
        assert!(world.answer(1));
        assert!(world.answers[0].try_recv().expect("answered").is_ok());
    }

    #[test]
    fn an_answer_that_nobody_asked_for_is_told() {
        let mut world = World::new();
        assert!(!world.answer(1));
        world.ask(30);
        world.send();
        assert!(world.answer(1));
        assert!(!world.answer(1));
    }

    #[test]
    fn the_longest_deadline_does_not_overflow() {
        let mut world = World::new();
        let (reply, _answer) = oneshot::channel();
        world.questions.ask(Question::Ping, Duration::MAX, reply);
        assert_eq!(world.send(), [1]);
    }
}
