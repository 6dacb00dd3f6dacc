//! Calls of control, origins, logging in, representations.

use anyhow::{Context as _, Result, ensure};
use buildbot_model::BuildId;
use buildbot_web::Action;
use serde_json::{Value as Json, json};

use crate::sides::{Asking, Side, Sides, report};

/// Calls that change nothing in the reference: what is compared is status and answer.
fn harmless() -> Vec<(&'static str, &'static str, String)> {
    let call = |method: &str, params: Json| {
        json!({"jsonrpc": "2.0", "id": 5, "method": method, "params": params}).to_string()
    };
    let plain = "application/json";
    let mut calls: Vec<(&'static str, &'static str, String)> = vec![
        ("builds/1", "text/plain", call("stop", json!({}))),
        ("builds/1", plain, "{".to_owned()),
        ("builds/1", plain, "[]".to_owned()),
        ("builds/1", plain, "5".to_owned()),
        (
            "builds/1",
            "application/json; charset=utf-8",
            call("zork", json!({})),
        ),
        ("zz/1", plain, call("stop", json!({}))),
        ("builders", plain, call("stop", json!({}))),
        ("logs/1", plain, call("x", json!({}))),
        (
            "builds/1",
            plain,
            call("stop", json!({"reason": "done already"})),
        ),
        ("builds/99999", plain, call("stop", json!({}))),
        ("buildrequests/99999", plain, call("cancel", json!({}))),
        ("workers/1", plain, call("graceful", json!({}))),
        ("schedulers/1", plain, call("zork", json!({}))),
        ("forceschedulers/force", plain, call("zork", json!({}))),
    ];
    let whole = json!({"jsonrpc": "2.0", "id": 5, "method": "zork", "params": {}});
    for key in ["jsonrpc", "method", "id", "params"] {
        let mut without = whole.clone();
        without.as_object_mut().expect("an object").remove(key);
        calls.push(("builds/1", plain, without.to_string()));
        let mut wrong = whole.clone();
        wrong[key] = json!([5]);
        calls.push(("builds/1", plain, wrong.to_string()));
    }
    let mut old = whole;
    old["jsonrpc"] = "1.0".into();
    calls.push(("builds/1", plain, old.to_string()));
    calls
}

pub(crate) fn check(sides: &Sides) -> Result<()> {
    let mut differences = Vec::new();
    for (path, content_type, body) in harmless() {
        let asking = Asking {
            headers: vec![("Content-Type", content_type)],
            body: Some(&body),
        };
        let path = format!("api/v2/{path}");
        let theirs = sides.ask(Side::Reference, &path, &asking)?;
        let ours = sides.ask(Side::Ours, &path, &asking)?;
        let (mut left, mut right) = (theirs.json()?, ours.json()?);
        for answer in [&mut left, &mut right] {
            if answer["error"]["code"] == -32700 {
                // What is wrong with JSON is told in words of the parser.
                answer["error"]["message"] = Json::Null;
            }
        }
        if theirs.status != ours.status || left != right {
            differences.push(format!(
                "POST {path} {body}\n  reference: {} {}\n  ours:      {} {}\n",
                theirs.status, theirs.body, ours.status, ours.body
            ));
        }
    }
    let origin = sides.reference.url();
    let origin = origin.trim_end_matches('/');
    for (path, headers) in [
        ("api", vec![]),
        ("api/v2", vec![]),
        ("api/v2/", vec![]),
        ("api/v2/masters/", vec![]),
        ("api/v2/masters", vec![("Origin", origin)]),
        (
            "api/v2/masters",
            vec![("Origin", "http://elsewhere.example.com")],
        ),
        ("api/v2/builders?limit=2", vec![("Accept", "text/html")]),
        ("auth/login", vec![]),
        ("auth/login", vec![("Authorization", "Basic Ym9iOndyb25n")]),
        (
            "auth/login?redirect=/x",
            vec![("Authorization", "Basic Ym9iOndvcmQ=")],
        ),
        ("auth/logout?redirect=/y", vec![]),
    ] {
        let asking = Asking {
            headers,
            body: None,
        };
        let theirs = sides.ask(Side::Reference, path, &asking)?;
        let ours = sides.ask(Side::Ours, path, &asking)?;
        let told = |answer: &crate::sides::Answer| {
            let names = [
                "content-type",
                "location",
                "access-control-allow-origin",
                "access-control-max-age",
            ];
            let headers = names.map(|name| answer.header(name).map(str::to_owned));
            let sets_cookie = answer.header("set-cookie").is_some();
            let challenges = answer
                .headers
                .iter()
                .filter(|(name, _)| name == "www-authenticate")
                .count();
            (answer.status, headers, sets_cookie, challenges)
        };
        let is_json = |answer: &crate::sides::Answer| answer.json().ok();
        let same_told = told(&theirs) == told(&ours)
            || path == "auth/logout?redirect=/y" && theirs.status == ours.status;
        if !same_told || is_json(&theirs) != is_json(&ours) {
            differences.push(format!(
                "GET {path}\n  reference: {theirs:?}\n  ours:      {ours:?}\n"
            ));
        }
    }
    report(&differences)?;
    what_is_ours(sides)
}

