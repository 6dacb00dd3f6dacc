//! Who may do what, in both masters: for each set of rules every person tries everything.

use anyhow::{Context as _, Result, ensure};
use buildbot_e2e::realtime::Socket;
use buildbot_e2e::{Program, Site};
use serde_json::{Value as Json, json};
use ureq::http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};

const HEAD: &str = r"
from buildbot.www.authz import endpointmatchers as matchers
c['builders'] = [builder('one', shell('echo', 'hello')), builder('two', shell('echo', 'hello'))]
c['schedulers'] = [
    schedulers.Triggerable(name='trigger', builderNames=['one']),
    schedulers.ForceScheduler(name='only-two', builderNames=['two']),
]
c['www']['auth'] = util.UserPasswordAuth({'ann@example.com': 'pass', 'bob': 'pass', 'eve@sub.example.com': 'pass'})
emails = util.RolesFromEmails(admins=['ann@example.com'], others=['ann@example.com', 'eve@sub.example.com'])
owner = util.RolesFromOwner(role='owner')
names = util.RolesFromUsername(roles=['named', 'second'], usernames=['bob'])
domain = util.RolesFromDomain(near=['example.com'], far=['sub.example.com'])
";

/// What `c['www']['authz']` is.
const RULES: &[&str] = &[
    "util.Authz()",
    "util.Authz(allowRules=[util.AnyControlEndpointMatcher(role='admins')], roleMatchers=[emails])",
    "util.Authz(allowRules=[util.AnyEndpointMatcher(role='*')], roleMatchers=[emails, names])",
    "util.Authz(allowRules=[util.AnyEndpointMatcher(role='admins', defaultDeny=False), \
     util.AnyControlEndpointMatcher(role='named')], roleMatchers=[emails, names])",
    "util.Authz(allowRules=[util.StopBuildEndpointMatcher(role='owner'), \
     util.RebuildBuildEndpointMatcher(role='owner', builder='o*'), util.ForceBuildEndpointMatcher(role='second', builder='one'), \
     util.ForceBuildEndpointMatcher(role='admins'), util.EnableSchedulerEndpointMatcher(role='far')], \
     roleMatchers=[emails, owner, names, domain])",
    "util.Authz(allowRules=[util.ForceBuildEndpointMatcher(role='near', builder='two', defaultDeny=False), \
     util.RebuildBuildEndpointMatcher(role='o.*r'), util.StopBuildEndpointMatcher(role='admins', builder='t.o'), \
     util.AnyControlEndpointMatcher(role='(named|admins)')], roleMatchers=[emails, owner, names, domain], \
     stringsMatcher=util.reStrMatcher)",
    "util.Authz(allowRules=[matchers.ViewBuildsEndpointMatcher(role='nobody'), matchers.BranchEndpointMatcher(role='nobody', branch='main'), \
     util.AnyControlEndpointMatcher(role='adm?ns')], roleMatchers=[emails])",
];

const PEOPLE: &[Option<&str>] = &[
    None,
    Some("ann@example.com"),
    Some("bob"),
    Some("eve@sub.example.com"),
];

/// What is tried: a method or a read, and its parameters. `ONE` is the number of the builder, which is another one in the
/// reference.
fn deeds() -> Vec<(&'static str, &'static str, Json)> {
    vec![
        ("api/v2/builders", "GET", Json::Null),
        ("api/v2/builds/1", "GET", Json::Null),
        ("api/v2/nothing", "GET", Json::Null),
        ("api/v2/builders", "HEAD", Json::Null),
        ("api/v2/logs/2/raw", "GET", Json::Null),
        ("api/v2/logs/2/contents", "GET", Json::Null),
        // These builds have ended, so that nothing comes of it. The first one was asked for by Ann.
        ("api/v2/builds/1", "stop", json!({})),
        ("api/v2/builds/2", "stop", json!({})),
        ("api/v2/builders/ONE/builds/1", "stop", json!({})),
        ("api/v2/builds/77", "stop", json!({})),
        ("api/v2/builds/1", "nothing", json!({})),
        ("api/v2/builds/1", "rebuild", json!({})),
        ("api/v2/builds/2", "rebuild", json!({})),
        ("api/v2/buildrequests/77", "cancel", json!({})),
        // No builder that the scheduler has: refused after the question who asks.
        (
            "api/v2/forceschedulers/force",
            "force",
            json!({"builderid": "ONE", "branch": 5}),
        ),
        (
            "api/v2/forceschedulers/only-two",
            "force",
            json!({"builderNames": ["two"], "branch": 5}),
        ),
        ("api/v2/schedulers/1", "enable", json!({"enabled": true})),
        ("api/v2/workers/1", "unpause", json!({})),
        ("api/v2/nothing/5", "stop", json!({})),
    ]
}

