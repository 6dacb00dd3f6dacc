//! `shell` where nothing goes wrong: arguments, environment, streams, log files.

use std::os::unix::fs::PermissionsExt;

use buildbot_wire::Value;

use crate::stage::{Heard, Stage, arguments, list};

fn shell(stage: &Stage, command: Value) -> Heard {
    stage.run(
        "shell",
        arguments([("command", command), ("workdir", "build".into())]),
    )
}

#[test]
fn a_list_is_executed_and_a_text_goes_to_the_shell() {
    let stage = Stage::new();
    let heard = shell(&stage, list(&["echo", "a  b", "$HOME"])).completed();
    assert_eq!(heard.stdout(), "a  b $HOME\n");
    assert_eq!(heard.rc(), Some(0));
    let heard = shell(&stage, "echo a  b; pwd; exit 3".into()).completed();
    assert_eq!(
        heard.stdout(),
        format!("a b\n{}\n", stage.path_text("build"))
    );
    assert_eq!(heard.rc(), Some(3));
}

#[test]
fn updates_come_in_the_documented_order() {
    let heard = shell(&Stage::new(), "echo out; printf unfinished".into()).completed();
    assert_eq!(
        heard.keys(),
        ["header", "stdout", "rc", "header", "elapsed", "stdout"]
    );
    assert_eq!(heard.stdout(), "out\nunfinished\n");
}

#[test]
fn headers_tell_how_the_program_was_started() {
    let stage = Stage::new().with_variable("B", "2");
    let heard = stage
        .run(
            "shell",
            arguments([
                ("command", list(&["/bin/echo", "a b"])),
                ("workdir", "build".into()),
                ("timeout", 1200.into()),
                ("maxTime", 1.into()),
                ("initial_stdin", "typed in\n".into()),
                ("usePTY", true.into()),
                ("logfiles", arguments([("l", "l.log".into())])),
            ]),
        )
        .completed();
    let environment: Vec<String> = [
        format!("  B=2\n  HOME={}\n", stage.basedir().join("home").display()),
        format!("  PATH={}\n", std::env::var("PATH").expect("PATH")),
        format!("  PWD={}\n", stage.path_text("build")),
    ]
    .to_vec();
    let expected = format!(
        "/bin/echo 'a b'\n in dir {} (timeout 1200 secs) (maxTime 1 sec)\n watching logfiles {{'l': 'l.log'}}\n \
         argv: [b'/bin/echo', b'a b']\n environment:\n{} writing 9 bytes to stdin\n no PTY is used, because \
         stdin is given\n using PTY: False\nelapsedTime=",
        stage.path_text("build"),
        environment.concat(),
    );
    let header = heard.header();
    assert!(header.starts_with(&expected), "{header}");
}

#[test]
fn the_environment_can_be_left_out_of_the_headers() {
    let heard = Stage::new().run(
        "shell",
        arguments([
            ("command", "true".into()),
            ("workdir", "".into()),
            ("logEnviron", false.into()),
        ]),
    );
    assert!(
        !heard.header().contains("environment"),
        "{}",
        heard.header()
    );
}

#[test]
fn obfuscated_arguments_reach_the_program_and_nobody_else() {
    let parts: Vec<Value> = ["obfuscated", "s3cret", "XXXX"].map(Value::from).to_vec();
    for secret in [Value::Tuple(parts.clone()), Value::List(parts)] {
        for stage in [Stage::new(), Stage::msgpack()] {
            let workdir = stage.path_text("build");
            let command = Value::List(vec!["echo".into(), secret.clone(), "a".into()]);
            let heard = stage
                .run(
                    "shell",
                    arguments([("command", command), ("workdir", workdir.into())]),
                )
                .completed();
            assert_eq!(heard.stdout(), "s3cret a\n");
            assert!(heard.header().contains("echo XXXX a\n"));
            assert!(!heard.header().contains("s3cret"));
        }
    }
}

