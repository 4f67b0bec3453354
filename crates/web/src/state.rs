//! What every handler shares.

use crate::address::Network;
use crate::auth::Limiter;
use crate::auth::provider::Provider;
use crate::operating::Metrics;
use loggia_app::App;
use loggia_app::instance::git_http::GitBackend;
use sha2::{Digest, Sha256};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::watch;

/// What every handler shares. It is cloned several times for each request, so it is one pointer.
#[derive(Clone)]
pub struct WebState(Arc<Shared>);

impl Deref for WebState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// The parts of [`WebState`]. Everything that changes is behind a pointer of its own, so that copies stay one server.
#[derive(Clone)]
pub struct Shared {
    /// The application.
    pub app: Arc<App>,
    /// Digest of the bootstrap token, when there is one.
    pub admin_token: Option<[u8; 32]>,
    /// Whether each repository was read once and the server may be asked.
    pub ready: Arc<AtomicBool>,
    /// Keeps sources in step; asked by pages that show or refresh them.
    pub sources: Arc<loggia_app::source::Sources>,
    /// Turns true when the server stops, so that streams end.
    pub stopping: Arc<watch::Sender<bool>>,
    /// Counts wrong passwords.
    pub limiter: Arc<Limiter>,
    /// Proxies that say whom they speak for.
    pub proxies: Arc<[Network]>,
    /// Where people of the company sign in, when the operator named it.
    pub provider: Option<Arc<Provider>>,
    /// Serves Git repositories, when this server keeps any.
    pub git: Option<Arc<dyn GitBackend>>,
    /// Figures of this server.
    pub metrics: Arc<Metrics>,
    /// Whether everybody may see the figures.
    pub open_metrics: bool,
    /// Whether everybody may read the ends of what is offered, in the shape of endoflife.date.
    pub open_eol: bool,
}

impl WebState {
    /// For an application, with the bootstrap token as the operator gave it.
    pub fn new(app: Arc<App>, admin_token: Option<&str>, sources: Arc<loggia_app::source::Sources>) -> WebState {
        let admin_token = admin_token.filter(|token| !token.is_empty()).map(|token| Sha256::digest(token).into());
        WebState(Arc::new(Shared {
            app,
            admin_token,
            ready: Arc::new(AtomicBool::new(false)),
            sources,
            stopping: Arc::new(watch::channel(false).0),
            limiter: Arc::default(),
            proxies: Arc::default(),
            provider: None,
            git: None,
            metrics: Arc::default(),
            open_metrics: false,
            open_eol: false,
        }))
    }

    /// With a provider at which people sign in.
    #[must_use]
    pub fn with_provider(mut self, provider: Provider) -> WebState {
        Arc::make_mut(&mut self.0).provider = Some(Arc::new(provider));
        self
    }

    /// Behind these proxies.
    #[must_use]
    pub fn behind(mut self, proxies: Vec<Network>) -> WebState {
        Arc::make_mut(&mut self.0).proxies = proxies.into();
        self
    }

    /// Whether everybody may read the ends of what is offered.
    #[must_use]
    pub fn with_open_eol(mut self, open: bool) -> WebState {
        Arc::make_mut(&mut self.0).open_eol = open;
        self
    }

    /// With figures that everybody may see.
    #[must_use]
    pub fn with_open_metrics(mut self, open: bool) -> WebState {
        Arc::make_mut(&mut self.0).open_metrics = open;
        self
    }

    /// With Git repositories.
    #[must_use]
    pub fn with_git(mut self, git: Arc<dyn GitBackend>) -> WebState {
        Arc::make_mut(&mut self.0).git = Some(git);
        self
    }
}
