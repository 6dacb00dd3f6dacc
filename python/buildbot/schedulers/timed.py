"""Schedulers that build at certain times."""

from __future__ import annotations

from buildbot._host.by_master import by_master, with_private
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.schedulers import base
from buildbot.util.codebase import AbsoluteSourceStampsMixin

__getattr__ = elsewhere(
    __name__,
    "ChangeFilter ITriggerableScheduler buildstep config defer implementer log properties "
    "util",
)


@with_private("_actuate", "_scheduleNextBuild_locked")
class Timed(AbsoluteSourceStampsMixin, base.ReconfigurableBaseScheduler):
    """Base: a subclass says in `getNextBuildTime` when the next build is due."""

    compare_attrs = (
        "reason",
        "createAbsoluteSourceStamps",
        "onlyIfChanged",
        "branch",
        "fileIsImportant",
        "change_filter",
        "onlyImportant",
    )
    reason = ""

    class NoBranch:
        """Stands for a branch that was not given."""

    def __init__(self, name, builderNames, **kwargs):
        super().__init__(name=name, builderNames=builderNames, **kwargs)
        self.lastActuated = None
        self.actuateOk = False
        self.actuateAt = None
        self.actuateAtTimer = None
        self.is_first_build = None

    @recorded
    def checkConfig(
        self,
        builderNames,
        reason="",
        createAbsoluteSourceStamps=False,
        onlyIfChanged=False,
        branch=NoBranch,
        change_filter=None,
        fileIsImportant=None,
        onlyImportant=False,
        **kwargs,
    ):
        super().checkConfig(builderNames=builderNames, **kwargs)
        if fileIsImportant and not callable(fileIsImportant):
            config_error("fileIsImportant must be a callable")

    def reconfigService(
        self,
        builderNames,
        reason="",
        createAbsoluteSourceStamps=False,
        onlyIfChanged=False,
        branch=NoBranch,
        change_filter=None,
        fileIsImportant=None,
        onlyImportant=False,
        **kwargs,
    ):
        from buildbot.changes.filter import ChangeFilter
        from buildbot.util import NotABranch

        answer = super().reconfigService(builderNames=builderNames, **kwargs)
        self.reason = reason % {"name": self.name, "classname": type(self).__name__}
        self.branch = branch
        self.change_filter = ChangeFilter.fromSchedulerConstructorArgs(
            change_filter=change_filter,
            branch=NotABranch if branch is self.NoBranch else branch,
        )
        self.createAbsoluteSourceStamps = createAbsoluteSourceStamps
        self.onlyIfChanged = onlyIfChanged
        self.fileIsImportant = fileIsImportant or None
        self.onlyImportant = onlyImportant
        return answer

    def getNextBuildTime(self, lastActuation):
        raise NotImplementedError

    def maybe_force_build_on_unimportant_changes(self, current_actuation_time):
        return False

    def now(self):
        import time

        return time.time()

    def current_utc_offset(self, tm):
        """Seconds that local time is ahead of UTC at the instant `tm`."""
        import datetime

        local = datetime.datetime.fromtimestamp(tm)
        utc = datetime.datetime.fromtimestamp(tm, tz=datetime.timezone.utc)
        return (local - utc.replace(tzinfo=None)).total_seconds()

    @by_master
    def activate(self): ...

    @by_master
    def deactivate(self): ...

    @by_master
    def gotChange(self, change, important): ...

    @by_master
    def startBuild(self): ...

    @by_master
    def getCodebaseDict(self, codebase): ...

    @by_master
    def scheduleNextBuild(self): ...


class Periodic(Timed):
    """Builds every so many seconds."""

    compare_attrs = ("periodicBuildTimer",)

    @recorded
    def checkConfig(
        self,
        builderNames,
        periodicBuildTimer,
        reason="The Periodic scheduler named '%(name)s' triggered this build",
        **kwargs,
    ):
        super().checkConfig(builderNames=builderNames, reason=reason, **kwargs)
        if periodicBuildTimer <= 0:
            config_error("periodicBuildTimer must be positive")

    def reconfigService(
        self,
        builderNames,
        periodicBuildTimer,
        reason="The Periodic scheduler named '%(name)s' triggered this build",
        **kwargs,
    ):
        answer = super().reconfigService(builderNames=builderNames, reason=reason, **kwargs)
        self.periodicBuildTimer = periodicBuildTimer
        return answer

    def getNextBuildTime(self, lastActuated):
        from buildbot.util.service import settled

        return settled(
            self.now() if lastActuated is None else lastActuated + self.periodicBuildTimer
        )


