//! A connection of a command to a running master, over Perspective Broker.

use std::io;

use buildbot_model::Secret;
use buildbot_wire::pb::{ClientSession, ObjectKey, PeerCall, PeerEvent, PeerRequest};
use buildbot_wire::session::SessionError;
use buildbot_wire::{Failure, Limits, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Why a command could not speak to a master.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// There is nobody.
    #[error("cannot connect to {master}: {error}")]
    Connect {
        /// Where.
        master: String,
        /// What the system says.
        error: io::Error,
    },
    /// The connection ended.
    #[error("the connection to the master is lost{0}")]
    Lost(String),
    /// What is there speaks something else.
    #[error("what answers is no master: {0}")]
    Protocol(SessionError),
    /// Name or password are wrong.
    #[error("the master does not know the user or the password is wrong")]
    Unauthorized,
    /// The master refuses or fails.
    #[error("{}", shown(.0))]
    Failed(Failure),
}

/// The last lines of an exception, with its traceback if the master gave one.
fn shown(failure: &Failure) -> String {
    let traceback = failure.traceback.trim_end();
    match traceback.starts_with("Traceback (") {
        true => format!("the master says:\n{traceback}"),
        false => format!("the master says: {failure}"),
    }
}

/// Where a master is: `HOST:PORT`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// Reads `HOST:PORT`; nothing if it is not of that form.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let port = port.trim().parse().ok()?;
        (!host.is_empty()).then(|| Self {
            host: host.to_owned(),
            port,
        })
    }
}

/// A connection on which the user has logged in.
pub(crate) struct Client {
    session: ClientSession,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects and logs in.
    pub(crate) async fn log_in(
        address: &Address,
        user: &str,
        password: &Secret<String>,
    ) -> Result<Self, ClientError> {
        let Address { host, port } = address;
        let stream = TcpStream::connect((host.as_str(), *port)).await;
        let stream = stream.map_err(|error| ClientError::Connect {
            master: format!("{host}:{port}"),
            error,
        })?;
        let mut client = Self {
            session: ClientSession::new(user, password, Limits::default()),
            stream,
            buffer: vec![0; 64 << 10],
        };
        loop {
            match client.next().await? {
                PeerEvent::LoggedIn => return Ok(client),
                PeerEvent::LoginFailed(failure)
                    if failure.is("twisted.cred.error.UnauthorizedLogin") =>
                {
                    return Err(ClientError::Unauthorized);
                }
                PeerEvent::LoginFailed(failure) => return Err(ClientError::Failed(failure)),
                other => client.refuse(other),
            }
        }
    }

    /// What happens next. What was said before is sent first.
    pub(crate) async fn next(&mut self) -> Result<PeerEvent, ClientError> {
        let lost = |error: io::Error| ClientError::Lost(format!(": {error}"));
        loop {
            self.flush().await?;
            if let Some(event) = self.session.next_event() {
                return Ok(event);
            }
            match self.stream.read(&mut self.buffer).await.map_err(lost)? {
                0 => return Err(ClientError::Lost(String::new())),
                length => {
                    let bytes = self.buffer.get(..length).unwrap_or_default();
                    self.session.receive(bytes).map_err(ClientError::Protocol)?;
                }
            }
        }
    }

    async fn flush(&mut self) -> Result<(), ClientError> {
        let lost = |error: io::Error| ClientError::Lost(format!(": {error}"));
        let output = self.session.output();
        while !output.is_empty() {
            let sent = self.stream.write_vectored(&output.slices()).await;
            match sent.map_err(lost)? {
                0 => return Err(ClientError::Lost(String::new())),
                sent => output.advance(sent),
            }
        }
        Ok(())
    }

    /// Calls a method of what the login gave, and waits for its result.
    pub(crate) async fn call(
        &mut self,
        method: &str,
        args: Vec<Value>,
    ) -> Result<Value, ClientError> {
        let call = self
            .session
            .call(method, args)
            .map_err(ClientError::Protocol)?;
        self.wait_for(call).await
    }

    /// Calls a method of another object, and waits for its result.
    pub(crate) async fn call_object(
        &mut self,
        object: u64,
        method: &str,
        args: Vec<Value>,
    ) -> Result<Value, ClientError> {
        let call = self.begin(object, method, args)?;
        self.wait_for(call).await
    }

    /// Calls a method of another object; the result is an event.
    pub(crate) fn begin(
        &mut self,
        object: u64,
        method: &str,
        args: Vec<Value>,
    ) -> Result<PeerCall, ClientError> {
        let call = self.session.call_object(object, method, args);
        call.map_err(ClientError::Protocol)
    }

    async fn wait_for(&mut self, wanted: PeerCall) -> Result<Value, ClientError> {
        loop {
            match self.next().await? {
                PeerEvent::Answered { call, result } if call == wanted => {
                    return result.map_err(ClientError::Failed);
                }
                other => self.refuse(other),
            }
        }
    }

    /// Answers a call that nobody expects.
    fn refuse(&mut self, event: PeerEvent) {
        if let PeerEvent::Called {
            request, method, ..
        } = event
        {
            let text = format!("No such method: remote_{method}");
            let failure = Failure::new(
                "twisted.spread.flavors.NoSuchMethod",
                &["builtins.AttributeError"],
                text,
            );
            self.session.answer(request, Err(failure));
        }
    }

    /// A new object of ours, to be sent as [`Value::Local`].
    pub(crate) fn new_object(&mut self) -> ObjectKey {
        self.session.new_object()
    }

    /// Answers a call with nothing.
    pub(crate) fn answer_none(&mut self, request: PeerRequest) {
        self.session.answer(request, Ok(Value::None));
    }
}

/// Runs `work` on a runtime of its own.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(work))
}
