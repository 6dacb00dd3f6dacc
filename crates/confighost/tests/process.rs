//! One process: its answers, its late answers, its end, and hosts that misbehave.

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use buildbot_confighost::{
    Activity, Ask, AskError, Ended, Exit, FailureKind, Host, Inbox, Owner, Reason, Request,
    StartError, Stream,
};
use serde_json::{Value, json};
use support::{PATIENCE, execute, failure, fake, fake_host, run, status_when, wait_until_gone};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

/// How the process of a question ended.
#[track_caller]
fn ended<T: std::fmt::Debug>(outcome: Result<T, AskError>) -> Arc<Ended> {
    match outcome {
        Err(AskError::Ended(ended)) => ended,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_question_is_answered() {
    let (host, _inbox) = fake("").start().await;
    assert_eq!(
        run(&host, "result = [1, {'a': None}]")
            .await
            .expect("answered"),
        json!([1, {"a": null}])
    );
    assert_eq!(run(&host, "pass").await.expect("answered"), Value::Null);
}

#[tokio::test]
async fn many_questions_are_answered_each_with_its_own_answer() {
    let (host, _inbox) = fake("").start().await;
    let mut tasks = JoinSet::new();
    for number in 0..500 {
        let host = host.clone();
        tasks.spawn(async move { (number, run(&host, &format!("result = {number}")).await) });
    }
    while let Some(done) = tasks.join_next().await {
        let (number, answer) = done.expect("no panic");
        assert_eq!(answer.expect("answered"), json!(number));
    }
}

#[tokio::test]
async fn an_exception_is_told_with_class_message_place_and_stack() {
    let (host, _inbox) = fake("").start().await;
    let failure = failure(run(&host, "{}['a']").await, FailureKind::Exception);
    assert_eq!(failure.to_string(), "KeyError: 'a' (at master.cfg:3)");
    assert!(failure.traceback.starts_with("Traceback"), "{failure:?}");
}

#[tokio::test]
async fn a_question_larger_than_the_socket_holds_is_answered_with_as_much() {
    let (host, _inbox) = fake("").start().await;
    let code = format!("result = {:?}", "x".repeat(20 << 20));
    let answer = run(&host, &code).await.expect("answered");
    assert_eq!(answer.as_str().map(str::len), Some(20 << 20));
}

#[tokio::test]
async fn code_that_takes_too_long_is_broken_off_and_the_next_question_answered() {
    let (host, _inbox) = fake("").start().await;
    let late = host.ask_within(execute("while True: pass"), Duration::from_millis(100));
    let failure = failure(late.await, FailureKind::Deadline);
    assert!(
        failure.traceback.contains("line 1, in <module>"),
        "{failure:?}"
    );
    assert_eq!(run(&host, "result = 1").await.expect("answered"), json!(1));
}

#[tokio::test]
async fn code_that_cannot_be_broken_off_is_killed_and_its_stack_told() {
    let mut fake = fake("");
    fake.options.grace = Duration::from_millis(200);
    let (host, _inbox) = fake.start().await;
    let code = "
import signal
def stubborn():
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    while True: pass
stubborn()";
    let open = host.clone();
    let mut other = JoinSet::new();
    other.spawn(async move { run(&open, "result = 1").await });
    let hung = ended(
        host.ask_within(execute(code), Duration::from_millis(100))
            .await,
    );
    assert_eq!(
        (&hung.reason, hung.exit),
        (&Reason::Hung("call"), Exit::Signal(6))
    );
    let stack = hung.stack.as_deref().expect("a stack");
    assert!(stack.contains("in stubborn"), "{stack}");
    assert!(
        hung.to_string().contains("could not be broken off"),
        "{hung}"
    );
    // Whether it was asked before or after, it is answered.
    if let Err(error) = other.join_next().await.expect("one").expect("no panic") {
        assert!(matches!(error, AskError::Ended(_)), "{error}");
    }
    assert_eq!(ended(run(&host, "result = 1").await), hung);
}

#[tokio::test]
async fn a_stopped_process_is_killed_when_its_answer_is_late() {
    let mut fake = fake("");
    fake.options.grace = Duration::from_millis(100);
    let (host, _inbox) = fake.start().await;
    let code = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)";
    let hung = ended(
        host.ask_within(execute(code), Duration::from_millis(100))
            .await,
    );
    assert_eq!(hung.reason, Reason::Hung("call"));
    assert_eq!(hung.exit, Exit::Signal(9));
}

#[tokio::test]
async fn os_exit_is_told_with_its_code_and_the_last_lines() {
    let (host, _inbox) = fake("").start().await;
    let code = "import os, sys; print('farewell', file=sys.stderr); os._exit(3)";
    let ended = ended(run(&host, code).await);
    assert_eq!(
        (&ended.reason, ended.exit),
        (&Reason::Itself, Exit::Code(3))
    );
    assert_eq!(ended.stderr, ["farewell"]);
    assert_eq!(ended.stack, None);
    assert_eq!(host.status().borrow().activity, Activity::Ended);
}

#[tokio::test]
async fn a_crash_is_told_with_the_stack_of_python() {
    let (host, _inbox) = fake("").start().await;
    let code = "
def crash():
    import ctypes
    ctypes.string_at(0)
crash()";
    let ended = ended(run(&host, code).await);
    assert_eq!(ended.exit, Exit::Signal(11));
    let stack = ended.stack.as_deref().expect("a stack");
    assert!(
        stack.starts_with("Fatal Python error: Segmentation fault"),
        "{stack}"
    );
    assert!(stack.contains("in crash"), "{stack}");
}

#[tokio::test]
async fn a_signal_of_somebody_is_told() {
    let (host, _inbox) = fake("").start().await;
    let code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)";
    let ended = ended(run(&host, code).await);
    assert_eq!(
        (&ended.reason, ended.exit),
        (&Reason::Itself, Exit::Signal(9))
    );
}

