"""What reporters find out about builds, and addresses of pages about them.

The functions ask `master.data`, so that custom reporters get the same dictionaries as the
reporters of the master.
"""

from __future__ import annotations

from buildbot._host.elsewhere import elsewhere
from buildbot.process.properties import renderer
from buildbot.process.results import RETRY
from buildbot.util import flatten
from buildbot.util.twisted import async_to_deferred


@async_to_deferred
async def getPreviousBuild(master, build):
    """The build before on the same builder that was not to be retried, or None."""
    number = build["number"] - 1
    while number >= 0:
        previous = await master.data.get(("builders", build["builderid"], "builds", number))
        if previous and previous["results"] != RETRY:
            return previous
        number -= 1
    return None


@async_to_deferred
async def getDetailsForBuildset(
    master,
    bsid,
    want_properties=False,
    want_steps=False,
    want_previous_build=False,
    want_logs=False,
    add_logs=None,
    want_logs_content=False,
):
    """A build set and its builds, with everything that was asked for."""
    from buildbot.data import resultspec

    buildset = await master.data.get(("buildsets", bsid))
    of_set = [resultspec.Filter("buildsetid", "eq", [bsid])]
    requests = await master.data.get(("buildrequests",), filters=of_set)
    found = []
    for request in requests:
        path = ("buildrequests", request["buildrequestid"], "builds")
        found.append(await master.data.get(path))
    builds = flatten(found, types=(list,))
    if builds:
        await getDetailsForBuilds(
            master,
            buildset,
            builds,
            want_properties=want_properties,
            want_steps=want_steps,
            want_previous_build=want_previous_build,
            want_logs=want_logs,
            add_logs=add_logs,
            want_logs_content=want_logs_content,
        )
    return {"buildset": buildset, "builds": builds}


@async_to_deferred
async def getDetailsForBuild(
    master,
    build,
    want_properties=False,
    want_steps=False,
    want_previous_build=False,
    want_logs=False,
    add_logs=None,
    want_logs_content=False,
):
    """Adds to a build what was asked for, its request, its build set and its parent."""
    request = await master.data.get(("buildrequests", build["buildrequestid"]))
    buildset = await master.data.get(("buildsets", request["buildsetid"]))
    build["buildrequest"] = request
    build["buildset"] = buildset

    parent = parent_builder = None
    if buildset["parent_buildid"]:
        parent = await master.data.get(("builds", buildset["parent_buildid"]))
        parent_builder = await master.data.get(("builders", parent["builderid"]))
    build["parentbuild"] = parent
    build["parentbuilder"] = parent_builder

    return await getDetailsForBuilds(
        master,
        buildset,
        [build],
        want_properties=want_properties,
        want_steps=want_steps,
        want_previous_build=want_previous_build,
        want_logs=want_logs,
        add_logs=add_logs,
        want_logs_content=want_logs_content,
    )


@async_to_deferred
async def get_details_for_buildrequest(master, buildrequest, build):
    """Fills a dictionary that stands for the build that a request will become."""
    buildset = await master.data.get(("buildsets", buildrequest.buildsetid))
    builder = await master.data.get(("builders", buildrequest.builderid))
    build["buildrequest"] = buildrequest
    build["buildset"] = buildset
    build["builderid"] = buildrequest.builderid
    build["builder"] = builder
    build["url"] = getURLForBuildrequest(master, buildrequest.buildrequestid)
    build["results"] = None
    build["complete"] = False


def should_attach_log(logs_config, log):
    """Whether a list of log names, plain or `step.log`, or True, asks for this log."""
    if isinstance(logs_config, bool):
        return logs_config
    if log["name"] in logs_config:
        return True
    return f"{log['stepname']}.{log['name']}" in logs_config


