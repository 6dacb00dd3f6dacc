"""The host answers questions, whatever user code does meanwhile."""

import os
import signal
import sys
import unittest

import child
import real_buildbot

LIVE = {
    "builder": {"$": "builder", "key": 1, "name": "b"},
    "request": {"$": "request", "key": 7, "id": 7, "submittedAt": 5},
}


def wfb(name):
    worker = {"$": "worker", "key": name, "workername": name}
    return {"$": "wfb", "key": name, "state": "AVAILABLE", "worker": worker}


class Questions(unittest.TestCase):
    def setUp(self):
        self.child = child.Child(**self.options())
        self.addCleanup(self.child.__exit__)

    def options(self):
        return {}

    def call(self, function, *args, **kwargs):
        return self.child.ask("call", fn=function, args=list(args), **kwargs)

    def test_says_hello_first(self):
        hello = self.child.hello
        self.assertEqual(hello["hello"], 1)
        self.assertEqual(hello["pid"], self.child.process.pid)

    def test_values_go_there_and_back(self):
        echo = self.child.load_functions("def echo(*args): return list(args)")["echo"]
        values = [
            None,
            True,
            1,
            2.5,
            "ü\U0001f600",
            [1, ["x"]],
            {"$": "int", "v": str(2**70)},
            {"$": "float", "v": "inf"},
            {"$": "bytes", "v": "AAE="},
            {"$": "tuple", "v": [1]},
            {"$": "set", "v": [1, 2]},
            {"$": "frozenset", "v": [1]},
            {"$": "dict", "v": [["a", 1], [2, {"$": "tuple", "v": []}]]},
        ]
        self.assertEqual(self.call(echo, *values)["ok"], values)

    def test_what_a_file_adds_to_the_module_search_path_is_gone_afterwards(self):
        functions = self.child.load_functions(
            "import sys\nsys.path.insert(0, '/added')\ndef path(): return ['/added' in sys.path, basedir in sys.path]"
        )
        self.assertEqual(self.call(functions["path"])["ok"], [False, False])

    def test_keyword_arguments_are_passed(self):
        echo = self.child.load_functions("def echo(a, *, b): return [a, b]")["echo"]
        self.assertEqual(self.call(echo, 1, kwargs={"b": 2})["ok"], [1, 2])

    def test_an_exception_is_an_answer_with_a_place(self):
        boom = self.child.load_functions("def boom():\n    return {}['x']")["boom"]
        error = self.call(boom)["error"]
        self.assertEqual((error["kind"], error["type"]), ("exception", "builtins.KeyError"))
        self.assertEqual(error["at"][1], 2)
        self.assertTrue(error["at"][0].endswith("master.cfg"))
        self.assertNotIn("_host", error["traceback"])

    def test_sys_exit_is_an_answer(self):
        leave = self.child.load_functions("import sys\ndef leave(): sys.exit(3)")["leave"]
        self.assertEqual(self.call(leave)["error"]["kind"], "exit")
        self.assertIn("ok", self.child.ask("ping"))

    def test_an_endless_loop_is_broken_off_and_the_next_question_answered(self):
        hang = self.child.load_functions("def hang():\n    while True:\n        pass")["hang"]
        number = self.child.begin("call", fn=hang)
        beat = self.child.wait_until(lambda m: m.get("beat", {}).get("busy") == number)
        self.assertGreaterEqual(beat["beat"]["busy_ms"], 0)
        self.child.break_off()
        error = self.child.answer(number)["error"]
        self.assertEqual(error["kind"], "deadline")
        self.assertIn(error["at"][1], (2, 3))
        self.assertIn("ok", self.child.ask("ping"))

    def test_a_signal_without_a_running_question_does_nothing(self):
        self.child.ask("ping")
        self.child.break_off()
        self.assertIn("ok", self.child.ask("ping"))

    def test_an_interrupt_from_the_terminal_is_the_masters_matter(self):
        self.child.ask("ping")
        os.kill(self.child.process.pid, signal.SIGINT)
        self.assertIn("ok", self.child.ask("ping"))

    def test_a_coroutine_is_awaited(self):
        functions = self.child.load_functions("async def work(a):\n    return a + 1")
        self.assertEqual(self.call(functions["work"], 1)["ok"], 2)

    def test_a_deferred_is_awaited_and_announced(self):
        functions = self.child.load_functions(
            "def late():\n"
            "    from twisted.internet import reactor, task\n"
            "    return task.deferLater(reactor, 0.01, lambda: 'late')\n"
        )
        number = self.child.begin("call", fn=functions["late"])
        self.assertEqual(self.child.answer(number)["ok"], "late")
        self.assertIn({"id": number, "awaits": True}, self.child.said)

    def test_other_questions_are_answered_while_one_awaits(self):
        functions = self.child.load_functions(
            "waiting = []\n"
            "def wait():\n"
            "    from twisted.internet import defer\n"
            "    waiting.append(defer.Deferred())\n"
            "    return waiting[0]\n"
            "def go(value):\n"
            "    waiting[0].callback(value)\n"
        )
        number = self.child.begin("call", fn=functions["wait"])
        self.child.wait_until(lambda m: m.get("awaits"))
        other = self.child.begin("call", fn=functions["go"], args=["done"])
        self.assertEqual(self.child.answer(number)["ok"], "done")
        self.assertIsNone(self.child.answer(other)["ok"])

    def test_a_failed_deferred_is_an_error(self):
        functions = self.child.load_functions(
            "def fail():\n"
            "    from twisted.internet import defer\n"
            "    return defer.fail(ValueError('v'))\n"
        )
        error = self.call(functions["fail"])["error"]
        self.assertEqual((error["type"], error["message"]), ("builtins.ValueError", "v"))

    def test_cancel_ends_a_question_that_awaits(self):
        functions = self.child.load_functions(
            "seen = []\n"
            "def wait():\n"
            "    from twisted.internet import defer\n"
            "    return defer.Deferred(lambda d: seen.append('cancelled'))\n"
            "def look():\n"
            "    return seen\n"
        )
        number = self.child.begin("call", fn=functions["wait"])
        self.child.wait_until(lambda m: m.get("awaits"))
        self.child.begin("cancel", of=number)
        self.assertEqual(self.child.answer(number)["error"]["kind"], "deadline")
        self.assertEqual(self.call(functions["look"])["ok"], ["cancelled"])

    def test_a_forked_process_does_not_speak(self):
        functions = self.child.load_functions(
            "import os\n"
            "def fork():\n"
            "    pid = os.fork()\n"
            "    if pid == 0:\n"
            "        return 'the other'\n"
            "    os.waitpid(pid, 0)\n"
            "    return 'the first'\n"
        )
        self.assertEqual(self.call(functions["fork"])["ok"], "the first")
        self.assertIn("ok", self.child.ask("ping"))

    def test_programs_do_not_inherit_the_connection(self):
        functions = self.child.load_functions(
            "import os, subprocess, sys\n"
            "def run():\n"
            "    script = '''\n"
            "import os, stat\n"
            "def is_socket(fd):\n"
            "    try:\n"
            "        return stat.S_ISSOCK(os.fstat(fd).st_mode)\n"
            "    except OSError:\n"
            "        return False\n"
            "print([fd for fd in range(3, 30) if is_socket(fd)])\n"
            "'''\n"
            "    done = subprocess.run([sys.executable, '-c', script], close_fds=False,\n"
            "                          stdout=subprocess.PIPE)\n"
            "    return done.stdout.decode().strip()\n"
        )
        self.assertEqual(self.call(functions["run"])["ok"], "[]")

    def test_a_crash_ends_the_connection(self):
        functions = self.child.load_functions("import os\ndef crash(): os._exit(7)")
        number = self.child.begin("call", fn=functions["crash"])
        self.assertRaises(EOFError, self.child.answer, number)
        self.assertEqual(self.child.process.wait(10), 7)

    def test_quit_ends_the_process(self):
        self.child.send({"ask": "quit"})
        self.assertEqual(self.child.process.wait(10), 0)

    def test_the_end_of_the_master_ends_the_process(self):
        self.child.socket.close()
        self.assertEqual(self.child.process.wait(10), 0)

    def test_what_makes_no_sense_is_refused(self):
        for question in (
            {"ask": "nonsense"},
            {"ask": "call", "fn": 1},
            {"ask": "method", "on": 99, "name": "x"},
        ):
            ask = question.pop("ask")
            self.assertEqual(self.child.ask(ask, **question)["error"]["kind"], "refused")

    def test_a_method_of_an_object_is_called(self):
        described = self.child.load(
            "class Mine:\n"
            "    def double(self, value): return 2 * value\n"
            "BuildmasterConfig = {'title': Mine()}\n"
        )
        handle = described["config"]["title"]["h"]
        self.assertEqual(self.child.ask("method", on=handle, name="double", args=[4])["ok"], 8)

    def test_a_function_of_ours_is_called_by_name(self):
        name = "buildbot.process.results.statusToString"
        self.assertEqual(self.call({"$": "ref", "name": name}, 0)["ok"], "success")


