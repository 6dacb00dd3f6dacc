"""Workers, machines and configurators."""

import datetime
import sys
import unittest
from unittest import mock

import real_buildbot

sys.path.insert(0, real_buildbot.PYTHON)

from buildbot._host.describe import Describer
from buildbot.config.errors import capture_config_errors
from buildbot.machine import generic
from buildbot.util import kubeclientservice
from buildbot.worker import AbstractLatentWorker, Worker
from buildbot.worker import docker, ec2, kubernetes, latent, libvirt, local, openstack, upcloud


class Description:
    def __init__(self, value):
        self.describer = Describer()
        self.value = self.describer.value(value)

    def object(self, reference):
        return self.describer.objects[reference["n"]]

    @property
    def top(self):
        return self.object(self.value)


def without(*names):
    """As if these modules were not installed."""
    return mock.patch.dict(sys.modules, dict.fromkeys(names))


class Describing(unittest.TestCase):
    def test_a_worker_has_what_4_3_0_sets(self):
        made = Worker(
            "w", "secret", max_builds=2, notify_on_missing="a@b", properties={"os": "linux"}
        )
        self.assertEqual(made.workername, "w")
        self.assertEqual(made.notify_on_missing, ["a@b"])
        self.assertEqual(made.properties.getProperty("workername"), "w")
        self.assertEqual(made.properties.getPropertySource("os"), "Worker")
        self.assertEqual(
            Description(made).top["a"],
            {
                "name": "w",
                "password": "secret",
                "max_builds": 2,
                "notify_on_missing": "a@b",
                "properties": {"$": "dict", "v": [["os", "linux"]]},
            },
        )

    def test_a_local_worker_needs_nothing_but_a_name(self):
        made = local.LocalWorker("w", workdir="dir", max_builds=1)
        self.assertIsNone(made.password)
        self.assertEqual(
            Description(made).top["a"], {"name": "w", "workdir": "dir", "max_builds": 1}
        )

    def test_positional_arguments_stand_by_name(self):
        with without("docker"), capture_config_errors() as errors:
            made = docker.DockerLatentWorker("d", None, "unix://x", image="i")
        self.assertEqual(
            errors.errors,
            ["The python module 'docker>=4.0' is needed to use a DockerLatentWorker"],
        )
        self.assertEqual(
            Description(made).top["a"],
            {"name": "d", "password": None, "docker_host": "unix://x", "image": "i"},
        )

    def test_a_pod_points_at_its_cluster(self):
        found = Description(
            kubernetes.KubeLatentWorker(
                "k", kube_config=kubeclientservice.KubeHardcodedConfig(master_url="https://k")
            )
        )
        self.assertEqual(
            found.object(found.top["a"]["kube_config"])["a"],
            {"master_url": "https://k", "name": "KubeConfig"},
        )

    def test_a_connection_of_libvirt_is_an_object(self):
        with without("libvirt"), capture_config_errors() as errors:
            made = libvirt.LibVirtWorker("v", "p", libvirt.Connection("qemu:///"), "img")
        self.assertEqual(
            errors.errors, ["The python module 'libvirt' is needed to use a LibVirtWorker"]
        )
        found = Description(made)
        self.assertEqual(found.object(found.top["a"]["hd_image"])["a"], {"uri": "qemu:///"})

    def test_attributes_that_are_assigned_to_a_libvirt_worker_count(self):
        with capture_config_errors():
            made = libvirt.LibVirtWorker("v", "p")
            plain = libvirt.LibVirtWorker("v", "p")
        made.cheap_copy = False
        self.assertEqual(
            Description(made).top["a"], {"name": "v", "password": "p", "cheap_copy": False}
        )
        self.assertEqual(Description(plain).top["a"], {"name": "v", "password": "p"})

    def test_amazon_is_not_asked_while_a_configuration_is_read(self):
        with without("boto3", "botocore"), capture_config_errors() as errors:
            made = ec2.EC2LatentWorker(
                "e",
                "p",
                "m1.small",
                ami="ami-1",
                keypair_name="k",
                security_name="s",
                identifier="i",
                secret_identifier="s",
                region="eu-west-1",
                placement="a",
            )
        self.assertEqual(
            errors.errors, ["The python module 'boto3' is needed to use a EC2LatentWorker"]
        )
        self.assertEqual(made.placement, "eu-west-1a")
        self.assertEqual(Description(made).top["a"]["instance_type"], "m1.small")

    def test_credentials_of_amazon_can_stand_in_a_file(self):
        import tempfile

        with tempfile.NamedTemporaryFile("w", suffix="aws") as file:
            file.write("the id\nthe secret\n")
            file.flush()
            self.assertEqual(ec2._credentials(None, None, file.name), ("the id", "the secret"))

    def test_a_worker_on_a_latent_machine_can_be_made(self):
        # In 4.3.0 its check fails whatever is given.
        made = latent.LocalLatentWorker("l", "p", machine_name="m")
        self.assertEqual(made.properties.getProperty("machine_name"), "m")

    def test_upcloud_and_openstack_tell_what_is_missing(self):
        with without("novaclient", "keystoneauth1"), capture_config_errors() as errors:
            upcloud.UpcloudLatentWorker("u")
            openstack.OpenStackLatentWorker("o", "p", flavor=1, image="i", os_auth_args={})
        self.assertEqual(len(errors.errors), 4)
        self.assertIn("Missing 'auth_url' from os_auth_args", errors.errors[3])


