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

impl Certificates {
    /// Makes all in the new directory `directory`.
    pub fn make(directory: &Path) -> Result<Self> {
        let roots = directory.join("roots");
        fs::create_dir_all(&roots)?;
        let authority = roots.join("authority.pem");
        let (certificate, key) = (directory.join("server.pem"), directory.join("server.key"));
        let authority_key = directory.join("authority.key");
        openssl(&["-subj", "/CN=compat test authority"], |command| {
            command
                .args(["-addext", "basicConstraints=critical,CA:TRUE"])
                .args(["-addext", "keyUsage=critical,keyCertSign,cRLSign"])
                .arg("-keyout")
                .arg(&authority_key)
                .arg("-out")
                .arg(&authority)
        })?;
        openssl(&["-subj", "/CN=localhost"], |command| {
            command
                .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
                .args(["-addext", "basicConstraints=critical,CA:FALSE"])
                .args(["-addext", "extendedKeyUsage=serverAuth"])
                .arg("-CA")
                .arg(&authority)
                .arg("-CAkey")
                .arg(&authority_key)
                .arg("-keyout")
                .arg(&key)
                .arg("-out")
                .arg(&certificate)
        })?;
        Ok(Self {
            authority,
            certificate,
            key,
        })
    }

    /// The directory that holds the authority's certificate only.
    #[must_use]
    pub fn trust_roots(&self) -> &Path {
        self.authority.parent().unwrap_or(Path::new("."))
    }
}

fn openssl(first: &[&str], rest: impl FnOnce(&mut Command) -> &mut Command) -> Result<()> {
    let mut command = Command::new("openssl");
    command
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "30",
        ])
        .args(first)
        .stdin(Stdio::null());
    let output = rest(&mut command)
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
