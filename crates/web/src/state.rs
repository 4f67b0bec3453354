//! What every handler shares.

use loggia_app::App;
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
        }))
    }
}
