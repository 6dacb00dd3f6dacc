//! What people read about a build.

use std::sync::Arc;

use buildbot_model::Results;

pub(crate) const CREATED: &str = "created";
pub(crate) const PREPARING: &str = "preparing worker";
pub(crate) const PINGING: &str = "pinging worker";
pub(crate) const ACQUIRING_LOCKS: &str = "acquiring locks";
pub(crate) const BUILDING: &str = "building";

/// The last state string of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastState {
    /// Its result in words, why it was stopped, whether its worker was lost, what its steps say.
    Composed,
    /// These words, whatever else happened: it has never run a step.
    Words(&'static str),
}

/// What is known of a build at its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End<'a> {
    pub(crate) results: Results,
    pub(crate) stop_reason: Option<&'a str>,
    pub(crate) is_lost: bool,
    pub(crate) summaries: &'a [Arc<str>],
}

impl End<'_> {
    pub(crate) fn state(self, last: LastState) -> Arc<str> {
        let words = match last {
            LastState::Words(words) => return words.into(),
            LastState::Composed => words(self.results),
        };
        let mut state = words.to_owned();
        if let Some(reason) = self.stop_reason {
            state.push_str(" (");
            state.push_str(reason);
            state.push(')');
        }
        if self.is_lost {
            state.push_str(" lost connection");
        }
        for summary in self.summaries {
            state.push(' ');
            state.push_str(summary);
        }
        state.into()
    }
}

fn words(results: Results) -> &'static str {
    match results {
        Results::Success | Results::Skipped => "build successful",
        Results::Warnings => "warnings",
        Results::Failure => "failed",
        Results::Exception => "exception",
        Results::Retry => "retry",
        Results::Cancelled => "cancelled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_state_says_how_it_ended_why_and_where() {
        let sleep: Arc<str> = "'sleep 60' (cancelled)".into();
        let end = End {
            results: Results::Cancelled,
            stop_reason: Some("enough"),
            is_lost: false,
            summaries: std::slice::from_ref(&sleep),
        };
        assert_eq!(
            &*end.state(LastState::Composed),
            "cancelled (enough) 'sleep 60' (cancelled)"
        );
        let lost = End {
            results: Results::Retry,
            stop_reason: None,
            is_lost: true,
            summaries: &[],
        };
        assert_eq!(&*lost.state(LastState::Composed), "retry lost connection");
        assert_eq!(
            &*end.state(LastState::Words("worker cancelled")),
            "worker cancelled"
        );
    }
}