#[tokio::test]
async fn an_answer_that_was_sent_before_the_end_counts() {
    let (host, _inbox) = fake("").start().await;
    let code = "host.send({'id': id, 'ok': 'early'}); import os; os._exit(0)";
    assert_eq!(run(&host, code).await.expect("answered"), json!("early"));
    assert_eq!(host.ended().await.exit, Exit::Code(0));
}

#[tokio::test]
async fn the_end_is_noticed_although_a_fork_holds_the_connection() {
    let (host, _inbox) = fake("").start().await;
    let code = "
import os, time
child = os.fork()
if child == 0:
    time.sleep(1000)
open(FILE, 'w').write(str(child))
os._exit(4)";
    let directory = tempfile::tempdir().expect("directory");
    let file = directory.path().join("pid");
    let code = code.replace("FILE", &format!("{file:?}"));
    assert_eq!(ended(run(&host, &code).await).exit, Exit::Code(4));
    let child = std::fs::read_to_string(file).expect("the child's number");
    wait_until_gone(child.parse().expect("a number"));
}

#[tokio::test]
async fn a_process_that_closes_its_connection_is_killed() {
    let (host, _inbox) = fake("").start().await;
    let code = "
import os, time
os.closerange(3, 100)
time.sleep(1000)";
    let ended = ended(run(&host, code).await);
    assert_eq!(
        (&ended.reason, ended.exit),
        (&Reason::Closed, Exit::Signal(9))
    );
}

