//! A loaded configuration in the real host: what it answers, and that it answers again after the worst.

mod support;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use buildbot_confighost::{
    AskError, Exit, Failure, FailureKind, Generation, LoadError, LostError, Owner, Question,
    Reason, Request,
};
use serde_json::{Map, Value, json};
use support::{Loaded, config_file, load, python, real_options, wait_until_gone};
use tokio::task::JoinSet;

/// What every configuration of these tests begins with.
const BEGIN: &str = "\
BuildmasterConfig = c = {}
def add(a, b=1):
    return a + b
c['add'] = add
";

async fn loaded(text: &str) -> Loaded {
    load(real_options(), &format!("{BEGIN}{text}")).await
}

/// A configuration whose function `act` has this body, with short limits.
async fn acting(body: &str) -> Loaded {
    acting_with("", body).await
}

/// The same; the imports are no part of what is limited.
async fn acting_with(imports: &str, body: &str) -> Loaded {
    let mut options = real_options();
    options.deadline = Duration::from_millis(500);
    options.grace = Duration::from_millis(500);
    let body = body.replace('\n', "\n    ");
    let text = format!("{imports}\n{BEGIN}def act():\n    {body}\nc['act'] = act\n");
    load(options, &text).await
}

#[track_caller]
fn failure<T: std::fmt::Debug>(outcome: Result<T, LostError>, kind: FailureKind) -> Failure {
    match outcome {
        Err(LostError::Ask(error)) => support::failure(Err::<T, _>(error), kind),
        other => panic!("{other:?} instead of {kind:?}"),
    }
}

/// Expects that `act` ends the process so, and that another question is answered.
async fn check_end(body: &str, exit: Exit, stack: Option<&str>) {
    let loaded = acting(body).await;
    let before = loaded.generation.status().expect("a process").pid;
    let ended = match loaded.call("act", vec![]).await {
        Err(LostError::Ask(AskError::Ended(ended))) => ended,
        other => panic!("{body}: {other:?}"),
    };
    assert_eq!(ended.exit, exit, "{body}: {ended}");
    match stack {
        Some(part) => assert!(ended.to_string().contains(part), "{body}: {ended}"),
        None => assert_eq!(ended.stack, None, "{body}"),
    }
    assert_eq!(
        loaded.call("add", vec![json!(2)]).await.expect("answered"),
        json!(3),
        "{body}"
    );
    assert_ne!(loaded.generation.status().expect("a process").pid, before);
}

/// Expects a failure of `act` that the process survives.
async fn check_failure(body: &str, kind: FailureKind) -> Failure {
    check_failure_with("", body, kind).await
}

async fn check_failure_with(imports: &str, body: &str, kind: FailureKind) -> Failure {
    let loaded = acting_with(imports, body).await;
    let before = loaded.generation.status().expect("a process").pid;
    let failure = failure(loaded.call("act", vec![]).await, kind);
    assert_eq!(
        loaded.call("add", vec![json!(2)]).await.expect("answered"),
        json!(3),
        "{body}"
    );
    assert_eq!(loaded.generation.status().expect("a process").pid, before);
    failure
}

#[tokio::test]
async fn functions_of_the_configuration_are_called() {
    let loaded = loaded("").await;
    assert_eq!(
        loaded.call("add", vec![json!(1)]).await.expect("answered"),
        json!(2)
    );
    let question = Question::Call {
        function: loaded.handle("add").into(),
        args: vec![json!("a")],
        kwargs: Map::from_iter([("b".to_owned(), json!("b"))]),
    };
    let answer = loaded.generation.ask(question).await.expect("answered");
    assert_eq!(answer.text(), "\"ab\"");
}

#[tokio::test]
async fn methods_of_objects_are_called() {
    let loaded = loaded(
        "
class Thing:
    def times(self, number):
        return 6 * number
c['thing'] = Thing()",
    )
    .await;
    let host = loaded.generation.host().await.expect("a process");
    let answer = host.method(
        loaded.handle("thing"),
        "times".to_owned(),
        vec![json!(7)],
        Map::new(),
    );
    assert_eq!(answer.await.expect("answered").text(), "42");
}

