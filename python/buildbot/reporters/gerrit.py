"""Reviews on Gerrit, given over ssh."""

from __future__ import annotations

from buildbot._host.by_master import by_master
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.process.results import EXCEPTION, FAILURE, RETRY, SUCCESS, WARNINGS, Results
from buildbot.reporters.base import ReporterBase
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(
    __name__,
    "ProcessProtocol bytes2unicode defer implementer interfaces log reactor",
)


GERRIT_VERSION_CACHE_TIMEOUT = 600
GERRIT_LABEL_VERIFIED = "Verified"
GERRIT_LABEL_REVIEWED = "Code-Review"


def makeReviewResult(message, *labels):
    """What a callback of a generator returns: the text, and pairs of label and value."""
    return {"message": message, "labels": dict(labels)}


def _old_add_label(label, value):
    options = {GERRIT_LABEL_VERIFIED: "--verified", GERRIT_LABEL_REVIEWED: "--code-review"}
    if label in options:
        return [f"{options[label]} {int(value)}"]
    from buildbot.warnings import warnings

    warnings.warn(
        f"Gerrit older than 2.6 does not support custom labels. Setting {label} is ignored.",
        stacklevel=1,
    )
    return []


def _new_add_label(label, value):
    return [f"--label {label}={int(value)}"]


def defaultReviewCB(builderName, build, result, master, arg):
    """The review of one build."""
    if result == RETRY:
        return makeReviewResult(None)
    message = (
        "Buildbot finished compiling your patchset\n"
        f"on configuration: {builderName}\n"
        f"The result is: {Results[result].upper()}\n"
    )
    return makeReviewResult(message, (GERRIT_LABEL_VERIFIED, result == SUCCESS or -1))


def defaultSummaryCB(buildInfoList, results, master, arg):
    """The review of all builds of a set: good if all are."""
    paragraphs = []
    for info in buildInfoList:
        text = f"Builder {info['name']} {info['resultText']} ({info['text']})"
        link = info.get("url", None)
        paragraphs.append(f"{text} - {link}" if link else f"{text}.")
    good = bool(buildInfoList) and all(info["result"] == SUCCESS for info in buildInfoList)
    return makeReviewResult("\n\n".join(paragraphs), (GERRIT_LABEL_VERIFIED, 1 if good else -1))


class DEFAULT_REVIEW:
    """Stands for `defaultReviewCB`."""


class DEFAULT_SUMMARY:
    """Stands for `defaultSummaryCB`."""


@async_to_deferred
async def extract_project_revision(master, report):
    """Project and revision that a report is about, None for both if unknown."""
    builds = report["builds"]
    if builds:
        properties = builds[0]["properties"]
    else:
        path = ("buildsets", report["buildset"]["bsid"], "properties")
        properties = await master.data.get(path)

    def value(name, default=None):
        return properties.get(name, [default])[0]

    downloads, downloaded = value("repo_downloads"), value("repo_downloaded")
    if downloads is not None and downloaded:
        downloaded = downloaded.split(" ")
        if len(downloads) == 1 and 2 * len(downloads) == len(downloaded):
            return downloads[0].split(" ")[0], downloaded[1]
    if value("event.change.id") is None:
        return None, None
    codebase = value("codebase")
    revision = value("event.patchSet.revision") or value("got_revision") or value("revision")
    if isinstance(revision, dict):
        # several codebases: the one of the change
        revision = revision.get(codebase) if codebase is not None else None
    return value("event.change.project"), revision


class GerritStatusGeneratorBase(Described):
    """Base of the generators whose callbacks decide what a review says."""

    _described_hooks = ("generate",)
    _described_own = ("wanted_event_keys",)

    @recorded
    def __init__(self, callback, callback_arg, builders, want_steps, want_logs):
        self.callback = callback
        self.callback_arg = callback_arg
        self.builders = builders
        self.want_steps = want_steps
        self.want_logs = want_logs

    def is_build_reported(self, build):
        return self.builders is None or build["builder"]["name"] in self.builders

    @async_to_deferred
    async def get_build_details(self, master, build):
        from buildbot.reporters import utils

        request = await master.data.get(("buildrequests", build["buildrequestid"]))
        buildset = await master.data.get(("buildsets", request["buildsetid"]))
        await utils.getDetailsForBuilds(
            master,
            buildset,
            [build],
            want_properties=True,
            want_steps=self.want_steps,
        )

    def check(self):
        pass


def _report(answer, builds, buildset):
    """The report that a callback's answer makes."""
    return {
        "body": answer.get("message", None),
        "extra_info": {"labels": answer.get("labels")},
        "builds": builds,
        "buildset": buildset,
    }