#[tokio::test]
async fn a_process_that_speaks_nonsense_is_killed() {
    for (code, expected) in [
        ("host.socket.sendall(b'hello world')", "bytes is announced"),
        ("host.raw(b'J{')", "a message is not JSON"),
        (
            "host.raw(b'J{}')",
            "neither hello, beat, question nor answer",
        ),
        ("host.raw(b'X')", "unknown kind"),
        ("host.send({'hello': 1, 'python': '3.11.0'})", "hello twice"),
    ] {
        let (host, _inbox) = fake("").start().await;
        let ended = ended(run(&host, &format!("{code}\nimport time; time.sleep(1000)")).await);
        let Reason::Garbled(what) = &ended.reason else {
            panic!("{code}: {ended}");
        };
        assert!(what.contains(expected), "{code}: {what}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_does_no_harm() {
    let (host, _inbox) = fake("").start().await;
    let code = "host.send({'id': 1000, 'ok': 1}); host.send({'id': id, 'ok': 1}); result = 2";
    assert_eq!(run(&host, code).await.expect("answered"), json!(1));
    assert_eq!(run(&host, "result = 3").await.expect("answered"), json!(3));
}

#[tokio::test]
async fn a_question_that_awaits_lets_others_in() {
    let (host, _inbox) = fake("").start().await;
    let waiting = host.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let code = "waiting = host.__dict__.setdefault('waiting', []); waiting.append(id)
host.send({'id': id, 'awaits': True}); result = 'no answer'";
        run(&waiting, code).await
    });
    // The small host executes one question after the other.
    let code = "result = len(getattr(host, 'waiting', []))";
    while run(&host, code).await.expect("answered") == json!(0) {}
    let code = "host.send({'id': host.waiting[0], 'ok': 'at last'})";
    run(&host, code).await.expect("answered");
    let answer = tasks.join_next().await.expect("one").expect("no panic");
    assert_eq!(answer.expect("answered"), json!("at last"));
}

#[tokio::test]
async fn a_blocked_process_is_told_from_one_that_is_silent() {
    let (host, _inbox) = fake("").start().await;
    let busy = host.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        run(
            &busy,
            "import time\nwhile not hasattr(host, 'enough'): time.sleep(0.01)",
        )
        .await
    });
    let status = status_when(&host, |status| {
        matches!(status.activity, Activity::Busy { .. })
    })
    .await;
    let Activity::Busy { question, .. } = status.activity else {
        unreachable!("waited for");
    };
    assert_eq!((question, status.open, status.rss_kb), ("call", 1, 1));
    let pid = status.pid.cast_signed();
    let pid = rustix::process::Pid::from_raw(pid).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("stopped");
    status_when(&host, |status| status.activity == Activity::Silent).await;
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).expect("continued");
    status_when(&host, |status| {
        matches!(status.activity, Activity::Busy { .. })
    })
    .await;
}

#[tokio::test]
async fn the_process_and_its_group_are_gone_with_the_last_host() {
    let (host, _inbox) = fake("").start().await;
    let code = "import subprocess; result = subprocess.Popen(['sleep', '1000']).pid";
    let child = run(&host, code)
        .await
        .expect("answered")
        .as_u64()
        .expect("a number");
    let pid = host.status().borrow().pid;
    let other = host.clone();
    drop(host);
    run(&other, "pass").await.expect("still there");
    drop(other);
    let waiting = tokio::task::spawn_blocking(move || {
        wait_until_gone(pid);
        wait_until_gone(u32::try_from(child).expect("a number"));
    });
    waiting.await.expect("gone");
}

#[tokio::test]
async fn a_process_ends_when_it_is_asked_to() {
    let (host, _inbox) = fake("").start().await;
    let ended = host.stop().await;
    assert_eq!((&ended.reason, ended.exit), (&Reason::Asked, Exit::Code(0)));
    assert!(!host.is_running());
    assert_eq!(host.stop().await, ended);
}

#[tokio::test]
async fn a_process_that_does_not_end_when_asked_to_is_killed() {
    let mut fake = fake("");
    fake.options.grace = Duration::from_millis(100);
    let (host, _inbox) = fake.start().await;
    let busy = host.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { run(&busy, "import time; time.sleep(1000)").await });
    status_when(&host, |status| {
        matches!(status.activity, Activity::Busy { .. })
    })
    .await;
    let over = host.stop().await;
    assert_eq!((&over.reason, over.exit), (&Reason::Asked, Exit::Signal(9)));
    assert_eq!(
        ended(tasks.join_next().await.expect("one").expect("no panic")),
        over
    );
}

#[tokio::test]
async fn output_is_handed_out_by_line() {
    let (host, mut inbox) = fake("").start().await;
    let code = "import sys; print('a'); print('b', file=sys.stderr); sys.stdout.write('no end')";
    run(&host, code).await.expect("answered");
    host.stop().await;
    drop(host);
    let mut found = Vec::new();
    while let Ok(line) = inbox.lines.try_recv() {
        found.push((line.stream, line.text.to_string()));
    }
    found.sort_by_key(|(stream, _)| *stream == Stream::Stderr);
    let expected = [
        (Stream::Stdout, "a"),
        (Stream::Stdout, "no end"),
        (Stream::Stderr, "b"),
    ];
    assert_eq!(
        found,
        expected.map(|(stream, text)| (stream, text.to_owned()))
    );
}