#[tokio::test]
async fn coroutines_and_deferreds_are_awaited_while_others_are_answered() {
    let loaded = loaded(
        "
from twisted.internet import defer
waiting = defer.Deferred()
async def wait():
    return await waiting
def fire():
    waiting.callback('fired')
c['wait'] = wait
c['fire'] = fire
c['fired'] = lambda: defer.succeed(5)
",
    )
    .await;
    let (waited, fired) = tokio::join!(loaded.call("wait", vec![]), async {
        assert_eq!(
            loaded.call("fired", vec![]).await.expect("answered"),
            json!(5)
        );
        loaded.call("fire", vec![]).await
    });
    assert_eq!(waited.expect("answered"), json!("fired"));
    assert_eq!(fired.expect("answered"), Value::Null);
}

#[tokio::test]
async fn the_reactor_runs_between_questions() {
    let mut options = real_options();
    options.deadline = Duration::from_millis(500);
    let text = format!(
        "{BEGIN}
from twisted.internet import reactor, task
fired = []
reactor.callLater(0, fired.append, 'at last')
def hang():
    while True: pass
c['later'] = lambda: task.deferLater(reactor, 0.01, lambda: fired)
c['never'] = lambda: task.deferLater(reactor, 1000, lambda: fired)
c['hang'] = hang
"
    );
    let loaded = load(options, &text).await;
    for late in ["never", "hang", "never"] {
        let answer = loaded.call("later", vec![]).await;
        assert_eq!(answer.expect("answered"), json!(["at last"]));
        failure(loaded.call(late, vec![]).await, FailureKind::Deadline);
    }
    assert_eq!(
        loaded.call("add", vec![json!(2)]).await.expect("answered"),
        json!(3)
    );
}

#[tokio::test]
async fn a_deferred_that_never_fires_is_given_up_at_its_deadline() {
    let body = "from twisted.internet import defer\nreturn defer.Deferred()";
    check_failure(body, FailureKind::Deadline).await;
}

#[tokio::test]
async fn an_exception_is_told_with_its_place() {
    let failure = check_failure("return {}['a']", FailureKind::Exception).await;
    assert_eq!(failure.exception, "builtins.KeyError");
    let place = failure.at.expect("a place");
    assert!(place.to_string().ends_with("master.cfg:7"), "{place}");
}

#[tokio::test]
async fn sys_exit_ends_the_call_only() {
    let failure = check_failure("import sys\nsys.exit(3)", FailureKind::Exit).await;
    assert_eq!(failure.message, "3");
}

#[tokio::test]
async fn code_that_hangs_is_broken_off_and_its_stack_told() {
    for body in ["while True: pass", "import time\ntime.sleep(1000)"] {
        let failure = check_failure(body, FailureKind::Deadline).await;
        assert!(failure.traceback.contains("in act"), "{failure:?}");
    }
}

#[tokio::test]
async fn code_that_hangs_after_it_awaited_is_broken_off() {
    for hang in ["while True: pass", "time.sleep(1000)"] {
        let body = format!(
            "async def hang():
    await task.deferLater(reactor, 0.01)
    {hang}
return hang()"
        );
        let imports = "import time\nfrom twisted.internet import reactor, task";
        let failure = check_failure_with(imports, &body, FailureKind::Deadline).await;
        assert!(failure.traceback.contains("in hang"), "{failure:?}");
    }
}

#[tokio::test]
async fn a_call_that_was_put_off_and_hangs_is_broken_off_with_who_waits_for_it() {
    let body = "def hang():
    while True: pass
reactor.callLater(0, hang)";
    let loaded = acting_with("from twisted.internet import reactor", body).await;
    let before = loaded.generation.status().expect("a process").pid;
    loaded
        .call("act", vec![])
        .await
        .expect("it returns at once");
    let mut broken_off = 0;
    while loaded.call("add", vec![json!(2)]).await.is_err() {
        broken_off += 1;
    }
    assert!(broken_off <= 1, "{broken_off}");
    assert_eq!(loaded.generation.status().expect("a process").pid, before);
}