class GerritBuildSetStatusGenerator(GerritStatusGeneratorBase):
    """One review when all builds of a set have ended."""

    wanted_event_keys = [("buildsets", None, "complete")]
    _described_own = ()
    _WORDS = {
        SUCCESS: "succeeded",
        FAILURE: "failed",
        WARNINGS: "completed with warnings",
        EXCEPTION: "encountered an exception",
    }

    def check(self):
        pass

    @async_to_deferred
    async def generate(self, master, reporter, key, message):
        from buildbot.reporters import utils

        found = await utils.getDetailsForBuildset(
            master,
            message["bsid"],
            want_properties=True,
            want_steps=self.want_steps,
            want_logs=self.want_logs,
        )
        builds = [build for build in found["builds"] if self.is_build_reported(build)]
        if not builds:
            return None
        infos = [self._info(master, build) for build in builds]
        answer = await any_to_async(
            self.callback(
                sorted(infos, key=lambda info: info["name"]),
                Results[found["buildset"]["results"]],
                master,
                self.callback_arg,
            )
        )
        return _report(answer, [builds[0]], found["buildset"])

    def _info(self, master, build):
        from buildbot.reporters import utils

        result = build["results"]
        unknown = f"completed with unknown result {result}"
        return {
            "name": build["builder"]["name"],
            "result": result,
            "resultText": self._WORDS.get(result, unknown),
            "text": build["state_string"],
            "url": utils.getURLForBuild(master, build["builder"]["builderid"], build["number"]),
            "build": build,
        }


class GerritBuildStartStatusGenerator(GerritStatusGeneratorBase):
    """A comment when a build starts."""

    wanted_event_keys = [("builds", None, "new")]
    _described_own = ()

    def check(self):
        pass

    @async_to_deferred
    async def generate(self, master, reporter, key, message):
        await self.get_build_details(master, message)
        if not self.is_build_reported(message):
            return None
        answer = await any_to_async(
            self.callback(message["builder"]["name"], message, self.callback_arg)
        )
        return _report(answer, [message], message["buildset"])


class GerritBuildEndStatusGenerator(GerritStatusGeneratorBase):
    """A review when a build has ended."""

    wanted_event_keys = [("builds", None, "finished")]
    _described_own = ()

    def check(self):
        pass

    @async_to_deferred
    async def generate(self, master, reporter, key, message):
        await self.get_build_details(master, message)
        if not self.is_build_reported(message):
            return None
        answer = await any_to_async(
            self.callback(
                message["builder"]["name"],
                message,
                message["results"],
                master,
                self.callback_arg,
            )
        )
        return _report(answer, [message], message["buildset"])


class GerritStatusPush(ReporterBase):
    """Gives reviews with `gerrit review`."""

    name = "GerritStatusPush"
    gerrit_server = None
    gerrit_username = None
    gerrit_port = None
    gerrit_version_time = None
    gerrit_version = None
    gerrit_identity_file = None
    _gerrit_notify = None

    @recorded
    def checkConfig(
        self,
        server,
        username,
        port=29418,
        identity_file=None,
        notify=None,
        generators=None,
        **kwargs,
    ):
        if generators is None:
            generators = self._default_generators()
        super().checkConfig(generators=generators, **kwargs)

    def reconfigService(
        self,
        server,
        username,
        port=29418,
        identity_file=None,
        notify=None,
        generators=None,
        **kwargs,
    ):
        self.gerrit_server = server
        self.gerrit_username = username
        self.gerrit_port = port
        self.gerrit_version = None
        self.gerrit_version_time = 0
        self.gerrit_identity_file = identity_file
        self._gerrit_notify = notify
        if generators is None:
            generators = self._default_generators()
        return super().reconfigService(generators=generators, **kwargs)

    def _default_generators(self):
        return [
            GerritBuildSetStatusGenerator(
                callback=defaultSummaryCB,
                callback_arg=None,
                builders=None,
                want_steps=False,
                want_logs=False,
            )
        ]

    def _gerritCmd(self, *args):
        """The command line that runs a command of Gerrit."""
        command = ["ssh", "-o", "BatchMode=yes"]
        if self.gerrit_identity_file is not None:
            command += ["-i", self.gerrit_identity_file]
        target = "@".join((self.gerrit_username, self.gerrit_server))
        return [*command, target, "-p", str(self.gerrit_port), "gerrit", *args]

    @by_master
    def getCachedVersion(self): ...

    @by_master
    def processVersion(self, gerrit_version, func): ...

    @by_master
    def callWithVersion(self, func): ...

    @by_master
    def sendMessage(self, reports): ...

    @by_master
    def send_code_review(self, project, revision, message, labels): ...

    @by_master
    def spawnProcess(self, *arg, **kw): ...