class QuestionsWithTwisted(Questions):
    """The same with the real Twisted, whose loop runs as soon as its reactor is imported."""

    def options(self):
        real_buildbot.require()
        return {"python": os.path.join(real_buildbot.venv(), "bin", "python")}

    def test_asyncio_can_be_used_in_a_call_as_in_buildbot(self):
        functions = self.child.load_functions(
            "from twisted.internet import reactor\n"
            "async def three(): return 3\n"
            "def run():\n"
            "    import asyncio\n"
            "    return [reactor.running, asyncio.run(three())]\n"
        )
        self.assertEqual(self.call(functions["run"])["ok"], [True, 3])


class LiveObjects(unittest.TestCase):
    def setUp(self):
        self.child = child.Child()
        self.addCleanup(self.child.__exit__)

    def test_next_worker_returns_one_of_the_given(self):
        handle = self.child.load_functions(
            "def choose(builder, wfbs, request):\n"
            "    return [w for w in wfbs if w.worker.workername == 'w2' and request.id == 7][0]\n"
        )["choose"]
        args = [LIVE["builder"], [wfb("w1"), wfb("w2")], LIVE["request"]]
        answer = self.child.ask("call", fn=handle, args=args)
        self.assertEqual(answer["ok"], {"$": "wfb", "key": "w2"})

    def test_a_method_that_gives_a_deferred_asks_the_master(self):
        handle = self.child.load_functions(
            "async def oldest(builder):\n    return (await builder.getOldestRequestTime()).year\n"
        )["oldest"]
        asked = []

        def serve(question):
            asked.append((question["ask"], question["method"], question["args"]))
            oldest = {"submitted_at": {"$": "datetime", "epoch": 5}}
            return {"ok": {"items": [oldest], "total": 1, "tells_page": False}}

        answer = self.child.ask("call", serve, fn=handle, args=[LIVE["builder"]])
        self.assertEqual(answer["ok"], 1970)
        wanted = {
            "filters": [["claimed", "eq", [False]]],
            "order": ["submitted_at"],
            "properties": [],
            "limit": 1,
        }
        path = ["builders", "1", "buildrequests"]
        self.assertEqual(asked, [("master", "data.get", {"path": path, "wanted": wanted})])

    def test_a_property_that_code_sets_has_reached_the_master_when_it_goes_on(self):
        handle = self.child.load_functions(
            "def look(step): step.setProperty('p', 1, 'me'); return step.getProperty('p')"
        )["look"]
        asked = []

        def serve(question):
            asked.append((question["on"], question["name"], question["args"]))
            return {"ok": None}

        step = {"$": "step", "key": 3, "build": {"$": "build", "key": 2}}
        answer = self.child.ask("call", serve, fn=handle, args=[step])
        self.assertEqual(answer["ok"], 1)
        self.assertEqual(
            asked, [({"$": "build", "key": 2}, "setProperty", ["p", 1, "me"])]
        )

    def test_an_error_of_the_master_is_the_exception_that_it_names(self):
        handle = self.child.load_functions(
            "async def look(master):\n"
            "    try:\n"
            "        await master.data.get(('builds',), order=['no'])\n"
            "    except KeyError as error:\n"
            "        return error.args[0]\n"
        )["look"]

        def serve(question):
            return {"error": {"kind": "exception", "type": "builtins.KeyError", "message": "no"}}

        answer = self.child.ask("call", serve, fn=handle, args=[{"$": "master", "key": None}])
        self.assertEqual(answer["ok"], "no")

    def test_a_method_that_the_master_does_not_have_is_named_where_it_is_called(self):
        functions = self.child.load_functions(
            "async def update(master): await master.data.updates.finishBuild(1, 0)\n"
            "async def claim(master): await master.db.buildrequests.claimBuildRequests([1])\n"
            "def unknown(master): master.data.updates.noSuchThing\n"
        )

        def error(name):
            args = [{"$": "master", "key": None}]
            return self.child.ask("call", fn=functions[name], args=args)["error"]["message"]

        self.assertEqual(
            error("update"),
            "master.data.updates.finishBuild() cannot be called: this master does not have it",
        )
        self.assertIn("master.db.buildrequests.claimBuildRequests()", error("claim"))
        self.assertIn("has no attribute 'noSuchThing'", error("unknown"))

    def test_consumers_hear_of_events_until_they_stop(self):
        functions = self.child.load_functions(
            "heard = []\n"
            "async def start(master):\n"
            "    global ref\n"
            "    hear = lambda key, message: heard.append((key, message))\n"
            "    ref = await master.mq.startConsuming(hear, ('builds', None, 'new'))\n"
            "async def stop(master):\n"
            "    await ref.stopConsuming()\n"
            "    return [[list(key), message['buildid']] for key, message in heard]\n"
        )
        asked = []

        def serve(question):
            asked.append((question["method"], question["args"]))
            return {"ok": None}

        master = {"$": "master", "key": None}
        self.child.ask("call", serve, fn=functions["start"], args=[master])
        self.assertEqual(asked[0][1]["filter"], ["builds", None, "new"])
        on = {"$": "consumer", "key": asked[0][1]["number"]}
        event = [["builds", "7", "new"], {"buildid": 7}]
        self.child.ask("method", on=on, name="take", args=event)
        answer = self.child.ask("call", serve, fn=functions["stop"], args=[master])
        self.assertEqual(answer["ok"], [[["builds", "7", "new"], 7]])
        self.assertEqual(asked[1][0], "mq.stopConsuming")
        # One that was under way finds nobody.
        self.assertEqual(self.child.ask("method", on=on, name="take", args=event)["ok"], None)

    def test_what_the_master_does_not_serve_is_named(self):
        handle = self.child.load_functions(
            "async def oldest(builder):\n    return await builder.getOldestRequestTime()\n"
        )["oldest"]
        error = self.child.ask("call", fn=handle, args=[LIVE["builder"]])["error"]
        self.assertIn("master.data.get() is not served", error["message"])

    def test_an_attribute_that_was_not_sent_is_asked_for(self):
        handle = self.child.load_functions("def look(b): return len(b.workers)")["look"]

        def serve(question):
            self.assertEqual((question["ask"], question["name"]), ("attribute", "workers"))
            return {"ok": [wfb("w1")]}

        answer = self.child.ask("call", serve, fn=handle, args=[LIVE["builder"]])
        self.assertEqual(answer["ok"], 1)

    def test_the_master_is_asked_through_its_data(self):
        handle = self.child.load_functions(
            "async def look(master):\n"
            "    found = await master.data.get(('builders',), limit=1)\n"
            "    return found[0]['name']\n"
        )["look"]

        def serve(question):
            self.assertEqual(question["method"], "data.get")
            self.assertEqual(question["args"]["path"], ["builders"])
            self.assertEqual(question["args"]["wanted"]["limit"], 1)
            return {"ok": {"items": [{"name": "b"}], "total": 1, "tells_page": True}}

        answer = self.child.ask("call", serve, fn=handle, args=[{"$": "master", "key": None}])
        self.assertEqual(answer["ok"], "b")

    def test_the_documented_members_of_each_object_can_be_read(self):
        source = {
            "$": "sourcestamp",
            "key": 1,
            "branch": "main",
            "codebase": "",
            "changes": [{"$": "change", "key": 3, "author": "me", "files": ["a"], "changeid": 3}],
        }
        properties = {"$": "properties", "v": [["p", 1, "Scheduler"]]}
        request = dict(
            LIVE["request"],
            properties=properties,
            sources={"$": "dict", "v": [["", source]]},
            buildername="b",
            priority=3,
        )
        build = {
            "$": "build",
            "key": 9,
            "number": 4,
            "builder": LIVE["builder"],
            "sources": [source],
            "properties": properties,
            "worker_info": {"$": "dict", "v": [["host", "h"]]},
            "workerforbuilder": wfb("w1"),
            "workername": "w1",
            "requests": [request],
        }
        handle = self.child.load_functions(MEMBERS)["read"]
        answer = self.child.ask(
            "call", fn=handle, args=[LIVE["builder"], wfb("w1"), request, build]
        )
        self.assertEqual(answer.get("ok"), "all", answer)


