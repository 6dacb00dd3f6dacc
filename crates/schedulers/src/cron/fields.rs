//! The fields of a cron line: what may stand in them, and which days they mean.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};

use super::Set;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The fields of a line.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Fields {
    pub(super) minute: Set,
    pub(super) hour: Set,
    day_of_month: Set,
    has_last_day: bool,
    /// The weekdays nearest to these days are meant, and only they.
    nearest: BTreeSet<i8>,
    month: Set,
    day_of_week: Set,
    /// Which weekdays of a month are meant, and only they.
    nth: BTreeMap<i8, BTreeSet<Nth>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Nth {
    Number(i8),
    Last,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
}

impl Kind {
    const fn range(self) -> (i8, i8) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 6),
        }
    }

    /// The number behind a name.
    fn named(self, name: &str) -> Option<i64> {
        let at = |names: &[&str]| names.iter().position(|known| *known == name);
        let index = match self {
            Self::Month => at(&MONTHS)? + 1,
            Self::DayOfWeek => at(&DAYS)?,
            Self::Minute | Self::Hour | Self::DayOfMonth => return None,
        };
        i64::try_from(index).ok()
    }

    fn number(self, text: &str) -> Result<i64, String> {
        let value = if is_number(text) {
            text.parse()
                .map_err(|_| format!("{text} is out of range"))?
        } else {
            self.named(text)
                .ok_or_else(|| format!("{text:?} is no number"))?
        };
        Ok(if self == Self::DayOfWeek && value == 7 {
            0
        } else {
            value
        })
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Fields {
    /// `line` is in lower case.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let texts: Vec<&str> = line.split_ascii_whitespace().collect();
        let [minute, hour, day_of_month, month, day_of_week] = texts[..] else {
            return Err("it does not have five fields".to_owned());
        };
        let mut fields = Self::default();
        fields.minute = fields.field(Kind::Minute, minute)?;
        fields.hour = fields.field(Kind::Hour, hour)?;
        fields.day_of_month = fields.field(Kind::DayOfMonth, day_of_month)?;
        fields.month = fields.field(Kind::Month, month)?;
        fields.day_of_week = fields.field(Kind::DayOfWeek, day_of_week)?;
        // All days of one field do not matter if the other one has a star.
        let all_days = fields.day_of_month.numbers.len() + usize::from(fields.has_last_day) == 31;
        if all_days && day_of_week.contains('*') {
            fields.day_of_month.any = true;
        }
        if fields.day_of_week.numbers.len() == 7 && day_of_month.contains('*') {
            fields.day_of_week.any = true;
        }
        let is_nth = |day: &i8| fields.nth.contains_key(day);
        if !fields.nth.is_empty()
            && fields.day_of_week.numbers.len() != 7
            && !fields.day_of_week.numbers.iter().all(is_nth)
        {
            return Err(
                "days of the week and their numbers in the month cannot be mixed".to_owned(),
            );
        }
        Ok(fields)
    }

    fn field(&mut self, kind: Kind, text: &str) -> Result<Set, String> {
        let text = match text {
            "?" if matches!(kind, Kind::DayOfMonth | Kind::DayOfWeek) => "*",
            text if text.contains('?') => {
                return Err("? stands alone, and for days only".to_owned());
            }
            text => text,
        };
        let mut set = Set::default();
        let items: Vec<&str> = text.split(',').collect();
        for item in &items {
            self.item(kind, item, items.len() == 1, &mut set)?;
        }
        Ok(set)
    }

    fn item(
        &mut self,
        kind: Kind,
        item: &str,
        is_alone: bool,
        set: &mut Set,
    ) -> Result<(), String> {
        let (item, nth) = match kind {
            Kind::DayOfWeek => split_nth(item)?,
            _ => (item, None),
        };
        if kind == Kind::DayOfMonth
            && let Some(day) = item.strip_suffix('w').or_else(|| item.strip_prefix('w'))
            && is_number(day)
        {
            let day: i8 = day.parse().unwrap_or_default();
            if !(1..=31).contains(&day) || !is_alone {
                return Err("w is for a single day of 1 to 31".to_owned());
            }
            self.nearest.insert(day);
            set.numbers.insert(day);
            return Ok(());
        }
        let (_, max) = kind.range();
        let numbers = match split_range(kind, item) {
            Some((low, high, step, begins)) => range(kind, low, &high, step, begins)?,
            None if item == "*" => {
                set.any = true;
                return Ok(());
            }
            None if item == "l" && kind == Kind::DayOfMonth => {
                self.has_last_day = true;
                return Ok(());
            }
            None => vec![kind.number(item)?],
        };
        for number in numbers {
            let (min, _) = kind.range();
            let number = i8::try_from(number)
                .ok()
                .filter(|number| (min..=max).contains(number))
                .ok_or_else(|| format!("{number} is out of range"))?;
            set.numbers.insert(number);
            if let Some(nth) = nth {
                self.nth.entry(number).or_default().insert(nth);
            }
        }
        Ok(())
    }

    pub(super) fn has_month(&self, month: i8) -> bool {
        self.month.has(month)
    }

    pub(super) fn has_day(&self, date: Date) -> bool {
        if !self.has_month(date.month()) {
            return false;
        }
        if !self.is_either() {
            return self.has_day_of_month(date) && self.has_day_of_week(date);
        }
        match (self.nearest.is_empty(), self.nth.is_empty()) {
            (true, true) => self.has_day_of_month(date) || self.has_day_of_week(date),
            (true, false) => self.has_nth(date),
            (false, true) => self.has_nearest(date),
            (false, false) => self.has_nearest(date) && self.has_nth(date),
        }
    }

    /// Days that must exist too, or the reference finds none at all.
    pub(super) fn needed_too(&self) -> Vec<Box<dyn Fn(Date) -> bool + '_>> {
        let in_month = |date: Date| self.has_month(date.month());
        if !self.is_either() {
            return Vec::new();
        }
        match (self.nearest.is_empty(), self.nth.is_empty()) {
            (true, false) => vec![Box::new(move |date| {
                in_month(date) && self.has_day_of_month(date) && self.has_nth(date)
            })],
            (false, true) => vec![Box::new(move |date| {
                in_month(date) && self.has_nearest(date) && self.has_day_of_week(date)
            })],
            (true, true) | (false, false) => Vec::new(),
        }
    }

    /// With both kinds of days given, either is enough.
    fn is_either(&self) -> bool {
        !self.day_of_month.any && !self.day_of_week.any
    }

    fn has_day_of_month(&self, date: Date) -> bool {
        if !self.nearest.is_empty() {
            return self.has_nearest(date);
        }
        self.day_of_month.has(date.day()) || self.has_last_day && date.day() == date.days_in_month()
    }

    fn has_day_of_week(&self, date: Date) -> bool {
        if !self.nth.is_empty() {
            return self.has_nth(date);
        }
        self.day_of_week.has(day_of_week(date))
    }

    fn has_nth(&self, date: Date) -> bool {
        let Some(wanted) = self.nth.get(&day_of_week(date)) else {
            return false;
        };
        let number = (date.day() - 1) / 7 + 1;
        wanted.contains(&Nth::Number(number))
            || wanted.contains(&Nth::Last) && date.day() + 7 > date.days_in_month()
    }

    fn has_nearest(&self, date: Date) -> bool {
        let last = date.days_in_month();
        self.nearest.iter().any(|day| {
            let day = (*day).min(last);
            let Ok(wanted) = Date::new(date.year(), date.month(), day) else {
                return false;
            };
            let nearest = match wanted.weekday() {
                Weekday::Saturday if day > 1 => day - 1,
                Weekday::Saturday => day + 2,
                Weekday::Sunday if day < last => day + 1,
                Weekday::Sunday => day - 2,
                _ => day,
            };
            date.day() == nearest
        })
    }
}