struct People<'a> {
    site: &'a Site,
    agent: ureq::Agent,
}

impl People<'_> {
    fn log_in(&self, user: &str) -> Result<String> {
        let credentials = data_encoding::BASE64.encode(format!("{user}:pass").as_bytes());
        let answer = self
            .agent
            .get(format!("{}auth/login", self.site.url()))
            .header(AUTHORIZATION, format!("Basic {credentials}"))
            .call()?;
        let cookies = answer.headers().get_all(SET_COOKIE).iter();
        let mut cookies = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
        let cookie = cookies.next_back().context("no cookie")?;
        Ok(cookie.to_owned())
    }

    fn attempt(&self, cookie: &str, path: &str, what: &str, params: &Json) -> Result<String> {
        let url = format!("{}{path}", self.site.url());
        let mut answer = match what {
            "GET" => self.agent.get(&url).header(COOKIE, cookie).call()?,
            "HEAD" => self.agent.head(&url).header(COOKIE, cookie).call()?,
            method => {
                let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
                self.agent
                    .post(&url)
                    .header(COOKIE, cookie)
                    .send_json(body)?
            }
        };
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string()?;
        // What is refused says why; the rest of the answers is compared elsewhere.
        let answer: Json = serde_json::from_str(&text).unwrap_or_default();
        let why = answer["error"]["message"].as_str().unwrap_or(&text);
        Ok(if status == 403 {
            format!("{status} {why}")
        } else {
            status.to_string()
        })
    }
}

/// Everybody tries everything; a line for each attempt.
fn attempts(which: Program) -> Result<Vec<String>> {
    let configuration = |rules: &str| format!("{HEAD}c['www']['authz'] = {rules}\n");
    let mut site = Site::new(&configuration(RULES[0]))?;
    site.start_as(which)?;
    site.start_worker("w1", Program::Ours)?;
    let one = site.get("builders/one")?["builders"][0]["builderid"].to_string();
    for owner in ["ann@example.com", "somebody@example.com"] {
        let params = json!({"builderid": one, "username": owner, "reason": "x"});
        let forced = site.control("forceschedulers/force", "force", params)?;
        let request = forced[1][&one].as_i64().context("no request")?;
        ensure!(site.wait_for_build(request)?["results"] == 0);
    }
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_idle_connections(0);
    let agent = ureq::Agent::new_with_config(agent.build());
    let people = People { site: &site, agent };
    let mut lines = Vec::new();
    for rules in RULES {
        site.reconfigure(&configuration(rules))?;
        for person in PEOPLE {
            let cookie = match person {
                Some(user) => people.log_in(user)?,
                None => String::new(),
            };
            let mut note = |what: &str, came: &str| {
                let person = person.unwrap_or("anybody");
                lines.push(format!("{rules}\n  {person}: {what}: {came}"));
            };
            for (path, what, params) in deeds() {
                let numbered = |text: &str| text.replace("ONE", &one);
                let given = serde_json::from_str(&numbered(&params.to_string()))?;
                let came = people.attempt(&cookie, &numbered(path), what, &given)?;
                note(&format!("{what} {path} {params}"), &came);
            }
            let socket = Socket::open(&site.url(), &[("Cookie", &cookie)]);
            note("/ws", if socket.is_ok() { "open" } else { "refused" });
            let stream = format!("{}sse/listen/builds/*/*", site.url());
            let stream = people.agent.get(stream).header(COOKIE, &cookie).call()?;
            note("/sse", stream.status().as_str());
            if which == Program::Ours {
                ensure!(socket.is_ok() == stream.status().is_success());
            }
        }
    }
    Ok(lines)
}

#[test]
fn everybody_may_do_the_same() -> Result<()> {
    let theirs = attempts(Program::Python)?;
    let ours = attempts(Program::Ours)?;
    ensure!(theirs.len() == ours.len());
    let refused = theirs.iter().filter(|line| line.contains(": 403 ")).count();
    ensure!(refused > 50, "only {refused} refusals were compared");
    // Streams are for everybody in the reference.
    let is_stricter =
        |theirs: &str, ours: &str| theirs.ends_with(": /sse: 200") && ours.ends_with(": /sse: 403");
    let differ = theirs
        .iter()
        .zip(&ours)
        .filter(|(left, right)| left != right && !is_stricter(left, right));
    let differ: Vec<String> = differ
        .map(|(left, right)| format!("reference: {left}\nours: {right}\n"))
        .collect();
    ensure!(
        differ.is_empty(),
        "{} differ\n{}",
        differ.len(),
        differ.concat()
    );
    Ok(())
}