MEMBERS = """
def read(builder, wfb, request, build):
    assert builder.name == 'b' and builder.running and builder.expectations is None
    assert not builder.old_building and builder.project_name is None
    assert wfb.isAvailable() and not wfb.isBusy() and wfb.locks is None
    assert wfb.state.name == 'AVAILABLE' and 'w1' in repr(wfb)
    worker = wfb.worker
    assert worker.name == 'w1' and worker.isConnected() and not worker.isPaused()
    assert worker.canStartBuild() and worker.info.getProperty('x') is None
    assert worker.properties.asDict() == {} and worker.max_builds is None
    assert worker.path_module.__name__ == 'posixpath' and worker.machine is None
    assert request.getSubmitTime() == 5 and request.priority == 3 and not request.waitedFor
    assert request.properties['p'] == 1 and 'p' in request.properties
    assert request.sources[''].branch == 'main' and request.sources[''].patch is None
    assert request.sources[''].asDict()['branch'] == 'main'
    assert request.mergeReasons([request]) == ''
    assert request.mergeSourceStampsWith([request])[0].branch == 'main'
    change = request.sources[''].changes[0]
    assert change.who == 'me' and change.files == ['a'] and change.asChDict()['author'] == 'me'
    assert build.getSourceStamp('').branch == 'main' and build.getSourceStamp('x') is None
    assert build.allFiles() == ['a'] and build.blamelist() == ['me']
    assert 'me' in build.changesText()
    assert build.getProperty('p') == 1 and build.hasProperty('p')
    assert build.getProperties().getBuild() is build
    assert build.getWorkerInfo()['host'] == 'h' and build.getWorkerName() == 'w1'
    assert build.builder.name == 'b' and build.requests[0].id == 7
    assert build.results is None and build.number == 4
    assert build.getProperties().sourcestamps[0]['branch'] == 'main'
    assert build.getProperties().files == ['a']
    return 'all'
"""