/// Sunday is 0.
fn day_of_week(date: Date) -> i8 {
    date.weekday().to_sunday_zero_offset()
}

/// `2#3`, `mon-fri#2`, `l5`.
fn split_nth(item: &str) -> Result<(&str, Option<Nth>), String> {
    if let Some(day) = item.strip_prefix('l').filter(|day| is_number(day)) {
        return Ok((day, Some(Nth::Last)));
    }
    let Some((day, number)) = item.rsplit_once('#').filter(|(day, number)| {
        let is_word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        };
        let is_range = |names: &[&str]| {
            day.split_once('-')
                .is_some_and(|(low, high)| names.contains(&low) && names.contains(&high))
        };
        is_number(number) && (is_word(day) || is_range(&DAYS) || is_range(&MONTHS))
    }) else {
        return Ok((item, None));
    };
    match number.parse() {
        Ok(number @ 1..=5) => Ok((day, Some(Nth::Number(number)))),
        _ => Err(format!("there is no weekday number {number} in a month")),
    }
}

/// `low-high/step`; the last part tells whether it was written `low/step`.
fn split_range(kind: Kind, item: &str) -> Option<(&str, String, &str, bool)> {
    let (min, max) = kind.range();
    let of = |text: &str| -> Option<(usize, String, Option<usize>)> {
        let (low, rest) = text.split_once('-')?;
        if low.is_empty() {
            return None;
        }
        let (high, step) = match rest.split_once('/') {
            Some((high, step)) if is_number(step) => (high, Some(text.len() - step.len())),
            Some(_) => return None,
            None => (rest, None),
        };
        if high.is_empty() || high.contains('-') {
            return None;
        }
        Some((low.len(), high.to_owned(), step))
    };
    if let Some(step) = item.strip_prefix("*/") {
        let _ = min;
        return is_number(step).then(|| ("*", max.to_string(), step, false));
    }
    if let Some((low, high, step)) = of(item) {
        return Some((
            &item[..low],
            high,
            step.map_or("1", |at| &item[at..]),
            false,
        ));
    }
    let (low, step) = item.rsplit_once('/')?;
    (!low.is_empty() && !low.contains('-') && is_number(step))
        .then(|| (low, max.to_string(), step, true))
}

fn range(kind: Kind, low: &str, high: &str, step: &str, begins: bool) -> Result<Vec<i64>, String> {
    let (min, max) = kind.range();
    let (min, max) = (i64::from(min), i64::from(max));
    let step: usize = step
        .parse()
        .map_err(|_| format!("the step {step} is too large"))?;
    if step == 0 {
        return Err("a step is 0".to_owned());
    }
    let high = if kind == Kind::DayOfMonth && high == "l" {
        "31"
    } else {
        high
    };
    let (mut low, mut high) = if low == "*" {
        (min, max)
    } else {
        (kind.number(low)?, kind.number(high)?)
    };
    if low.max(high) > max {
        return Err(format!("{low}-{high} is out of range"));
    }
    if low == high {
        if begins {
            return Ok(vec![low]);
        }
        // One that ends where it begins goes all around.
        (low, high) = (min, max);
    }
    if low <= high {
        return Ok((low..=high).step_by(step).collect());
    }
    let mut numbers: Vec<i64> = (low..=max).step_by(step).collect();
    let last = numbers.last().copied().unwrap_or(low);
    let wide = i64::try_from(step).unwrap_or(i64::MAX);
    let skipped = max - last;
    let skip = if (last - min).saturating_add(wide) > max - min + 1 && skipped < wide {
        wide - skipped
    } else {
        0
    };
    numbers.extend((min.saturating_add(skip)..=high).step_by(step));
    Ok(numbers)
}
