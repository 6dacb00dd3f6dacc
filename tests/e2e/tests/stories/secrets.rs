//! What nobody is to read: in logs, properties, texts of steps and on the disk.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use buildbot_e2e::results::SUCCESS;
use buildbot_e2e::{Program, Site};
use serde_json::json;

const SECRET: &str = "Swordfish-31415";

fn files_below(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        match path.is_dir() {
            true => files_below(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}

#[test]
fn a_secret_is_used_and_shown_nowhere() -> Result<()> {
    let mut site = Site::new(
        "c['secretsProviders'] = [secrets.SecretInAFile(dirname=basedir + '/secrets')]\n\
         @util.renderer\n\
         def computed(props): return ['echo', 'also', secret_of(props)]\n\
         def secret_of(props): return util.Secret('password')\n\
         c['builders'] = [builder('b', \
            shell('sh', '-c', 'echo the word is $0; printf \"%s\" \"$0\" > kept', util.Secret('password'), name='arg'), \
            shell('sh', '-c', 'echo the word is $PASSWORD', name='env', env={'PASSWORD': util.Secret('password')}), \
            shell('echo', util.Interpolate('interpolated %(secret:password)s'), name='interpolated'), \
            steps.SetProperty(property='leak', value=util.Interpolate('p=%(secret:password)s')), \
            steps.SetPropertyFromCommand(command=['cat', 'kept'], property='read'), \
            steps.MasterShellCommand(command=['echo', 'on the master', util.Secret('password')]), \
            shell('cat', 'kept', name='cat'))]",
    )?;
    let directory = site.basedir().join("secrets");
    std::fs::create_dir(&directory)?;
    let file = directory.join("password");
    std::fs::write(&file, format!("{SECRET}\n"))?;
    for (path, mode) in [(&directory, 0o700), (&file, 0o600)] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    }
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let build = site.build("b")?;
    assert_eq!(build["results"], SUCCESS, "{:?}", site.steps(&build)?);
    // It was really used.
    let kept = site.worker_directory("w1").join("b/build/kept");
    assert_eq!(std::fs::read_to_string(kept)?, SECRET);
    let mut seen = String::new();
    let path = format!("builds/{}/steps", build["buildid"]);
    for step in site.list(&path)? {
        seen.push_str(&step.to_string());
        for log in site.list(&format!("steps/{}/logs", step["stepid"]))? {
            seen.push_str(&site.raw(log["logid"].as_i64().context("no id")?)?);
        }
    }
    let properties = site.properties(&build)?;
    seen.push_str(&properties.to_string());
    seen.push_str(&site.log()?);
    let told: Vec<&str> = seen.lines().filter(|line| line.contains(SECRET)).collect();
    assert!(told.is_empty(), "{told:?}");
    for shown in [
        "\nthe word is <password>\n",
        "\ninterpolated <password>\n",
        "on the master <password>\n",
    ] {
        assert!(seen.contains(shown), "{shown} is not in {seen}");
    }
    assert_eq!(properties["leak"], json!(["p=<password>", "SetProperty"]));
    // Nor is it in anything else that can be read, or that master and worker keep.
    for path in [
        "builders",
        "builds?property=*",
        "buildrequests?property=*",
        "buildsets",
        "changes",
        "forceschedulers",
        "masters",
        "schedulers",
        "sourcestamps",
        "workers",
        "application.spec",
    ] {
        let told = site.page(&format!("api/v2/{path}"))?;
        assert!(!told.contains(SECRET), "{path}: {told}");
    }
    assert!(!site.page("")?.contains(SECRET));
    let mut files = Vec::new();
    files_below(site.path(), &mut files)?;
    assert!(files.len() > 10, "{files:?}");
    for kept in files {
        let may_have_it = kept == file || kept.ends_with("b/build/kept");
        let bytes = std::fs::read(&kept).unwrap_or_default();
        let mut places = bytes.windows(SECRET.len());
        let has_it = places.any(|window| window == SECRET.as_bytes());
        assert_eq!(has_it, may_have_it, "{}", kept.display());
    }
    Ok(())
}

#[test]
fn the_password_of_a_worker_is_a_secret_that_is_looked_up() -> Result<()> {
    let mut site = Site::new(
        "c['secretsProviders'] = [secrets.SecretInAFile(dirname=basedir + '/secrets')]\n\
         c['workers'] = [worker.Worker('w1', util.Secret('of_w1'))]\n\
         c['builders'] = [builder('b', shell('true'))]",
    )?;
    let directory = site.basedir().join("secrets");
    std::fs::create_dir(&directory)?;
    let file = directory.join("of_w1");
    std::fs::write(&file, "pass")?;
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    assert_eq!(site.build("b")?["results"], SUCCESS);
    Ok(())
}

#[test]
fn a_secret_is_hidden_in_what_code_tells_the_master() -> Result<()> {
    let mut site = Site::new(
        "from buildbot.process import buildstep\n\
         from buildbot.process.results import SUCCESS\n\
         class Tells(buildstep.BuildStep):\n    \
             renderables = ['word']\n    \
             def __init__(self, word, **kw): self.word = word; super().__init__(**kw)\n    \
             async def run(self):\n        \
                 updates = self.master.data.updates\n        \
                 told = {'the ' + self.word: [self.word]}\n        \
                 await updates.setBuildProperty(self.build.buildid, 'told', told, 'Tells')\n        \
                 await updates.setBuildStateString(self.build.buildid, self.word)\n        \
                 await updates.setStepStateString(self.stepid, self.word)\n        \
                 log = await self.addLog('notes')\n        \
                 log.addStdout('10%\\r' + self.word)\n        \
                 await log.finish()\n        \
                 return SUCCESS\n\
         c['secretsProviders'] = [secrets.SecretInAFile(dirname=basedir + '/secrets')]\n\
         c['builders'] = [builder('b', Tells(util.Secret('password')))]",
    )?;
    let directory = site.basedir().join("secrets");
    std::fs::create_dir(&directory)?;
    let file = directory.join("password");
    std::fs::write(&file, SECRET)?;
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    site.start()?;
    site.start_worker("w1", Program::Ours)?;
    let build = site.build("b")?;
    assert_eq!(build["results"], SUCCESS, "{:?}", site.steps(&build)?);
    assert_eq!(
        site.properties(&build)?["told"],
        json!([{"the <password>": ["<password>"]}, "Tells"])
    );
    let log = site.log_of(&build, 1)?;
    assert!(log.ends_with("10%\n<password>\n"), "{log}");
    for file in ["state.sqlite", "state.sqlite-wal"] {
        let bytes = std::fs::read(site.basedir().join(file)).unwrap_or_default();
        let found = bytes
            .windows(SECRET.len())
            .any(|window| window == SECRET.as_bytes());
        assert!(!found, "{file}");
    }
    Ok(())
}
