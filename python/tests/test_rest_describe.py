"""How reporters, web, secrets and statistics are described, users' classes above all."""

import sys
import unittest

import real_buildbot

sys.path.insert(0, real_buildbot.PYTHON)

from buildbot._host.describe import Describer
from buildbot.process.properties import Interpolate, Secret
from buildbot.reporters.base import ReporterBase
from buildbot.reporters.generators.build import (
    BuildStartEndStatusGenerator,
    BuildStatusGenerator,
)
from buildbot.reporters.generators.utils import BuildStatusGeneratorMixin
from buildbot.reporters.github import GitHubStatusPush
from buildbot.reporters.mail import MailNotifier
from buildbot.reporters.message import MessageFormatter, MessageFormatterBase
from buildbot.secrets.providers.base import SecretProviderBase
from buildbot.statistics.capture import CaptureBuildDuration
from buildbot.statistics.storage_backends.base import StatsStorageBase
from buildbot.www import auth, avatar, oauth2
from buildbot.www.authz import Authz, endpointmatchers, roles
from buildbot.www.hooks.github import GitHubEventHandler, GitHubHandler


class Description:
    """Describes one value; objects are looked up by following it."""

    def __init__(self, value):
        self.describer = Describer()
        self.value = self.describer.value(value)

    def object(self, reference):
        return self.describer.objects[reference["n"]]

    @property
    def top(self):
        return self.object(self.value)


class OurClasses(unittest.TestCase):
    def test_a_reporter_is_described_by_what_the_user_gave(self):
        made = GitHubStatusPush(token=Secret("t"), context=Interpolate("x/%(prop:a)s"))
        top = Description(made).top
        self.assertEqual(top["c"], "buildbot.reporters.github.GitHubStatusPush")
        self.assertEqual(set(top["a"]), {"token", "context", "name"})
        self.assertEqual(top["a"]["token"]["$"], "Secret")
        self.assertNotIn("u", top)

    def test_positional_arguments_get_their_names(self):
        top = Description(oauth2.GitHubAuth("id", "secret", None, True)).top
        self.assertEqual(
            top["a"],
            {"clientId": "id", "clientSecret": "secret", "serverURL": None, "autologin": True},
        )

    def test_default_generators_and_formatters_are_not_described(self):
        top = Description(MailNotifier("a@b.c")).top
        self.assertEqual(set(top["a"]), {"fromaddr", "name"})
        self.assertEqual(
            Description(BuildStatusGenerator(report_new=True)).top["a"], {"report_new": True}
        )

    def test_template_and_functions_of_a_formatter_are_described(self):
        made = MessageFormatter(template="{{ build.number }}", extra_info_cb=len)
        top = Description(made).top
        self.assertEqual(top["a"]["template"], "{{ build.number }}")
        self.assertEqual(top["a"]["extra_info_cb"]["$"], "fn")

    def test_rules_stand_in_their_order(self):
        found = Description(
            Authz(
                allowRules=[
                    endpointmatchers.AnyEndpointMatcher(role="a", defaultDeny=False),
                    endpointmatchers.StopBuildEndpointMatcher(role="b", builder="x*"),
                ],
                roleMatchers=[roles.RolesFromEmails(admins=["a@b"])],
            )
        )
        first, second = (found.object(rule) for rule in found.top["a"]["allowRules"])
        self.assertEqual(first["a"], {"role": "a", "defaultDeny": False})
        self.assertEqual(second["a"], {"role": "b", "builder": "x*"})
        matcher = found.object(found.top["a"]["roleMatchers"][0])
        self.assertEqual(matcher["a"], {"admins": ["a@b"]})

    def test_a_login_of_the_users_own_says_whose_password_it_is(self):
        from buildbot._host.deferreds import defer_module

        defer = defer_module()

        class Login(auth.CustomAuth):
            def check_credentials(self, username, password):
                if username == b"broken":
                    raise ValueError("it is broken")
                answer = (username, password) == (b"ann", b"pw")
                return defer.succeed(answer) if username == b"later" else answer

        def checked(name, password):
            found = []
            Login()._check_password(name, password).addBoth(found.append)
            return found[0]

        self.assertEqual(checked(b"ann", b"pw"), "ann")
        self.assertIsNone(checked(b"ann", b""))
        # A Deferred of something false lets nobody in.
        self.assertIsNone(checked(b"later", b"pw"))
        self.assertEqual(str(checked(b"broken", b"pw").value), "it is broken")

    def test_passwords_of_logins_are_described(self):
        top = Description(auth.UserPasswordAuth({"joe": "x"})).top
        self.assertEqual(top["a"]["users"], {"$": "dict", "v": [["joe", "x"]]})
        self.assertEqual(Description(auth.RemoteUserAuth(header="H")).top["a"], {"header": "H"})

    def test_classes_without_arguments_take_none(self):
        with self.assertRaisesRegex(TypeError, "AvatarGravatar\\(\\) takes no arguments"):
            avatar.AvatarGravatar(5)