#[tokio::test]
async fn code_that_holds_the_interpreter_is_killed_and_its_stack_told() {
    let body = "import itertools\nsum(itertools.repeat(0))";
    check_end(body, Exit::Signal(6), Some("in act")).await;
}

#[tokio::test]
async fn code_that_ignores_the_signal_is_killed() {
    let body = "import signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)\nwhile True: pass";
    check_end(body, Exit::Signal(6), Some("in act")).await;
}

#[tokio::test]
async fn after_a_crash_another_question_is_answered() {
    check_end(
        "import ctypes\nctypes.string_at(0)",
        Exit::Signal(11),
        Some("in act"),
    )
    .await;
    check_end("import os\nos.abort()", Exit::Signal(6), Some("in act")).await;
    check_end("import os\nos._exit(7)", Exit::Code(7), None).await;
    check_end(
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        Exit::Signal(9),
        None,
    )
    .await;
}

#[tokio::test]
async fn a_process_that_leaves_its_connection_is_replaced() {
    let body = "import os, time\nos.closerange(3, 100)\ntime.sleep(1000)";
    let loaded = acting(body).await;
    match loaded.call("act", vec![]).await {
        Err(LostError::Ask(AskError::Ended(_))) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(
        loaded.call("add", vec![json!(2)]).await.expect("answered"),
        json!(3)
    );
}

#[tokio::test]
async fn a_fork_that_comes_back_does_not_speak_for_its_parent() {
    let loaded = loaded(
        "
import os
def act():
    return 'parent' if os.fork() else 'child'
c['act'] = act",
    )
    .await;
    for _ in 0..10 {
        assert_eq!(
            loaded.call("act", vec![]).await.expect("answered"),
            json!("parent")
        );
    }
    assert_eq!(
        loaded.call("add", vec![json!(2)]).await.expect("answered"),
        json!(3)
    );
}

#[tokio::test]
async fn memory_that_is_limited_ends_the_call_only() {
    let mut options = real_options();
    options.memory_limit = Some(512 << 20);
    let text = format!("{BEGIN}c['act'] = lambda: len(bytearray(1 << 30))\n");
    let loaded = load(options, &text).await;
    let failure = failure(loaded.call("act", vec![]).await, FailureKind::Exception);
    assert_eq!(failure.exception, "builtins.MemoryError");
    assert_eq!(
        loaded.call("add", vec![json!(2)]).await.expect("answered"),
        json!(3)
    );
}

#[tokio::test]
async fn a_flood_of_output_holds_nobody_up() {
    let loaded = loaded(
        "
import sys
def act():
    for _ in range(1000):
        print('x' * 99999)
        print('y' * 99999, file=sys.stderr)
    return 'done'
c['act'] = act",
    )
    .await;
    assert_eq!(
        loaded.call("act", vec![]).await.expect("answered"),
        json!("done")
    );
    assert_eq!(
        loaded.call("add", vec![json!(2)]).await.expect("answered"),
        json!(3)
    );
}

#[tokio::test]
async fn values_are_rendered_each_with_its_own_outcome() {
    let loaded = loaded(
        "
from buildbot.plugins import util
@util.renderer
def good(props):
    return ['branch', props.getProperty('branch')]
@util.renderer
def bad(props):
    raise ValueError('bad')
c['good'] = good
c['bad'] = bad",
    )
    .await;
    let description: Value = loaded.generation.description().parse().expect("JSON");
    let config = &description["config"];
    let host = loaded.generation.host().await.expect("a process");
    let items = vec![
        config["good"].clone(),
        config["bad"].clone(),
        json!([1, "a"]),
    ];
    let rendered = host
        .render(items, json!({"properties": {"branch": ["main", "Change"]}}))
        .await;
    let rendered = rendered.expect("answered");
    let [good, bad, plain] = rendered.outcomes.as_slice() else {
        panic!("{rendered:?}");
    };
    assert!(
        good.as_ref()
            .expect("rendered")
            .text()
            .starts_with("[\"branch\""),
        "{good:?}"
    );
    assert_eq!(bad.as_ref().expect_err("it raises").message, "bad");
    assert_eq!(plain.as_ref().expect("rendered").text(), "[1,\"a\"]");
    assert!(rendered.secrets.is_empty());
}

#[tokio::test]
async fn a_ping_tells_memory_and_handles() {
    let loaded = loaded("").await;
    let host = loaded.generation.host().await.expect("a process");
    let pong = host.ping().await.expect("answered");
    assert_eq!(pong.handles, 1);
    assert!(pong.rss_kb > 1000, "{pong:?}");
}

#[tokio::test]
async fn user_code_can_ask_the_master() {
    let mut loaded = loaded(
        "
from buildbot._host import master_link
c['ask'] = lambda: master_link.now({'ask': 'colour', 'of': 'sky'}, 'the colour')",
    )
    .await;
    let question = Question::Call {
        function: loaded.handle("ask").into(),
        args: vec![],
        kwargs: Map::new(),
    };
    let answer = async {
        let Some(Request::Ask(ask)) = loaded.inbox.requests.recv().await else {
            panic!("no question");
        };
        let body: Value = ask.parse().expect("JSON");
        assert_eq!((ask.name(), &body["of"]), ("colour", &json!("sky")));
        ask.answer(json!("blue"));
    };
    let (value, ()) = tokio::join!(loaded.generation.ask(question), answer);
    assert_eq!(value.expect("answered").text(), "\"blue\"");
}

#[tokio::test]
async fn many_questions_at_once_are_answered() {
    let loaded = std::sync::Arc::new(loaded("").await);
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let loaded = loaded.clone();
        tasks.spawn(async move { (number, loaded.call("add", vec![json!(number)]).await) });
    }
    while let Some(done) = tasks.join_next().await {
        let (number, answer) = done.expect("no panic");
        assert_eq!(answer.expect("answered"), json!(number + 1));
    }
}

