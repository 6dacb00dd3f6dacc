//! What was observed on the reference, case by case.

use buildbot_model::Secret;
use buildbot_render::{Answers, Context, Evaluation, Rendered, SecretService, Value};
use indexmap::IndexMap;

fn value(json: &str) -> Value {
    serde_json::from_str(json).expect(json)
}

/// A build's properties, source stamps, worker and secrets.
fn context() -> Context {
    let mut context = Context::default();
    for (name, json) in [
        ("a", "\"A\""),
        ("n", "null"),
        ("z", "0"),
        ("e", "\"\""),
        ("l", "[1, 2]"),
        ("r", r#"{"$": "Interpolate", "fmt": "<%(prop:a)s>"}"#),
    ] {
        context.properties.set(name, value(json), "Builder", false);
    }
    let stamp = IndexMap::from([
        ("branch".to_owned(), Value::from("b1")),
        ("revision".to_owned(), Value::None),
    ]);
    context.source_stamps = Some(IndexMap::from([(String::new(), stamp)]));
    context.worker = Some(IndexMap::from([("admin".to_owned(), Value::from("me"))]));
    context.build_url = Some("http://ci/#/builders/1/builds/2".to_owned());
    context.secrets = SecretService::Present;
    context
}

/// Evaluates; Python is not there, the secret `pw` is `s3cret`.
fn evaluate(value: &Value, context: &Context) -> Rendered {
    let mut evaluation = Evaluation::begin([value], context);
    while let Some(round) = evaluation.round() {
        let secret = |name: &String| (name == "pw").then(|| Secret::new("s3cret".to_owned()));
        let secrets = round.secrets.iter().map(|name| Ok(secret(name))).collect();
        evaluation.answer(
            Answers {
                calls: Vec::new(),
                secrets,
            },
            context,
        );
    }
    evaluation.finish()
}

fn check(json: &str, expected: &str) {
    let rendered = evaluate(&value(json), &context());
    let got = rendered.values.first().expect("a value").clone();
    assert_eq!(got, Ok(value(expected)), "{json}");
}

fn fails(json: &str, context: &Context, class: &str) {
    let rendered = evaluate(&value(json), context);
    let error = rendered.values[0].as_ref().expect_err(json);
    assert_eq!(error.name(), class, "{json}: {error}");
}

fn interpolate(format: &str) -> String {
    serde_json::json!({"$": "Interpolate", "fmt": format}).to_string()
}

#[test]
fn keyed_formats_are_filled() {
    for (format, expected) in [
        ("%(prop:a)s", "A"),
        ("%(prop:missing)s", ""),
        ("%(prop:n)s", ""),
        ("%(prop:z)s", "0"),
        ("%(prop:z:~def)s", "def"),
        ("%(prop:z:-def)s", "0"),
        ("%(prop:n:-def)s", ""),
        ("%(prop:n:~def)s", "def"),
        ("%(prop:e:-def)s", ""),
        ("%(prop:z:+yes)s", "yes"),
        ("%(prop:z:?|T|F)s", "T"),
        ("%(prop:z:#?|T|F)s", "F"),
        ("%(prop:a:?:T:F)s", "T"),
        ("%(prop:missing:?|x|y|z)s", "y|z"),
        ("%(prop:missing:-%(src::branch:-none)s)s", "b1"),
        ("%(src::revision:-unk)s", ""),
        ("%(src:nocb:branch:-q)s", "q"),
        ("%(prop:l)s", "[1, 2]"),
        ("%(prop:missing:-a:b)s", "a:b"),
        ("100%%", "100%"),
        ("%s", "{}"),
        ("%s %(prop:a)s", "{'prop:a': 'A'} A"),
        (
            "%(prop:a)5.1s|%(prop:l)r|%(prop:a)-5a|",
            "    A|[1, 2]|'A'  |",
        ),
        ("%(prop:r)s", "<A>"),
        ("%(worker:admin)s-%(worker:x:-none)s", "me-none"),
        ("%(secret:pw)s", "s3cret"),
        ("%(secret:missing:+there)s", "there"),
        ("%(kw:x)s", ""),
    ] {
        check(
            &interpolate(format),
            &serde_json::json!(expected).to_string(),
        );
    }
}

#[test]
fn each_renderable_becomes_its_value() {
    let property = |key: &str, more: &str| format!(r#"{{"$": "Property", "key": "{key}"{more}}}"#);
    check(&property("a", ""), "\"A\"");
    check(&property("z", ""), "null");
    check(&property("z", r#", "defaultWhenFalse": false"#), "0");
    check(&property("z", r#", "default": 3"#), "3");
    check(
        &property("missing", r#", "default": {"$": "Property", "key": "r"}"#),
        "\"<A>\"",
    );
    check(
        r#"{"$": "Interpolate", "fmt": "%s:%03d", "args": [{"$": "Property", "key": "n"}, 5]}"#,
        "\"None:005\"",
    );
    check(
        r#"{"$": "Interpolate", "fmt": "%(kw:x:~%(kw:y)s)s", "kwargs": [["x", 0], ["y", [1]]]}"#,
        "\"[1]\"",
    );
    check(
        r#"{"$": "WithProperties", "fmt": "%s-%s", "args": ["a", "x:-d"]}"#,
        "\"A-d\"",
    );
    check(
        r#"{"$": "WithProperties", "fmt": "%(n:~a:-b)s%(z)5d"}"#,
        "\"b    0\"",
    );
    check(
        r#"{"$": "FlattenList", "list": [1, [{"$": "tuple", "v": [2, {"$": "Property", "key": "l"}]}]], "types": ["list", "tuple"]}"#,
        "[1, 2, 1, 2]",
    );
    check(
        r#"{"$": "FlattenList", "list": "ab", "types": ["list", "tuple"]}"#,
        "\"ab\"",
    );
    check(r#"{"$": "Secret", "name": "pw"}"#, "\"s3cret\"");
    let url = r#"{"$": "ref", "name": "buildbot.reporters.utils.URLForBuild"}"#;
    check(url, "\"http://ci/#/builders/1/builds/2\"");
    fails(url, &Context::default(), "AttributeError");
    check(
        r#"{"$": "op", "op": "in", "left": {"$": "Property", "key": "a"}, "right": ["A"]}"#,
        "true",
    );
    check(
        r#"{"$": "dict", "v": [[1, {"$": "Property", "key": "a"}], [{"$": "Secret", "name": "pw"}, 2]]}"#,
        r#"{"$": "dict", "v": [[1, "A"], ["s3cret", 2]]}"#,
    );
    check(r#"{"$": "set", "v": [1]}"#, r#"{"$": "set", "v": [1]}"#);
}

#[test]
fn what_a_place_does_not_have_fails_as_in_the_reference() {
    let bare = Context::default();
    fails(&interpolate("%(src::branch)s"), &bare, "AttributeError");
    fails(&interpolate("%(worker:admin)s"), &bare, "AttributeError");
    fails(&interpolate("%(secret:pw)s"), &bare, "AttributeError");
    let without_providers = Context {
        secrets: SecretService::Absent,
        ..Context::default()
    };
    fails(
        r#"{"$": "Secret", "name": "pw"}"#,
        &without_providers,
        "KeyError",
    );
    fails(
        r#"{"$": "Secret", "name": "missing"}"#,
        &context(),
        "KeyError",
    );
}

#[test]
fn the_first_failure_in_the_order_of_values_counts() {
    let division = r#"{"$": "op", "op": "/", "left": {"$": "Property", "key": "z", "defaultWhenFalse": false}, "right": 0}"#;
    let secret = r#"{"$": "Secret", "name": "missing"}"#;
    fails(&format!("[{secret}, {division}]"), &context(), "KeyError");
    fails(
        &format!("[{division}, {secret}]"),
        &context(),
        "ZeroDivisionError",
    );
}

#[test]
fn all_that_python_is_asked_stands_in_one_round() {
    let function = |handle: u32| {
        format!(
            r#"{{"$": "renderer", "h": {handle}, "name": "f", "args": [{{"$": "Property", "key": "a"}}], "kwargs": []}}"#
        )
    };
    let values = [
        value(&format!("[{}, {}]", function(1), function(2))),
        value(&function(3)),
        value(&interpolate("%(secret:pw)s")),
    ];
    let context = context();
    let mut evaluation = Evaluation::begin(&values, &context);
    let round = evaluation.round().expect("a round");
    let asked = serde_json::to_value(&round.calls).expect("JSON");
    assert_eq!(
        asked[2],
        serde_json::json!({"$": "renderer", "h": 3, "name": "f", "args": ["A"], "kwargs": []})
    );
    assert_eq!((round.calls.len(), round.secrets.len()), (3, 1));
    let property = value(r#"{"$": "Property", "key": "l"}"#);
    let answers = Answers {
        calls: vec![Ok(1.into()), Ok(property), Ok("x".into())],
        secrets: vec![Ok(Some(Secret::new("s3cret".to_owned())))],
    };
    evaluation.answer(answers, &context);
    assert_eq!(evaluation.round(), None);
    let rendered = evaluation.finish();
    let expected = [value("[1, [1, 2]]"), "x".into(), "s3cret".into()];
    assert_eq!(rendered.values, expected.map(Ok));
    assert_eq!(
        format!("{rendered:?}"),
        "Rendered { secrets: [\"pw\"], .. }"
    );
}

#[test]
fn a_function_that_always_asks_again_ends() {
    let item = value(r#"{"$": "renderer", "h": 1, "name": "f", "args": [], "kwargs": []}"#);
    let context = context();
    let mut evaluation = Evaluation::begin([&item], &context);
    let mut rounds = 0;
    while evaluation.round().is_some() {
        rounds += 1;
        let answers = Answers {
            calls: vec![Ok(item.clone())],
            secrets: Vec::new(),
        };
        evaluation.answer(answers, &context);
    }
    assert!(rounds < 1000);
    let error = evaluation.finish().values.remove(0).expect_err("an error");
    assert_eq!(error.name(), "RecursionError");
}

#[test]
fn a_missing_answer_is_an_error() {
    let item = value(r#"{"$": "renderable", "h": 1, "type": "m.C", "repr": "C"}"#);
    let context = context();
    let mut evaluation = Evaluation::begin([&item], &context);
    evaluation.answer(Answers::default(), &context);
    assert!(evaluation.finish().values[0].is_err());
}

#[test]
fn errors_do_not_show_secrets() {
    let json = r#"{"$": "op", "op": "%", "left": {"$": "Interpolate", "fmt": "%%(%(secret:pw)s)s"}, "right": {"$": "dict", "v": []}}"#;
    let rendered = evaluate(&value(json), &context());
    let error = rendered.values[0].as_ref().expect_err(json);
    assert_eq!(error.message, "'<pw>'");
}