@with_private("_time_to_croniter_tz_time")
class NightlyBase(Timed):
    """Builds at the times that five fields like those of cron match."""

    compare_attrs = (
        "minute",
        "hour",
        "dayOfMonth",
        "month",
        "dayOfWeek",
        "force_at_minute",
        "force_at_hour",
        "force_at_day_of_month",
        "force_at_month",
        "force_at_day_of_week",
    )

    @recorded
    def checkConfig(
        self,
        builderNames,
        minute=0,
        hour="*",
        dayOfMonth="*",
        month="*",
        dayOfWeek="*",
        force_at_minute=None,
        force_at_hour=None,
        force_at_day_of_month=None,
        force_at_month=None,
        force_at_day_of_week=None,
        **kwargs,
    ):
        super().checkConfig(builderNames=builderNames, **kwargs)

    def reconfigService(
        self,
        builderNames,
        minute=0,
        hour="*",
        dayOfMonth="*",
        month="*",
        dayOfWeek="*",
        force_at_minute=None,
        force_at_hour=None,
        force_at_day_of_month=None,
        force_at_month=None,
        force_at_day_of_week=None,
        **kwargs,
    ):
        answer = super().reconfigService(builderNames=builderNames, **kwargs)
        self.minute = minute
        self.hour = hour
        self.dayOfMonth = dayOfMonth
        self.month = month
        self.dayOfWeek = dayOfWeek
        forced = {
            "minute": force_at_minute,
            "hour": force_at_hour,
            "day_of_month": force_at_day_of_month,
            "month": force_at_month,
            "day_of_week": force_at_day_of_week,
        }
        self.force_at_enabled = any(value is not None for value in forced.values())
        for field, value in forced.items():
            if value is None:
                value = 0 if field == "minute" else "*"
            setattr(self, f"force_at_{field}", value)
        return answer

    def _timeToCron(self, time, isDayOfWeek=False):
        """One field as cron writes it. A week begins on Monday here and on Sunday there."""
        if isinstance(time, int):
            return (time + 1) % 7 if isDayOfWeek else time
        if isinstance(time, str):
            if not isDayOfWeek:
                return time
            return ",".join(
                str((int(day) + 1) % 7) if day.strip().isdigit() else day
                for day in time.split(",")
            )
        days = [(day + 1) % 7 for day in time] if isDayOfWeek else time
        return ",".join(str(day) for day in days)

    def _times_to_cron_line(self, minute, hour, day_of_month, month, day_of_week):
        fields = [self._timeToCron(value) for value in (minute, hour, day_of_month, month)]
        fields.append(self._timeToCron(day_of_week, True))
        return " ".join(map(str, fields))

    @by_master
    def getNextBuildTime(self, lastActuated): ...

    @by_master
    def maybe_force_build_on_unimportant_changes(self, current_actuation_time): ...


class Nightly(NightlyBase):
    """Builds at fixed times of the day, week, or month."""

    @recorded
    def checkConfig(
        self,
        *args,
        reason="The Nightly scheduler named '%(name)s' triggered this build",
        **kwargs,
    ):
        super().checkConfig(*args, reason=reason, **kwargs)

    def reconfigService(
        self,
        *args,
        reason="The Nightly scheduler named '%(name)s' triggered this build",
        **kwargs,
    ):
        return super().reconfigService(*args, reason=reason, **kwargs)


@provides("ITriggerableScheduler")
class NightlyTriggerable(NightlyBase):
    """Builds at fixed times what it was triggered for before."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)

    @recorded
    def checkConfig(
        self,
        *args,
        reason="The NightlyTriggerable scheduler named '%(name)s' triggered this build",
        **kwargs,
    ):
        super().checkConfig(*args, reason=reason, **kwargs)

    def reconfigService(
        self,
        *args,
        reason="The NightlyTriggerable scheduler named '%(name)s' triggered this build",
        **kwargs,
    ):
        return super().reconfigService(*args, reason=reason, **kwargs)

    @by_master
    def trigger(
        self,
        waited_for,
        sourcestamps=None,
        set_props=None,
        parent_buildid=None,
        parent_relationship=None,
    ): ...
