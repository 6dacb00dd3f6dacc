"""Reports sent by mail."""

from __future__ import annotations

import re

from buildbot import config, util
from buildbot._host.by_master import by_master
from buildbot._host.declare import provides
from buildbot._host.elsewhere import elsewhere
from buildbot._host.record import Described, recorded
from buildbot.reporters.base import ENCODING, ReporterBase
from buildbot.reporters.generators.build import BuildStatusGenerator
from buildbot.reporters.generators.worker import WorkerMissingGenerator
from buildbot.reporters.message import MessageFormatter, MessageFormatterMissingWorker
from buildbot.util.twisted import any_to_async, async_to_deferred

__getattr__ = elsewhere(
    __name__,
    "Properties defer implementer interfaces merge_reports_prop "
    "merge_reports_prop_take_first reactor ssl unicode2bytes",
)


_VALID_EMAIL_ADDR = r"(?:\S+@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+\.?)"
VALID_EMAIL = re.compile(rf"^(?:{_VALID_EMAIL_ADDR}|(.+\s+)?<{_VALID_EMAIL_ADDR}>\s*)$")
VALID_EMAIL_ADDR = re.compile(_VALID_EMAIL_ADDR)


@provides("IEmailLookup")
class Domain(Described, util.ComparableMixin):
    """Users have their address in one domain."""

    compare_attrs = ("domain",)

    @recorded
    def __init__(self, domain):
        assert "@" not in domain
        self.domain = domain

    def getAddress(self, name):
        """The name with the domain, unless it is an address already."""
        if "@" in name:
            return name
        return name + "@" + self.domain


class MailNotifier(ReporterBase):
    """Sends reports to the people who made the changes and to others."""

    secrets = ["smtpUser", "smtpPassword"]

    @recorded
    def checkConfig(
        self,
        fromaddr,
        relayhost="localhost",
        lookup=None,
        extraRecipients=None,
        sendToInterestedUsers=True,
        extraHeaders=None,
        useTls=False,
        useSmtps=False,
        smtpUser=None,
        smtpPassword=None,
        smtpPort=25,
        dumpMailsToLog=False,
        generators=None,
    ):
        if extraRecipients is None:
            extraRecipients = []
        if not isinstance(extraRecipients, (list, tuple)):
            config.error("extraRecipients must be a list or tuple")
        else:
            for address in extraRecipients:
                if not isinstance(address, str) or not VALID_EMAIL.search(address):
                    config.error(f"extra recipient {address} is not a valid email")
        if lookup is not None and not isinstance(lookup, str):
            assert _is_lookup(lookup)
        if extraHeaders and not isinstance(extraHeaders, dict):
            config.error("extraHeaders must be a dictionary")
        if generators is None:
            generators = self._create_default_generators()
        super().checkConfig(generators=generators)

    @async_to_deferred
    async def reconfigService(
        self,
        fromaddr,
        relayhost="localhost",
        lookup=None,
        extraRecipients=None,
        sendToInterestedUsers=True,
        extraHeaders=None,
        useTls=False,
        useSmtps=False,
        smtpUser=None,
        smtpPassword=None,
        smtpPort=25,
        dumpMailsToLog=False,
        generators=None,
    ):
        if generators is None:
            generators = self._create_default_generators()
        await super().reconfigService(generators=generators)
        self.extraRecipients = [] if extraRecipients is None else extraRecipients
        self.sendToInterestedUsers = sendToInterestedUsers
        self.fromaddr = fromaddr
        self.relayhost = relayhost
        self.lookup = Domain(str(lookup)) if isinstance(lookup, str) else lookup
        self.extraHeaders = extraHeaders
        self.useTls = useTls
        self.useSmtps = useSmtps
        self.smtpUser = smtpUser
        self.smtpPassword = smtpPassword
        self.smtpPort = smtpPort
        self.dumpMailsToLog = dumpMailsToLog

    def _create_default_generators(self):
        return [
            BuildStatusGenerator(
                add_patch=True, message_formatter=MessageFormatter(template_type="html")
            ),
            WorkerMissingGenerator(
                workers="all",
                message_formatter=MessageFormatterMissingWorker(template_type="html"),
            ),
        ]

    def patch_to_attachment(self, patch, index):
        """A patch as part of a mail."""
        return _attachment(patch["body"], f"source patch {index}", ENCODING)

    @by_master
    def createEmail(self, msgdict, title, results, builds=None, patches=None, logs=None): ...

    @by_master
    def sendMessage(self, reports): ...

    @async_to_deferred
    async def findInterrestedUsersEmails(self, users):
        """The addresses of users, by `lookup` if there is one; useless ones are left out."""
        recipients = set()
        for user in users:
            address = user
            if self.lookup:
                address = await any_to_async(self.lookup.getAddress(str(user)))
            if address is None:
                continue
            if address.count("@") > 1:
                address = address[: address.rindex("@")]
            if VALID_EMAIL.search(address):
                recipients.add(address)
            else:
                from twisted.python import log

                log.msg(f"INVALID EMAIL: {address!r}")
        return list(recipients)

    def formatAddress(self, addr):
        """An address for a header, its name encoded."""
        from email.header import Header
        from email.utils import parseaddr

        name, address = parseaddr(addr)
        if name:
            return f'"{Header(name, "utf-8").encode()}" <{address}>'
        return address

    def processRecipients(self, blamelist, m):
        """Sets To and CC of a mail; returns all addresses that it goes to."""
        to = set(blamelist)
        cc = set(self.extraRecipients) if self.sendToInterestedUsers and to else set()
        if not cc and not to:
            to = set(self.extraRecipients)
        m["To"] = ", ".join(self.formatAddress(address) for address in sorted(to))
        if cc:
            m["CC"] = ", ".join(self.formatAddress(address) for address in sorted(cc))
        return list(to | cc)

    @by_master
    def sendMail(self, m, recipients): ...


def _is_lookup(lookup):
    """Whether an object says that it knows addresses (zope's IEmailLookup)."""
    if isinstance(lookup, Domain):
        return True
    from buildbot import interfaces

    return interfaces.IEmailLookup.providedBy(lookup)


def _attachment(body, name, charset):
    from email import encoders
    from email.message import Message

    part = Message()
    part.set_payload(body, charset)
    encoders.encode_base64(part) if part["Content-Transfer-Encoding"] is None else None
    part.add_header("Content-Disposition", "attachment", filename=name)
    return part