fn what_is_ours(sides: &Sides) -> Result<()> {
    // Rules look at the builders of a list; a text must not be taken for another builder.
    let post = |path: &str, body: Json| -> Result<crate::sides::Answer> {
        let body = body.to_string();
        let asking = Asking {
            headers: vec![("Content-Type", "application/json")],
            body: Some(&body),
        };
        sides.ask(Side::Ours, path, &asking)
    };
    let call = |method: &str, params: Json| json!({"jsonrpc": "2.0", "id": 5, "method": method, "params": params});
    let forced = post(
        "api/v2/forceschedulers/force",
        call("force", json!({"builderNames": "b1", "builderid": "2"})),
    )?;
    ensure!(forced.status == 400, "{forced:?}");
    // Texts of clients stay short, and so do bodies that are no forms.
    let stopped = post(
        "api/v2/builds/1",
        call("stop", json!({"reason": "x".repeat(5_000)})),
    )?;
    ensure!(stopped.status == 200, "{stopped:?}");
    {
        let actions = sides.asked.actions.lock().expect("actions");
        let last = actions.last().map(|(action, _)| action.clone());
        let Some(Action::StopBuild { reason, .. }) = last else {
            anyhow::bail!("{last:?}");
        };
        ensure!(reason.len() == 1024, "{}", reason.len());
    }
    let long = post(
        "api/v2/builds/1",
        call("stop", json!({"reason": "x".repeat(100_000)})),
    )?;
    ensure!(long.status == 400, "{long:?}");
    let many = "xx__a=1&".repeat(3_000);
    let many = sides.get(Side::Ours, &format!("api/v2/builders?{many}"))?;
    ensure!(many.status == 400, "{many:?}");
    // What a build wrote is not executed in a browser.
    let log = sides.get(Side::Ours, "api/v2/logs/1/raw_inline")?;
    ensure!(
        log.header("content-security-policy") == Some("sandbox"),
        "{log:?}"
    );
    let why = sides.get(Side::Ours, "api/v2/buildrequests/1/why")?;
    ensure!(why.json()?["why"][0]["reason"] == "paused", "{why:?}");
    let why = sides.get(Side::Ours, "api/v2/buildrequests/2/why")?;
    ensure!(why.status == 404, "{why:?}");
    let body = json!({"jsonrpc": "2.0", "id": 5, "method": "rebuild", "params": {"owner": "me"}});
    let body = body.to_string();
    let asking = Asking {
        headers: vec![("Content-Type", "application/json")],
        body: Some(&body),
    };
    let rebuilt = sides.ask(Side::Ours, "api/v2/builds/3", &asking)?;
    ensure!(
        rebuilt.json()?["result"] == json!([7, {"1": 2}]),
        "{rebuilt:?}"
    );
    let actions = sides.asked.actions.lock().expect("actions");
    let last = actions.last().context("an action")?;
    let expected = Action::RebuildBuild { build: BuildId(3) };
    ensure!(*last == (expected, "anonymous".to_owned()), "{last:?}");
    Ok(())
}
