"""The worker at work: demo.py PROGRAM, run by demo/run.

In a temporary directory a real Buildbot 4.3.0 master and a worker directory made by the Python worker are set up.
The Python worker attaches once, for comparison; then PROGRAM takes its place in the same directory, and clones,
compiles and tests a Git repository for the master. Everything listens on loopback only, and is stopped and
removed at the end, also after an error or Ctrl-C.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
SCRIPTS = pathlib.Path(sys.executable).parent
ATTACHED = 'message from master: attached'
RESULTS = ['success', 'warnings', 'failure', 'skipped', 'exception', 'retry', 'cancelled']
# For a machine that is busy with other things; normally all of this takes seconds.
PATIENCE_S = 120


class Failed(Exception):
    """Something did not happen; the text says what, and what to look at."""


def wait_for(what, look, interval_s=0.1):
    """The first true value of `look`, asked again and again."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        value = look()
        if value:
            return value
        time.sleep(interval_s)
    raise Failed(f'{what} did not happen within {PATIENCE_S} seconds')


def free_ports(count):
    """Ports of 127.0.0.1 that nobody uses."""
    sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def tail(path, count=30):
    """The last lines of a log."""
    try:
        return '\n'.join(path.read_text(errors='replace').splitlines()[-count:])
    except OSError as error:
        return str(error)


def resident_mb(pid):
    """Resident memory of a process in MB (10^6 bytes)."""
    status = pathlib.Path(f'/proc/{pid}/status')
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith('VmRSS:'))
        return int(line.split()[1]) * 1024 / 1e6
    output = subprocess.run(['ps', '-o', 'rss=', '-p', str(pid)], capture_output=True, text=True, check=True)
    return int(output.stdout) * 1024 / 1e6


