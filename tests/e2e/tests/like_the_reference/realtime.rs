//! `/ws` and `/sse` of both masters.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use buildbot_e2e::realtime::{Event, Socket, Stream};
use buildbot_e2e::{Program, Site};
use serde_json::{Value as Json, json};

const CONFIGURATION: &str = r#"
class Urls(steps.BuildStep):
    name = 'urls'
    def run(self):
        self.addURL('result', 'http://example.com/')
        self.setProperty('found', 3, 'Urls')
        return util.SUCCESS
c['projects'] = [util.Project(name='proj', description='A project')]
c['builders'] = [
    builder('good', Urls(), shell('echo', 'hello', name='echo'), description='It is good', tags=['t'], project='proj'),
    builder('bad', shell('false', name='false'), steps.SetProperty(property='after', value='x', alwaysRun=True)),
    builder('slow', shell('sleep', '600', name='sleep')),
    builder('parent', steps.Trigger(schedulerNames=['children'], waitForFinish=True)),
]
c['schedulers'] = [
    schedulers.Triggerable(name='children', builderNames=['good']),
    schedulers.SingleBranchScheduler(name='changes', change_filter=util.ChangeFilter(branch='main'), builderNames=['good']),
]
c['change_source'] = [changes.PBChangeSource()]
"#;

const ADDED: &str = r#"
c['builders'].append(builder('added', shell('true')))
"#;

/// Has a master do something of everything, and returns all that was told.
fn told_by(which: Program) -> Result<Tale> {
    let mut site = Site::new(CONFIGURATION)?;
    site.start_as(which)?;
    let mut socket = Socket::open(&site.url(), &[])?;
    for parts in 2..=7 {
        socket.listen(&vec!["*"; parts].join("/"))?;
    }
    let mut stream = Stream::open(&site.url(), "listen/builds/*/new/")?;
    site.start_worker("w1", Program::Ours)?;
    socket.wait_for("a worker", |(key, _)| key == "workers/1/connected")?;

    for (builder, results) in [("good", 0), ("bad", 2), ("parent", 0)] {
        let request = site.force(builder)?;
        let build = site.wait_for_build(request)?;
        ensure!(build["results"] == results, "{builder}: {build}");
        let done = format!("buildrequests/{request}/complete");
        socket.wait_for("its end", |(key, _)| *key == done)?;
    }
    let running = site.force("slow")?;
    let build = site.wait_for_step(running, "sleep")?;
    let waiting = site.force("slow")?;
    site.control(
        &format!("buildrequests/{waiting}"),
        "cancel",
        json!({"reason": "not now"}),
    )?;
    socket.wait_for("a cancelled request", |(key, _)| {
        *key == format!("buildrequests/{waiting}/cancel")
    })?;
    site.control(
        &format!("builds/{}", build["buildid"]),
        "stop",
        json!({"reason": "enough"}),
    )?;
    socket.wait_for("a stopped build", |(key, _)| {
        *key == format!("buildrequests/{running}/complete")
    })?;
    let rebuilt = site.control("builds/1", "rebuild", json!({}))?;
    let rebuilt = rebuilt[0].as_i64().context("no buildset")?;
    socket.wait_for("the build again", |(key, _)| {
        *key == format!("buildsets/{rebuilt}/complete")
    })?;

    site.send_change(&["--branch", "main", "--who", "me", "--revision", "r1", "a.c"])?;
    socket.wait_for("a change", |(key, _)| key == "changes/1/new")?;
    let buildset = format!("buildsets/{}/complete", rebuilt + 1);
    socket.wait_for("its build", |(key, _)| *key == buildset)?;

    for (method, params) in [
        ("pause", json!({"reason": "a rest"})),
        ("unpause", json!({})),
    ] {
        site.control("workers/1", method, params)?;
    }
    let scheduler = site.get("schedulers?name=changes")?["schedulers"][0]["schedulerid"].clone();
    for enabled in [false, true] {
        site.control(
            &format!("schedulers/{scheduler}"),
            "enable",
            json!({"enabled": enabled}),
        )?;
    }
    site.reconfigure(&format!("{CONFIGURATION}{ADDED}"))?;
    site.wait_for("the new builder", |site| {
        Ok(!site.get("builders/added")?["builders"][0].is_null())
    })?;
    site.kill_worker("w1")?;
    socket.wait_for("its loss", |(key, _)| key == "workers/1/disconnected")?;
    // A stream tells the same as a socket.
    for (key, message) in &socket.events {
        if matches!(key.split('/').collect::<Vec<_>>()[..], ["builds", _, "new"]) {
            let (streamed, its_message) = stream.event()?;
            ensure!(
                (&streamed, &its_message) == (key, message),
                "{streamed}: {its_message}, but {key}: {message}"
            );
        }
    }
    Tale::new(&site, socket.events)
}

