"""Steps that make the updates of a worker command visible through the REST interface."""

import json
import stat

from buildbot.process import buildstep
from buildbot.process import remotecommand
from buildbot.process.results import WARNINGS
from buildbot.process.results import statusToString


def portable(key, values):
    """Leaves out what differs between two runs on one machine: inodes, times, the order of a directory."""
    if key == 'elapsed':
        return [value >= 0 for value in values]
    if key == 'files':
        return [sorted(files) for files in values]
    if key == 'stat':
        return [
            {
                'integers': all(isinstance(number, int) for number in value),
                'length': len(value),
                'mode': oct(value[stat.ST_MODE]),
                'links': value[stat.ST_NLINK],
                'uid': value[stat.ST_UID],
                'gid': value[stat.ST_GID],
                'size': None if stat.S_ISDIR(value[stat.ST_MODE]) else value[stat.ST_SIZE],
            }
            for value in values
        ]
    return list(values)


class _Recorded(buildstep.BuildStep):
    # An exception of the worker ends a build at once; with this it is written down, and the step is WARNINGS.
    def __init__(self, recordExceptions=False, **kwargs):
        super().__init__(**kwargs)
        self.recordExceptions = recordExceptions

    async def run_recorded(self, cmd):
        log = await self.addLog('stdio')
        cmd.useLog(log, True, 'stdio')
        broken = False
        try:
            await self.runCommand(cmd)
        except Exception:
            if not self.recordExceptions:
                raise
            broken = True
        record = {key: portable(key, values) for key, values in cmd.updates.items() if key != 'log'}
        record['rc'] = cmd.rc
        record['failure'] = cmd.remote_failure_reason
        record['broken'] = broken
        lines = [f'{key}: {json.dumps(record[key], sort_keys=True)}\n' for key in sorted(record)]
        await self.addCompleteLog('updates', ''.join(lines))
        self.descriptionDone = [f'{cmd.remote_command}: {statusToString(cmd.results())}']
        return WARNINGS if broken else cmd.results()


class Remote(_Recorded):
    """Runs the worker command `command` with exactly the arguments `args`."""

    def __init__(self, command, args, **kwargs):
        super().__init__(**kwargs)
        self.command = command
        self.args = args

    async def run(self):
        return await self.run_recorded(remotecommand.RemoteCommand(self.command, dict(self.args)))


class RemoteShell(_Recorded):
    """Runs a program as the steps of Buildbot do; `logfiles` and `args` as RemoteShellCommand takes them."""

    def __init__(self, command, workdir='build', args=None, **kwargs):
        super().__init__(**kwargs)
        self.command = command
        self.shell_workdir = workdir
        self.args = args or {}

    async def run(self):
        cmd = remotecommand.RemoteShellCommand(self.shell_workdir, self.command, **self.args)
        for name in self.args.get('logfiles', {}):
            cmd.useLog(await self.addLog(name), True, name)
        return await self.run_recorded(cmd)