@async_to_deferred
async def getDetailsForBuilds(
    master,
    buildset,
    builds,
    want_properties=False,
    want_steps=False,
    want_previous_build=False,
    want_logs=False,
    add_logs=None,
    want_logs_content=False,
):
    """Adds to builds of one build set what was asked for."""
    wanted_logs = want_logs_content or add_logs or []
    want_logs = bool(want_logs or wanted_logs)
    want_steps = want_steps or want_logs

    builders = {}
    for build in builds:
        builder_id = build["builderid"]
        if builder_id not in builders:
            builders[builder_id] = await master.data.get(("builders", builder_id))

    for build in builds:
        build["builder"] = builders[build["builderid"]]
        build["buildset"] = buildset
        build["url"] = getURLForBuild(master, build["builderid"], build["number"])
    if want_properties:
        for build in builds:
            build["properties"] = await master.data.get(("builds", build["buildid"], "properties"))
    if want_previous_build:
        for build in builds:
            build["prev_build"] = await getPreviousBuild(master, build)
    if want_steps:
        for build in builds:
            build["steps"] = list(await master.data.get(("builds", build["buildid"], "steps")))
    if want_logs:
        for build in builds:
            for step in build["steps"]:
                await _add_logs(master, build, step, wanted_logs)


async def _add_logs(master, build, step, wanted_logs):
    step["logs"] = list(await master.data.get(("steps", step["stepid"], "logs")))
    for log in step["logs"]:
        log["stepname"] = step["name"]
        log["url"] = get_url_for_log(
            master, build["builderid"], build["number"], step["number"], log["slug"]
        )
        log["url_raw"] = get_url_for_log_raw(master, log["logid"], "raw")
        log["url_raw_inline"] = get_url_for_log_raw(master, log["logid"], "raw_inline")
        if should_attach_log(wanted_logs, log):
            log["content"] = await master.data.get(("logs", log["logid"], "contents"))


@async_to_deferred
async def getResponsibleUsersForSourceStamp(master, sourcestampid):
    """Authors of the changes and of the patch of a source stamp, sorted."""
    changes = await master.data.get(("sourcestamps", sourcestampid, "changes"))
    stamp = await master.data.get(("sourcestamps", sourcestampid))
    users = {change["author"] for change in changes}
    patch = stamp["patch"]
    if patch and patch["author"]:
        users.add(patch["author"])
    return sorted(users)


@async_to_deferred
async def getResponsibleUsersForBuild(master, buildid):
    """Authors of the changes of a build and whom its properties name as owners, sorted."""
    changes = await master.data.get(("builds", buildid, "changes"))
    properties = await master.data.get(("builds", buildid, "properties"))
    users = {change["author"] for change in changes}
    if "owner" in properties:
        owner = properties["owner"][0]
        if isinstance(owner, str):
            users.add(owner)
        else:
            from twisted.python import log

            users.update(owner)
            log.msg(
                f"Warning: owner property is a list for buildid {buildid}. "
                f"Please report a bug: changes: {changes}. properties: {properties}"
            )
    if "owners" in properties:
        users.update(properties["owners"][0])
    return sorted(users)


@async_to_deferred
async def get_responsible_users_for_buildset(master, buildsetid):
    """The owner that the properties of a build set name."""
    properties = await master.data.get(("buildsets", buildsetid, "properties"))
    owner = properties.get("owner", None)
    return sorted({owner[0]} if owner else set())


# Addresses


def getURLForBuild(master, builderid, build_number):
    return f"{master.config.buildbotURL}#/builders/{builderid}/builds/{build_number}"


def getURLForBuildrequest(master, buildrequestid):
    return f"{master.config.buildbotURL}#/buildrequests/{buildrequestid}"


def get_url_for_log(master, builderid, build_number, step_number, log_slug):
    build = getURLForBuild(master, builderid, build_number)
    return f"{build}/steps/{step_number}/logs/{log_slug}"


def get_url_for_log_raw(master, logid, suffix):
    return f"{master.config.buildbotURL}api/v2/logs/{logid}/{suffix}"


@renderer
def URLForBuild(props):
    """Renders to the address of the build's page."""
    return props.getBuild().getUrl()


# Several reports at once


def merge_reports_prop(reports, prop):
    """The values of all reports added up; None if no report has one."""
    merged = None
    for report in reports:
        value = report.get(prop)
        if value is not None:
            merged = value if merged is None else merged + value
    return merged


def merge_reports_prop_take_first(reports, prop):
    """The value of the first report that has one."""
    for report in reports:
        value = report.get(prop)
        if value is not None:
            return value
    return None


_elsewhere = elsewhere(__name__, "defer log")


def __getattr__(name):
    if name == "resultspec":
        from buildbot.data import resultspec

        return resultspec
    return _elsewhere(name)