#[test]
fn an_obfuscated_program_is_not_named_when_it_does_not_exist() {
    let parts: Vec<Value> = ["obfuscated", "/s3cret", "XXXX"].map(Value::from).to_vec();
    let heard = shell(&Stage::new(), Value::List(vec![Value::Tuple(parts)])).completed();
    assert_eq!(
        heard.stderr(),
        "cannot execute 'XXXX': No such file or directory\n"
    );
    assert!(!heard.header().contains("s3cret"), "{}", heard.header());
}

#[test]
fn elements_that_are_no_text_get_their_usual_text_form() {
    let items = vec![
        "echo".into(),
        1.into(),
        2.5.into(),
        true.into(),
        Value::None,
        list(&["x"]),
    ];
    assert_eq!(
        shell(&Stage::new(), Value::List(items)).stdout(),
        "1 2.5 True None ['x']\n"
    );
}

#[test]
fn the_environment_follows_the_documented_rules() {
    let stage = Stage::new()
        .with_variable("REMOVED", "x")
        .with_variable("OWN", "own")
        .with_variable("PYTHONPATH", "/own");
    let env = arguments([
        ("A", "a-${OWN}-${NONE}-$OWN".into()),
        ("LIST", list(&["x", "y"])),
        ("REMOVED", Value::None),
        ("PYTHONPATH", list(&["/p/one", "/p/two"])),
        ("PWD", "/wrong".into()),
    ]);
    let heard = stage
        .run(
            "shell",
            arguments([
                ("command", list(&["env"])),
                ("workdir", "./build/../build".into()),
                ("env", env),
            ]),
        )
        .completed();
    let mut lines: Vec<String> = heard
        .stdout()
        .lines()
        .filter(|line| !line.starts_with("PATH=") && !line.starts_with("HOME="))
        .map(str::to_owned)
        .collect();
    lines.sort();
    let pwd = format!("PWD={}", stage.path_text("build"));
    assert_eq!(
        lines,
        [
            "A=a-own--$OWN",
            "LIST=x:y",
            "OWN=own",
            &pwd,
            "PYTHONPATH=/p/one:/p/two:/own"
        ]
    );
}

#[test]
fn a_wrong_type_in_the_environment_fails_the_command() {
    let env = arguments([("X", 5.into())]);
    let heard = Stage::new().run(
        "shell",
        arguments([
            ("command", "true".into()),
            ("workdir", "".into()),
            ("env", env),
        ]),
    );
    let failure = heard.failure();
    assert_eq!(failure.class(), "builtins.RuntimeError");
    assert_eq!(
        failure.value,
        "'env' values must be strings or lists; key 'X' is incorrect"
    );
    assert_eq!(heard.keys(), ["elapsed"]);
}

#[test]
fn programs_are_searched_in_the_path_of_their_own_environment() {
    let stage = Stage::new();
    let tool = stage.write("build/bin/tool", "#!/bin/sh\necho $0 $1\n");
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).expect("mode");
    let env = arguments([("PATH", "bin:${PATH}".into())]);
    let heard = stage.run(
        "shell",
        arguments([
            ("command", list(&["tool", "x"])),
            ("workdir", "build".into()),
            ("env", env),
        ]),
    );
    assert_eq!(heard.stdout(), "bin/tool x\n");
    assert_eq!(
        shell(&stage, list(&["./bin/tool", "y"])).stdout(),
        "./bin/tool y\n"
    );
}

#[test]
fn a_program_that_cannot_be_executed_is_an_exit_code_of_1() {
    let heard = shell(&Stage::new(), list(&["/nonexistent/prog"])).completed();
    assert_eq!(heard.rc(), Some(1));
    assert_eq!(
        heard.stderr(),
        "cannot execute '/nonexistent/prog': No such file or directory\n"
    );
    assert_eq!(
        heard.keys(),
        ["header", "stderr", "rc", "header", "elapsed"]
    );
    let heard = shell(&Stage::new(), list(&["echo", "nul\0byte"])).completed();
    assert_eq!(heard.rc(), Some(1));
    assert!(heard.stderr().contains("nul byte"), "{}", heard.stderr());
}

