//! `c['workers']`.

use std::collections::HashMap;

use buildbot_model::Secret;
use buildbot_model::python_text::repr_of_text;

use crate::arguments::{OneOrMore, Reader, Seconds, arguments};
use crate::check::Check;
use crate::classes::{Family, family};
use crate::locks::{self, Locks};
use crate::problem::{Problem, listed, nearest};
use crate::service::Service;
use buildbot_render::Value;

/// Names that other parts of a master use when they log in.
const RESERVED: &[&str] = &["debug", "change", "status"];

/// More characters do not fit into the database.
const NAME_CHARACTERS_MAX: usize = 50;

/// A worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Worker {
    /// Name, class, place.
    pub service: Service,
    /// What all workers have.
    pub common: CommonArguments,
    /// Locks held during every build on it.
    pub locks: Locks,
    /// What its kind adds.
    pub kind: WorkerKind,
}

arguments! {
    /// What all workers have.
    pub struct CommonArguments {
        password: Secret<Value> = "password" or Secret::new(Value::None),
        max_builds: Option<i64> = "max_builds",
        notify_on_missing: OneOrMore<String> = "notify_on_missing",
        missing_timeout: Option<Seconds> = "missing_timeout" or Some(Seconds(3600.0)),
        properties: Vec<(String, Value)> = "properties",
        default_properties: Vec<(String, Value)> = "defaultProperties",
        keepalive_interval: Option<Seconds> = "keepalive_interval" or Some(Seconds(3600.0)),
        machine_name: Option<String> = "machine_name",
    }
}

/// The kinds of workers.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerKind {
    /// It connects.
    Worker,
    /// It runs in the master.
    Local(LocalArguments),
    /// It runs on a machine that is switched on for it.
    LocalLatent(LatentArguments),
    /// A container.
    Docker(LatentArguments, Box<DockerArguments>),
    /// A Kubernetes pod.
    Kubernetes(LatentArguments, Box<KubeArguments>),
    /// A Marathon application.
    Marathon(LatentArguments, Box<MarathonArguments>),
    /// An EC2 instance.
    Ec2(LatentArguments, Box<Ec2Arguments>),
    /// An OpenStack server.
    OpenStack(LatentArguments, Box<OpenStackArguments>),
    /// A libvirt domain.
    LibVirt(LatentArguments, Box<LibVirtArguments>),
    /// An UpCloud server.
    UpCloud(LatentArguments, Box<UpCloudArguments>),
    /// A class of the user's that starts and stops its instances itself.
    CustomLatent(LatentArguments),
    /// Another class of the user's.
    Custom,
}

arguments! {
    /// What a worker in the master has.
    pub struct LocalArguments {
        workdir: Option<String> = "workdir",
    }
}

arguments! {
    /// What all workers have that are started on demand.
    pub struct LatentArguments {
        build_wait_timeout: Option<Seconds> = "build_wait_timeout" or Some(Seconds(600.0)),
        check_instance_interval: Seconds = "check_instance_interval" or Seconds(10.0),
    }
}

arguments! {
    /// What a container needs.
    pub struct DockerArguments {
        docker_host: Value = "docker_host",
        image: Value = "image",
        command: Value = "command",
        volumes: Value = "volumes",
        dockerfile: Value = "dockerfile",
        version: Value = "version",
        tls: Value = "tls",
        follow_startup_logs: bool = "followStartupLogs",
        master_fqdn: Value = "masterFQDN",
        master_protocol: String = "master_protocol" or "pb".to_owned(),
        hostconfig: Value = "hostconfig",
        autopull: bool = "autopull",
        always_pull: bool = "alwaysPull",
        custom_context: Value = "custom_context" or Value::Bool(false),
        encoding: Value = "encoding" or "gzip".into(),
        target: Value = "target",
        buildargs: Value = "buildargs",
        hostname: Value = "hostname",
    }
}

arguments! {
    /// What a pod needs.
    pub struct KubeArguments {
        image: Value = "image" or "buildbot/buildbot-worker".into(),
        namespace: Value = "namespace",
        master_fqdn: Value = "masterFQDN",
        master_protocol: String = "master_protocol" or "pb".to_owned(),
        kube_config: Value = "kube_config",
    }
}

arguments! {
    /// What a Marathon application needs.
    pub struct MarathonArguments {
        marathon_url: Value = "marathon_url",
        image: Value = "image",
        marathon_auth: Secret<Value> = "marathon_auth" or Secret::new(Value::None),
        marathon_extra_config: Value = "marathon_extra_config",
        marathon_app_prefix: Value = "marathon_app_prefix" or "buildbot-worker/".into(),
        master_fqdn: Value = "masterFQDN",
        master_protocol: String = "master_protocol" or "pb".to_owned(),
    }
}

