//! `loggia serve`: puts the parts together and runs them until it is told to stop.

use anyhow::{Context, Result};
use clap::Args;
use loggia_app::clock::{Ids, SystemClock, SystemIds};
use loggia_app::policy::RoleTable;
use loggia_app::secret::SecretBox;
use loggia_app::settings::Settings;
use loggia_app::source::Sources;
use loggia_app::{App, Parts, look, worker};
use loggia_drivers::command::CommandOptions;
use loggia_drivers::reader::SourceReader;
use loggia_drivers::registry::{DriverOptions, Drivers};
use loggia_store::{Store, Target};
use loggia_web::WebState;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::watch;

/// How many operations run at once in one server.
const WORKERS: usize = 8;

/// Settings of the server.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Address to listen on.
    #[arg(long, env = "LOGGIA_LISTEN", default_value = "127.0.0.1:7400")]
    pub listen: SocketAddr,
    /// Folder of the database, the keys and the Git repositories.
    #[arg(long, env = "LOGGIA_DATA", default_value = ".loggia")]
    pub data: PathBuf,
    /// PostgreSQL instead of the embedded SQLite file.
    #[arg(long, env = "LOGGIA_DATABASE_URL")]
    pub database_url: Option<String>,
    /// Folder or Git address that records are read from; may be given several times.
    #[arg(long, env = "LOGGIA_REPOSITORY", value_delimiter = ',')]
    pub repository: Vec<String>,
    /// Address under which people reach this server.
    #[arg(long, env = "LOGGIA_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Folder of programs that the command driver may run.
    #[arg(long, env = "LOGGIA_DRIVERS")]
    pub drivers: Option<PathBuf>,
    /// Token with full rights, to begin with.
    #[arg(long, env = "LOGGIA_ADMIN_TOKEN", hide_env_values = true)]
    pub admin_token: Option<String>,
    /// Records cannot be changed through the doors.
    #[arg(long, env = "LOGGIA_READ_ONLY")]
    pub read_only: bool,
}

/// Runs the server until a signal ends it.
///
/// # Errors
/// When the database, the key or the address cannot be used.
pub fn run(args: ServeArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(args, false))
}

/// Opens the database and starts the application.
async fn start(args: &ServeArgs, demo: bool) -> Result<Arc<App>> {
    std::fs::create_dir_all(&args.data).with_context(|| format!("cannot make the folder {}", args.data.display()))?;
    let target = match &args.database_url {
        Some(url) => Target::Postgres(url.clone()),
        None => Target::Sqlite(args.data.join("loggia.sqlite")),
    };
    let store = Store::open(&target).await?;
    let ids: Arc<dyn Ids> = Arc::new(SystemIds::default());
    let secrets = SecretBox::new(&secret_key(&args.data, &*ids)?, Arc::clone(&ids));
    secrets.bind(&store).await?;
    let public_url = args.public_url.clone().unwrap_or_else(|| format!("http://{}", args.listen));
    let settings = Settings {
        public_url: public_url.trim_end_matches('/').to_owned(),
        data: args.data.clone(),
        demo,
        read_only: args.read_only,
        repositories: args.repository.clone(),
    };
    let clock = Arc::new(SystemClock::default());
    Ok(App::start(Parts { store, clock, ids, policy: Arc::new(RoleTable), secrets, settings }).await?)
}

/// The key that seals secrets: from the environment, else from a file that is made at the first start.
fn secret_key(data: &Path, ids: &dyn Ids) -> Result<[u8; 32]> {
    if let Ok(text) = std::env::var("LOGGIA_SECRET_KEY") {
        return hex_key(&text).context("LOGGIA_SECRET_KEY must be 64 hexadecimal digits");
    }
    let path = data.join("secret.key");
    if let Ok(text) = std::fs::read_to_string(&path) {
        return hex_key(text.trim()).with_context(|| format!("{} must hold 64 hexadecimal digits", path.display()));
    }
    let key = ids.random();
    write_private(&path, &loggia_model::canonical::hex(&key))?;
    Ok(key)
}

fn hex_key(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(key)
}

/// Writes a file that only its owner may read.
fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// Runs the server.
///
/// # Errors
/// As [`run`].
pub async fn serve(args: ServeArgs, demo: bool) -> Result<()> {
    let app = start(&args, demo).await?;
    let (stop, stopping) = watch::channel(false);
    let command = CommandOptions { programs: args.drivers.clone(), ..CommandOptions::default() };
    let registry = Drivers::new(DriverOptions { data: args.data.clone(), command })?;
    let drivers = registry.names().filter_map(|name| Some((name.to_owned(), registry.get(name)?))).collect();
    let drivers = Arc::new(drivers);
    worker::start(&app, &drivers, WORKERS, &stopping);
    look::start(&app, &drivers, &stopping);
    let reader = Arc::new(SourceReader::new(args.data.join("sources")));
    let sources = Arc::new(Sources::new(Arc::clone(&app), reader, args.repository.clone()));
    let state = WebState::new(Arc::clone(&app), args.admin_token.as_deref(), Arc::clone(&sources));
    let ready = Arc::clone(&state.ready);
    ready.store(sources.all_read().await?, Ordering::Release);
    tokio::spawn(Arc::clone(&sources).follow(move || ready.store(true, Ordering::Release), stopping.clone()));
    let listener = tokio::net::TcpListener::bind(args.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", args.listen))?;
    tracing::info!(listen = %args.listen, "listening");
    loggia_web::run(listener, state, ended(stop)).await?;
    Ok(())
}

/// Ends at the first signal that asks for it.
async fn ended(stop: watch::Sender<bool>) {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
    stop.send_replace(true);
}
