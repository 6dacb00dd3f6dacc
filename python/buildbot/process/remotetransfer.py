"""The master's ends of file transfers, as arguments of remote commands.

The master itself does the transfer when a command names one of these; their methods serve code
that calls them.
"""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
import os

__getattr__ = elsewhere(__name__, "base bytes2unicode unicode2bytes")


class FileWriter:
    """Receives a file from the worker: first beside `destfile`, then under its name."""

    def __init__(self, destfile, maxsize, mode):
        self.destfile = destfile
        self.mode = mode
        self.remaining = maxsize
        self.tmpname = None
        self.fp = None

    def _open(self):
        if self.fp is None:
            import tempfile

            directory = os.path.dirname(os.path.abspath(self.destfile))
            os.makedirs(directory, exist_ok=True)
            number, self.tmpname = tempfile.mkstemp(dir=directory, prefix="buildbot-transfer-")
            self.fp = os.fdopen(number, "wb")

    def remote_write(self, data):
        """Takes bytes; what is beyond the maximal size is dropped."""
        if isinstance(data, str):
            data = data.encode()
        self._open()
        if self.remaining is not None:
            data = data[: self.remaining]
            self.remaining -= len(data)
        self.fp.write(data)

    def remote_unpack(self):
        """Only directories are unpacked."""
        raise NotImplementedError

    def remote_utime(self, accessed_modified):
        """Sets the times of the written file."""
        os.utime(self.destfile, accessed_modified)

    def remote_close(self):
        """Puts the file where it belongs."""
        self._open()
        self.fp.close()
        self.fp = None
        if os.path.exists(self.destfile):
            os.unlink(self.destfile)
        os.rename(self.tmpname, self.destfile)
        self.tmpname = None
        if self.mode is not None:
            os.chmod(self.destfile, self.mode)

    def cancel(self):
        """Removes what was received so far."""
        if self.fp is not None:
            self.fp.close()
            self.fp = None
        if self.tmpname is not None and os.path.exists(self.tmpname):
            os.unlink(self.tmpname)

    def purge(self):
        """Removes the file."""
        self.cancel()
        if os.path.exists(self.destfile):
            os.unlink(self.destfile)


class DirectoryWriter(FileWriter):
    """Receives a directory as an archive, and unpacks it."""

    def __init__(self, destroot, maxsize, compress, mode):
        import tempfile

        self.destroot = destroot
        self.compress = compress
        os.makedirs(os.path.dirname(os.path.abspath(destroot)), exist_ok=True)
        number, self.tarname = tempfile.mkstemp(prefix="buildbot-transfer-")
        os.close(number)
        super().__init__(self.tarname, maxsize, mode)

    def remote_unpack(self):
        """Unpacks what was received; nothing of it may leave the directory."""
        import tarfile

        self.remote_close()
        with tarfile.open(self.tarname, f"r:{self.compress or ''}") as archive:
            if hasattr(tarfile, "data_filter"):
                archive.extractall(self.destroot, filter="data")
            else:
                archive.extractall(self.destroot, members=_harmless(archive, self.destroot))
        os.unlink(self.tarname)

    def purge(self):
        """Removes the directory."""
        import shutil

        super().purge()
        if os.path.isdir(self.destroot):
            shutil.rmtree(self.destroot)


def _harmless(archive, root):
    root = os.path.realpath(root)
    for member in archive.getmembers():
        if not (member.isfile() or member.isdir()):
            continue
        path = os.path.realpath(os.path.join(root, member.name))
        if path == root or path.startswith(root + os.sep):
            yield member


class FileReader:
    """Gives the worker an open file, piece by piece."""

    def __init__(self, fp):
        self.fp = fp

    def remote_read(self, maxlength):
        if self.fp is None:
            return ""
        return self.fp.read(maxlength)

    def remote_close(self):
        if self.fp is not None:
            self.fp.close()
            self.fp = None


class StringFileWriter:
    """Receives a file from the worker as text."""

    def __init__(self):
        self.buffer = ""

    def remote_write(self, data):
        self.buffer += data if isinstance(data, str) else data.decode("utf-8", "replace")

    def remote_utime(self, accessed_modified):
        """A text has no times."""

    def remote_unpack(self):
        """Only directories are unpacked."""
        raise NotImplementedError

    def remote_close(self):
        """Nothing is left to do."""


class StringFileReader(FileReader):
    """Gives the worker a text as a file."""

    def __init__(self, s):
        from io import BytesIO

        super().__init__(BytesIO(s.encode() if isinstance(s, str) else s))