/// All that was told of an object, in order: the verb and the message.
type Told = Vec<(String, Json)>;

/// What is told of each object.
struct Tale(BTreeMap<String, Told>);

impl Tale {
    fn new(site: &Site, events: Vec<Event>) -> Result<Self> {
        // Numbers of builders and schedulers follow no order in the reference.
        let mut names = BTreeMap::new();
        for (kind, id) in NUMBERED {
            let known = &site.get(kind)?[kind];
            for object in known.as_array().context("no objects")? {
                let name = object["name"].as_str().unwrap_or_default().to_owned();
                names.insert((id.to_owned(), object[id].to_string()), name);
            }
        }
        let normal = Normal {
            url: site.url(),
            basedir: site.basedir().display().to_string(),
            names,
        };
        let mut found: BTreeMap<String, Told> = BTreeMap::new();
        for (key, mut message) in events {
            if key.starts_with("masters/") {
                // That it has started may be told before anybody can listen.
                continue;
            }
            let key = normal.text(&key);
            let (object, verb) = key.rsplit_once('/').unwrap_or(("", &key));
            normal.value(&mut message);
            let told = found.entry(object.to_owned()).or_default();
            match (told.last_mut(), object.ends_with("/properties")) {
                (Some((_, Json::Object(known))), true) => {
                    // Which properties come together is free.
                    known.extend(message.as_object().cloned().unwrap_or_default());
                    known.sort_keys();
                }
                _ => told.push((verb.to_owned(), message)),
            }
        }
        Ok(Self(found))
    }

    fn of(&self, object: &str) -> &[(String, Json)] {
        self.0.get(object).map_or(&[], Vec::as_slice)
    }
}

/// What may differ: points in time, directories, ports, numbers of builders, the order of names.
struct Normal {
    url: String,
    basedir: String,
    /// By the name of the number, and the number.
    names: BTreeMap<(String, String), String>,
}

/// What is known by its name, and what its number is called.
const NUMBERED: [(&str, &str); 2] = [("builders", "builderid"), ("schedulers", "schedulerid")];

impl Normal {
    fn text(&self, text: &str) -> String {
        let text = text
            .replace(&self.url, "URL/")
            .replace(&self.basedir, "BASEDIR");
        let mut parts: Vec<&str> = text.split('/').collect();
        for at in 1..parts.len() {
            if let Some((_, id)) = NUMBERED.iter().find(|(kind, _)| *kind == parts[at - 1]) {
                let key = ((*id).to_owned(), parts[at].to_owned());
                parts[at] = self.names.get(&key).map_or(parts[at], String::as_str);
            }
        }
        parts.join("/")
    }

    fn value(&self, value: &mut Json) {
        match value {
            Json::Array(values) => values.iter_mut().for_each(|value| self.value(value)),
            Json::String(text) => *text = self.text(text),
            Json::Object(members) => {
                members.sort_keys();
                for (name, value) in members {
                    let is_time = name.ends_with("_at") || name == "when_timestamp";
                    match name.as_str() {
                        _ if is_time && value.is_number() || name.ends_with("_duration_s") => {
                            *value = json!("a time");
                        }
                        "workerinfo" | "last_active" | "basedir" | "builddir" => {
                            *value = Json::Null;
                        }
                        "builderid" | "schedulerid" => match value {
                            Json::Array(property) => property[0] = json!("a builder"),
                            id => *id = json!(self.names.get(&(name.clone(), id.to_string()))),
                        },
                        "configured_on" => {
                            self.value(value);
                            if let Json::Array(values) = value {
                                values.sort_by_key(Json::to_string);
                            }
                        }
                        _ => self.value(value),
                    }
                }
            }
            _ => {}
        }
    }
}

/// Something in between: ours tells what has come of several, if they come together.
fn is_passing(verb: &str) -> bool {
    matches!(verb, "update" | "updated" | "append" | "state_updated")
}

/// What changes right after something is new.
const MOVING: [&str; 10] = [
    "claimed",
    "claimed_at",
    "claimed_by_masterid",
    "complete",
    "complete_at",
    "results",
    "state_string",
    "started_at",
    "locks_acquired_at",
    "num_lines",
];