#[test]
fn a_working_directory_that_cannot_be_made_fails_the_command() {
    let stage = Stage::new();
    stage.write("file", "");
    let heard = stage.run(
        "shell",
        arguments([("command", "true".into()), ("workdir", "file/x".into())]),
    );
    assert_eq!(heard.failure().class(), "builtins.NotADirectoryError");
    assert_eq!(heard.rc(), None);
}

#[test]
fn streams_can_be_left_out() {
    for (out, err, stdout, stderr) in [(0, 1, "", "err\n"), (1, 0, "out\n", "")] {
        let heard = Stage::new().run(
            "shell",
            arguments([
                ("command", "echo out; echo err >&2".into()),
                ("workdir", "".into()),
                ("want_stdout", out.into()),
                ("want_stderr", err.into()),
            ]),
        );
        assert_eq!(
            (heard.stdout().as_str(), heard.stderr().as_str()),
            (stdout, stderr)
        );
    }
}

#[test]
fn standard_input_of_any_size_is_written_while_output_is_read() {
    let stage = Stage::new();
    let line = "0123456789abcde\n";
    let data = line.repeat(200_000);
    let heard = stage
        .run(
            "shell",
            arguments([
                ("command", list(&["cat"])),
                ("workdir", "".into()),
                ("initial_stdin", data.clone().into()),
            ]),
        )
        .completed();
    assert!(
        heard.stdout() == data,
        "{} of {} bytes came back",
        heard.stdout().len(),
        data.len()
    );
}

#[test]
fn standard_input_that_nobody_reads_does_no_harm() {
    let heard = Stage::new().run(
        "shell",
        arguments([
            ("command", "exec <&-; echo done".into()),
            ("workdir", "".into()),
            ("initial_stdin", "x".repeat(1_000_000).into()),
        ]),
    );
    assert_eq!((heard.stdout().as_str(), heard.rc()), ("done\n", Some(0)));
}

#[test]
fn without_input_standard_input_is_at_its_end() {
    assert_eq!(
        shell(&Stage::new(), "cat; echo end".into()).stdout(),
        "end\n"
    );
}

#[test]
fn a_terminal_is_the_controlling_one_and_carries_all_output() {
    let heard = Stage::new()
        .run(
            "shell",
            arguments([
                ("command", "test -t 0 && test -t 1 && echo err >&2; stty size; echo x >/dev/tty; ps -o sid=,tpgid= $$ >f; read s t <f; test $s = $$ && test $t = $$ && echo leads".into()),
                ("workdir", "".into()),
                ("usePTY", true.into()),
            ]),
        )
        .completed();
    assert_eq!(heard.stdout(), "err\n24 80\nx\nleads\n");
    assert_eq!(heard.stderr(), "");
    assert!(heard.header().contains(" using PTY: True\n"));
}

#[test]
fn without_a_terminal_the_program_leads_a_group_in_the_workers_session() {
    let heard = shell(
        &Stage::new(),
        "ps -o pgid=,sid= $$ >f; read g s <f; test $g = $$ && test $s != $$ && echo yes".into(),
    );
    assert_eq!(heard.stdout(), "yes\n");
}

#[test]
fn programs_inherit_three_descriptors_and_no_blocked_signals() {
    // Whatever runs the tests may have left more open.
    buildbot_worker::process::close_inherited_descriptors_on_exec();
    // `ls` needs one to look at them.
    let heard = shell(&Stage::new(), list(&["ls", "/proc/self/fd"]));
    assert_eq!(heard.stdout(), "0\n1\n2\n3\n");
    let heard = shell(
        &Stage::new(),
        list(&["grep", "SigBlk", "/proc/self/status"]),
    );
    assert_eq!(heard.stdout(), "SigBlk:\t0000000000000000\n");
}

#[test]
fn a_background_process_that_holds_the_output_keeps_the_command_alive() {
    let stage = Stage::new();
    let heard = shell(&stage, "(sleep 0.3; echo late) & echo early; exit 4".into()).completed();
    assert_eq!(heard.stdout(), "early\nlate\n");
    assert_eq!(heard.rc(), Some(4));
}

