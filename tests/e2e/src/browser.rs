//! Chromium without a window, driven by its DevTools protocol.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value as Json, json};
use tungstenite::{Message, WebSocket};

/// How long a page may take to become what is waited for.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long one answer of the browser may take.
const ANSWER: Duration = Duration::from_secs(30);

/// A browser with one page.
pub struct Browser {
    child: Child,
    _profile: tempfile::TempDir,
    socket: WebSocket<TcpStream>,
    last: u64,
    errors: Vec<String>,
}

impl Browser {
    /// Starts it.
    pub fn start() -> Result<Self> {
        let profile = tempfile::tempdir()?;
        let mut child = Command::new("chromium")
            .args([
                "--headless=new",
                // Its own sandbox does not work for root, as which containers run.
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--window-size=1400,1000",
                "--remote-debugging-port=0",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("while starting chromium; tests/prepare installs it")?;
        let stderr = child.stderr.take().context("its output")?;
        let mut lines = BufReader::new(stderr).lines();
        let address = loop {
            let line = lines.next().context("chromium ends at once")??;
            if let Some((_, url)) = line.split_once("DevTools listening on ws://") {
                break url.split('/').next().unwrap_or_default().to_owned();
            }
        };
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let pages: Json = ureq::get(format!("http://{address}/json/list"))
            .call()?
            .body_mut()
            .read_json()?;
        let pages = pages.as_array().context("pages")?;
        let page = pages.iter().find(|page| page["type"] == "page");
        let url = page.context("a page")?["webSocketDebuggerUrl"].clone();
        let stream = TcpStream::connect(&address)?;
        stream.set_read_timeout(Some(ANSWER))?;
        let (socket, _) = tungstenite::client(url.as_str().context("a url")?, stream)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        let mut browser = Self {
            child,
            _profile: profile,
            socket,
            last: 0,
            errors: Vec::new(),
        };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(browser)
    }

    /// Calls a method of the protocol.
    pub fn call(&mut self, method: &str, params: Json) -> Result<Json> {
        self.last += 1;
        let message = json!({"id": self.last, "method": method, "params": params});
        self.socket.send(Message::text(message.to_string()))?;
        loop {
            let answer: Json = match self.socket.read()? {
                Message::Text(text) => serde_json::from_str(&text)?,
                _ => continue,
            };
            if answer["id"] == self.last {
                ensure!(answer.get("error").is_none(), "{method}: {answer}");
                return Ok(answer["result"].clone());
            }
            self.note(&answer);
        }
    }

    /// Keeps what the page complains about.
    fn note(&mut self, event: &Json) {
        let params = &event["params"];
        let error = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => params["exceptionDetails"].to_string(),
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => {
                let entry = &params["entry"];
                format!("{} {}", entry["text"], entry["url"])
            }
            Some("Runtime.consoleAPICalled") if params["type"] == "error" => {
                params["args"].to_string()
            }
            _ => return,
        };
        self.errors.push(error);
    }

    /// What the page has complained about since the last call.
    pub fn errors(&mut self) -> Result<Vec<String>> {
        // Events come before the answer.
        self.eval("0")?;
        Ok(std::mem::take(&mut self.errors))
    }

    /// Goes to a URL.
    pub fn open(&mut self, url: &str) -> Result<()> {
        self.call("Page.navigate", json!({ "url": url }))?;
        self.wait_for("document.readyState == 'complete'")
    }

    /// The value of an expression of JavaScript.
    pub fn eval(&mut self, expression: &str) -> Result<Json> {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", params)?;
        if let Some(details) = result.get("exceptionDetails") {
            bail!("{expression}: {details}");
        }
        Ok(result["result"]["value"].clone())
    }

    /// Waits until an expression is true.
    pub fn wait_for(&mut self, expression: &str) -> Result<()> {
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            if self.eval(expression).is_ok_and(|value| value == true) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let text = self.eval("location.href + '\\n' + document.body.innerText.slice(0, 3000)")?;
        bail!(
            "waited for {expression} in vain; {:?}; the page: {}",
            self.errors,
            text.as_str().unwrap_or_default()
        )
    }

    /// Waits until the page shows a text.
    pub fn wait_for_text(&mut self, text: &str) -> Result<()> {
        self.wait_for(&format!(
            "document.body.innerText.includes({})",
            json!(text)
        ))
    }

    /// Clicks the first thing of a selector that shows just this text, when it is there.
    pub fn click(&mut self, selector: &str, text: &str) -> Result<()> {
        let found = format!(
            "[...document.querySelectorAll({})].find(e => e.innerText.trim() == {})",
            json!(selector),
            json!(text)
        );
        self.wait_for(&format!("!!({found})"))?;
        self.eval(&format!("({found}).click()")).map(drop)
    }

    /// Enters a text into the field that an expression finds, as a person would.
    pub fn enter(&mut self, field: &str, text: &str) -> Result<()> {
        self.wait_for(&format!("!!({field})"))?;
        self.eval(&format!(
            "(() => {{ const e = {field}; e.focus(); e.select(); }})()"
        ))?;
        self.call("Input.insertText", json!({ "text": text }))
            .map(drop)
    }

    /// Writes a picture of the page.
    pub fn screenshot(&mut self, file: &Path) -> Result<()> {
        let picture = self.call("Page.captureScreenshot", json!({"format": "png"}))?;
        let data = picture["data"].as_str().context("a picture")?;
        let bytes = data_encoding::BASE64.decode(data.as_bytes())?;
        Ok(std::fs::write(file, bytes)?)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.call("Browser.close", json!({}));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