arguments! {
    /// What an EC2 instance needs.
    pub struct Ec2Arguments {
        instance_type: Value = "instance_type",
        ami: Value = "ami",
        valid_ami_owners: Value = "valid_ami_owners",
        valid_ami_location_regex: Value = "valid_ami_location_regex",
        elastic_ip: Value = "elastic_ip",
        identifier: Value = "identifier",
        secret_identifier: Secret<Value> = "secret_identifier" or Secret::new(Value::None),
        aws_id_file_path: Value = "aws_id_file_path",
        user_data: Value = "user_data",
        region: Value = "region",
        keypair_name: Value = "keypair_name",
        security_name: Value = "security_name",
        spot_instance: bool = "spot_instance",
        max_spot_price: Value = "max_spot_price" or Value::Float(1.6),
        volumes: Value = "volumes",
        placement: Value = "placement",
        price_multiplier: Value = "price_multiplier" or Value::Float(1.2),
        tags: Value = "tags",
        product_description: Value = "product_description" or "Linux/UNIX".into(),
        subnet_id: Value = "subnet_id",
        security_group_ids: Value = "security_group_ids",
        instance_profile_name: Value = "instance_profile_name",
        block_device_map: Value = "block_device_map",
        session: Value = "session",
    }
}

arguments! {
    /// What an OpenStack server needs.
    pub struct OpenStackArguments {
        flavor: Value = "flavor",
        os_username: Value = "os_username",
        os_password: Secret<Value> = "os_password" or Secret::new(Value::None),
        os_tenant_name: Value = "os_tenant_name",
        os_auth_url: Value = "os_auth_url",
        os_user_domain: Value = "os_user_domain",
        os_project_domain: Value = "os_project_domain",
        os_auth_args: Secret<Value> = "os_auth_args" or Secret::new(Value::None),
        block_devices: Value = "block_devices",
        region: Value = "region",
        image: Value = "image",
        meta: Value = "meta",
        nova_args: Value = "nova_args",
        client_version: Value = "client_version" or "2".into(),
    }
}

arguments! {
    /// What a libvirt domain needs.
    pub struct LibVirtArguments {
        hd_image: Value = "hd_image",
        base_image: Value = "base_image",
        uri: Value = "uri" or "system:///".into(),
        xml: Value = "xml",
        master_fqdn: Value = "masterFQDN",
    }
}

arguments! {
    /// What an UpCloud server needs.
    pub struct UpCloudArguments {
        api_username: Value = "api_username",
        api_password: Secret<Value> = "api_password" or Secret::new(Value::None),
        image: Value = "image",
        hostconfig: Value = "hostconfig",
        base_url: Value = "base_url" or "https://api.upcloud.com/1.3".into(),
        master_fqdn: Value = "masterFQDN",
    }
}

impl Worker {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.service.name
    }
}

pub(crate) fn read(check: &mut Check<'_>) -> Vec<Worker> {
    let items = match check.key("workers") {
        None | Some(Value::None) => return Vec::new(),
        Some(value) => match value.as_sequence() {
            Some(items) => items,
            None => {
                check.error_in_key("workers", "c['workers'] must be a list");
                return Vec::new();
            }
        },
    };
    // After the first problem the reference goes on as if there were no workers.
    let mut workers = Vec::with_capacity(items.len());
    for item in items {
        match read_one(check, item) {
            Some(worker) => workers.push(worker),
            None => return Vec::new(),
        }
    }
    workers
}

fn read_one(check: &mut Check<'_>, item: &Value) -> Option<Worker> {
    let worker = check
        .object(item)
        .filter(|(_, object)| family(&object.class) == Some(Family::Worker))
        .and_then(|(id, object)| Some((Service::read(check, id)?, object)));
    let Some((service, object)) = worker else {
        let shown = item.repr(check.description);
        let at = check.place_of_value(item, "workers");
        check.report(
            Problem::error(format!(
                "c['workers'] must be a list of Worker instances but there is {shown}"
            ))
            .at(at)
            .help("write worker.Worker(name, password)"),
        );
        return None;
    };
    let problems = wrong_name(&service.name);
    if !problems.is_empty() {
        for message in problems {
            check.report(
                Problem::error(message).at(service.place.clone()).help(
                    "a name consists of letters, digits, '_' and '-', and begins with no digit",
                ),
            );
        }
        return None;
    }
    let mut reader = Reader::new(check.description, object);
    let common = CommonArguments::read(&mut reader);
    let kind = read_kind(&mut reader);
    reader.finish(check, service.id, &service.name);
    let locks = match object.arguments.get("locks") {
        None | Some(Value::None) => Locks::default(),
        Some(value) => {
            let owner = format!("worker {}", repr_of_text(&service.name));
            read_locks(check, value, &owner, &service)
        }
    };
    Some(Worker {
        service,
        common,
        locks,
        kind,
    })
}