/// What differs in what is told of an object.
///
/// A message of ours is the object as it is when it is told, which may be a little after it happened, and may have more
/// members: each thing that happens has to be told, with the members of the reference, and the last one in all values.
fn difference(theirs: &[(String, Json)], ours: &[(String, Json)]) -> Option<String> {
    let steady = |told: &[(String, Json)]| -> Vec<(String, BTreeSet<String>)> {
        let told = told.iter().filter(|(verb, _)| !is_passing(verb));
        let shown = told.map(|(verb, message)| {
            let members = message.as_object();
            let names = members.map(|members| members.keys().cloned().collect());
            (verb.clone(), names.unwrap_or_default())
        });
        shown.collect()
    };
    // What is new has all values but those that may have moved on already.
    let new = |told: &[(String, Json)]| -> Vec<Json> {
        let told = told.iter().filter(|(verb, _)| verb == "new");
        told.map(|(_, message)| message.clone()).collect()
    };
    let differs = |(theirs, ours): (&Json, &Json)| {
        let members = theirs.as_object().into_iter().flatten();
        let differing = members.filter(|(name, value)| {
            !MOVING.contains(&name.as_str()) && ours.get(*name) != Some(value)
        });
        differing.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let (their_new, our_new) = (new(theirs), new(ours));
    let wrong: Vec<String> = their_new.iter().zip(&our_new).flat_map(differs).collect();
    let (left, right) = (steady(theirs), steady(ours));
    let has_all = left.len() == right.len()
        && left
            .iter()
            .zip(&right)
            .all(|((verb, names), (our_verb, our_names))| {
                verb == our_verb && names.is_subset(our_names)
            });
    let verbs = |told: &[(String, Json)]| -> Vec<String> {
        told.iter().map(|(verb, _)| verb.clone()).collect()
    };
    let last = |told: &[(String, Json)]| told.last().cloned();
    // What passes may still be told after the end.
    let end = |told: &[(String, Json)]| {
        let mut steady = told.iter().rev().filter(|(verb, _)| !is_passing(verb));
        steady.next().cloned()
    };
    let ends_alike =
        last(theirs) == last(ours) || (end(theirs).is_some() && end(theirs) == end(ours));
    if has_all && wrong.is_empty() && ends_alike {
        return None;
    }
    Some(format!(
        "  new: {wrong:?} of {their_new:?}\n    {our_new:?}\n  reference: {:?}\n    {:?}\n  ours:      {:?}\n    {:?}\n",
        verbs(theirs),
        last(theirs).map(|(_, message)| message.to_string()),
        verbs(ours),
        last(ours).map(|(_, message)| message.to_string()),
    ))
}

#[test]
fn the_same_is_told_of_the_same_objects() -> Result<()> {
    let theirs = told_by(Program::Python).context("the reference")?;
    let ours = told_by(Program::Ours).context("ours")?;
    let objects: BTreeSet<_> = theirs.0.keys().chain(ours.0.keys()).collect();
    ensure!(objects.len() > 100, "only {} objects", objects.len());
    let mut differences = Vec::new();
    for object in objects {
        if let Some(difference) = difference(theirs.of(object), ours.of(object)) {
            differences.push(format!("{object}\n{difference}"));
        }
    }
    ensure!(
        differences.is_empty(),
        "{} objects differ\n{}",
        differences.len(),
        differences.concat()
    );
    Ok(())
}

/// Answers to commands and frames of every kind.
fn answers_of(which: Program) -> Result<Vec<Json>> {
    let mut site = Site::new("c['builders'] = [builder('b')]")?;
    site.start_as(which)?;
    let mut socket = Socket::open(&site.url(), &[])?;
    let mut answers = Vec::new();
    for frame in [
        json!({"cmd": "ping", "_id": 1}),
        json!({"cmd": "ping", "_id": "text"}),
        json!({"cmd": "ping"}),
        json!({"cmd": "ping", "type": "x"}),
        json!({"_id": 1}),
        json!({"cmd": "nothing", "_id": 1}),
        json!({"cmd": "startConsuming", "path": "builds/*/*", "_id": 2}),
        json!({"cmd": "startConsuming", "path": "builds/*/*", "_id": 3}),
        json!({"cmd": "startConsuming", "path": 5, "_id": 4}),
        json!({"cmd": "startConsuming", "path": "", "_id": 5}),
        json!({"cmd": "startConsuming", "path": "/builds/**", "_id": 6}),
        json!({"cmd": "stopConsuming", "path": "builds/*/*", "_id": 7}),
        json!({"cmd": "stopConsuming", "path": "builds/*/*", "_id": 8}),
        json!({"cmd": "stopConsuming", "path": null, "_id": 9}),
    ] {
        answers.push(socket.ask(&frame.to_string())?);
    }
    for path in [
        "add/x",
        "add/nobody/builds/*/*",
        "remove/nobody/builds/*/*",
        "remove",
    ] {
        let answer = site.status(&format!("sse/{path}"))?;
        answers.push(json!([path, answer]));
    }
    let stream = Stream::open(&site.url(), "listen")?;
    for path in [
        format!("add/{}/builds/*/*", stream.id),
        format!("remove/{}/builds/*/*", stream.id),
        format!("remove/{}/changes/*/*", stream.id),
    ] {
        answers.push(json!(site.status(&format!("sse/{path}"))?));
    }
    answers.push(json!(site.status("ws")?));
    Ok(answers)
}

#[test]
fn commands_are_answered_alike() -> Result<()> {
    assert_eq!(answers_of(Program::Ours)?, answers_of(Program::Python)?);
    Ok(())
}
