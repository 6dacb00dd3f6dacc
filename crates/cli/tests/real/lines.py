"""Runs command lines of the real `buildbot`, one a line of standard input, each in a process of its own that has its
modules already. Prints a list of standard output and exit code for each, as JSON.

    lines.py PROGRAM
"""

import json
import os
import sys
import tempfile

from buildbot.scripts import runner


def run(words):
    with tempfile.TemporaryFile() as output:
        pid = os.fork()
        if pid == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            sys.stdout = os.fdopen(1, "w")
            sys.argv = [sys.argv[1], *words]
            code = 1
            try:
                runner.run()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
            finally:
                sys.stdout.flush()
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        output.seek(0)
        return output.read().decode(), os.waitstatus_to_exitcode(status)


lines = [line.rstrip("\n") for line in sys.stdin]
print(json.dumps([run([word for word in line.split(" ") if word]) for line in lines]))
