//! Formats of `Interpolate` and `WithProperties`, by key and by position.
#![no_main]

use buildbot_render::{Context, Evaluation, Format, RenderableKind, Value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|format: &str| {
    let mut context = Context::default();
    context.properties.set("a", "A'ü", "test", false);
    context.properties.set("l", Value::List(vec![1.into(), Value::Float(2.5)]), "test", false);
    let args = || vec![Value::Float(-1e300), 255.into(), "é".into()];
    let kwargs = vec![("x".to_owned(), Value::from(7))];
    let values = [
        RenderableKind::Interpolate(Format::new(format, Vec::new(), kwargs)),
        RenderableKind::Interpolate(Format::new(format, args(), Vec::new())),
        RenderableKind::WithProperties(Format::new(format, Vec::new(), Vec::new())),
    ]
    .map(Value::from);
    let rendered = Evaluation::begin(&values, &context).finish();
    for value in rendered.values.into_iter().flatten() {
        assert!(matches!(value, Value::Text(_)));
    }
});