#[tokio::test]
async fn a_configuration_that_hangs_is_given_up() {
    let mut options = real_options();
    options.load_deadline = Duration::from_millis(500);
    let basedir = tempfile::tempdir().expect("directory");
    std::fs::write(
        basedir.path().join("master.cfg"),
        "def dawdle():\n    while True: pass\ndawdle()\n",
    )
    .expect("write");
    let (owner, _inbox) = Owner::channel();
    let error = Generation::load(options, owner, config_file(basedir.path()))
        .await
        .expect_err("hangs");
    let LoadError::Ask(error) = error else {
        panic!("{error}");
    };
    let failure = support::failure(Err::<(), _>(error), FailureKind::Deadline);
    assert!(failure.traceback.contains("in dawdle"), "{failure:?}");
}

#[tokio::test]
async fn a_configuration_that_crashes_is_told_with_its_stack() {
    let basedir = tempfile::tempdir().expect("directory");
    std::fs::write(
        basedir.path().join("master.cfg"),
        "import ctypes\nctypes.string_at(0)\n",
    )
    .expect("write");
    let (owner, _inbox) = Owner::channel();
    let error = Generation::load(real_options(), owner, config_file(basedir.path()))
        .await
        .expect_err("crash");
    let LoadError::Ask(AskError::Ended(ended)) = error else {
        panic!("{error}");
    };
    assert_eq!(
        (ended.exit, &ended.reason),
        (Exit::Signal(11), &Reason::Itself)
    );
    assert!(
        ended
            .stack
            .as_deref()
            .is_some_and(|stack| stack.contains("master.cfg\", line 2")),
        "{ended}"
    );
}

#[tokio::test]
async fn an_error_of_the_file_is_part_of_the_description() {
    let loaded = load(real_options(), "raise ValueError('no')\n").await;
    let description: Value = loaded.generation.description().parse().expect("JSON");
    assert_eq!(description["fatal"]["kind"], "exception");
}