class ClassesOfUsers(unittest.TestCase):
    def test_a_latent_worker_is_described_with_its_hooks(self):
        class Cloud(AbstractLatentWorker):
            builds_may_be_incompatible = True

            def checkConfig(self, name, password, zone, **kwargs):
                super().checkConfig(name, password, **kwargs)

            def reconfigService(self, name, password, zone, **kwargs):
                self.zone = zone
                return super().reconfigService(name, password, **kwargs)

            def start_instance(self, build):
                return True

            def stop_instance(self, fast=False):
                return True

        made = Cloud("c", "p", zone="z", build_wait_timeout=0)
        top = Description(made).top
        self.assertEqual(top["c"], "buildbot.worker.latent.AbstractLatentWorker")
        self.assertEqual(
            top["over"], ["checkConfig", "reconfigService", "start_instance", "stop_instance"]
        )
        self.assertEqual(top["attrs"], {"builds_may_be_incompatible": True})
        self.assertEqual(top["a"], {"name": "c", "password": "p", "build_wait_timeout": 0})
        made.configureService()
        self.assertEqual((made.zone, made.build_wait_timeout), ("z", 0))
        self.assertEqual(len(made.getRandomPass()), 20)

    def test_an_environment_can_be_extended(self):
        class Mine(docker.DockerBaseWorker):
            def createEnvironment(self, build=None):
                environment = super().createEnvironment(build)
                environment["EXTRA"] = "1"
                return environment

        made = Mine("m", "p", image="i", masterFQDN="host:9990")
        made.configureService()
        self.assertEqual(
            made.createEnvironment(),
            {
                "BUILDMASTER": "host",
                "BUILDMASTER_PORT": "9990",
                "BUILDMASTER_PROTOCOL": "pb",
                "WORKERNAME": "m",
                "WORKERPASS": "p",
                "EXTRA": "1",
            },
        )

    def test_the_rendered_properties_of_an_instance_decide_what_it_builds(self):
        class Mine(latent.AbstractLatentWorker):
            pass

        from buildbot.util.latent import CompatibleLatentWorkerMixin

        class Picky(CompatibleLatentWorkerMixin, Mine):
            def renderWorkerProps(self, build):
                return {"image": build}

        made = Picky("p", "p")
        found = []
        made.isCompatibleWithBuild("a").addCallback(found.append)
        made.renderWorkerPropsOnStart("a").addCallback(found.append)
        made.isCompatibleWithBuild("a").addCallback(found.append)
        made.isCompatibleWithBuild("b").addCallback(found.append)
        made.resetWorkerPropsOnStop()
        made.isCompatibleWithBuild("b").addCallback(found.append)
        self.assertEqual(found, [True, {"image": "a"}, True, False, True])


class Machines(unittest.TestCase):
    def test_actions_are_objects(self):
        found = Description(
            generic.GenericLatentMachine(
                "m",
                generic.LocalWOLAction("00:11"),
                generic.RemoteSshSuspendAction("host", sshKey="key"),
                build_wait_timeout=60,
            )
        )
        arguments = found.top["a"]
        self.assertEqual(arguments["name"], "m")
        self.assertEqual(found.object(arguments["start_action"])["a"], {"wakeMac": "00:11"})
        self.assertEqual(
            found.object(arguments["stop_action"])["a"], {"host": "host", "sshKey": "key"}
        )

    def test_a_users_action_that_declares_the_interface_is_good(self):
        from buildbot._host import standin

        standin.install()
        from zope.interface import implementer

        from buildbot.interfaces import IMachineAction

        @implementer(IMachineAction)
        class Mine:
            def perform(self, manager):
                return True

        made = generic.GenericLatentMachine("m", Mine(), generic.HttpAction("u", "get"))
        self.assertEqual(made.name, "m")


class Configurators(unittest.TestCase):
    def test_the_janitor_adds_what_it_needs(self):
        from buildbot.configurators.janitor import JanitorConfigurator

        settings = {"protocols": {"pb": {"port": 9989}}}
        JanitorConfigurator(
            logHorizon=datetime.timedelta(weeks=1), hour=4, dayOfWeek=6, unknown=1
        ).configure(settings)
        self.assertEqual(settings["protocols"], {"pb": {"port": 9989}, "null": {}})
        self.assertEqual([worker.name for worker in settings["workers"]], ["__Janitor"])
        self.assertEqual([b.name for b in settings["builders"]], ["__Janitor"])
        nightly, forced = settings["schedulers"]
        self.assertEqual((nightly.name, forced.name), ("__Janitor", "__Janitor_force"))
        self.assertEqual(
            nightly._config_kwargs, {"builderNames": ["__Janitor"], "hour": 4, "dayOfWeek": 6}
        )

    def test_a_janitor_without_horizons_changes_nothing(self):
        from buildbot.configurators.janitor import JanitorConfigurator

        settings = {}
        JanitorConfigurator().configure(settings)
        self.assertEqual(settings, {})

    def test_a_configurator_of_the_users_finds_the_lists(self):
        from buildbot.configurators import ConfiguratorBase

        class Mine(ConfiguratorBase):
            def __init__(self, name):
                super().__init__()
                self.worker_name = name

            def configure(self, config_dict):
                super().configure(config_dict)
                self.workers.append(Worker(self.worker_name, "p"))

        settings = {}
        Mine("w").configure(settings)
        self.assertEqual(settings["workers"][0].name, "w")


if __name__ == "__main__":
    unittest.main()
