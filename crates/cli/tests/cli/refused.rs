//! What a master refuses to start with: `checkconfig` warns of all of it.

use std::fs;

use crate::program::{buildbot, stage};

/// Every kind of thing that a configuration may hold and a master may not have, each on a line of its own.
const MANY: &str = "\
from buildbot.plugins import *
from buildbot.changes.base import ChangeSource
from buildbot.process.build import Build
from buildbot.schedulers.base import ReconfigurableBaseScheduler
from buildbot.util.service import BuildbotService
class OwnScheduler(ReconfigurableBaseScheduler): pass
class OwnPeriodic(schedulers.Periodic):
    def startBuild(self): pass
class OwnSource(ChangeSource): pass
class OwnService(BuildbotService): pass
class OwnMatcher(util.AnyEndpointMatcher):
    def match(self, *args): pass
c = BuildmasterConfig = {'buildbotNetUsageData': None}
c['workers'] = [worker.Worker('w', 'p')]
c['protocols'] = {'pb': {'port': 'tcp:nonsense'}}
factory = util.BuildFactory([steps.MaxQ(testdir='x')])
c['builders'] = [util.BuilderConfig(name='b', workername='w', factory=factory)]
names = {'builderNames': ['b']}
c['schedulers'] = [OwnScheduler(name='own', **names)]
c['schedulers'].append(OwnPeriodic('often', periodicBuildTimer=60, **names))
c['change_source'] = [changes.SVNPoller('http://x/y')]
c['change_source'].append(OwnSource(name='source'))
c['services'] = [reporters.MailNotifier(fromaddr='a@example.org')]
c['services'].append(OwnService(name='service'))
c['multiMaster'] = True
c['manhole'] = util.TelnetManhole('tcp:1', 'u', 'p')
c['db'] = {'db_url': util.Interpolate('sqlite:///%(prop:x)s')}
c['www'] = {'port': 'udp:80', 'plugins': {'nosuch': {}, 'wsgi_dashboards': []}, 'change_hook_dialects': {'base': True},
    'auth': util.UserPasswordAuth({}), 'avatar_methods': [util.AvatarGitHub()],
    'authz': util.Authz(allowRules=[OwnMatcher(role='r')])}
";

#[test]
fn what_a_master_does_not_start_with_is_a_warning_before() {
    let directory = stage(&[]);
    let made = buildbot(directory.path(), &["create-master", "m"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let base = directory.path().join("m");
    fs::write(base.join("master.cfg"), MANY).unwrap();
    let said = buildbot(&base, &["checkconfig", "--json", "master.cfg"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let warned = said.refused();
    let report = said.json();
    assert_eq!(report["starts"], false);
    let started = buildbot(&base, &["start", "--nodaemon", "."]);
    assert_eq!(started.code, Some(1), "{started:?}");
    let log = fs::read_to_string(base.join("twistd.log")).unwrap();
    let (_, problems) = log.split_once("Configuration Errors:").unwrap();
    let problems = problems.lines().filter_map(|line| {
        let (_, text) = line.split_once("[-]   ")?;
        (!text.starts_with(' ')).then(|| text.to_owned())
    });
    assert_eq!(warned, problems.collect::<Vec<String>>());
    // Each by what it is called.
    for named in [
        "a database URL",
        "c['multiMaster']",
        "TelnetManhole",
        "['change_hook_dialects']['base']",
        "SVNPoller",
        "OwnSource",
        "MailNotifier",
        "OwnService",
        "OwnScheduler",
        "OwnPeriodic",
        "AvatarGitHub",
        "OwnMatcher",
        "udp:80",
        "nosuch",
        "wsgi_dashboards",
        "tcp:nonsense",
    ] {
        let found = warned.iter().any(|message| message.contains(named));
        assert!(found, "{named}: {warned:#?}");
    }
    let without_place = report["refused_at_start"].as_array().unwrap().iter();
    let without_place = without_place
        .filter(|problem| problem["at"].is_null())
        .map(|problem| problem["message"].as_str().unwrap())
        .filter(|message| !message.starts_with("a database URL"));
    assert_eq!(without_place.collect::<Vec<&str>>(), [""; 0]);
}
