//! TLS of listeners: certificates and keys from files that may change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use buildbot_endpoint::server::Ssl;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::ListenReason;

/// The certificate of a listener as it is in its files.
#[derive(Debug)]
pub(crate) struct Certificate {
    ssl: Ssl,
    used: Mutex<Used>,
}

/// What is in use, and the files that it comes from.
#[derive(Debug)]
struct Used {
    config: Arc<ServerConfig>,
    marks: Vec<Mark>,
    /// The state of files that were of no use, so that they are complained of once.
    refused: Option<Vec<Mark>>,
}

/// By what a changed file is recognised: length, time, device and number. `None`: it is not there.
type Mark = Option<(u64, Option<SystemTime>, u64, u64)>;

impl Certificate {
    /// Reads the files. Relative paths are below `basedir`.
    pub(crate) fn load(ssl: &Ssl, basedir: &Path) -> Result<Self, ListenReason> {
        let mut ssl = ssl.clone();
        for path in [&mut ssl.private_key, &mut ssl.certificate]
            .into_iter()
            .chain(&mut ssl.extra_chain)
        {
            *path = basedir.join(&path);
        }
        let marks = marks(&ssl);
        let config = Arc::new(config(&ssl)?);
        Ok(Self {
            ssl,
            used: Mutex::new(Used {
                config,
                marks,
                refused: None,
            }),
        })
    }

    /// The configuration for the next handshake: of the files as they are, or, while they are of no use, of what they
    /// were. Blocks.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        let marks = marks(&self.ssl);
        {
            let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            if used.marks == marks || used.refused.as_ref() == Some(&marks) {
                return Arc::clone(&used.config);
            }
        }
        if let Err(error) = self.reload() {
            tracing::error!("the former certificate stays in use: {error}");
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.refused = Some(marks);
        }
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&used.config)
    }

    /// Reads the files again. Blocks.
    pub(crate) fn reload(&self) -> Result<(), ListenReason> {
        // Before they are read: a change meanwhile is noticed next time.
        let marks = marks(&self.ssl);
        let config = Arc::new(config(&self.ssl)?);
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Used {
            config,
            marks,
            refused: None,
        };
        Ok(())
    }
}

fn marks(ssl: &Ssl) -> Vec<Mark> {
    use std::os::unix::fs::MetadataExt as _;
    [&ssl.private_key, &ssl.certificate]
        .into_iter()
        .chain(&ssl.extra_chain)
        .map(|path| {
            let metadata = fs::metadata(path).ok()?;
            let modified = metadata.modified().ok();
            Some((metadata.len(), modified, metadata.dev(), metadata.ino()))
        })
        .collect()
}

fn config(ssl: &Ssl) -> Result<ServerConfig, ListenReason> {
    let mut chain = certificates(&ssl.certificate)?;
    if let Some(path) = &ssl.extra_chain {
        chain.extend(certificates(path)?);
    }
    let path = &ssl.private_key;
    let key = PrivateKeyDer::from_pem_file(path).map_err(|error| unusable(path, error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = match ssl.only_tls13 {
        true => builder.with_protocol_versions(&[&rustls::version::TLS13])?,
        false => builder.with_safe_default_protocol_versions()?,
    };
    Ok(builder.with_no_client_auth().with_single_cert(chain, key)?)
}

fn certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, ListenReason> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|error| unusable(path, error))?;
    if certificates.is_empty() {
        let nothing = io::Error::other("it holds no certificate");
        return Err(unusable(path, nothing));
    }
    Ok(certificates)
}

fn unusable(path: &Path, reason: impl ToString) -> ListenReason {
    ListenReason::File {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
