"""The event loop of this process, as far as timers and threads go."""

import sys

from twisted.internet._clock import _Reactor

sys.modules[__name__] = _Reactor()
