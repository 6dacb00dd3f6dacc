//! When a nightly scheduler acts next.

use buildbot_model::Timestamp;
use buildbot_render::Value;
use buildbot_schedulers::Cron;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::{assert_nothing_wrong, made};

#[derive(Deserialize)]
struct Case {
    zone: String,
    fields: Vec<Value>,
    at: u64,
    line: Option<String>,
    next: Option<f64>,
}

#[test]
fn random_times_of_cron_come_when_they_come_in_the_reference() {
    let cases: Vec<Case> = made("cron.py", 4000);
    let mut wrong = Vec::new();
    let mut found = 0;
    for case in &cases {
        let [minute, hour, day_of_month, month, day_of_week] = &case.fields[..] else {
            panic!("five fields");
        };
        let zone = TimeZone::get(&case.zone).expect("the time zones of the system");
        let cron = Cron::of_arguments(minute, hour, day_of_month, month, day_of_week);
        let at = Timestamp::from_seconds(case.at);
        let next = cron.as_ref().ok().and_then(|cron| cron.next(at, &zone));
        let got = next.map(|next| next.seconds() as f64);
        let line_differs = match &cron {
            Ok(cron) => Some(cron.line()) != case.line.as_deref(),
            Err(error) => Some(error.line.as_str()) != case.line.as_deref(),
        };
        found += usize::from(case.next.is_some());
        if got != case.next || line_differs {
            wrong.push(format!(
                "{:?} ({:?}) in {} after {}: {got:?} and not {:?}; {cron:?}",
                case.fields, case.line, case.zone, case.at, case.next
            ));
        }
        if let (Ok(cron), Some(next)) = (&cron, next)
            && TimeZone::UTC == zone
            && !cron.matches(next, &zone)
        {
            wrong.push(format!("{cron:?} does not match {next:?}"));
        }
    }
    println!("{found} times found");
    assert_nothing_wrong(cases.len(), &wrong);
}