class Renders(unittest.TestCase):
    def setUp(self):
        self.child = child.Child()
        self.addCleanup(self.child.__exit__)

    PROPS = {
        "$": "properties",
        "v": [["a", "A", "Scheduler"]],
        "sourcestamps": [{"codebase": "", "branch": "b1", "revision": None}],
        "changes": [],
    }

    def test_user_functions_and_described_renderables_are_rendered_together(self):
        described = self.child.load(
            "from buildbot.plugins import util\n"
            "@util.renderer\n"
            "def both(props, more): return [props.getProperty('a'), more]\n"
            "class Own:\n"
            "    def getRenderingFor(self, props): return props.getProperty('a') * 2\n"
            "BuildmasterConfig = {\n"
            "    'title': both.withArgs(util.Property('a')),\n"
            "    'titleURL': util.Interpolate('%(src::branch)s %(kw:o)s', o=Own()),\n"
            "    'buildbotURL': [util.Transform(lambda a, b: a + b, util.Property('a'), b='B')],\n"
            "    'www': util.Property('a') == 'A',\n"
            "    'db': [Own(), util.FlattenList([[1], (2,)])],\n"
            "    'mq': util.WithProperties('%(x:-none)s %(y)s', y=lambda build: 3),\n"
            "}\n"
        )
        items = list(described["config"].values())
        outcomes = self.child.ask("render", items=items, props=self.PROPS)["ok"]
        self.assertEqual(
            [outcome["ok"] for outcome in outcomes],
            [["A", "A"], "b1 AA", ["AB"], True, ["AA", [1, 2]], "none 3"],
        )

    def test_one_item_that_fails_does_not_fail_the_others(self):
        items = [{"$": "Secret", "name": "s"}, {"$": "Property", "key": "a"}]
        self.child.load("BuildmasterConfig = {}")
        first, second = self.child.ask("render", items=items, props=self.PROPS)["ok"]
        self.assertEqual(first["error"]["kind"], "exception")
        self.assertEqual(second, {"ok": "A"})

    def test_secrets_come_from_the_master_and_are_told_to_be_hidden(self):
        self.child.load("BuildmasterConfig = {}")

        def serve(question):
            self.assertEqual((question["ask"], question["name"]), ("secret", "s"))
            value = [["source", "SecretInAFile"], ["value", "hush"]]
            return {"ok": {"$": "dict", "v": value}}

        items = [{"$": "Interpolate", "fmt": "<%(secret:s)s>", "kwargs": []}]
        answer = self.child.ask("render", serve, items=items, props=self.PROPS)
        self.assertEqual(answer["ok"], [{"ok": "<hush>", "secrets": [["hush", "<s>"]]}])

    def test_known_objects_keep_their_number_and_new_ones_come_along(self):
        described = self.child.load(
            "from buildbot.plugins import util\n"
            "lock = util.MasterLock('known')\n"
            "@util.renderer\n"
            "def locks(props): return [lock.access('counting'), util.MasterLock('new')]\n"
            "BuildmasterConfig = {'title': lock, 'titleURL': locks}\n"
        )
        items = [described["config"]["titleURL"]]
        (outcome,) = self.child.ask("render", items=items, props=self.PROPS)["ok"]
        self.assertEqual(outcome["ok"], [{"$": "o", "n": 1}, {"$": "o", "n": 2}])
        objects = dict(outcome["objects"])
        self.assertEqual(objects[1]["a"]["lockid"], {"$": "o", "n": 0})
        self.assertEqual(objects[2]["a"], {"name": "new"})


class CommandLine(unittest.TestCase):
    def test_another_version_of_the_format_is_refused(self):
        import subprocess

        done = subprocess.run(
            [sys.executable, child.HOST, "--fd", "9", "--version", "2"],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 64)
        self.assertIn("version 1", done.stderr)


if __name__ == "__main__":
    unittest.main()