#[tokio::test]
async fn a_flood_of_output_blocks_nobody_and_is_dropped_and_counted() {
    let (host, mut inbox) = fake("").start().await;
    let code = "import sys; sys.stdout.write('0123456789\\n' * 5_000_000); sys.stdout.flush(); result = 'done'";
    assert_eq!(run(&host, code).await.expect("answered"), json!("done"));
    host.stop().await;
    drop(host);
    let Err(RecvError::Lagged(dropped)) = inbox.lines.recv().await else {
        panic!("nothing was dropped");
    };
    let mut kept = 0;
    while let Ok(line) = inbox.lines.try_recv() {
        assert_eq!(&*line.text, "0123456789");
        kept += 1;
    }
    assert_eq!(dropped + kept, 5_000_000);
    assert!(kept <= 1024, "{kept}");
}

#[tokio::test]
async fn the_master_is_asked_back() {
    let (host, mut inbox) = fake("").start().await;
    let asking = host.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let code = "
host.send({'id': 5, 'ask': 'get_property', 'name': 'branch'})
result = host.receive()";
        run(&asking, code).await
    });
    let Some(Request::Ask(ask)) = inbox.requests.recv().await else {
        panic!("no question");
    };
    let body: Value = ask.parse().expect("JSON");
    assert_eq!(
        (ask.name(), &body["name"]),
        ("get_property", &json!("branch"))
    );
    assert_eq!(ask.pid(), host.status().borrow().pid);
    ask.answer(json!("main"));
    let answer = tasks.join_next().await.expect("one").expect("no panic");
    assert_eq!(answer.expect("answered"), json!({"id": 5, "ok": "main"}));
}

#[tokio::test]
async fn a_question_to_the_master_that_is_not_answered_is_refused() {
    async fn refused(host: &Host) -> Value {
        let code = "host.send({'id': 5, 'ask': 'dance'})\nresult = host.receive()";
        let answer = run(host, code).await.expect("answered");
        assert_eq!(answer["error"]["kind"], "refused");
        answer["error"]["message"].clone()
    }
    async fn take(inbox: &mut Inbox, act: fn(Ask)) {
        match inbox.requests.recv().await {
            Some(Request::Ask(ask)) => act(ask),
            other => panic!("{other:?}"),
        }
    }
    let unknown = json!("the master does not know the question \"dance\"");
    let (host, mut inbox) = fake("").start().await;
    let (message, ()) = tokio::join!(refused(&host), take(&mut inbox, drop));
    assert_eq!(message, unknown);
    let not_now = |ask: Ask| ask.refuse("not at this time");
    let (message, ()) = tokio::join!(refused(&host), take(&mut inbox, not_now));
    assert_eq!(message, json!("not at this time"));
    drop(inbox);
    assert_eq!(refused(&host).await, unknown);
}

#[tokio::test]
async fn an_owner_who_is_slow_makes_the_process_wait_and_loses_nothing() {
    let (host, mut inbox) = fake("").start().await;
    let asking = host.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let code = "
for number in range(3000):
    host.raw(b'R' + number.to_bytes(8, 'big') + b'x' * 1000)
result = 'done'";
        run(&asking, code).await
    });
    for number in 0..3000 {
        let Some(Request::Data { stream, bytes, .. }) = inbox.requests.recv().await else {
            panic!("no data");
        };
        assert_eq!((stream, bytes.len()), (number, 1000));
    }
    let answer = tasks.join_next().await.expect("one").expect("no panic");
    assert_eq!(answer.expect("answered"), json!("done"));
}

