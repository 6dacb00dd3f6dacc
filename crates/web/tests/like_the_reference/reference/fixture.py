"""Runs a real master, has it do something of everything, and adds rows for what it does not do by itself.

Usage: fixture.py DIRECTORY PORT. Prints `ready` when everything is there, and ends the master when its input ends.
"""

import base64
import hashlib
import http.client
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE_S = 120


class Fixture:
    def __init__(self, directory, port):
        self.directory = directory
        self.url = f'http://127.0.0.1:{port}/'
        self.buildbot = os.path.join(os.path.dirname(sys.executable), 'buildbot')
        self.environment = dict(os.environ, FIXTURE_PORT=str(port))

    def start(self):
        run = {'env': self.environment, 'stdin': subprocess.DEVNULL, 'stdout': subprocess.DEVNULL}
        subprocess.run([self.buildbot, 'create-master', '-q', self.directory], check=True, **run)
        with open(os.path.join(HERE, 'master.cfg'), encoding='utf-8') as source:
            text = source.read()
        with open(os.path.join(self.directory, 'master.cfg'), 'w', encoding='utf-8') as target:
            target.write(text)
        self.process = subprocess.Popen(
            [self.buildbot, 'start', '--nodaemon', self.directory], **run, stderr=subprocess.DEVNULL
        )
        self.wait_for('masters', lambda answer: answer['masters'][0]['active'])
        self.wait_for(
            'workers', lambda answer: sum(bool(w['connected_to']) for w in answer['workers']) == 3
        )

    def get(self, path):
        with urllib.request.urlopen(self.url + 'api/v2/' + path) as answer:
            return json.load(answer)

    def post(self, path, method, params):
        body = {'jsonrpc': '2.0', 'id': 1, 'method': method, 'params': params}
        request = urllib.request.Request(
            self.url + 'api/v2/' + path,
            data=json.dumps(body).encode(),
            headers={'Content-Type': 'application/json'},
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)['result']
        except urllib.error.HTTPError as error:
            raise SystemExit(f'{method} on {path}: {error.read()!r}') from error

    def change(self, **fields):
        data = urllib.parse.urlencode(fields).encode()
        urllib.request.urlopen(self.url + 'change_hook/base', data=data).read()

    def wait_for(self, path, holds):
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = self.get(path)
                if holds(answer):
                    return answer
            except (urllib.error.URLError, ConnectionError, http.client.HTTPException):
                if self.process.poll() is not None:
                    raise SystemExit('the master has ended')
            if time.monotonic() > end:
                raise SystemExit(f'{path} did not become what it should')
            time.sleep(0.1)

    def builder(self, name):
        return self.get('builders/' + urllib.parse.quote(name))['builders'][0]['builderid']

    def force(self, name, scheduler='force', **params):
        result = self.post(
            f'forceschedulers/{scheduler}', 'force', {'builderid': str(self.builder(name)), **params}
        )
        return list(result[1].values())[0]

    def built(self, request):
        self.wait_for(
            f'buildrequests/{request}', lambda answer: answer['buildrequests'][0]['complete']
        )

    def do_something_of_everything(self):
        for number in range(8):
            self.change(
                author=f'Ann <ann{number % 3}@example.com>', comments=f'change {number} 100% _x',
                branch=['main', 'dev'][number % 2], revision=f'rev{number}', project='built' if number < 4 else 'p',
                repository='http://r/x', files=json.dumps([f'a/{number}', 'b']),
                properties=json.dumps({'number': number, 'text': 'x'}), category='cat' if number % 2 else '',
                when=str(1700000000 + number * 10), revlink=f'http://l/{number}',
            )
        first = self.force('b1', reason='first', branch='main', word='abc')
        self.built(first)
        build = self.get(f'buildrequests/{first}/builds')['builds'][0]
        self.built(self.force('fails', reason='it fails', priority='5'))
        for _ in range(3):
            self.force('fails', reason='again', username='Bob <bob@example.com>')
        self.force('multi', 'multiforce', one_branch='b', one_repository='http://one', two_branch='c',
                   two_revision='5', two_repository='http://two')
        self.post(f'builds/{build["buildid"]}', 'rebuild', {})
        stopped = self.force('slow', reason='to be stopped')
        running = self.wait_for(
            f'buildrequests/{stopped}/builds?complete=false', lambda answer: answer['builds']
        )['builds'][0]
        self.wait_for(
            f'builds/{running["buildid"]}/steps?name=sleep', lambda answer: answer['steps']
        )
        self.post(f'builds/{running["buildid"]}', 'stop', {'reason': 'enough'})
        self.built(stopped)
        still = self.force('slow', reason='goes on')
        running = self.wait_for(
            f'buildrequests/{still}/builds?complete=false', lambda answer: answer['builds']
        )['builds'][0]
        self.wait_for(
            f'builds/{running["buildid"]}/steps?name=sleep',
            lambda answer: answer['steps'] and answer['steps'][0]['started_at'],
        )
        self.force('waits', reason='waits', priority='2')
        self.force('waits', reason='waits, too', branch='x')
        cancelled = self.force('waits', reason='cancelled')
        self.post(f'buildrequests/{cancelled}', 'cancel', {'reason': 'no'})
        self.built(cancelled)
        self.post('workers/absent', 'pause', {'reason': 'a rest'})
        self.wait_for('workers/absent', lambda answer: answer['workers'][0]['paused'])
        self.wait_for(
            'buildrequests?claimed=true&complete=false',
            lambda answer: len(answer['buildrequests']) <= 1,
        )
        self.wait_for('builds?complete=false', lambda answer: len(answer['builds']) == 1)

    def add_rows(self):
        """What only other masters, other versions, or much time make."""
        chance = random.Random(7)
        db = sqlite3.connect(os.path.join(self.directory, 'state.sqlite'), timeout=30)

        def sha(*values):
            return hashlib.sha1(b'\0'.join(str(v).encode() for v in values)).hexdigest()

        with db:
            ex = db.execute
            ex("INSERT INTO masters VALUES (2, 'gone:/srv', ?, 0, 1700000000)", (sha('gone:/srv'),))
            ex("INSERT INTO builders VALUES (50, 'old builder', 'gone', NULL, NULL, NULL, ?)", (sha('old builder'),))
            ex("INSERT INTO builders VALUES (51, '7', NULL, 'markdown', '<p>x</p>', 1, ?)", (sha('7'),))
            ex("INSERT INTO builder_masters (builderid, masterid) VALUES (51, 2), (1, 2)")
            ex("INSERT INTO workers (id, name, info) VALUES (30, 'old-worker', '{}')")
            ex("INSERT INTO configured_workers (buildermasterid, workerid) SELECT id, 30 FROM builder_masters WHERE masterid = 2")
            ex("INSERT INTO schedulers VALUES (40, 'elsewhere', ?, 0)", (sha('elsewhere'),))
            ex("INSERT INTO scheduler_masters VALUES (40, 2)")
            ex("INSERT INTO schedulers VALUES (41, 'nowhere', ?, 1)", (sha('nowhere'),))
            ex("INSERT INTO changesources VALUES (40, 'elsewhere', ?), (41, 'nowhere', ?)", (sha('elsewhere'), sha('nowhere')))
            ex("INSERT INTO changesource_masters VALUES (40, 2)")
            ex("INSERT INTO projects VALUES (40, 'unused', ?, 'unused', NULL, NULL, NULL)", (sha('unused'),))
            ex("INSERT INTO patches VALUES (9, 1, ?, 'who', 'why', 'sub')", (base64.b64encode('+ add\u00e9\n'.encode()).decode(),))
            ex("INSERT INTO sourcestamps VALUES (500, 'x', 'main', NULL, 9, 'http://r/x', '', 'p', 1700000100)")
            ex("INSERT INTO buildsets VALUES (500, 'ext', 'patched 10%', 1700000100, 1, 1700000200, 2, 1, 'Triggered from', 1)")
            ex("INSERT INTO buildset_sourcestamps (buildsetid, sourcestampid) VALUES (500, 500)")
            ex("INSERT INTO buildset_properties VALUES (500, 'owner', '[\"ann@example.com\", \"Force\"]'), (500, 'z', '[{\"b\": 1, \"a\": [null]}, \"S\"]')")
            codebase = ex("SELECT id FROM codebases").fetchone()[0]
            parent = None
            for number in range(1, 8):
                ex("INSERT INTO codebase_commits VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                   (number, codebase, f'Ann {number}', None if number % 2 else 'Com', f'commit {number}', 1700000000 + number,
                    f'{number:040x}', parent))
                parent = number if number != 4 else 2
            # 1 - 2 - 3 - 4;  2 - 5 - 6 - 7
            ex("INSERT INTO codebase_branches VALUES (1, ?, 'main', ?, 4, 1700000004), (2, ?, 'dev', ?, NULL, 1700000009)",
               (codebase, sha('main'), codebase, sha('dev')))
            ex("INSERT INTO codebase_commits VALUES (20, ?, 'Z', NULL, 'alone', 1700000000, 'alone', NULL)", (codebase,))
            request = 1000
            for number in range(1, 61):
                builder = chance.choice([50, 51, 2])
                request += 1
                when = 1700000000 + chance.randrange(100_000)
                complete = number % 7 != 0
                results = chance.choice([0, 1, 2, 3, 4, 5, 6])
                ex("INSERT INTO buildsets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                   (request, chance.choice([None, 'id', '']), chance.choice(['Alpha', 'alpha 50%', 'b_c']), when,
                    int(complete), when + 50 if complete else None, results if complete else -1,
                    chance.choice([None, 1, 2]), None))
                for stamp in chance.sample([1, 2, 500], chance.choice([1, 2])):
                    ex("INSERT INTO buildset_sourcestamps (buildsetid, sourcestampid) VALUES (?, ?)", (request, stamp))
                ex("INSERT INTO buildrequests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   (request, request, builder, chance.randrange(4), int(complete), results if complete else -1, when,
                    when + 50 if complete else None, number % 2))
                if complete or number % 3 == 0:
                    ex("INSERT INTO buildrequest_claims VALUES (?, ?, ?)", (request, chance.choice([1, 2]), when + 1))
                if complete:
                    ex("INSERT INTO builds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       (request, number + 100, builder, request, chance.choice([None, 1, 30]), chance.choice([1, 2]), when + 1,
                        when + 40, chance.randrange(3), chance.choice(['Build successful', 'failed \u00e9', 'b_c 100%']), results))
                    for name in chance.sample(['owner', 'branch', 'x y', 'n'], 2):
                        ex("INSERT INTO build_properties VALUES (?, ?, ?, ?)",
                           (request, name, json.dumps(chance.choice(['v', 1, None, [1, '\u00fc'], 1.5])), chance.choice(['A', 'Build'])))
                    step = ex("INSERT INTO steps (number, name, buildid, started_at, locks_acquired_at, complete_at, state_string, results, urls_json, hidden) VALUES (0, 'old-step', ?, ?, ?, ?, 'done', ?, '[]', 0)",
                              (request, when, chance.choice([None, when]), when + 1, results)).lastrowid
                    ex("INSERT INTO logs (name, slug, stepid, complete, num_lines, type) VALUES ('gone', 'gone', ?, 1, 5, 'd')", (step,))
            first = ex("SELECT id, builderid, buildid, stepid FROM test_result_sets").fetchone()
            for number in range(30):
                ex("INSERT INTO test_result_sets (builderid, buildid, stepid, description, category, value_unit, tests_passed, tests_failed, complete) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   (first[1], first[2], first[3], chance.choice([None, 'Tests', 'x']), chance.choice(['warnings', 'pass_fail']), 'b',
                    chance.choice([None, 3]), chance.choice([None, 0, 2]), number % 2))
                ex("INSERT INTO test_results (builderid, test_result_setid, test_nameid, test_code_pathid, line, duration_ns, value) VALUES (?, ?, ?, ?, ?, ?, ?)",
                   (first[1], first[0], chance.choice([None, 1, 2]), chance.choice([None, 1]), chance.choice([None, 1, 9]), chance.choice([None, 5]), str(number)))
            ex("UPDATE sourcestamps SET revision = ? WHERE id IN (SELECT sourcestampid FROM buildset_sourcestamps "
               "JOIN buildrequests USING (buildsetid) JOIN builds ON builds.buildrequestid = buildrequests.id "
               "WHERE builds.id = ?)", (f'{3:040x}', first[2]))
        db.close()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def main(directory, port):
    fixture = Fixture(directory, port)
    fixture.start()
    try:
        fixture.do_something_of_everything()
        fixture.add_rows()
        print('ready', flush=True)
        sys.stdin.read()
    finally:
        fixture.stop()


main(sys.argv[1], int(sys.argv[2]))
