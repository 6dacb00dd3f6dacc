//! Times like those of cron, as the reference understands them.

use std::collections::BTreeSet;

use buildbot_model::Timestamp;
use buildbot_render::Value;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp as Instant};

mod fields;

use fields::Fields;

/// How many years are searched for a time that matches.
const YEARS_MAX: i16 = 50;

/// Five fields of cron.
#[derive(Debug, Clone, PartialEq)]
pub struct Cron {
    fields: Fields,
    line: String,
}

/// Fields that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[{line}] is not acceptable: {reason}")]
pub struct CronError {
    /// The fields.
    pub line: String,
    /// What is wrong.
    pub reason: String,
}

impl Cron {
    /// Minute, hour, day of the month, month and day of the week as a scheduler is given them: numbers, several of
    /// them, or texts. In numbers Monday is the day 0; in texts only numbers that stand alone are.
    ///
    /// # Errors
    ///
    /// When cron would not take them.
    pub fn of_arguments(
        minute: &Value,
        hour: &Value,
        day_of_month: &Value,
        month: &Value,
        day_of_week: &Value,
    ) -> Result<Self, CronError> {
        let fields = [
            field(minute, false),
            field(hour, false),
            field(day_of_month, false),
            field(month, false),
            field(day_of_week, true),
        ];
        Self::parse(&fields.join(" "))
    }

    /// Five fields, separated by blanks; Sunday is the day 0.
    ///
    /// # Errors
    ///
    /// When cron would not take them.
    pub fn parse(line: &str) -> Result<Self, CronError> {
        let fields = Fields::parse(&line.to_lowercase()).map_err(|reason| CronError {
            line: line.to_owned(),
            reason,
        })?;
        Ok(Self {
            fields,
            line: line.to_owned(),
        })
    }

    /// The five fields.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The first time after `after`. The offset from UTC that `zone` has at `after` counts also for what
    /// comes, as it does in the reference: over a change of summer time it is an hour off.
    ///
    /// `None` if there is none within fifty years.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let (offset, local) = local(after, zone)?;
        let next = self.next_local(local)?;
        let instant = offset.to_timestamp(next).ok()?;
        Some(Timestamp::from_seconds(
            u64::try_from(instant.as_second()).ok()?,
        ))
    }

    /// Whether the minute of `at` is one of these times.
    pub fn matches(&self, at: Timestamp, zone: &TimeZone) -> bool {
        local(at, zone).is_some_and(|(_, local)| {
            self.fields.has_day(local.date())
                && self.fields.hour.has(local.hour())
                && self.fields.minute.has(local.minute())
        })
    }

    fn next_local(&self, after: DateTime) -> Option<DateTime> {
        let floor = after.with().second(0).subsec_nanosecond(0).build().ok()?;
        let start = floor.checked_add(Span::new().minutes(1)).ok()?;
        let last_year = start.year().saturating_add(YEARS_MAX);
        let found = self.first(start, last_year, &|date| self.fields.has_day(date))?;
        let others = self.fields.needed_too();
        others
            .into_iter()
            .all(|needed| self.first(start, last_year, &|date| needed(date)).is_some())
            .then_some(found)
    }

    fn first(
        &self,
        start: DateTime,
        last_year: i16,
        has_day: &dyn Fn(Date) -> bool,
    ) -> Option<DateTime> {
        let mut date = start.date();
        if has_day(date)
            && let Some((hour, minute)) = self.time_from(start.hour(), start.minute())
        {
            return Some(date.at(hour, minute, 0, 0));
        }
        let (hour, minute) = self.time_from(0, 0)?;
        loop {
            date = date.tomorrow().ok()?;
            if date.year() > last_year {
                return None;
            }
            if !self.fields.has_month(date.month()) {
                // The next day is the first of a month.
                date = date.last_of_month();
                continue;
            }
            if has_day(date) {
                return Some(date.at(hour, minute, 0, 0));
            }
        }
    }

    fn time_from(&self, hour: i8, minute: i8) -> Option<(i8, i8)> {
        let Fields {
            minute: minutes,
            hour: hours,
            ..
        } = &self.fields;
        if hours.has(hour)
            && let Some(minute) = (minute..60).find(|minute| minutes.has(*minute))
        {
            return Some((hour, minute));
        }
        let hour = (hour + 1..24).find(|hour| hours.has(*hour))?;
        Some((hour, (0..60).find(|minute| minutes.has(*minute))?))
    }
}

fn local(at: Timestamp, zone: &TimeZone) -> Option<(Offset, DateTime)> {
    let instant = Instant::from_second(i64::try_from(at.seconds()).ok()?).ok()?;
    let offset = zone.to_offset(instant);
    Some((offset, offset.to_datetime(instant)))
}

/// An argument as a field of cron.
fn field(value: &Value, is_day_of_week: bool) -> String {
    let shift = |day: i64| (day + 1).rem_euclid(7).to_string();
    let number = |number: i64| {
        if is_day_of_week {
            shift(number)
        } else {
            number.to_string()
        }
    };
    match value {
        Value::Int(value) => number(*value),
        Value::Bool(value) => number((*value).into()),
        Value::Text(text) if is_day_of_week => {
            let items = text.split(',').map(|item| match item.trim().parse() {
                Ok(day) => shift(day),
                Err(_) => item.to_owned(),
            });
            items.collect::<Vec<_>>().join(",")
        }
        Value::Text(text) => text.clone(),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| match item {
                    Value::Int(value) => number(*value),
                    Value::Text(text) => match text.trim().parse() {
                        Ok(value) => number(value),
                        Err(_) => text.clone(),
                    },
                    other => format!("{other:?}"),
                })
                .collect();
            items.join(",")
        }
        other => format!("{other:?}"),
    }
}

/// The numbers that a field may have.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Set {
    any: bool,
    numbers: BTreeSet<i8>,
}

impl Set {
    pub(crate) fn has(&self, number: i8) -> bool {
        self.any || self.numbers.contains(&number)
    }
}