class Generator(BuildStatusGeneratorMixin):
    wanted_event_keys = [("builds", None, "finished")]

    def __init__(self, extra):
        super().__init__("all", None, ["b"], None, None, None, None, False)
        self.extra = extra

    def generate(self, master, reporter, key, build):
        return None


class Reporter(ReporterBase):
    name = "Reporter"

    def checkConfig(self, url, generators=None, **kwargs):
        if generators is None:
            generators = [Generator(1)]
        super().checkConfig(generators=generators, **kwargs)

    def sendMessage(self, reports):
        return None


class UsersClasses(unittest.TestCase):
    def test_a_reporter_has_its_generators_and_what_it_overrides(self):
        found = Description(Reporter("http://x"))
        top = found.top
        self.assertEqual(top["c"], "buildbot.reporters.base.ReporterBase")
        self.assertTrue(top["u"].endswith(".Reporter"))
        self.assertEqual(top["over"], ["checkConfig", "sendMessage"])
        self.assertIn("h", top)
        generator = found.object(top["a"]["generators"][0])
        self.assertEqual(generator["over"], ["generate"])
        self.assertEqual(generator["a"]["mode"], "all")
        self.assertEqual(generator["a"]["builders"], ["b"])
        self.assertEqual(
            generator["a"]["wanted_event_keys"],
            [{"$": "tuple", "v": ["builds", None, "finished"]}],
        )

    def test_generators_that_a_subclass_has_by_default_are_described(self):
        class Push(GitHubStatusPush):
            def _create_default_generators(self):
                return [BuildStartEndStatusGenerator(builders=["x"])]

        found = Description(Push("t"))
        self.assertEqual(found.top["over"], ["_create_default_generators"])
        generator = found.object(found.top["a"]["generators"][0])
        self.assertEqual(generator["a"], {"builders": ["x"]})

    def test_a_formatter_has_a_handle(self):
        class Formatter(MessageFormatterBase):
            template_type = "html"

            def format_message_for_build(self, master, build, **kwargs):
                return {}

            def formatMessageForMissingWorker(self, master, worker):
                return {}

        top = Description(Formatter(want_steps=True)).top
        self.assertEqual(top["over"], ["formatMessageForMissingWorker", "format_message_for_build"])
        self.assertEqual(top["attrs"], {"template_type": "html"})
        self.assertEqual(top["a"], {"want_steps": True})

    def test_a_rule_that_adds_endpoints_has_a_handle(self):
        class Rule(endpointmatchers.EndpointMatcherBase):
            def match_BuildEndpoint_rebuild(self, epobject, epdict, options):
                return None

        top = Description(Rule(role="r")).top
        self.assertEqual(top["over"], ["match_BuildEndpoint_rebuild"])
        self.assertEqual(top["a"], {"role": "r"})

    def test_logins_and_roles_and_secrets_have_handles(self):
        class Login(auth.CustomAuth):
            def check_credentials(self, username, password):
                return False

        class Roles(roles.RolesFromBase):
            def getRolesFromUser(self, userDetails):
                return []

        class Secrets(SecretProviderBase):
            name = "mine"

            def get(self, entry):
                return None

        for made, *methods in (
            (Login(), "_check_password", "check_credentials"),
            (auth.TwistedICredAuthBase([], []), "_check_password"),
            (Roles(), "getRolesFromUser"),
            (Secrets(), "get"),
        ):
            with self.subTest(methods=methods):
                top = Description(made).top
                self.assertEqual(top["over"], methods)
                self.assertIn("h", top)

    def test_a_storage_has_the_captures_that_it_sets(self):
        class Storage(StatsStorageBase):
            def __init__(self):
                self.captures = [CaptureBuildDuration("b")]

            def thd_postStatsValue(self, post_data, series_name, context=None):
                return None

        found = Description(Storage())
        capture = found.object(found.top["a"]["captures"][0])
        self.assertEqual(capture["a"], {"builder_name": "b"})

    def test_a_hook_handler_of_the_user_is_made_by_the_dialect(self):
        class Handler(GitHubEventHandler):
            def handle_push(self, payload, event):
                changes, kind = super().handle_push(payload, event)
                return changes[:1], kind

        made = GitHubHandler(None, {"class": Handler, "secret": "s"})
        self.assertIsInstance(made.handler, Handler)
        self.assertEqual(made.handler._secret, "s")

    def test_a_function_that_our_decorators_wrap_is_the_users(self):
        from buildbot.util.twisted import async_to_deferred

        @async_to_deferred
        async def pick(builder, requests):
            return None

        found = Description({"nextBuild": pick})
        ((_, described),) = found.value["v"]
        self.assertEqual(described["$"], "fn")
        self.assertEqual(described["params"], 2)
        file, line = described["at"]
        self.assertEqual(found.describer.files[file], __file__)


if __name__ == "__main__":
    unittest.main()
