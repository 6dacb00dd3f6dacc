//! Certificates for tests, made with the `openssl` program.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A certificate authority and a certificate it has signed for `localhost` and 127.0.0.1.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The authority's certificate (PEM). It is alone in its directory, which can be a `trustRoots`.
    pub authority: PathBuf,
    /// The server's certificate (PEM).
    pub certificate: PathBuf,
    /// The server's private key (PEM).
    pub key: PathBuf,
}

/// What a certificate is good for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Server,
    Client,
}

impl Certificates {
    /// Makes all in the new directory `directory`. The authority has the same name each time, but not the same key.
    pub fn make(directory: &Path) -> Result<Self> {
        Self::make_by("compat test authority", directory)
    }

    /// [`Certificates::make`] by an authority with another name.
    pub fn make_by(authority: &str, directory: &Path) -> Result<Self> {
        let roots = directory.join("roots");
        fs::create_dir_all(&roots)?;
        let made = Self {
            authority: roots.join("authority.pem"),
            certificate: directory.join("server.pem"),
            key: directory.join("server.key"),
        };
        let mut command = request(authority, &made.authority_key());
        command
            .args(["-x509", "-days", "30"])
            .args(["-addext", "basicConstraints=critical,CA:TRUE"])
            .args(["-addext", "keyUsage=critical,keyCertSign,cRLSign"])
            .arg("-out")
            .arg(&made.authority);
        run(command)?;
        made.issue(Purpose::Server, &made.certificate, &made.key)?;
        Ok(made)
    }

    /// The directory that holds the authority's certificate only.
    #[must_use]
    pub fn trust_roots(&self) -> &Path {
        self.authority.parent().unwrap_or(Path::new("."))
    }

    /// Makes a certificate by which a client can prove who it is; the paths of certificate and key.
    pub fn issue_for_client(&self) -> Result<(PathBuf, PathBuf)> {
        let (certificate, key) = (self.beside("client.pem"), self.beside("client.key"));
        self.issue(Purpose::Client, &certificate, &key)?;
        Ok((certificate, key))
    }

    /// The same with a server's certificate that was valid in January 2020.
    pub fn expired(&self) -> Result<Self> {
        let expired = Self {
            authority: self.authority.clone(),
            certificate: self.beside("expired.pem"),
            key: self.beside("expired.key"),
        };
        let (config, asked) = (self.beside("ca.cnf"), self.beside("expired.csr"));
        let mut command = request("localhost", &expired.key);
        add_extensions(&mut command, Purpose::Server)
            .arg("-out")
            .arg(&asked);
        run(command)?;
        // Only this command of openssl 3.0 takes dates.
        let index = self.beside("index.txt");
        fs::write(&index, "")?;
        fs::write(
            &config,
            format!(
                "[ca]\ndefault_ca = all\n[all]\nnew_certs_dir = {}\ndatabase = {}\nrand_serial = yes\n\
                 default_md = sha256\npolicy = names\ncopy_extensions = copyall\n\
                 [names]\ncommonName = supplied\n",
                self.beside("").display(),
                index.display()
            ),
        )?;
        let mut command = Command::new("openssl");
        command
            .args(["ca", "-batch", "-notext"])
            .args([
                "-startdate",
                "20200101000000Z",
                "-enddate",
                "20200201000000Z",
            ])
            .arg("-config")
            .arg(config)
            .arg("-cert")
            .arg(&self.authority)
            .arg("-keyfile")
            .arg(self.authority_key())
            .arg("-in")
            .arg(asked)
            .arg("-out")
            .arg(&expired.certificate);
        run(command)?;
        Ok(expired)
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.certificate.with_file_name(name)
    }

    fn authority_key(&self) -> PathBuf {
        self.beside("authority.key")
    }

    fn issue(&self, purpose: Purpose, certificate: &Path, key: &Path) -> Result<()> {
        let name = match purpose {
            Purpose::Server => "localhost",
            Purpose::Client => "compat test client",
        };
        let mut command = request(name, key);
        add_extensions(&mut command, purpose)
            .args(["-x509", "-days", "30"])
            .arg("-CA")
            .arg(&self.authority)
            .arg("-CAkey")
            .arg(self.authority_key())
            .arg("-out")
            .arg(certificate);
        run(command)
    }
}

/// A command that makes a key, and something signed with it.
fn request(name: &str, key: &Path) -> Command {
    let mut command = Command::new("openssl");
    command
        .args(["req", "-newkey", "ec", "-nodes", "-subj"])
        .arg(format!("/CN={name}"))
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout"])
        .arg(key);
    command
}

fn add_extensions(command: &mut Command, purpose: Purpose) -> &mut Command {
    command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    match purpose {
        Purpose::Server => command
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .args(["-addext", "extendedKeyUsage=serverAuth"]),
        Purpose::Client => command.args(["-addext", "extendedKeyUsage=clientAuth"]),
    }
}

fn run(mut command: Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("while running openssl; `tests/prepare` installs it")?;
    if !output.status.success() {
        bail!(
            "openssl failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
