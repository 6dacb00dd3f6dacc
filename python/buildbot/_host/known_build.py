"""What a build tells of itself by what it was given: the part that builds of steps and of functions share."""

from __future__ import annotations

from functools import reduce

from buildbot.process.results import statusToString


class KnownBuild:
    """Works on `sources`, `executedSteps`, `stepnames`, `workerforbuilder`, and what a worker said."""

    class Sentinel:
        """Stands for an argument that was not given, where None means something."""

    _sentinel = Sentinel()

    def getProperties(self):
        return self.properties

    # Sources and changes

    def getSourceStamp(self, codebase=""):
        for source in self.sources:
            if source.codebase == codebase:
                return source
        return None

    def getAllSourceStamps(self):
        return list(self.sources)

    @staticmethod
    def allChangesFromSources(sources):
        for source in sources:
            yield from source.changes

    def allChanges(self):
        return KnownBuild.allChangesFromSources(self.sources)

    def allFiles(self):
        return [file for change in self.allChanges() for file in change.files]

    def blamelist(self):
        """The authors of changes and patches, each once, sorted."""
        authors = {change.who for change in self.allChanges()}
        authors.update(source.patch_info[0] for source in self.sources if source.patch)
        return sorted(authors)

    def changesText(self):
        return "".join("-" * 60 + "\n\n" + c.asText() + "\n" for c in self.allChanges())

    def __repr__(self):
        results = statusToString(self.results)
        return f"<Build {self.builder.name} number:{self.number!r} results:{results}>"

    # Worker

    def getWorkerCommandVersion(self, command, oldversion=None):
        return self.workerforbuilder.getWorkerCommandVersion(command, oldversion)

    def getWorkerName(self):
        return self.workername

    def getWorkerInfo(self):
        return self.worker_info

    # Steps

    def setUniqueStepName(self, name):
        """`name`, with a number when the build has such a step already."""
        if name not in self.stepnames:
            self.stepnames[name] = 0
            return name
        self.stepnames[name] += 1
        return f"{name}_{self.stepnames[name]}"

    def getSummaryStatistic(self, name, summary_fn, initial_value=_sentinel):
        """Folds a statistic of the steps that have it."""
        values = [step.getStatistic(name) for step in self.executedSteps if step.hasStatistic(name)]
        if initial_value is self._sentinel:
            return reduce(summary_fn, values)
        return reduce(summary_fn, values, initial_value)
