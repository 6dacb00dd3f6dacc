#!/usr/bin/env python3
"""Our worker beside the Python worker: start, memory, output, transfers.

    bench.py --venv DIR --worker PROGRAM [--rounds N] [--only NAME ...]

DIR is a virtual environment with Buildbot 4.3.0 (master and worker), PROGRAM our
`buildbot-worker`. Both workers serve the same kind of real master in turn (A B, B A, …); every
run has a fresh temporary directory and free loopback ports, and stops only what it started.
Python 3.11, standard library, Linux. See README.md.
"""

import argparse
import contextlib
import filecmp
import http.client
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HOST = "127.0.0.1"
ATTACHED = b"message from master: attached"
TICKS = os.sysconf("SC_CLK_TCK")
# The kind of a process's clock that the scheduler keeps, in nanoseconds. Linux: posix-timers.h, CPUCLOCK_SCHED.
SCHEDULER_CLOCK = 2
# Small and the same for all, because each step's log starts with a copy of it.
ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
IMPLEMENTATIONS = ("python", "ours")
SETTLE_S = 2.0

MASTER_CFG = """
from buildbot.plugins import schedulers, steps, util, worker
STEPS = {{
    'small': lambda: steps.ShellCommand(command=['true']),
    'output': lambda: steps.ShellCommand(command=['cat', {text!r}]),
    'upload': lambda: steps.FileUpload(workersrc={data!r}, masterdest={uploaded!r}),
    'download': lambda: steps.FileDownload(mastersrc={data!r}, workerdest='downloaded'),
}}
BuildmasterConfig = {{
    'workers': [worker.Worker('w', 'pw')],
    'protocols': {{
        'pb': {{'port': 'tcp:{pb}:interface=127.0.0.1'}},
        'msgpack_experimental_v7': {{'port': {msgpack}}},
    }},
    'builders': [
        util.BuilderConfig(name=name, workernames=['w'], factory=util.BuildFactory([step()]))
        for name, step in STEPS.items()
    ],
    'schedulers': [schedulers.ForceScheduler(name='force', builderNames=list(STEPS))],
    'www': {{'port': 'tcp:{www}:interface=127.0.0.1', 'plugins': {{}}}},
    'buildbotURL': 'http://127.0.0.1:{www}/',
    'buildbotNetUsageData': None,
}}
"""


class Failed(Exception):
    """A run that gives no figures."""


def wait_for(what, condition, timeout_s, pause_s=0.01, growth=0.0):
    """Polls until `condition` gives something. `growth`: error of the time, as a share of it."""
    start = time.monotonic()
    while not (value := condition()):
        waited = time.monotonic() - start
        if waited > timeout_s:
            raise Failed(f"{what}: not within {timeout_s} s")
        time.sleep(max(pause_s, growth * waited))
    return value


