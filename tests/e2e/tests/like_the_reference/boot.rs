//! What both masters give the front end to begin with: its files, and `/config`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use buildbot_e2e::{Program, Site};
use serde_json::Value as Json;

const CONFIGURATION: &str = r"
import datetime
c['title'] = 'Ü </script> x'
c['titleURL'] = 'http://example.com/'
c['www'].update(
    plugins={'console_view': True, 'grid_view': {'a': [1, None]}, 'waterfall_view': {}},
    ui_default_config={'Builders.buildFetchLimit': 12, 'Home.max_recent_builds': 3},
    theme={'bb-sidebar-background-color': '#123456', 'unknown': 'x'},
    versions=[('Ours', '1.0')], default_page='builders', debug=False,
    project_widgets=[{'widgets': ['builders']}],
    auth=util.UserPasswordAuth({'ann': 'pass'}),
    allowed_origins=['http://*.example.com'],
    cookie_expiration_time=datetime.timedelta(hours=1),
)
c['builders'] = [builder('b')]
";

const PATHS: &[&str] = &[
    "",
    "index.html",
    "config",
    "robots.txt",
    "icon.svg",
    "icon.png",
    "manifest.json",
    "browser-warning.js",
    "browser-warning.css",
    "plugins/console_view/scripts.js",
    "plugins/console_view/styles.css",
    "plugins/waterfall_view/scripts.js",
    "plugins/nothing/scripts.js",
    "plugins/console_view/nothing.js",
    "../buildbot.tac",
    "%2e%2e/buildbot.tac",
    "nothing",
    "auth/login",
];

/// Status, headers that browsers heed, and the body.
type Answer = (u16, BTreeMap<String, String>, Vec<u8>);

const HEADERS: &[&str] = &["content-type", "access-control-allow-origin", "location"];

struct Boot {
    answers: BTreeMap<String, Answer>,
    config: Json,
    /// The same as the page has it.
    embedded: Json,
}

fn boot(which: Program) -> Result<Boot> {
    let mut site = Site::new(CONFIGURATION)?;
    site.use_front_end()?;
    site.start_as(which)?;
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0);
    let agent = ureq::Agent::new_with_config(agent.max_idle_connections(0).build());
    let ask = |path: &str| -> Result<Answer> {
        let request = agent.get(format!("{}{path}", site.url()));
        let mut answer = request.header("Origin", "http://ci.example.com").call()?;
        let headers = HEADERS.iter().filter_map(|&name| {
            let value = answer.headers().get(name)?.to_str().ok()?;
            Some((name.to_owned(), value.replace(&site.url(), "URL/")))
        });
        let headers = headers.collect();
        let status = answer.status().as_u16();
        Ok((status, headers, answer.body_mut().read_to_vec()?))
    };
    let mut answers = BTreeMap::new();
    for path in PATHS {
        answers.insert((*path).to_owned(), ask(path)?);
    }
    let page = String::from_utf8(ask("")?.2)?;
    for part in page.split('"').filter(|part| part.contains("assets/")) {
        let path = part.trim_start_matches("./").trim_start_matches('/');
        answers.insert(path.to_owned(), ask(path)?);
    }
    let port = site
        .url()
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .to_owned();
    let normal = |config: &Json| -> Result<Json> {
        let text = config.to_string().replace(&site.url(), "URL/");
        Ok(serde_json::from_str(&text.replace(&port, "PORT"))?)
    };
    let config: Json = serde_json::from_slice(&ask("config")?.2)?;
    let embedded = embedded(&page)?;
    Ok(Boot {
        answers,
        config: normal(&config)?,
        embedded: normal(&embedded)?,
    })
}

/// The value that the page assigns for its scripts.
fn embedded(page: &str) -> Result<Json> {
    let (_, rest) = page
        .split_once("window.buildbotFrontendConfig")
        .context("no configuration")?;
    let start = rest.find('{').context("no object")?;
    let mut values = serde_json::Deserializer::from_str(&rest[start..]).into_iter();
    Ok(values.next().context("no value")??)
}

#[test]
fn the_front_end_begins_with_the_same() -> Result<()> {
    let mut theirs = boot(Program::Python)?;
    // Differs: the text that the reference has for what is no JSON.
    for config in [&mut theirs.config, &mut theirs.embedded] {
        let members = config.as_object_mut().context("no object")?;
        ensure!(members.remove("cookie_expiration_time").is_some());
    }
    let ours = boot(Program::Ours)?;
    assert_eq!(ours.config, theirs.config);
    assert_eq!(ours.embedded, theirs.embedded);
    ensure!(
        theirs
            .answers
            .keys()
            .any(|path| path.ends_with(".js") && path.contains("assets/"))
    );
    assert_eq!(
        theirs.answers.keys().collect::<Vec<_>>(),
        ours.answers.keys().collect::<Vec<_>>()
    );
    for (path, (status, headers, body)) in &theirs.answers {
        let (our_status, our_headers, our_body) = &ours.answers[path];
        assert_eq!(our_status, status, "{path}");
        if *status < 400 {
            assert_eq!(our_headers, headers, "{path}");
        }
        match path.as_str() {
            "" => {
                // The value is compared above; everything around it is the file.
                let page = String::from_utf8_lossy(our_body);
                ensure!(!page.contains("Ü </script>"), "markup in {page}");
                ensure!(
                    page.contains("--bb-sidebar-background-color: #123456;"),
                    "{page}"
                );
            }
            _ if *status == 200 && path != "config" => {
                ensure!(our_body == body, "{path} is another file");
            }
            _ => {}
        }
    }
    Ok(())
}
