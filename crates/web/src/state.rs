//! What every handler shares.

use crate::auth::Limiter;
use crate::auth::provider::Provider;
use crate::operating::Metrics;
use loggia_app::App;
use loggia_app::git_http::GitBackend;
use loggia_app::login::digest;
use std::collections::HashSet;
use std::ops::Deref;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
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

/// The parts of [`WebState`].
pub struct Shared {
    /// The application.
    pub app: Arc<App>,
    /// Digest of the bootstrap token, when there is one.
    pub admin_token: Option<Arc<str>>,
    /// Whether each repository was read once and the server may be asked.
    pub ready: Arc<AtomicBool>,
    /// Keeps sources in step; asked by pages that show or refresh them.
    pub sources: Arc<loggia_app::source::Sources>,
    /// Turns true when the server stops, so that streams end.
    pub stopping: Arc<watch::Sender<bool>>,
    /// Idempotency keys that are at work now.
    pub keys: Arc<Mutex<HashSet<String>>>,
    /// Counts wrong passwords.
    pub limiter: Arc<Limiter>,
    /// Where people of the company sign in, when the operator named it.
    pub provider: Option<Arc<Provider>>,
    /// Serves Git repositories, when this server keeps any.
    pub git: Option<Arc<dyn GitBackend>>,
    /// Figures of this server.
    pub metrics: Arc<Metrics>,
    /// Whether everybody may see the figures.
    pub open_metrics: bool,
}

impl WebState {
    /// For an application, with the bootstrap token as the operator gave it.
    pub fn new(app: Arc<App>, admin_token: Option<&str>, sources: Arc<loggia_app::source::Sources>) -> WebState {
        let admin_token = admin_token.filter(|token| !token.is_empty()).map(|token| digest(token).into());
        WebState(Arc::new(Shared {
            app,
            admin_token,
            ready: Arc::new(AtomicBool::new(false)),
            sources,
            stopping: Arc::new(watch::channel(false).0),
            keys: Arc::default(),
            limiter: Arc::default(),
            provider: None,
            git: None,
            metrics: Arc::default(),
            open_metrics: false,
        }))
    }

    /// Sets up what handlers will share; called before the state is handed to anybody.
    fn shape(mut self, set: impl FnOnce(&mut Shared)) -> WebState {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            set(shared);
        }
        self
    }

    /// With a provider at which people sign in.
    #[must_use]
    pub fn with_provider(self, provider: Provider) -> WebState {
        self.shape(|shared| shared.provider = Some(Arc::new(provider)))
    }

    /// With figures that everybody may see.
    #[must_use]
    pub fn with_open_metrics(self, open: bool) -> WebState {
        self.shape(|shared| shared.open_metrics = open)
    }

    /// With Git repositories.
    #[must_use]
    pub fn with_git(self, git: Arc<dyn GitBackend>) -> WebState {
        self.shape(|shared| shared.git = Some(git))
    }
}