#[tokio::test]
async fn log_data_goes_both_ways() {
    let (host, mut inbox) = fake("").start().await;
    let large = vec![b'x'; 10 << 20];
    host.send(7, large).await.expect("sent");
    let Some(Request::Data {
        stream: 7, bytes, ..
    }) = inbox.requests.recv().await
    else {
        panic!("no data");
    };
    assert_eq!(bytes, vec![b'X'; 10 << 20]);
    assert_eq!(run(&host, "result = 1").await.expect("answered"), json!(1));
}

#[tokio::test]
async fn memory_can_be_limited() {
    let mut fake = fake("");
    fake.options.memory_limit = Some(512 << 20);
    let (host, _inbox) = fake.start().await;
    let failure = failure(
        run(&host, "x = bytearray(1 << 30)").await,
        FailureKind::Exception,
    );
    assert_eq!(failure.exception, "MemoryError");
    assert_eq!(run(&host, "result = 1").await.expect("answered"), json!(1));
}

#[tokio::test]
async fn user_code_reads_nothing_from_standard_input() {
    let (host, _inbox) = fake("").start().await;
    let answer = run(&host, "import sys; result = sys.stdin.read()").await;
    assert_eq!(answer.expect("answered"), json!(""));
}

async fn start_error(fake: &support::Fake) -> StartError {
    let (owner, _inbox) = Owner::channel();
    let started = tokio::time::timeout(PATIENCE, Host::start(&fake.options, &owner)).await;
    started.expect("in time").expect_err("it does not start")
}

#[tokio::test]
async fn a_python_that_is_too_old_is_told_from_its_hello() {
    let fake = fake("HELLO = {'python': '3.8.2'}");
    let error = start_error(&fake).await;
    assert!(matches!(error, StartError::TooOld { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("is Python 3.8.2, but 3.9 or newer is needed"),
        "{error}"
    );
}

#[tokio::test]
async fn a_python_too_old_to_understand_the_host_is_told() {
    let mut fake = fake("");
    let program = fake.directory.path().join("python");
    // As Python 2 does: it does not know -X, but it has a version.
    let script = "#!/bin/sh\n[ \"$1\" = -c ] && { echo 2.7.18; exit 0; }\necho 'Unknown option: -X' >&2; exit 2\n";
    std::fs::write(&program, script).expect("write");
    make_executable(&program);
    fake.options.python =
        buildbot_confighost::Python::choose(Some(program.as_os_str()), |_| None).expect("chosen");
    let error = start_error(&fake).await;
    assert!(
        error
            .to_string()
            .contains("is Python 2.7.18, but 3.9 or newer is needed"),
        "{error}"
    );
}

#[tokio::test]
async fn a_program_that_is_no_python_is_told_with_what_it_says() {
    let mut fake = fake("");
    let program = fake.directory.path().join("python");
    std::fs::write(&program, "#!/bin/sh\necho 'this is no snake' >&2; exit 5\n").expect("write");
    make_executable(&program);
    fake.options.python =
        buildbot_confighost::Python::choose(Some(program.as_os_str()), |_| None).expect("chosen");
    let error = start_error(&fake).await.to_string();
    assert!(
        error.contains("ended by itself (exit code 5)\n  this is no snake"),
        "{error}"
    );
    std::fs::write(&program, "no program at all").expect("write");
    let error = start_error(&fake).await;
    assert!(
        matches!(error, StartError::Launch { .. } | StartError::Ended { .. }),
        "{error}"
    );
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("chmod");
}

#[tokio::test]
async fn a_package_of_another_version_is_told() {
    let fake = fake("HELLO = {'hello': 2}");
    let error = start_error(&fake).await;
    assert!(
        error
            .to_string()
            .contains("speaks version 2 of the format, this program version 1"),
        "{error}"
    );
}

#[tokio::test]
async fn a_python_that_never_gets_ready_is_killed_and_its_stack_told() {
    let mut fake = fake_host("import time\ndef dawdle():\n    time.sleep(1000)\ndawdle()\n");
    fake.options.start_deadline = Duration::from_secs(1);
    let StartError::Ended { ended, .. } = start_error(&fake).await else {
        panic!("another error");
    };
    assert_eq!(ended.reason, Reason::SlowStart);
    assert!(
        ended
            .stack
            .as_deref()
            .is_some_and(|stack| stack.contains("in dawdle")),
        "{ended}"
    );
}
