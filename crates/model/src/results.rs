//! How steps, builds, requests and buildsets end.

/// The result of something that is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Results {
    /// All is well.
    Success,
    /// It works, and somebody should look at it.
    Warnings,
    /// It does not work.
    Failure,
    /// It was not necessary: a step or a build that was not run, a collapsed request.
    Skipped,
    /// Something else than the code under test broke.
    Exception,
    /// Interrupted by no fault of its own; the request is built again.
    Retry,
    /// Stopped by somebody.
    Cancelled,
}

impl Results {
    /// All of them, by code.
    pub const ALL: [Self; 7] = [
        Self::Success,
        Self::Warnings,
        Self::Failure,
        Self::Skipped,
        Self::Exception,
        Self::Retry,
        Self::Cancelled,
    ];

    /// The number in database and REST API.
    pub fn code(self) -> i64 {
        match self {
            Self::Success => 0,
            Self::Warnings => 1,
            Self::Failure => 2,
            Self::Skipped => 3,
            Self::Exception => 4,
            Self::Retry => 5,
            Self::Cancelled => 6,
        }
    }

    /// The result with this number; `None` for others, also for -1, which stands for "not complete".
    pub fn from_code(code: i64) -> Option<Self> {
        usize::try_from(code)
            .ok()
            .and_then(|code| Self::ALL.get(code))
            .copied()
    }

    /// The word in the manual and in texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Warnings => "warnings",
            Self::Failure => "failure",
            Self::Skipped => "skipped",
            Self::Exception => "exception",
            Self::Retry => "retry",
            Self::Cancelled => "cancelled",
        }
    }

    /// The worse of two: cancelled, retry, exception, failure, warnings, success, skipped.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        if self.badness() >= other.badness() {
            self
        } else {
            other
        }
    }

    /// What a step that was interrupted ends with: it is an exception, unless it says that it was stopped or lost.
    #[must_use]
    pub fn of_interrupted(self) -> Self {
        match self {
            Self::Retry | Self::Cancelled => self,
            Self::Success | Self::Warnings | Self::Failure | Self::Skipped | Self::Exception => {
                Self::Exception
            }
        }
    }

    fn badness(self) -> u8 {
        match self {
            Self::Skipped => 0,
            Self::Success => 1,
            Self::Warnings => 2,
            Self::Failure => 3,
            Self::Exception => 4,
            Self::Retry => 5,
            Self::Cancelled => 6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Results::{self, *};

    #[test]
    fn codes_are_those_of_the_database() {
        for (code, results) in (0..).zip(Results::ALL) {
            assert_eq!(results.code(), code);
            assert_eq!(Results::from_code(code), Some(results));
        }
        assert_eq!(Results::from_code(-1), None);
        assert_eq!(Results::from_code(7), None);
    }

    #[test]
    fn the_worst_of_two_does_not_depend_on_their_order() {
        let order = [
            Skipped, Success, Warnings, Failure, Exception, Retry, Cancelled,
        ];
        for (i, a) in order.into_iter().enumerate() {
            for (j, b) in order.into_iter().enumerate() {
                assert_eq!(a.worst(b), order[i.max(j)]);
            }
        }
    }
}