/// The reference looks at the locks of workers only when it starts.
fn read_locks(check: &mut Check<'_>, value: &Value, owner: &str, service: &Service) -> Locks {
    let before = check.problems.errors.len();
    let locks = locks::read(check, value, owner, service.place.clone());
    let found = check.problems.errors.split_off(before);
    for mut problem in found {
        problem.severity = crate::problem::Severity::Warning;
        check.refuse_at_start(problem);
    }
    locks
}

pub(crate) fn read_kind(reader: &mut Reader<'_>) -> WorkerKind {
    let class = reader.object.class.as_str();
    match class.strip_prefix("buildbot.worker.").unwrap_or(class) {
        "base.Worker" => WorkerKind::Worker,
        "local.LocalWorker" => WorkerKind::Local(LocalArguments::read(reader)),
        "latent.LocalLatentWorker" => WorkerKind::LocalLatent(LatentArguments::read(reader)),
        "docker.DockerLatentWorker" => WorkerKind::Docker(
            LatentArguments::read(reader),
            Box::new(DockerArguments::read(reader)),
        ),
        "kubernetes.KubeLatentWorker" => WorkerKind::Kubernetes(
            LatentArguments::read(reader),
            Box::new(KubeArguments::read(reader)),
        ),
        "marathon.MarathonLatentWorker" => WorkerKind::Marathon(
            LatentArguments::read(reader),
            Box::new(MarathonArguments::read(reader)),
        ),
        "ec2.EC2LatentWorker" => WorkerKind::Ec2(
            LatentArguments::read(reader),
            Box::new(Ec2Arguments::read(reader)),
        ),
        "openstack.OpenStackLatentWorker" => WorkerKind::OpenStack(
            LatentArguments::read(reader),
            Box::new(OpenStackArguments::read(reader)),
        ),
        "libvirt.LibVirtWorker" => WorkerKind::LibVirt(
            LatentArguments::read(reader),
            Box::new(LibVirtArguments::read(reader)),
        ),
        "upcloud.UpcloudLatentWorker" => WorkerKind::UpCloud(
            LatentArguments::read(reader),
            Box::new(UpCloudArguments::read(reader)),
        ),
        "latent.AbstractLatentWorker" | "docker.DockerBaseWorker" => {
            WorkerKind::CustomLatent(LatentArguments::read(reader))
        }
        _ => WorkerKind::Custom,
    }
}

/// What is wrong with a name, in the reference's order.
fn wrong_name(name: &str) -> Vec<String> {
    let shown = repr_of_text(name);
    let mut problems = Vec::new();
    if RESERVED.contains(&name) {
        problems.push(format!("worker name {shown} is reserved"));
    }
    if !is_identifier(name) {
        problems.push(format!("worker name {shown} is not an identifier"));
    }
    if name.is_empty() {
        problems.push(format!("worker name {shown} cannot be an empty string"));
    }
    if name.chars().count() > NAME_CHARACTERS_MAX {
        problems.push(format!(
            "worker name {shown} is longer than {NAME_CHARACTERS_MAX} characters"
        ));
    }
    problems
}

/// Letters, digits, `_`, `-` and what lies beyond ASCII, no digit first. A newline at the end counts for nothing.
pub(crate) fn is_identifier(name: &str) -> bool {
    let name = name.strip_suffix('\n').unwrap_or(name);
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c >= '\u{a0}';
    name.chars().next().is_some_and(|c| !c.is_ascii_digit()) && name.chars().all(fits)
}

/// Workers of one name, and machines that do not exist.
pub(crate) fn cross_check(check: &mut Check<'_>, workers: &[Worker], machines: &[&str]) {
    let mut seen: HashMap<&str, &Worker> = HashMap::new();
    for worker in workers {
        let first = *seen.entry(worker.name()).or_insert(worker);
        if !std::ptr::eq(first, worker) {
            refuse_same_name(check, &worker.service, &first.service);
        }
        if let Some(machine) = &worker.common.machine_name
            && !machines.contains(&machine.as_str())
        {
            let near = nearest(machine, machines.iter().copied());
            check.report(
                Problem::error(format!(
                    "worker '{}' uses unknown machine '{machine}'",
                    worker.name()
                ))
                .at(worker.service.place.clone())
                .maybe_help(near.map(|near| format!("did you mean '{near}'?")))
                .help(format!(
                    "defined machines: {}",
                    listed(machines.iter().copied())
                )),
            );
        }
    }
}

