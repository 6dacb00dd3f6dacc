"""The step that starts builds of other builders."""

from __future__ import annotations

from buildbot._host import runtime
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.process.buildstep import CANCELLED, EXCEPTION, SUCCESS, BuildStep
from buildbot.process.properties import Properties, Property
from buildbot.process.properties import _is_renderable as is_renderable
from buildbot.process.results import ALL_RESULTS, statusToString, worst_status

__all__ = [
    "ALL_RESULTS",
    "BuildStep",
    "CANCELLED",
    "EXCEPTION",
    "Properties",
    "Property",
    "SUCCESS",
    "Trigger",
    "statusToString",
    "worst_status",
]

__getattr__ = elsewhere(
    __name__,
    "IRenderable ITriggerableScheduler config defer getURLForBuild getURLForBuildrequest log",
)


class Trigger(BuildStep):
    """Triggers schedulers, and waits for what they start if it is told to."""

    name = "trigger"
    renderables = [
        "alwaysUseLatest",
        "parent_relationship",
        "schedulerNames",
        "set_properties",
        "sourceStamps",
        "updateSourceStamp",
        "waitForFinish",
    ]
    flunkOnFailure = True

    @recorded
    def __init__(
        self,
        schedulerNames=None,
        sourceStamp=None,
        sourceStamps=None,
        updateSourceStamp=None,
        alwaysUseLatest=False,
        waitForFinish=False,
        set_properties=None,
        copy_properties=None,
        parent_relationship="Triggered from",
        unimportantSchedulerNames=None,
        **kwargs,
    ):
        schedulerNames = schedulerNames or []
        unimportantSchedulerNames = unimportantSchedulerNames or []
        if not schedulerNames:
            config_error("You must specify a scheduler to trigger")
        if (sourceStamp or sourceStamps) and updateSourceStamp is not None:
            config_error("You can't specify both sourceStamps and updateSourceStamp")
        if (sourceStamp or sourceStamps) and alwaysUseLatest:
            config_error("You can't specify both sourceStamps and alwaysUseLatest")
        if alwaysUseLatest and updateSourceStamp is not None:
            config_error("You can't specify both alwaysUseLatest and updateSourceStamp")

        self.schedulerNames = schedulerNames
        self.unimportantSchedulerNames = unimportantSchedulerNames
        names = list(schedulerNames) + list(unimportantSchedulerNames)
        if not any(is_renderable(name) for name in names):
            if not set(unimportantSchedulerNames) <= set(schedulerNames):
                config_error("unimportantSchedulerNames must be a subset of schedulerNames")

        self.sourceStamps = self._stamps(sourceStamp, sourceStamps)
        if updateSourceStamp is None:
            updateSourceStamp = not (alwaysUseLatest or self.sourceStamps)
        self.updateSourceStamp = updateSourceStamp
        self.alwaysUseLatest = alwaysUseLatest
        self.waitForFinish = waitForFinish
        properties = {}
        properties.update(set_properties or {})
        properties.update((name, Property(name)) for name in ([] if copy_properties is None else copy_properties))
        self.set_properties = properties
        self.parent_relationship = parent_relationship
        self.running = False
        self.ended = False
        self.brids = []
        self.triggeredNames = None
        self.waitForFinishDeferred = None
        self._result_list = []
        super().__init__(**kwargs)

    @staticmethod
    def _stamps(one, several):
        stamps = [] if several is None else several
        if one:
            stamps = [*stamps, one]
        return stamps

    def createTriggerProperties(self, properties):
        """The properties of the triggered builds, of a dictionary."""
        made = Properties()
        made.update(properties, "Trigger")
        return made

    def getSchedulerByName(self, name):
        """The triggerable scheduler of this name."""
        schedulers = self.build.builder.botmaster.parent.scheduler_manager.namedServices
        scheduler = schedulers.get(name)
        if scheduler is None:
            raise ValueError(f"unknown triggered scheduler: {name!r}")
        return scheduler

    def getSchedulersAndProperties(self):
        """What to trigger, one dictionary for each scheduler; classes of users override it."""
        return [
            {
                "sched_name": name,
                "props_to_set": self.set_properties,
                "unimportant": name in self.unimportantSchedulerNames,
            }
            for name in self.schedulerNames
        ]

    def prepareSourcestampListForTrigger(self):
        """The source stamps of the triggered builds, as dictionaries."""
        if self.sourceStamps:
            by_codebase = {}
            for stamp in self.sourceStamps:
                codebase = stamp.get("codebase", "")
                assert codebase not in by_codebase, "codebase specified multiple times"
                by_codebase[codebase] = stamp
            return [by_codebase[codebase] for codebase in sorted(by_codebase)]
        if self.alwaysUseLatest:
            return []
        stamps = [_as_dict(stamp) for stamp in self.build.getAllSourceStamps()]
        if self.updateSourceStamp:
            revisions = self.getAllGotRevisions()
            for stamp in stamps:
                codebase = stamp["codebase"]
                if codebase in revisions:
                    stamp["revision"] = revisions[codebase]
        return stamps

    def getAllGotRevisions(self):
        """Codebase → revision that was checked out."""
        revisions = self.getProperty("got_revision", {})
        return revisions if isinstance(revisions, dict) else {"": revisions}

    @runtime.inline
    def worstStatus(self, overall_results, rclist, unimportant_brids):
        """The worst of `overall_results` and the important ones of `rclist`."""
        for success, results_and_brids in rclist:
            if not success:
                overall_results = worst_status(overall_results, EXCEPTION)
                continue
            results, brids = results_and_brids
            if not set(unimportant_brids).issuperset(brids.values()):
                overall_results = worst_status(overall_results, results)
        return overall_results
        yield

    @runtime.native
    def addBuildUrls(self, rclist):
        """Adds a link for each build that was started."""

    @runtime.native
    def _add_results(self, brid):
        """Notes the result of a triggered build when it ends."""

    @runtime.native
    def _trigger(self, schedulers, stamps):
        """Triggers schedulers, and waits for them if that is wanted."""

    @runtime.inline
    def run(self):
        """Triggers the schedulers."""
        found = yield self.getSchedulersAndProperties()
        schedulers = []
        for one in found:
            if not isinstance(one, dict):
                # As it was written before there were dictionaries.
                name, properties = one
                one = {"sched_name": name, "props_to_set": properties, "unimportant": False}
            properties = self.createTriggerProperties(one["props_to_set"])
            schedulers.append((one["sched_name"], bool(one["unimportant"]), properties.asList()))
        stamps = self.prepareSourcestampListForTrigger()
        results = yield self._trigger(schedulers, stamps)
        return results

    def _carried_out(self, end):
        self.triggeredNames = end["triggered"]
        self._result_list = end["triggered_results"]
        self.ended = end["told"]

    def getResultSummary(self):
        if self.ended:
            return {"step": "interrupted"}
        return self.getCurrentSummary() if self.triggeredNames else {}

    def getCurrentSummary(self):
        if not self.triggeredNames:
            return {"step": "running"}
        parts = [f"triggered {', '.join(self.triggeredNames)}"]
        for status in ALL_RESULTS:
            count = self._result_list.count(status)
            if count:
                parts.append(f"{count} {statusToString(status, count)}")
        return {"step": ", ".join(parts)}


# What a source stamp is made of, in the terms of the data API.
_STAMP = ("branch", "revision", "repository", "project", "codebase")


def _as_dict(stamp):
    given = stamp.asSSDict() if hasattr(stamp, "asSSDict") else stamp.asDict()
    return {key: given[key] for key in given if key in _STAMP or key.startswith("patch")}