def free_ports(count):
    """Different ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


class Process:
    """A program that this run started, and what /proc says about it."""

    def __init__(self, argv, directory, name, **options):
        # The last argument is the base directory, if there is one.
        self.logs = [directory / f"{name}.out", directory / argv[-1] / "twistd.log"]
        with open(self.logs[0], "wb") as log:
            options = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL} | options
            self.started = time.perf_counter()
            self.popen = subprocess.Popen(argv, cwd=directory, env=ENVIRON, **options)

    def read(self, name):
        return pathlib.Path(f"/proc/{self.popen.pid}/{name}").read_text()

    def cpu_s(self):
        """User and system time: of the process with all its threads, and of its children that have ended."""
        own = time.clock_gettime(~self.popen.pid << 3 | SCHEDULER_CLOCK)
        child_user, child_system = map(int, self.read("stat").rpartition(")")[2].split()[13:15])
        return own, (child_user + child_system) / TICKS

    def memory_mb(self, field):
        """`VmRSS`, `VmHWM` or `Pss`, in MB of 2^20 bytes."""
        text = self.read("smaps_rollup" if field == "Pss" else "status")
        line = next(line for line in text.splitlines() if line.startswith(f"{field}:"))
        return int(line.split()[1]) / 1024

    def check(self):
        if self.popen.poll() is not None:
            said = "".join(log.read_text()[-1500:] for log in self.logs if log.exists())
            raise Failed(f"{self.popen.args[0]} ended with {self.popen.returncode}: {said}")
        return True

    def stop(self):
        self.popen.terminate()
        try:
            self.popen.wait(15)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


class Site:
    """The master and the one worker of a run, in a directory of their own."""

    def __init__(self, options, directory, implementation, files):
        self.options, self.directory, self.files = options, directory, files
        self.implementation = implementation
        self.pb, self.msgpack, self.www = free_ports(3)
        self.processes = contextlib.ExitStack()
        self.uploaded = directory / "uploaded"
        self.master = None

    def program(self, name):
        if name == "buildbot-worker" and self.implementation == "ours":
            return self.options.worker
        return self.options.venv / "bin" / name

    def command(self, *argv):
        done = subprocess.run(argv, cwd=self.directory, env=ENVIRON, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"{argv}: {done.stdout}{done.stderr}")

    def start(self, *argv, **options):
        process = Process(list(map(str, argv)), self.directory, pathlib.Path(argv[0]).name, **options)
        self.processes.callback(process.stop)
        return process

    def start_master(self):
        basedir = self.directory / "master"
        buildbot = self.program("buildbot")
        self.command(buildbot, "create-master", basedir)
        (basedir / "master.cfg").write_text(MASTER_CFG.format(
            pb=self.pb, msgpack=self.msgpack, www=self.www, uploaded=str(self.uploaded),
            **{name: str(path) for name, path in self.files.items()}))
        self.master = self.start(buildbot, "start", "--nodaemon", basedir)

        def serves():
            self.master.check()
            with contextlib.suppress(OSError):
                return self.get("builders")
        wait_for("the master", serves, 120, 0.05)

    def rest(self, method, path, body=None):
        connection = http.client.HTTPConnection(HOST, self.www, timeout=300)
        with contextlib.closing(connection):
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request(method, f"/api/v2/{path}", body, headers)
            response = connection.getresponse()
            text = response.read()
        if response.status != 200:
            raise Failed(f"{method} {path}: {response.status} {text[:300]!r}")
        return json.loads(text)

    def get(self, path):
        return self.rest("GET", path)

    def create_worker(self, protocol="pb"):
        port = {"pb": self.pb, "msgpack_experimental_v7": self.msgpack}[protocol]
        self.command(self.program("buildbot-worker"), "create-worker", f"--protocol={protocol}",
                     self.directory / "worker", f"{HOST}:{port}", "w", "pw")

    def start_worker(self):
        """Starts the worker. Returns it and the seconds until it is attached."""
        log = self.directory / "worker" / "twistd.log"
        log.unlink(missing_ok=True)
        worker = self.start(self.program("buildbot-worker"), "start", "--nodaemon", "worker")

        def is_attached():
            with contextlib.suppress(FileNotFoundError):
                if ATTACHED in log.read_bytes():
                    return time.perf_counter()
            worker.check()
        # Short, because a good worker is attached in a few milliseconds.
        attached = wait_for("the worker", is_attached, 60, 0.000_2)
        return worker, attached - worker.started

    def build(self, builder):
        """Forces a build and waits for its end. Returns its seconds."""
        ids = {one["name"]: one["builderid"] for one in self.get("builders")["builders"]}
        call = {"jsonrpc": "2.0", "id": 1, "method": "force", "params": {"builderid": ids[builder]}}
        start = time.perf_counter()
        request = self.rest("POST", "forceschedulers/force", json.dumps(call))["result"][1]
        request = next(iter(request.values()))

        def completed():
            # Each look costs the master CPU time, so they grow rare.
            builds = self.get(f"buildrequests/{request}/builds")["builds"]
            return builds and builds[-1]["complete"] and (builds[-1], time.perf_counter())
        build, end = wait_for(f"build {builder}", completed, 3600, 0.02, 0.01)
        if build["results"] != 0:
            raise Failed(f"build {builder}: results {build['results']} {build['state_string']}")
        return end - start


def load(site, worker, master, work):
    """Figures of some `work` that returns its seconds."""
    (worker_before, child_before), master_before = worker.cpu_s(), master.cpu_s()[0]
    wall = work()
    (worker_cpu, child_cpu), master_cpu = worker.cpu_s(), master.cpu_s()[0]
    return {
        "wall, s": wall,
        "worker CPU, s": worker_cpu - worker_before,
        "worker peak RSS, MB": worker.memory_mb("VmHWM"),
        "child CPU, s": child_cpu - child_before,
        "master CPU, s": master_cpu - master_before,
    }


def attached_site(site, protocol):
    site.start_master()
    site.create_worker(protocol)
    worker, _ = site.start_worker()
    # The master goes on with the builders after the line in the log.
    time.sleep(SETTLE_S)
    return worker


def measure_start(site):
    """From the start of the process to the line in the log, with a master that runs."""
    site.start_master()
    site.create_worker()
    seconds = []
    for _ in range(site.options.starts):
        worker, took = site.start_worker()
        seconds.append(took)
        time.sleep(SETTLE_S / 4)
        worker.stop()
        wait_for("the master to notice",
                 lambda: not site.get("workers/w")["workers"][0]["connected_to"], 30)
    return {"to attached, ms": 1000 * statistics.median(seconds)}


def measure_memory(protocol):
    """What a worker holds that has nothing to do, before and after its first build."""
    def measure(site):
        worker = attached_site(site, protocol)
        figures = {}
        for when in ("attached", "after a build"):
            if when != "attached":
                site.build("small")
                time.sleep(SETTLE_S)
            figures[f"{when}: RSS, MB"] = worker.memory_mb("VmRSS")
            figures[f"{when}: PSS, MB"] = worker.memory_mb("Pss")
        return figures
    return measure


def measure_output(protocol):
    """A step that prints a long log, with the real master."""
    def measure(site):
        worker = attached_site(site, protocol)
        return load(site, worker, site.master, lambda: site.build("output"))
    return measure


def measure_discarded_output(protocol):
    """The same command for a stand-in that confirms everything and keeps nothing."""
    def measure(site):
        argv = [site.program("python"), pathlib.Path(__file__).with_name("stand_in.py"), protocol,
                str(site.pb if protocol == "pb" else site.msgpack), "cat", str(site.files["text"])]
        stand_in = site.start(*argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

        def line():
            return stand_in.popen.stdout.readline() or stand_in.check()
        line()
        site.create_worker(protocol)
        worker, _ = site.start_worker()
        time.sleep(SETTLE_S)

        def work():
            stand_in.popen.stdin.write(b"go\n")
            stand_in.popen.stdin.flush()
            seconds, received = line().split()
            if int(received) < site.files["text"].stat().st_size:
                raise Failed(f"only {received.decode()} characters have arrived")
            return float(seconds)
        return load(site, worker, stand_in, work)
    return measure


def measure_transfer(direction):
    """A step that moves a large file, over PB."""
    def measure(site):
        worker = attached_site(site, "pb")
        figures = load(site, worker, site.master, lambda: site.build(direction))
        arrived = site.uploaded
        if direction == "download":
            arrived = site.directory / "worker" / "download" / "build" / "downloaded"
        if not filecmp.cmp(site.files["data"], arrived, shallow=False):
            raise Failed(f"{direction}: the file has changed on its way")
        del figures["child CPU, s"]
        return figures
    return measure


MSGPACK = "msgpack_experimental_v7"
SCENARIOS = {
    "start": measure_start,
    "memory-pb": measure_memory("pb"),
    "memory-msgpack": measure_memory(MSGPACK),
    "discard-pb": measure_discarded_output("pb"),
    "discard-msgpack": measure_discarded_output(MSGPACK),
    "upload": measure_transfer("upload"),
    "download": measure_transfer("download"),
    "output-pb": measure_output("pb"),
    "output-msgpack": measure_output(MSGPACK),
}


def make_files(directory, options):
    """A log of 80-byte lines that are not all alike, and a file of bytes."""
    text, data = directory / "text", directory / "data"
    filler = "the quick brown fox jumps over the lazy dog while the build goes on as ever"
    with open(text, "w") as file:
        for number in range(options.output_mb * 1_000_000 // 80):
            file.write(f"{number:9d} {filler[:69]}\n")
    block = os.urandom(1_000_000)
    with open(data, "wb") as file:
        for _ in range(options.transfer_mb):
            file.write(block)
    return {"text": text, "data": data}


def run_all(options):
    results = {name: {} for name in SCENARIOS if not options.only or name in options.only}
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.tmp) as common:
        files = make_files(pathlib.Path(common), options)
        for name in results:
            rounds = 1 if name.startswith("output-") and not options.all_rounds else options.rounds
            for number in range(rounds):
                for implementation in IMPLEMENTATIONS[:: 1 if number % 2 == 0 else -1]:
                    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.tmp) as directory:
                        site = Site(options, pathlib.Path(directory), implementation, files)
                        with site.processes:
                            figures = SCENARIOS[name](site)
                    for figure, value in figures.items():
                        results[name].setdefault(figure, {}).setdefault(implementation, []).append(value)
                    print(f"{name} {number + 1}/{rounds} {implementation}", file=sys.stderr, flush=True)
            print(table(name, results[name]), flush=True)
    return results


def table(name, figures):
    """Medians, how many times ours is better, and who was on the CPU for which share of the time."""
    medians = {figure: {who: statistics.median(values) for who, values in both.items()}
               for figure, both in figures.items()}
    lines = [f"{name:<28}{'python':>10}{'ours':>10}{'times better':>14}"]
    for figure, both in medians.items():
        is_of_peer = figure.startswith(("master", "child"))
        ratio = "" if is_of_peer or not both["ours"] else f"{both['python'] / both['ours']:.1f}"
        digits = 3 if figure.endswith("CPU, s") else 2
        lines.append(f"  {figure:<26}{both['python']:>10.{digits}f}{both['ours']:>10.{digits}f}{ratio:>14}")
    for who in IMPLEMENTATIONS if "wall, s" in medians else ():
        wall = medians["wall, s"][who]
        shares = [f"{figure.split()[0]} {100 * both[who] / wall:.0f} %"
                  for figure, both in medians.items() if figure.endswith("CPU, s")]
        lines.append(f"  on the CPU, {who + ':':<9}{', '.join(shares)}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--venv", type=pathlib.Path, required=True, help="virtual environment with Buildbot 4.3.0")
    add("--worker", type=pathlib.Path, required=True, help="our buildbot-worker, built with --release")
    add("--rounds", type=int, default=3, help="runs of each worker (default %(default)s)")
    add("--all-rounds", action="store_true", help="also of output-*, minutes each; they run once otherwise")
    add("--starts", type=int, default=5, help="starts per run of the scenario start")
    add("--output-mb", type=int, default=200, help="length of the printed log, in MB of 10^6 bytes")
    add("--transfer-mb", type=int, default=200, help="length of the moved file, in MB of 10^6 bytes")
    add("--only", action="append", choices=SCENARIOS, metavar="NAME", help=f"some of: {', '.join(SCENARIOS)}")
    add("--json", type=pathlib.Path, help="file for the raw figures")
    add("--tmp", help="where the temporary directories go")
    options = parser.parse_args()
    options.venv, options.worker = options.venv.absolute(), options.worker.absolute()
    results = run_all(options)
    if options.json:
        machine = {"cpus": os.cpu_count(), "kernel": os.uname().release, "python": sys.version.split()[0]}
        document = {"date": time.strftime("%Y-%m-%d"), "machine": machine, "load": os.getloadavg(),
                    "output_mb": options.output_mb, "transfer_mb": options.transfer_mb, "results": results}
        options.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    # As an exception, so that what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except Failed as error:
        sys.exit(f"bench: {error}")
