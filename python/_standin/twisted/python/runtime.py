"""What kind of system this is."""

import os
import sys
import time


class Platform:
    type = {"posix": "posix", "nt": "win32"}.get(os.name, os.name)
    seconds = staticmethod(time.time)

    def isWindows(self):
        return self.type == "win32"

    def isMacOSX(self):
        return sys.platform == "darwin"

    def isLinux(self):
        return sys.platform.startswith("linux")

    def getType(self):
        return self.type


platform = Platform()
platformType = platform.getType()
seconds = time.time
