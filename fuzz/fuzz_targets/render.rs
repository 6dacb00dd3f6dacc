//! Values of the configuration host: read, written, and evaluated while Python answers with more of the same.
#![no_main]

use buildbot_model::Secret;
use buildbot_render::{Answers, Context, Evaluation, SecretService, Value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &str| {
    let Ok(value) = serde_json::from_str::<Value>(json) else {
        return;
    };
    let written = serde_json::to_string(&value).expect("a value can be written");
    let read: Value = serde_json::from_str(&written).expect("what was written can be read");
    assert_eq!(serde_json::to_string(&read).expect("JSON"), written);

    let mut context = Context::default();
    context.properties.set("a", value.clone(), "test", false);
    context.properties.set("n", Value::None, "test", false);
    context.source_stamps = Some([(String::new(), [("branch".to_owned(), "b".into())].into())].into());
    context.secrets = SecretService::Present;
    let mut evaluation = Evaluation::begin([&value], &context);
    while let Some(round) = evaluation.round() {
        // Whoever asks for more than one value gets an answer too few.
        let calls = round.calls.iter().skip(1).map(|_| Ok(Value::from("%(prop:a)s")));
        let secrets = round.secrets.iter();
        let answers = Answers {
            calls: calls.collect(),
            secrets: secrets.map(|name| Ok(Some(Secret::new(name.clone())))).collect(),
        };
        evaluation.answer(answers, &context);
    }
    assert_eq!(evaluation.finish().values.len(), 1);
});