/// What the reference notices only when it starts the services. The text lacks a blank there too.
pub(crate) fn refuse_same_name(check: &mut Check<'_>, service: &Service, first: &Service) {
    let message = format!(
        "Two services share the same name '{}'.This will result in only one service being configured.",
        service.name
    );
    let other = first
        .place
        .as_ref()
        .map(|place| format!("the first one is at {place}"));
    check.refuse_at_start(
        Problem::warning(message)
            .at(service.place.clone())
            .maybe_help(other),
    );
}

#[cfg(test)]
mod tests {
    use super::{WorkerKind, wrong_name};
    use crate::arguments::Seconds;
    use crate::testing::{config, errors, object, refused};
    use buildbot_render::Value;

    #[test]
    fn names_are_identifiers() {
        let check = |name: &str, expected: &[&str]| {
            let found = wrong_name(name);
            let kinds: Vec<&str> = found
                .iter()
                .map(|text| text.rsplit("' ").next().unwrap_or(text))
                .collect();
            assert_eq!(kinds, expected, "{name}");
        };
        check("w-1_é", &[]);
        check("debug", &["is reserved"]);
        check("1a", &["is not an identifier"]);
        check("a b", &["is not an identifier"]);
        check("", &["is not an identifier", "cannot be an empty string"]);
        check(&"a".repeat(51), &["is longer than 50 characters"]);
    }

    #[test]
    fn one_wrong_worker_leaves_none() {
        let config = format!(
            r#"{{"workers": [{}]}}"#,
            object(
                "buildbot.worker.base.Worker",
                r#""name": "a b", "password": "x""#
            )
        );
        let found: Vec<String> = errors(&config).into_iter().map(|p| p.message).collect();
        assert_eq!(
            found,
            [
                "worker name 'a b' is not an identifier",
                "no workers are configured",
                "no builders are configured",
            ]
        );
    }

    #[test]
    fn two_workers_of_one_name_are_refused_at_start() {
        let worker = object(
            "buildbot.worker.base.Worker",
            r#""name": "w1", "password": "x""#,
        );
        let config = format!(r#"{{"workers": [{worker}, {worker}]}}"#);
        assert!(
            refused(&config)[0]
                .message
                .starts_with("Two services share the same name 'w1'.")
        );
    }

    #[test]
    fn workers_are_typed_with_the_defaults_of_their_kind() {
        let read = |class: &str, arguments: &str| {
            let worker = object(class, arguments);
            config(&format!(r#"{{"workers": [{worker}]}}"#))
                .workers
                .remove(0)
        };
        let worker = read(
            "buildbot.worker.base.Worker",
            r#""name": "w", "password": "p", "max_builds": 2, "notify_on_missing": "a@example.com",
               "properties": {"$": "dict", "v": [["os", "linux"]]}, "keepalive_interval": null"#,
        );
        assert_eq!(worker.kind, WorkerKind::Worker);
        assert_eq!(worker.common.password.expose(), &Value::from("p"));
        assert_eq!(worker.common.max_builds, Some(2));
        assert_eq!(worker.common.notify_on_missing.0, ["a@example.com"]);
        assert_eq!(worker.common.missing_timeout, Some(Seconds(3600.0)));
        assert_eq!(worker.common.keepalive_interval, None);
        assert_eq!(
            worker.common.properties,
            [("os".to_owned(), "linux".into())]
        );
        assert!(!format!("{:?}", worker.common).contains("\"p\""));
        let worker = read(
            "buildbot.worker.docker.DockerLatentWorker",
            r#""name": "w", "password": null, "image": "x", "build_wait_timeout": -1"#,
        );
        let WorkerKind::Docker(latent, docker) = &worker.kind else {
            panic!("{worker:?}");
        };
        assert_eq!(latent.build_wait_timeout, Some(Seconds(-1.0)));
        assert_eq!(
            (&docker.image, docker.encoding.as_text()),
            (&"x".into(), Some("gzip"))
        );
    }

    #[test]
    fn arguments_of_no_use_are_refused_at_start() {
        let worker = object(
            "buildbot.worker.base.Worker",
            r#""name": "w1", "password": "x", "missing_timeout": "soon""#,
        );
        let found = refused(&format!(r#"{{"workers": [{worker}]}}"#));
        assert_eq!(
            found[0].message,
            "Worker 'w1': missing_timeout must be a number of seconds"
        );
    }
}
