"""For latent workers whose instances depend on the build they are started for."""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(__name__, "defer")


class CompatibleLatentWorkerMixin:
    """A running instance builds only what would have started the same instance.

    A worker says in `renderWorkerProps` what its instance depends on.
    """

    builds_may_be_incompatible = True
    _actual_build_props = None

    def renderWorkerProps(self, build):
        raise NotImplementedError

    def renderWorkerPropsOnStart(self, build):
        """A Deferred with what the instance depends on; remembered until it stops."""

        def remember(props):
            import copy

            self._actual_build_props = copy.deepcopy(props)
            return props

        return self._rendered(build).addCallback(remember)

    def resetWorkerPropsOnStop(self):
        self._actual_build_props = None

    def isCompatibleWithBuild(self, build):
        from buildbot.util.service import settled

        if self._actual_build_props is None:
            return settled(True)
        return self._rendered(build).addCallback(lambda p: p == self._actual_build_props)

    def _rendered(self, build):
        from buildbot._host.deferreds import defer_module

        return defer_module().maybeDeferred(self.renderWorkerProps, build)
