//! A client of `/ws` and one of `/sse`, which keep what they are told.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value as Json, json};
use tungstenite::{Message, WebSocket};

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Something that happened: the parts of its key, joined by slashes, and its message.
pub type Event = (String, Json);

/// A client of `/ws`.
pub struct Socket {
    socket: WebSocket<TcpStream>,
    last: u64,
    /// What came in between.
    pub events: Vec<Event>,
}

impl Socket {
    /// Connects to a site; `headers` go along, as lines.
    pub fn open(url: &str, headers: &[(&str, &str)]) -> Result<Self> {
        use tungstenite::client::IntoClientRequest as _;
        let address = address(url)?;
        let stream = TcpStream::connect(&address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let mut request = format!("ws://{address}/ws").into_client_request()?;
        for (name, value) in headers {
            let name = tungstenite::http::HeaderName::from_bytes(name.as_bytes())?;
            request.headers_mut().insert(name, value.parse()?);
        }
        let (socket, _) = tungstenite::client(request, stream)
            .map_err(|error| anyhow::anyhow!("/ws: {error}"))?;
        Ok(Self {
            socket,
            last: 0,
            events: Vec::new(),
        })
    }

    /// Sends a command, and returns the answer to it without its number.
    pub fn command(&mut self, mut command: Json) -> Result<Json> {
        self.last += 1;
        command["_id"] = json!(self.last);
        self.send(&command.to_string())?;
        loop {
            let answer = self.frame()?;
            if answer["_id"] == self.last {
                return Ok(without_id(answer));
            }
            self.note(answer);
        }
    }

    /// Sends a frame as it is, and returns the next answer.
    pub fn ask(&mut self, text: &str) -> Result<Json> {
        self.send(text)?;
        loop {
            let answer = self.frame()?;
            if answer.get("code").is_some() {
                return Ok(answer);
            }
            self.note(answer);
        }
    }

    fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.socket.send(Message::text(text))?)
    }

    fn frame(&mut self) -> Result<Json> {
        loop {
            if let Message::Text(text) = self.socket.read()? {
                return Ok(serde_json::from_str(&text)?);
            }
        }
    }

    fn note(&mut self, mut event: Json) {
        let key = event["k"].as_str().unwrap_or_default().to_owned();
        self.events.push((key, event["m"].take()));
    }

    /// Subscribes.
    pub fn listen(&mut self, path: &str) -> Result<()> {
        let answer = self.command(json!({"cmd": "startConsuming", "path": path}))?;
        ensure!(answer["code"] == 200, "{path}: {answer}");
        Ok(())
    }

    /// Waits until an event has come, which may have been before.
    pub fn wait_for(&mut self, what: &str, is_it: impl Fn(&Event) -> bool) -> Result<()> {
        let end = Instant::now() + DEADLINE;
        let mut seen = 0;
        loop {
            if self.events[seen..].iter().any(&is_it) {
                return Ok(());
            }
            seen = self.events.len();
            if Instant::now() > end {
                bail!("waited for {what} in vain: {:#?}", self.events);
            }
            let frame = self
                .frame()
                .with_context(|| format!("waiting for {what}"))?;
            self.note(frame);
        }
    }
}

fn without_id(mut answer: Json) -> Json {
    if let Some(members) = answer.as_object_mut() {
        members.remove("_id");
    }
    answer
}

/// A client of `/sse`.
pub struct Stream {
    /// What `/sse/add` and `/sse/remove` call this stream.
    pub id: String,
    lines: Receiver<String>,
}

impl Stream {
    /// Opens a stream, with a subscription if `path` has more than `listen`.
    pub fn open(url: &str, path: &str) -> Result<Self> {
        let agent = ureq::Agent::config_builder()
            .timeout_recv_response(Some(DEADLINE))
            .build()
            .new_agent();
        let answer = agent.get(format!("{url}sse/{path}")).call()?;
        let reader = BufReader::new(answer.into_body().into_reader());
        let (sender, lines) = channel();
        // It ends with the stream, or when nobody wants more lines.
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut stream = Self {
            id: String::new(),
            lines,
        };
        stream.line_after("event: handshake")?;
        let data = stream.line()?;
        let id = data.strip_prefix("data: ");
        stream.id = id.context("no handshake")?.trim().to_owned();
        Ok(stream)
    }

    fn line(&self) -> Result<String> {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => bail!("nothing comes over /sse"),
            Err(RecvTimeoutError::Disconnected) => bail!("the stream has ended"),
        }
    }

    fn line_after(&self, wanted: &str) -> Result<()> {
        while self.line()? != wanted {}
        Ok(())
    }

    /// The next event.
    pub fn event(&mut self) -> Result<Event> {
        self.line_after("event: event")?;
        let line = self.line()?;
        let mut data: Json = serde_json::from_str(line.strip_prefix("data: ").context("no data")?)?;
        let key = data["key"].as_array().context("no key")?;
        let key: Vec<&str> = key.iter().filter_map(Json::as_str).collect();
        Ok((key.join("/"), data["message"].take()))
    }
}

fn address(url: &str) -> Result<String> {
    let rest = url.strip_prefix("http://").context("no http")?;
    Ok(rest.trim_end_matches('/').to_owned())
}