#[tokio::test]
async fn a_configuration_without_code_needs_no_process() {
    let loaded = load(real_options(), "BuildmasterConfig = {'title': 'x'}\n").await;
    assert_eq!(loaded.generation.description().handles(), 0);
    let error = loaded
        .generation
        .ask(Question::Ping)
        .await
        .expect_err("no process");
    assert!(matches!(error, LostError::NoCode), "{error}");
}

#[tokio::test]
async fn a_file_that_describes_something_else_does_not_replace_a_lost_process() {
    let loaded = acting("import os\nos._exit(1)").await;
    std::fs::write(loaded.basedir.path().join("master.cfg"), BEGIN).expect("write");
    loaded.call("act", vec![]).await.expect_err("it ends");
    let error = loaded
        .call("add", vec![json!(1)])
        .await
        .expect_err("there is none");
    assert!(matches!(error, LostError::Changed { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("describes another configuration than before"),
        "{error}"
    );
}

#[tokio::test]
async fn a_process_that_dies_again_and_again_is_replaced_after_pauses() {
    let loaded = acting("import os\nos._exit(1)").await;
    let mut ends = 0;
    let error = loop {
        match loaded.call("act", vec![]).await {
            Err(LostError::Ask(AskError::Ended(_))) => ends += 1,
            Err(error) => break error,
            Ok(value) => panic!("{value}"),
        }
    };
    assert!(matches!(error, LostError::Pause { .. }), "{error}");
    assert_eq!(ends, 4);
    assert!(
        error
            .to_string()
            .contains("the next process is started in 1 s; the Python process"),
        "{error}"
    );
}

#[tokio::test]
async fn addresses_and_sets_in_a_description_do_not_prevent_a_replacement() {
    let loaded = acting(
        "import os\nos._exit(1)\nc['thing'] = object()\nc['names'] = list({'a', 'b', 'c', 'd'})",
    )
    .await;
    drop(loaded);
    let loaded = self::loaded(
        "
import os
c['act'] = lambda: os._exit(1)
c['thing'] = object()
c['names'] = list({'a', 'b', 'c', 'd', 'e', 'f'})",
    )
    .await;
    loaded.call("act", vec![]).await.expect_err("it ends");
    assert_eq!(
        loaded.call("add", vec![json!(1)]).await.expect("answered"),
        json!(2)
    );
}

#[tokio::test]
async fn a_generation_ends_with_its_process() {
    let loaded = loaded("").await;
    let pid = loaded.generation.status().expect("a process").pid;
    loaded.generation.stop().await;
    let error = loaded
        .call("add", vec![json!(1)])
        .await
        .expect_err("it is over");
    assert!(matches!(error, LostError::Over), "{error}");
    tokio::task::spawn_blocking(move || wait_until_gone(pid))
        .await
        .expect("gone");

    let loaded = self::loaded("").await;
    let pid = loaded.generation.status().expect("a process").pid;
    drop(loaded);
    tokio::task::spawn_blocking(move || wait_until_gone(pid))
        .await
        .expect("gone");
}

#[test]
fn a_process_whose_master_is_gone_ends_also_while_it_is_busy() {
    use std::io::{Read as _, Write as _};
    let basedir = tempfile::tempdir().expect("directory");
    std::fs::write(basedir.path().join("master.cfg"), "while True: pass\n").expect("write");
    let (mut ours, theirs) = UnixStream::pair().expect("a pair");
    let mut child = Command::new(python().path())
        .arg(real_options().package.host())
        .args(["--fd", "0"])
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .spawn()
        .expect("a child");
    let question = json!({"id": 1, "ask": "load", "basedir": basedir.path(), "file": "master.cfg"});
    let frame = buildbot_confighost::frame::Frame::Json(question.to_string().into_bytes());
    ours.write_all(&frame.encode().expect("small"))
        .expect("written");
    let mut heard = Vec::new();
    while !heard.windows(8).any(|part| part == b"\"busy\":1") {
        let mut piece = [0; 1024];
        let length = ours.read(&mut piece).expect("read");
        assert_ne!(length, 0);
        heard.extend_from_slice(&piece[..length]);
    }
    drop(ours);
    assert_eq!(child.wait().expect("ended").into_raw(), 0);
}
