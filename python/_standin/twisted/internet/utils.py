"""Programs that are run for their output."""

from twisted.internet import threads


def _run(executable, args, env, path, errortoo=False):
    import subprocess

    def text(value):
        return value.decode() if isinstance(value, bytes) else value

    return subprocess.run(
        [text(executable), *(text(arg) for arg in args)],
        env={text(k): text(v) for k, v in env.items()} if env else {},
        cwd=path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if errortoo else subprocess.PIPE,
        check=False,
    )


def getProcessOutput(executable, args=(), env={}, path=None, reactor=None, errortoo=0):
    def output(done):
        if done.stderr and not errortoo:
            raise OSError(f"got stderr: {done.stderr!r}")
        return done.stdout

    return threads.deferToThread(_run, executable, args, env, path, errortoo).addCallback(output)


def getProcessValue(executable, args=(), env={}, path=None, reactor=None):
    return threads.deferToThread(_run, executable, args, env, path).addCallback(
        lambda done: done.returncode
    )


def getProcessOutputAndValue(
    executable, args=(), env={}, path=None, reactor=None, stdinBytes=None
):
    return threads.deferToThread(_run, executable, args, env, path).addCallback(
        lambda done: (done.stdout, done.stderr, done.returncode)
    )
