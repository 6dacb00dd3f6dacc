"""Workers on virtual machines of Amazon EC2."""

from __future__ import annotations

import os
import re

from buildbot._host.by_master import by_master, with_private
from buildbot._host.elsewhere import elsewhere
from buildbot._host.modules import is_installed, module_or_none
from buildbot._host.record import recorded
from buildbot.config.errors import error as config_error
from buildbot.worker.latent import AbstractLatentWorker

PENDING = "pending"
RUNNING = "running"
SHUTTINGDOWN = "shutting-down"
TERMINATED = "terminated"
SPOT_REQUEST_PENDING_STATES = ["pending-evaluation", "pending-fulfillment"]
FULFILLED = "fulfilled"
PRICE_TOO_LOW = "price-too-low"


_elsewhere = elsewhere(__name__, "LatentWorkerFailedToSubstantiate config defer log threads")


def __getattr__(name):
    if name in ("boto3", "botocore"):
        return module_or_none(name)
    return _elsewhere(name)


def _owners(given):
    """One number or several."""
    if given is None:
        return None
    if isinstance(given, int):
        return (given,)
    for element in given:
        if not isinstance(element, int):
            raise ValueError("valid_ami_owners should be int or iterable of ints", element)
    return given


def _credentials(identifier, secret_identifier, path):
    """(identifier, secret) from the arguments or from a file; None for what is not known."""
    if identifier is not None:
        assert path is None, (
            "if you supply the identifier and secret_identifier, do not specify the "
            "aws_id_file_path"
        )
        assert secret_identifier is not None, (
            "supply both or neither of identifier, secret_identifier"
        )
        return identifier, secret_identifier
    assert secret_identifier is None, (
        "supply both or neither of identifier, secret_identifier"
    )
    if path is None:
        home = os.environ.get("HOME")
        usual = None if home is None else os.path.join(home, ".ec2", "aws_id")
        if usual is None or not os.path.exists(usual):
            return None, None
        path = usual
    with open(path, encoding="utf-8") as file:
        return file.readline().strip(), file.readline().strip()


@with_private(
    "_start_instance",
    "_stop_instance",
    "_attach_volumes",
    "_bid_price_from_spot_price_history",
    "_request_spot_instance",
    "_thd_wait_for_request",
    "_wait_for_instance",
    "_remove_none_opts",
)
class EC2LatentWorker(AbstractLatentWorker):
    """Starts instances of an image. Amazon is asked when the first one starts, not before."""

    instance = None
    image = None
    _poll_resolution = 5

    @recorded
    def __init__(
        self,
        name,
        password,
        instance_type,
        ami=None,
        valid_ami_owners=None,
        valid_ami_location_regex=None,
        elastic_ip=None,
        identifier=None,
        secret_identifier=None,
        aws_id_file_path=None,
        user_data=None,
        region=None,
        keypair_name=None,
        security_name=None,
        spot_instance=False,
        max_spot_price=1.6,
        volumes=None,
        placement=None,
        price_multiplier=1.2,
        tags=None,
        product_description="Linux/UNIX",
        subnet_id=None,
        security_group_ids=None,
        instance_profile_name=None,
        block_device_map=None,
        session=None,
        **kwargs,
    ):
        if not is_installed("boto3"):
            config_error("The python module 'boto3' is needed to use a EC2LatentWorker")
        if keypair_name is None:
            config_error("EC2LatentWorker: 'keypair_name' parameter must be specified")
        if security_name is None and not subnet_id:
            config_error("EC2LatentWorker: 'security_name' parameter must be specified")
        super().__init__(name, password, **kwargs)
        if security_name and subnet_id:
            raise ValueError(
                "security_name (EC2 classic security groups) is not supported in a VPC.  "
                "Use security_group_ids instead."
            )
        by_condition = valid_ami_owners is not None or valid_ami_location_regex is not None
        if (ami is not None) == by_condition:
            raise ValueError(
                "You must provide either a specific ami, or one or both of "
                "valid_ami_location_regex and valid_ami_owners"
            )
        self.ami = ami
        self.valid_ami_owners = _owners(valid_ami_owners)
        if valid_ami_location_regex is not None:
            if not isinstance(valid_ami_location_regex, str):
                raise ValueError("valid_ami_location_regex should be a string")
            valid_ami_location_regex = re.compile(valid_ami_location_regex)
        self.valid_ami_location_regex = valid_ami_location_regex
        if spot_instance and price_multiplier is None and max_spot_price is None:
            raise ValueError(
                "You must provide either one, or both, of price_multiplier or max_spot_price"
            )
        self.instance_type = instance_type
        self.keypair_name = keypair_name
        self.security_name = security_name
        self.user_data = user_data
        self.spot_instance = spot_instance
        self.max_spot_price = max_spot_price
        self.volumes = volumes or []
        self.price_multiplier = price_multiplier
        self.product_description = product_description
        self._identifier, self._secret_identifier = _credentials(
            identifier, secret_identifier, aws_id_file_path
        )
        self.region = region or "us-east-1"
        self.placement = None if placement is None else self.region + placement
        self.session = session
        self.elastic_ip = elastic_ip
        self.subnet_id = subnet_id
        self.security_group_ids = security_group_ids
        self.classic_security_groups = [security_name] if security_name else None
        self.instance_profile_name = instance_profile_name
        self.tags = tags or {}
        self.block_device_map = None
        if block_device_map is not None:
            self.block_device_map = self.create_block_device_mapping(block_device_map)

    def create_block_device_mapping(self, mapping_definitions):
        """The mappings; volumes end with their instance unless they say otherwise."""
        if not isinstance(mapping_definitions, list):
            config_error("EC2LatentWorker: 'block_device_map' must be a list")
        for mapping in mapping_definitions:
            volume = mapping.get("Ebs")
            if volume:
                volume.setdefault("DeleteOnTermination", True)
        return mapping_definitions

    @property
    def dns(self):
        """The public name of the running instance."""
        return None if self.instance is None else self.instance.public_dns_name

    @by_master
    def get_image(self): ...

    @by_master
    def start_instance(self, build): ...

    @by_master
    def stop_instance(self, fast=False): ...
