//! The front end from here with the data of a master elsewhere. The reference's own needs a package that is not
//! installed, and looks for the configuration where pages of 4.3 do not have it.

use std::net::TcpStream;
use std::process::Stdio;

use serde_json::Value;
use tungstenite::Message;

use crate::place::{Foreground, Place, Side, await_that, venv};

fn get(url: &str) -> Option<String> {
    ureq::get(url).call().ok()?.body_mut().read_to_string().ok()
}

fn json(url: &str) -> Value {
    let text = get(url).unwrap_or_else(|| panic!("no answer from {url}"));
    serde_json::from_str(&text).unwrap()
}

/// A session as browsers get one.
fn session_at(url: &str) -> String {
    let answer = ureq::get(url).call().unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    let (_, value) = cookie.split_once('=').unwrap();
    value.split(';').next().unwrap().to_owned()
}

#[test]
fn a_proxy_has_its_own_page_and_the_data_of_the_master() {
    let mut place = Place::new(Side::Ours);
    let python = venv("python");
    place
        .variables
        .push(("BUILDBOT_PYTHON".into(), python.into()));
    place.make_master(
        "c['www'] = {'port': 'tcp:@TRY@:interface=127.0.0.1', 'plugins': {'console_view': {'x': 1}}}\n\
         c['buildbotURL'] = 'http://127.0.0.1:@TRY@/'\nc['title'] = 'There'",
    );
    place.start();
    let [_, there, _, here] = place.ports;
    let cookie = session_at(&format!("http://127.0.0.1:{there}/config"));
    let options = "-p @OTHER@ -b http://127.0.0.1:@TRY@/ --plugins={\"grid_view\":{\"y\":2}}";
    let line = format!("dev-proxy {options} --auth_cookie={cookie}");
    let mut command = place.command(&place.program(), &line);
    let _proxy = Foreground(command.stdout(Stdio::null()).spawn().unwrap());
    let root = format!("http://localhost:{here}");
    await_that("the proxy", || get(&format!("{root}/")).is_some());

    let page = get(&format!("{root}/")).unwrap();
    assert!(page.contains("window.buildbotFrontendConfig"), "{page}");
    let config = json(&format!("{root}/config"));
    assert_eq!(config["title"], "There");
    assert_eq!(config["buildbotURL"], format!("{root}/"));
    assert_eq!(
        config["buildbotURLs"][1],
        format!("http://127.0.0.1:{there}/")
    );
    assert_eq!(config["plugins"]["console_view"]["x"], 1);
    assert_eq!(config["plugins"]["grid_view"]["y"], 2);
    // Files are from here.
    let script = page
        .split("src=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let script = script.unwrap().trim_start_matches('.');
    assert!(get(&format!("{root}{script}")).is_some(), "{script}");
    // Data are from there, with their parameters.
    let builders = json(&format!(
        "{root}/api/v2/builders?field=name&field=builderid"
    ));
    assert_eq!(builders["builders"][0]["name"], "b");
    assert_eq!(
        builders,
        json(&format!(
            "http://127.0.0.1:{there}/api/v2/builders?field=name&field=builderid"
        ))
    );
    // So are answers that refuse, and events.
    let refused = ureq::get(format!("{root}/api/v2/nosuch")).call();
    assert!(
        matches!(refused, Err(ureq::Error::StatusCode(404))),
        "{refused:?}"
    );
    let stream = TcpStream::connect(("localhost", here)).unwrap();
    let (mut socket, _) = tungstenite::client(format!("ws://localhost:{here}/ws"), stream).unwrap();
    socket
        .send(Message::text(r#"{"cmd": "ping", "_id": 7}"#))
        .unwrap();
    let answer = socket.read().unwrap().into_text().unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["_id"], 7, "{answer}");
    assert_eq!(answer["msg"], "pong", "{answer}");

    assert!(place.run("stop m").status.success());
    let refused = ureq::get(format!("{root}/api/v2/masters")).call();
    assert!(
        matches!(refused, Err(ureq::Error::StatusCode(502))),
        "{refused:?}"
    );
}

#[test]
fn a_proxy_without_a_master_says_so() {
    let mut place = Place::new(Side::Ours);
    let python = venv("python");
    place
        .variables
        .push(("BUILDBOT_PYTHON".into(), python.into()));
    let check = |options: &str, expected: &str| {
        let said = place.run(&format!("dev-proxy {options}"));
        assert_eq!(said.status.code(), Some(1), "{said:?}");
        let text = String::from_utf8_lossy(&said.stderr).into_owned()
            + &String::from_utf8_lossy(&said.stdout);
        assert!(text.contains(expected), "{text}");
    };
    check(
        "-b http://127.0.0.1:1",
        "Unable to connect to buildbot master http://127.0.0.1:1",
    );
    check("-b nonsense", "buildbot_url must be such as");
    check("--plugins=[]", "plugins must be an object of JSON");
    check("-p x", "port must be a number");
}
