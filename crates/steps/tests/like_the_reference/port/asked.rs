//! What a step asks of its port, and what it is told.

use super::*;

impl Port for Fake<'_> {
    fn build(&self) -> &BuildFacts {
        &self.build
    }

    fn worker(&self) -> &WorkerFacts {
        &self.worker
    }

    fn step_name(&self) -> &str {
        &self.name
    }

    fn mask(&self, text: &str) -> String {
        self.masks.lock().expect("masks").clean(text)
    }

    fn now_s(&self) -> f64 {
        self.case["now"].as_f64().unwrap_or_default()
    }

    fn render(&self, values: Vec<Value>) -> Later<'_, Vec<Result<Value, StepError>>> {
        Box::pin(async move {
            let context = self.context.lock().expect("a context").clone();
            let mut evaluation = Evaluation::begin(values.iter(), &context);
            while let Some(round) = evaluation.round() {
                let calls = if round.calls.is_empty() {
                    Vec::new()
                } else {
                    let mut objects = self.objects.lock().expect("objects");
                    self.host
                        .render(&round.calls, &self.properties_for_host(), &mut objects)
                };
                let secrets = round
                    .secrets
                    .iter()
                    .map(|name| Ok(self.secret(name)))
                    .collect();
                evaluation.answer(Answers { calls, secrets }, &context);
            }
            let rendered = evaluation.finish();
            for (name, secret) in &rendered.secrets {
                self.masks.lock().expect("masks").add(name, secret);
            }
            rendered
                .values
                .into_iter()
                .map(|value| value.map_err(StepError::from))
                .collect()
        })
    }

    fn call<'a>(&'a self, function: &'a Value, arguments: Vec<Argument>) -> Answer<'a, Value> {
        Box::pin(async move {
            let arguments: Vec<Json> = arguments
                .into_iter()
                .map(|argument| match argument {
                    Argument::Value(value) => serde_json::to_value(value).expect("JSON"),
                    Argument::Step(step) => json!({
                        "$": "step", "key": 1, "name": self.name, "stopped": step.stopped,
                        "results": step.results.map(Results::code),
                        "build": {"$": "build", "key": 1, "properties": self.properties_for_host(), "results": 0},
                    }),
                    Argument::Build => json!({"$": "build", "key": 1}),
                    Argument::SourceStamps => json!([]),
                    Argument::Match { pattern, text } => {
                        json!({"$": "match", "pattern": pattern.pattern, "flags": pattern.flags, "text": text})
                    }
                })
                .collect();
            let answer = self.host.ask(json!({
                "ask": "call", "fn": function, "args": arguments, "kwargs": {}, "deadline_ms": 20000,
            }))?;
            Ok(serde_json::from_value(answer).expect("a value"))
        })
    }

    fn object(&self, id: ObjectId) -> Option<Arc<Object>> {
        let objects = self.objects.lock().expect("objects");
        let mut newest = objects.iter().rev();
        let of_answer = newest.find(|(number, _)| *number == id.0);
        of_answer
            .map(|(_, object)| Arc::clone(object))
            .or_else(|| self.description.shared_object(id))
    }

    fn property(&self, name: &str) -> Option<Property> {
        let context = self.context.lock().expect("a context");
        context.properties.get(name).cloned()
    }

    fn properties(&self) -> Properties {
        self.context.lock().expect("a context").properties.clone()
    }

    fn set_property(&self, name: &str, value: Value, source: &str) {
        let mut context = self.context.lock().expect("a context");
        context.properties.set(name, value, source, true);
    }

    fn run_command<'a>(
        &'a self,
        command: RemoteCommand,
        observer: Option<&'a mut dyn Observer>,
    ) -> Answer<'a, CommandEnd> {
        Box::pin(self.carry_out(command, observer))
    }

    fn interrupt_commands(&self, reason: &str) {
        let mut seen = self.seen();
        if seen.is_busy {
            seen.commands.push(json!({"interrupt": reason}));
        }
    }

    fn add_log<'a>(&'a self, name: &'a str, kind: LogKind) -> Answer<'a, LogKey> {
        Box::pin(async move { Ok(self.new_log(name, kind)) })
    }

    fn append<'a>(&'a self, log: LogKey, channel: Channel, text: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            self.add_text(Some(log), channel, &self.mask(text));
            Ok(())
        })
    }

    fn finish_log(&self, log: LogKey) -> Answer<'_, ()> {
        Box::pin(async move {
            self.seen().logs[log.0 as usize].finish();
            Ok(())
        })
    }

    fn finish_logs(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.seen().logs.iter_mut().for_each(Log::finish);
            Ok(())
        })
    }

    fn add_url<'a>(&'a self, name: &'a str, url: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            self.seen().urls.push(json!([name, url]));
            Ok(())
        })
    }

    fn show(&self, summary: String) {
        let shown = self.mask(&summary);
        self.seen().shown = Some(shown);
    }

    fn set_build_data<'a>(
        &'a self,
        name: &'a str,
        value: Vec<u8>,
        source: &'a str,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let value = String::from_utf8(value).expect("text");
            self.seen().build_data.push(json!([name, value, source]));
            Ok(())
        })
    }

    fn add_test_results<'a>(
        &'a self,
        description: &'a str,
        category: &'a str,
        value_unit: &'a str,
    ) -> Answer<'a, TestResultSet> {
        Box::pin(async move {
            let sets = &mut self.seen().test_sets;
            sets.push(json!([description, category, value_unit]));
            Ok(TestResultSet(999 + sets.len() as i64))
        })
    }

    fn add_test_result(&self, set: TestResultSet, result: TestResult) -> Answer<'_, ()> {
        Box::pin(async move {
            self.seen().test_results.push(json!([
                set.0,
                result.value,
                result.test_name,
                result.test_code_path,
                result.line,
                result.duration_ns,
            ]));
            Ok(())
        })
    }

    fn finish_test_results(&self, _set: TestResultSet) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn interrupted(&self) -> Later<'_, Interruption> {
        Box::pin(poll_fn(|_| {
            let told = &mut self.seen().told;
            if told.is_empty() {
                Poll::Pending
            } else {
                Poll::Ready(told.remove(0))
            }
        }))
    }

    fn sleep(&self, _seconds: f64) -> Later<'_, ()> {
        Box::pin(async {})
    }

    fn add_steps(&self, steps: Vec<Arc<StepConfig>>, place: AddSteps) {
        let place = match place {
            AddSteps::AfterCurrent => "current",
            AddSteps::AfterLast => "last",
        };
        for step in steps {
            let class = step
                .object
                .own_class()
                .rsplit('.')
                .next()
                .unwrap_or_default();
            let command = step.object.arguments.get("command").map(plain);
            self.seen().added.push(json!([place, class, command]));
        }
    }

    fn open_session<'a>(&'a self, _step: &'a Arc<StepConfig>) -> Answer<'a, Arc<dyn Session>> {
        Box::pin(async move {
            let number = SESSIONS.fetch_add(1, Ordering::SeqCst);
            self.is_custom.store(true, Ordering::SeqCst);
            Ok(Arc::new(Running {
                host: Arc::clone(self.host),
                number,
                surroundings: Surroundings {
                    build: self.live_build(number),
                    step_id: Some(72),
                    number: 0,
                    results: Some(Results::Success),
                    executed: Vec::new(),
                },
            }) as Arc<dyn Session>)
        })
    }

    fn description(&self) -> &Description {
        self.description
    }

    fn keep_objects(&self, objects: Vec<(ObjectId, Arc<Object>)>) {
        let mut kept = self.objects.lock().expect("objects");
        kept.extend(objects.into_iter().map(|(id, object)| (id.0, object)));
    }

    fn hide_secret(&self, secret: &str, shown: &str) {
        let secret = Secret::new(secret.to_owned());
        self.masks
            .lock()
            .expect("masks")
            .hide(&secret, shown.to_owned());
    }

    fn stop_build<'a>(&'a self, reason: &'a str, results: Results) -> Answer<'a, ()> {
        Box::pin(async move {
            self.seen()
                .commands
                .push(json!({"stop": reason, "results": results.code()}));
            Ok(())
        })
    }

    fn is_triggerable(&self, scheduler: &str) -> Option<bool> {
        let known = self.case["schedulers"].get(scheduler)?;
        Some(!known.is_null())
    }

    fn trigger(&self, request: TriggerRequest) -> Answer<'_, Triggered> {
        Box::pin(async move {
            let script = &self.case["schedulers"][&request.scheduler];
            let stamps = request.source_stamps.iter().map(|stamp| {
                let pairs = stamp.iter().map(|(key, value)| (key.clone(), plain(value)));
                Json::Object(pairs.collect())
            });
            let mut properties: Vec<Json> = request
                .properties
                .iter()
                .map(|(name, value, source)| json!([name, plain(value), source]))
                .collect();
            properties.sort_by_key(ToString::to_string);
            self.seen().triggered.push(json!({
                "scheduler": request.scheduler,
                "waited_for": request.waited_for,
                "source_stamps": stamps.collect::<Json>(),
                "properties": properties,
                "parent_relationship": request.parent_relationship,
                "parent_buildid": 92,
            }));
            if let Some(error) = script.get("error") {
                return Err(StepError::of_class("builtins.ValueError", text(error)));
            }
            let requests = script["requests"].as_object().expect("requests");
            Ok(Triggered {
                buildset: script["buildset"].as_i64(),
                requests: requests
                    .iter()
                    .map(|(builder, id)| {
                        (builder.parse().expect("an id"), id.as_i64().expect("an id"))
                    })
                    .collect(),
            })
        })
    }

    fn request_complete(&self, request: i64) -> Answer<'_, Vec<Results>> {
        Box::pin(async move {
            // It is told after the buildset.
            let mut looks = 0;
            poll_fn(|_| {
                looks += 1;
                match looks > 3 {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
            let schedulers = self.case["schedulers"].as_object().expect("schedulers");
            for script in schedulers.values() {
                let requests = script["requests"].as_object().expect("requests");
                for (builder, id) in requests {
                    if id.as_i64() != Some(request) {
                        continue;
                    }
                    if script.get("hangs").is_some() {
                        self.cancelled().await;
                    }
                    let builds = script["builds"].as_array();
                    return Ok(builds
                        .into_iter()
                        .flatten()
                        .filter(|build| build["builderid"].as_i64() == builder.parse().ok())
                        .filter_map(|build| Results::from_code(build["results"].as_i64()?))
                        .collect());
                }
            }
            panic!("there is no request {request}");
        })
    }

    fn buildset_complete(&self, buildset: i64) -> Answer<'_, BuildsetEnd> {
        Box::pin(async move {
            let schedulers = self.case["schedulers"].as_object().expect("schedulers");
            let (_, script) = schedulers
                .iter()
                .find(|(_, script)| script["buildset"].as_i64() == Some(buildset))
                .expect("the buildset");
            if script.get("hangs").is_some() {
                if let Some(reason) = self.case.get("interrupt_waiting") {
                    let is_lost = self.case.get("without_connection").is_some();
                    self.tell(reason, is_lost).await;
                }
                self.cancelled().await;
            }
            let results = |json: &Json| {
                Results::from_code(json.as_i64().unwrap_or_default()).expect("a result")
            };
            Ok(BuildsetEnd {
                results: results(&script["results"]),
                builds: script["builds"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|build| TriggeredBuild {
                        builder: text(&build["builder"]),
                        builder_id: build["builderid"].as_i64().unwrap_or_default(),
                        number: build["number"].as_i64().unwrap_or_default(),
                        results: results(&build["results"]),
                    })
                    .collect(),
            })
        })
    }

    fn cancel_requests<'a>(&'a self, requests: &'a [i64], reason: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            self.cancelled.store(true, Ordering::Relaxed);
            self.seen()
                .commands
                .push(json!({"cancel": requests, "reason": reason}));
            Ok(())
        })
    }

    fn run_local(&self, command: LocalCommand) -> Answer<'_, LocalEnd> {
        Box::pin(async move {
            let shown = json!({
                "master": command.argv,
                "workdir": command.workdir,
                "env": command.env.iter().cloned().collect::<BTreeMap<_, _>>(),
                "use_pty": command.use_pty,
                "runtime_timeout": command.runtime_timeout.map(|time| time.as_secs_f64()),
            });
            {
                let mut seen = self.seen();
                if seen.running.is_none() {
                    seen.running = seen.shown.clone();
                }
                seen.commands.push(shown);
            }
            let mut end = LocalEnd::Exited(0);
            for (key, value) in self.next_answer().unwrap_or_default() {
                match key.as_str() {
                    "stdout" => self.add_text(Some(command.log), Channel::Stdout, &text(&value)),
                    "stderr" => self.add_text(Some(command.log), Channel::Stderr, &text(&value)),
                    "rc" => end = LocalEnd::Exited(value.as_i64().unwrap_or_default() as i32),
                    "signal" => end = LocalEnd::Killed(value.as_i64().unwrap_or_default() as i32),
                    "interrupt" => self.tell(&value, false).await,
                    other => panic!("there is no action {other}"),
                }
            }
            Ok(end)
        })
    }

    fn signal_local(&self, signal: &str) {
        self.seen().commands.push(json!({"signal": signal}));
    }

    fn is_file<'a>(&'a self, path: &'a str) -> Later<'a, bool> {
        Box::pin(async move { self.case["files"].get(path).is_some() })
    }

    fn http(&self, _request: HttpRequest) -> Answer<'_, HttpResponse> {
        Box::pin(async { panic!("no request is expected") })
    }
}