#[test]
fn at_a_normal_end_nothing_is_killed() {
    let stage = Stage::new();
    let heard = shell(&stage, "sleep 30 >/dev/null 2>&1 & echo $!".into()).completed();
    let pid = heard.stdout();
    assert!(crate::stage::is_running(&pid));
    let status = std::process::Command::new("kill")
        .arg(pid.trim())
        .status()
        .expect("kill");
    assert!(status.success());
}

#[test]
fn log_files_are_sent_from_the_start_or_from_where_they_were() {
    let stage = Stage::new();
    stage.write("build/old.log", "old\n");
    let logs = arguments([
        ("plain", "old.log".into()),
        (
            "followed",
            arguments([("filename", "old.log".into()), ("follow", true.into())]),
        ),
        ("absent", "absent.log".into()),
        ("new", arguments([("filename", "new.log".into())])),
    ]);
    let heard = stage
        .run(
            "shell",
            arguments([
                (
                    "command",
                    "echo new >>old.log; echo fresh >new.log; printf end >>new.log".into(),
                ),
                ("workdir", "build".into()),
                ("logfiles", logs),
            ]),
        )
        .completed();
    assert_eq!(heard.log("plain"), "old\nnew\n");
    assert_eq!(heard.log("followed"), "new\n");
    assert_eq!(heard.log("absent"), "");
    assert_eq!(heard.log("new"), "fresh\nend\n");
    assert_eq!(
        heard.keys(),
        ["header", "log", "rc", "header", "elapsed", "log"]
    );
}

#[test]
fn log_files_are_sent_while_the_program_runs() {
    let stage = Stage::new().eager();
    let mut seen_before_end = false;
    let heard = stage.run_with(
        "shell",
        arguments([
            (
                "command",
                "echo one >l; while test ! -e go; do sleep 0.05; done; echo two >>l".into(),
            ),
            ("workdir", "build".into()),
            ("logfiles", arguments([("l", "l".into())])),
        ]),
        |event, _| {
            if format!("{event:?}").contains("one\\n\"") {
                seen_before_end = !stage.path("build/go").exists();
                stage.write("build/go", "");
            }
        },
    );
    assert!(seen_before_end);
    assert_eq!(heard.log("l"), "one\ntwo\n");
}

#[test]
fn msgpack_texts_carry_marks() {
    let stage = Stage::msgpack();
    let heard = stage.run(
        "shell",
        arguments([
            ("command", "echo hé; echo x".into()),
            ("workdir", stage.path_text("build").into()),
        ]),
    );
    let marks = heard.marks();
    assert!(
        marks
            .iter()
            .any(|marks| marks.newlines == [2, 4] && marks.times.len() == 2),
        "{marks:?}"
    );
}

#[test]
fn a_command_that_cannot_be_started_says_why_and_does_nothing() {
    let stage = Stage::new();
    let check =
        |args: Value, text: &str| assert_eq!(stage.refused("shell", &args).to_string(), text);
    check(arguments([("command", "true".into())]), "'workdir'");
    check(arguments([("workdir", "".into())]), "'command'");
    check(
        arguments([("command", Value::List(vec![])), ("workdir", "".into())]),
        "argument 'command' must be text, or a list with a program, not []",
    );
    check(
        arguments([
            ("command", "true".into()),
            ("workdir", "".into()),
            ("interruptSignal", "SIGFOO".into()),
        ]),
        "argument 'interruptSignal' must be the name of a signal without SIG, such as INT, TERM or KILL, not 'SIGFOO'",
    );
    check(
        arguments([
            ("command", "true".into()),
            ("workdir", "".into()),
            ("timeout", "soon".into()),
        ]),
        "argument 'timeout' must be a number of seconds, at least 0, or None, not 'soon'",
    );
    let error = stage.refused("nosuchcommand", &arguments([]));
    let failure = error.failure("30");
    assert_eq!(failure.class(), "buildbot_worker.base.UnknownCommand");
    assert_eq!(
        failure.value,
        "(command 30): unrecognized WorkerCommand 'nosuchcommand'"
    );
}