class Process:
    """A program in a session of its own, so that it can be ended with all that it started."""

    def __init__(self, arguments, directory, log, environment=None):
        self.log = log
        with open(log, 'ab') as output:
            self.popen = subprocess.Popen(
                [str(a) for a in arguments],
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_running(self):
        return self.popen.poll() is None

    def stop(self):
        """Asks the program to end; what is left after 10 seconds is killed."""
        if self.is_running():
            self.popen.terminate()
        try:
            self.popen.wait(10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()


class Demo:
    def __init__(self, program, directory):
        self.program = program
        self.directory = directory
        self.pb_port, self.www_port = free_ports(2)
        self.environment = {
            **os.environ,
            'DEMO_DIRECTORY': str(directory),
            'DEMO_PB_PORT': str(self.pb_port),
            'DEMO_WWW_PORT': str(self.www_port),
            # A checkout over the file system must not depend on the user's own settings.
            'GIT_CONFIG_NOSYSTEM': '1',
            'GIT_CONFIG_GLOBAL': os.devnull,
        }
        self.processes = []
        self.arrivals = 0

    def run(self, *arguments, cwd=None):
        done = subprocess.run(
            [str(a) for a in arguments],
            cwd=cwd or self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
        )
        if done.returncode != 0:
            raise Failed(f'`{" ".join(map(str, arguments))}` ended with {done.returncode}:\n{done.stdout}')

    def start(self, arguments, directory, log):
        process = Process(arguments, directory, log, self.environment)
        self.processes.append(process)
        return process

    def stop_all(self):
        for process in reversed(self.processes):
            process.stop()

    def ask(self, path, body=None):
        """An answer of the master's REST interface."""
        request = urllib.request.Request(f'http://127.0.0.1:{self.www_port}/api/v2/{path}')
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header('Content-Type', 'application/json')
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def make_repository(self):
        repository = self.directory / 'greet.git'
        shutil.copytree(HERE / 'project', repository)
        who = ['-c', 'user.name=A Developer', '-c', 'user.email=developer@example.invalid']
        self.run('git', '-c', 'init.defaultBranch=master', 'init', '--quiet', cwd=repository)
        self.run('git', 'add', '.', cwd=repository)
        self.run('git', *who, 'commit', '--quiet', '-m', 'A greeting', cwd=repository)

    def start_master(self):
        master = self.directory / 'master'
        self.run(SCRIPTS / 'buildbot', 'create-master', '-q', master)
        shutil.copy(HERE / 'master.cfg', master)
        process = self.start([SCRIPTS / 'buildbot', 'start', '--nodaemon', master], master, self.directory / 'master.log')

        def serves():
            if not process.is_running():
                raise Failed(f'the master ended:\n{tail(master / "twistd.log")}\n{tail(process.log)}')
            try:
                return self.ask('masters')['masters'][0]['active']
            except (OSError, LookupError):
                return False

        wait_for('the start of the master', serves)

    def attach(self, program):
        """Starts a worker program in the worker's directory; returns it with the seconds until it is attached."""
        worker = self.directory / 'worker'
        log = worker / 'twistd.log'
        seen = log.read_text().count(ATTACHED) if log.exists() else 0
        started = time.monotonic()
        process = self.start([program, 'start', '--nodaemon', worker], worker, self.directory / 'worker.log')

        def attached():
            if not process.is_running():
                raise Failed(f'the worker ended:\n{tail(log)}\n{tail(process.log)}')
            return log.exists() and log.read_text(errors='replace').count(ATTACHED) > seen

        wait_for('the login of the worker', attached, interval_s=0.001)
        seconds = time.monotonic() - started
        # A worker that goes away before the master is done with its arrival would be taken for connected.
        arrivals = self.arrivals + 1
        wait_for('the arrival of the worker', lambda: self.count_arrivals() >= arrivals)
        self.arrivals = arrivals
        return process, seconds

    def count_arrivals(self):
        text = (self.directory / 'master' / 'twistd.log').read_text(errors='replace')
        return text.count('Worker demo attached to greet')

    def wait_detached(self):
        wait_for('the end of the connection', lambda: not self.ask('workers')['workers'][0]['connected_to'])

    def build(self):
        """Forces a build and returns it when it is complete."""
        force = {'jsonrpc': '2.0', 'method': 'force', 'id': 1, 'params': {'builderid': self.builder(), 'reason': 'demo'}}
        self.ask('forceschedulers/force', force)
        wait_for('the build', lambda: [b for b in self.ask('builds')['builds'] if b['complete']])
        return self.ask('builds')['builds'][0]

    def builder(self):
        return next(b['builderid'] for b in self.ask('builders')['builders'] if b['name'] == 'greet')

    def output_lines(self, step):
        """What the program of a step has printed. Each line of the log begins with its stream: o, e, or h for the
        worker's own words."""
        for log in self.ask(f'steps/{step["stepid"]}/logs')['logs']:
            if log['name'] == 'stdio' and log['num_lines']:
                content = self.ask(f'logs/{log["logid"]}/contents')['logchunks'][0]['content']
                return [line[1:] for line in content.splitlines() if line[:1] in ('o', 'e')]
        return []

    def play(self):
        say = lambda text='': print(text, flush=True)
        say('demo: a Git repository with a C program, a real Buildbot 4.3.0 master, a worker directory')
        self.make_repository()
        self.start_master()
        python = SCRIPTS / 'buildbot-worker'
        master = f'127.0.0.1:{self.pb_port}'
        self.run(python, 'create-worker', '-q', self.directory / 'worker', master, 'demo', 'secret')

        say('demo: the Python worker attaches, for comparison')
        process, python_s = self.attach(python)
        python_mb = resident_mb(process.popen.pid)
        process.stop()
        self.wait_detached()

        say('demo: this worker takes its place in the same directory')
        process, ours_s = self.attach(self.program)
        ours_mb = resident_mb(process.popen.pid)
        say('demo: a build is forced: clone, compile, test')
        say()
        build = self.build()
        after_mb = resident_mb(process.popen.pid)

        seconds = build['complete_at'] - build['started_at']
        say(f'build {build["number"]} of greet: {RESULTS[build["results"]]} ({build["state_string"]}, {seconds} s)')
        steps = self.ask(f'builds/{build["buildid"]}/steps')['steps']
        for step in steps:
            result = 'not finished' if step['results'] is None else RESULTS[step['results']]
            say(f'  {step["name"]:<20} {result:<10} {step["state_string"]}')
        say()
        for step in steps:
            if step['name'] == 'test' or step['results'] not in (0, None):
                say(f'log of the step {step["name"]}:')
                for line in self.output_lines(step):
                    say(f'  {line}')
                say()
        size_mb = self.program.stat().st_size / 1e6
        say('                             this worker   Python worker')
        say(f'start until attached (s)     {ours_s:11.3f}   {python_s:13.3f}')
        say(f'resident memory idle (MB)    {ours_mb:11.1f}   {python_mb:13.1f}')
        say(f'the same after the build     {after_mb:11.1f}')
        say(f'the program, one file (MB)   {size_mb:11.1f}')
        if build['results'] != 0:
            raise Failed(f'the build did not succeed; the end of the worker\'s log:\n'
                         f'{tail(self.directory / "worker" / "twistd.log")}')
        pid = process.popen.pid
        process.stop()
        say()
        say(f'demo: the worker (process {pid}) has been stopped; the master follows')


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    with tempfile.TemporaryDirectory(prefix='buildbot-demo-') as directory:
        demo = Demo(program, pathlib.Path(directory))
        try:
            demo.play()
        except Failed as error:
            print(f'demo: failed: {error}', file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print('demo: stopped', file=sys.stderr)
            return 130
        except urllib.error.HTTPError as error:
            print(f'demo: failed: the master answers {error}: {error.read().decode(errors="replace")}', file=sys.stderr)
            return 1
        finally:
            demo.stop_all()
    print('demo: all is stopped, the temporary directory is removed')
    return 0


if __name__ == '__main__':
    sys.exit(main())
