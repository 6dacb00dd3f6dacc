//! From the name that somebody logs in with to a worker that is attached, or one that is sent away.

use super::*;

impl Connection {
    pub(super) fn ask_about(&mut self, name: String) {
        let Phase::Stranger { until } = self.phase else {
            return;
        };
        let admission = Arc::clone(&self.hub.admission);
        let (protocol, place) = (self.protocol, self.place.clone());
        self.phase = Phase::Asking {
            until,
            name: name.clone(),
        };
        self.jobs.spawn(async move {
            let visitor = match protocol {
                Protocol::Pb => admission.visitor(&name, place.as_ref()).await,
                Protocol::Msgpack => Visitor::Worker,
            };
            Job::Known(match visitor {
                Visitor::Worker => Known::Worker(admission.worker(&name, protocol).await),
                Visitor::User(user) => Known::User(user),
                Visitor::Nobody => Known::Worker(None),
            })
        });
    }

    pub(super) fn handle_job(&mut self, job: Job) -> Result<(), DetachReason> {
        let protocol_error =
            |error: buildbot_wire::session::SessionError| DetachReason::Protocol(error.to_string());
        match job {
            Job::Known(known) => {
                let Phase::Asking { name, .. } = &self.phase else {
                    return Ok(());
                };
                let name = name.clone();
                let (password, is_known) = match &known {
                    Known::Worker(Some(admitted)) => (admitted.password.clone(), true),
                    Known::User(user) => (user.password.clone(), true),
                    // Who asks for an unknown name does not learn it from the time that the answer takes.
                    Known::Worker(None) => (Secret::new(String::new()), false),
                };
                let is_right = self.wire.verify(&password);
                if !is_known || !is_right {
                    let what = if is_known {
                        "a wrong password"
                    } else {
                        "an unknown name"
                    };
                    tracing::warn!(name, peer = self.peer, "login refused: {what}");
                    self.phase = Phase::Refused {
                        until: Instant::now() + self.hub.settings.refused_linger,
                    };
                    return self.wire.refuse_login().map_err(protocol_error);
                }
                if self.protocol == Protocol::Msgpack {
                    self.wire.accept_login().map_err(protocol_error)?;
                }
                match known {
                    Known::Worker(admitted) => {
                        let keepalive = admitted.and_then(|admitted| admitted.keepalive);
                        self.begin_attach(name, keepalive);
                    }
                    Known::User(user) => self.user = Some((name, user.perspective)),
                }
                Ok(())
            }
            Job::Attached(Ok(info)) => {
                if self.protocol == Protocol::Pb {
                    self.wire.accept_login().map_err(protocol_error)?;
                }
                let Some(session) = self.session.clone() else {
                    return Ok(());
                };
                let (worker, peer) = (session.worker(), session.peer());
                tracing::info!(worker, peer, protocol = %self.protocol, "the worker is attached");
                self.phase = Phase::Attached;
                let attached = Attached {
                    session: session.clone(),
                    info,
                };
                // A request for shutdown that came early comes after it.
                self.events.push_front(GatewayEvent::Attached(attached));
                Ok(())
            }
            Job::Attached(Err(error)) => self.fail_attach(error),
        }
    }

    pub(super) fn begin_attach(&mut self, name: String, keepalive: Option<Duration>) {
        let shared = Shared {
            id: self.id,
            worker: name,
            protocol: self.protocol,
            peer: self.peer.clone(),
            info: Mutex::default(),
            builders: Mutex::default(),
            started: Instant::now(),
            heard: 0.into(),
            is_held: false.into(),
            gone: CancellationToken::new(),
            next_command: Arc::clone(&self.hub.next_command),
        };
        let session = Session {
            shared: Arc::new(shared),
            requests: Requests {
                sender: self.requests_sender.clone(),
                ended: self.ended.subscribe(),
                dismissed: self.dismissed.clone(),
            },
        };
        self.session = Some(session.clone());
        self.phase = Phase::Attaching {
            until: Instant::now() + self.hub.settings.attach_timeout,
        };
        self.hub.forget(self.id);
        self.set_keepalive(keepalive);
        let hub = Arc::clone(&self.hub);
        self.jobs.spawn(async move {
            if hub.claim(&session).await.is_err() {
                return Job::Attached(Err(AttachError::Duplicate));
            }
            Job::Attached(attach(&session, &hub.admission).await)
        });
    }

    pub(super) fn fail_attach(&mut self, error: AttachError) -> Result<(), DetachReason> {
        let worker = self.session.as_ref().map_or("", Session::worker);
        tracing::warn!(
            worker,
            peer = self.peer,
            "the worker is not attached: {error}"
        );
        let failure = match &error {
            // Differs: what goes wrong with the builders ends the connection, so that the worker tries again; the
            // reference keeps it, and never uses it. The same for a worker that the master does not want just now.
            AttachError::Builders(_) | AttachError::Refused(_) => {
                self.end(DetachReason::Disconnected(error.to_string()));
                return Ok(());
            }
            AttachError::Info(CallError::Refused(failure)) => failure.clone(),
            AttachError::Duplicate | AttachError::Info(_) => {
                Failure::new("builtins.RuntimeError", &[], error.to_string())
            }
        };
        let failed = self.wire.fail_login(&failure);
        failed.map_err(|error| DetachReason::Protocol(error.to_string()))?;
        match self.protocol {
            Protocol::Pb => {
                // The name belongs to somebody else, or to nobody.
                if let Some(session) = self.session.take() {
                    self.hub.release(&session);
                }
                self.pulse.next = None;
                // Whoever knows a password must not hold more connections by that than others.
                self.leave = self.hub.greet(self.id);
                self.phase = Phase::Refused {
                    until: Instant::now() + self.hub.settings.refused_linger,
                };
            }
            Protocol::Msgpack => self.end(DetachReason::Disconnected(error.to_string())),
        }
        Ok(())
    }
}
