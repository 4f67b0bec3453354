//! `loggia serve`: puts the parts together and runs them until it is told to stop.

use crate::exit::{PROBLEM, failure};
use crate::folder::{OWN, data_folder, write_private};
use crate::public::Public;
use crate::settings::{ServeArgs, ServeSettings, absent};
use anyhow::{Context, Result, bail};
use loggia_app::access::policy::RoleTable;
use loggia_app::access::secret::SecretBox;
use loggia_app::checks::probe;
use loggia_app::clock::{Ids, SystemClock, SystemIds};
use loggia_app::command::due;
use loggia_app::estate::adopt::Adoptions;
use loggia_app::estate::look;
use loggia_app::instance::worker;
use loggia_app::retention;
use loggia_app::settings::{Demo, Settings};
use loggia_app::source::Sources;
use loggia_app::source::catalog::Catalogs;
use loggia_app::{App, Parts};
use loggia_drivers::adopt::EstateReader;
use loggia_drivers::ask::Asker;
use loggia_drivers::catalog::CatalogReader;
use loggia_drivers::command::{CommandDriver, CommandOptions};
use loggia_drivers::exchange::for_provider;
use loggia_drivers::git::GitDoor;
use loggia_drivers::http::{GuardOptions, GuardedClient};
use loggia_drivers::own::OwnRepositories;
use loggia_drivers::reader::SourceReader;
use loggia_drivers::recipes;
use loggia_drivers::registry::{DriverOptions, Drivers};
use loggia_store::{Store, Target};
use loggia_web::WebState;
use loggia_web::auth::provider::Provider;
use std::fs::File;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;

/// How many operations run at once in one server.
const WORKERS: usize = 8;
/// Folder below the data in which driver programs keep what they need between calls.
pub const DRIVER_STATE: &str = "driver-state";
/// How long the server waits for what it has in hand when it is told to stop.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long open requests may go on then; streams of events would go on for ever.
const REQUESTS: Duration = Duration::from_secs(3);

/// Runs the server until a signal ends it.
///
/// # Errors
/// When the settings are wrong, or the database, the key or the address cannot be used.
pub fn run(args: ServeArgs) -> Result<()> {
    let settings = args.with_file()?.resolve();
    block_on(async {
        crate::logs::start(settings.log_format)?;
        Server::start(settings, Demo::No).await?.run().await
    })
}

/// Runs something on a runtime of its own, and sends the last traces.
///
/// # Errors
/// Those of the work.
pub fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(work);
    crate::logs::end();
    // Work that nobody waits for any more must not hold the end up.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

/// A server that is put together.
pub struct Server {
    /// The application.
    pub app: Arc<App>,
    /// Its database.
    pub store: Store,
    /// Turns true when every source was read once.
    pub ready: watch::Receiver<bool>,
    workers: worker::Workers,
    drivers: Arc<worker::Drivers>,
    stop: watch::Sender<bool>,
    listener: tokio::net::TcpListener,
    state: WebState,
    /// Held as long as the server runs.
    alone: Option<File>,
}

/// Where the data is.
pub fn target(database_url: Option<&str>, data: &Path) -> Target {
    match database_url {
        Some(url) => Target::Postgres(url.to_owned()),
        None => Target::Sqlite(data.join("loggia.sqlite")),
    }
}

/// Opens the database and starts the application.
async fn start(settings: &ServeSettings, demo: Demo) -> Result<(Arc<App>, Store, Option<File>)> {
    let data = &settings.data;
    data_folder(data, OWN)?;
    let alone = if settings.database_url.is_none() { Some(alone(data)?) } else { None };
    let store = Store::open(&target(settings.database_url.as_deref(), data)).await;
    let store = store.context("cannot open the database; loggia doctor says more")?;
    if alone.is_some() {
        // Whoever held work or keys before on this file was cut off: both are taken up again at once.
        store.end_leases().await?;
        store.end_holds().await?;
    }
    let ids: Arc<dyn Ids> = Arc::new(SystemIds::default());
    let secrets = SecretBox::new(&secret_key(data, &store, &*ids).await?, Arc::clone(&ids));
    secrets.bind(&store).await?;
    let own = Settings {
        public_url: settings.public_url.clone(),
        data: data.clone(),
        demo,
        read_only: settings.read_only,
        repositories: settings.repositories.clone(),
        retention: settings.retention,
    };
    let clock = Arc::new(SystemClock::default());
    let (store_of_app, policy) = (store.clone(), Arc::new(RoleTable));
    let parts = Parts { store: store_of_app, clock, ids, policy, secrets, settings: own, recipes: recipes::all() };
    Ok((App::start(parts).await?, store, alone))
}

/// Holds the folder for this process: SQLite has one server. The hold ends with the process, however that ends.
fn alone(data: &Path) -> Result<File> {
    let file = File::create(data.join("lock")).with_context(|| format!("cannot write in {}", data.display()))?;
    let held = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    let mend = "End it, or give another folder with --data.";
    held.map_err(|_| failure(PROBLEM, format!("another Loggia runs with the folder {}. {mend}", data.display())))?;
    Ok(file)
}

/// Passes when every folder that is away was read before: what came from it is shown as it was. A first start with one
/// is a mistake in writing.
async fn known(store: &Store, settings: &ServeSettings) -> Result<()> {
    for place in absent(settings) {
        let row = store.source(&loggia_app::source::origin(place)).await?;
        if row.is_none_or(|row| row.last_ok.is_none()) {
            bail!("repository is {place}, which is not there. Make it, or correct the path.");
        }
    }
    Ok(())
}

/// Takes the address.
async fn listen(at: SocketAddr) -> Result<tokio::net::TcpListener> {
    let error = match tokio::net::TcpListener::bind(at).await {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    let other = |port| SocketAddr::new(at.ip(), port);
    let port = at.port();
    Err(match error.kind() {
        ErrorKind::AddrInUse => {
            let free = other(port.checked_add(1).unwrap_or(port - 1));
            failure(PROBLEM, format!("Port {port} is taken; say --listen {free}, or end what uses it."))
        }
        ErrorKind::PermissionDenied => {
            let free = other(7400);
            failure(PROBLEM, format!("Port {port} is only for administrators of this machine; say --listen {free}."))
        }
        ErrorKind::AddrNotAvailable => {
            let message = format!("{} is no address of this machine; say --listen 127.0.0.1:{port}.", at.ip());
            failure(PROBLEM, message)
        }
        _ => anyhow::Error::new(error).context(format!("cannot listen on {at}")),
    })
}

impl Server {
    /// Puts a server together: opens the database, listens, starts workers and the readers of sources.
    ///
    /// # Errors
    /// When the settings are wrong, or the database, the key or the address cannot be used.
    pub async fn start(settings: ServeSettings, demo: Demo) -> Result<Server> {
        if let Some(problem) = crate::settings::problems(&settings).first() {
            bail!("{problem}");
        }
        let (app, store, alone) = start(&settings, demo).await?;
        known(&store, &settings).await?;
        // Before anything works: without an address there is nothing to work for.
        let listener = listen(settings.listen).await?;
        let (stop, stopping) = watch::channel(false);
        let drivers = Arc::new(drivers(&settings, demo)?);
        let workers = worker::start(&app, &drivers, WORKERS, &stopping);
        look::start(&app, &drivers, &stopping);
        probe::start(&app, asker(&settings)?, &stopping);
        due::start(&app, due::handlers(), &stopping);
        retention::start(&app, &stopping);
        let reader = SourceReader::new(settings.data.join("sources"), settings.repository_credentials.clone());
        let reader = Arc::new(reader.delivering(settings.edits.clone()));
        let catalog = Arc::new(CatalogReader::new(&settings.catalogs, settings.catalog_token.as_deref())?);
        let catalogs = Catalogs::new(Arc::clone(&app), catalog, settings.catalogs.clone());
        let sources = Sources::new(Arc::clone(&app), reader, settings.repositories.clone());
        let sources = sources.with_catalogs(Arc::clone(&catalogs)).reading_with(reads(&settings)?);
        // What is no place was refused above.
        let places = settings.adopt.iter().filter_map(|place| place.parse().ok()).collect();
        let estates = Arc::new(EstateReader::new(settings.adopt_credentials.clone()));
        let adoptions = Adoptions::new(Arc::clone(&app), estates, places);
        let sources = Arc::new(sources.with_adoptions(Arc::clone(&adoptions)));
        let state = WebState::new(Arc::clone(&app), settings.admin_token.as_deref(), Arc::clone(&sources));
        let repositories = GitDoor::new(settings.data.join("repositories"));
        let mut state = state.with_git(Arc::new(repositories)).with_open_metrics(settings.open_metrics);
        state = state.with_open_eol(settings.public.contains(&Public::EndOfLife));
        // What is no address was refused above.
        state = state.behind(settings.trusted_proxies.iter().filter_map(|text| text.parse().ok()).collect());
        if let Some(oidc) = settings.oidc.clone() {
            let http = Arc::new(for_provider(&oidc.issuer, &settings.allow_hosts)?);
            state = state.with_provider(Provider::new(oidc, &settings.public_url, http));
        }
        let (told, ready) = watch::channel(false);
        let (flag, told) = (Arc::clone(&state.ready), Arc::new(told));
        let open = move || {
            flag.store(true, Ordering::Release);
            told.send_replace(true);
        };
        if sources.all_read().await? {
            open();
        }
        tokio::spawn(sources.follow(open, stopping.clone()));
        catalogs.start(&stopping);
        adoptions.start(&stopping);
        for warning in crate::settings::warnings(&settings) {
            tracing::warn!("{warning}");
        }
        tracing::info!(listen = %listener.local_addr()?, "listening");
        Ok(Server { app, store, ready, workers, drivers, stop, listener, state, alone })
    }

    /// Runs until a signal ends it; then open requests and operations finish.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn run(self) -> Result<()> {
        let stop = self.stop;
        let mut told = stop.subscribe();
        let serving = loggia_web::run(self.listener, self.state, ended(stop.clone()));
        tokio::select! {
            served = serving => served?,
            () = async {
                // The sender lives as long as this function.
                let _ = told.wait_for(|stop| *stop).await;
                tokio::time::sleep(REQUESTS).await;
            } => tracing::info!("open requests are cut off"),
        }
        if tokio::time::timeout(PATIENCE, self.workers.ended()).await.is_err() {
            tracing::warn!("operations were left to be taken up again at the next start");
        }
        for driver in self.drivers.values() {
            driver.end().await;
        }
        self.store.close().await;
        drop(self.alone);
        tracing::info!("ended");
        Ok(())
    }
}

/// Where driver programs keep their own: below the data. It lay beside the programs once, and what lies there is
/// brought along, because a program without it finds nothing of what it made.
fn driver_state(settings: &ServeSettings) -> Result<PathBuf> {
    let state = settings.data.join(DRIVER_STATE);
    let programs = settings.drivers.as_ref().and_then(|folder| folder.canonicalize().ok());
    let before = programs.as_deref().and_then(Path::parent).map(|folder| folder.join(DRIVER_STATE));
    if let Some(before) = before.filter(|before| before.is_dir() && !state.exists()) {
        let (from, to) = (before.display(), state.display());
        let mend = format!("Move it: mv {from} {to}");
        std::fs::rename(&before, &state).with_context(|| format!("cannot take over {from}. {mend}"))?;
        tracing::info!(%from, %to, "what driver programs keep lies with the data now");
    }
    Ok(state)
}

/// What the operator decided about programs.
fn programs(settings: &ServeSettings) -> Result<CommandOptions> {
    let (network, require_sandbox) = (settings.drivers_network, settings.require_sandbox);
    let state = Some(driver_state(settings)?);
    Ok(CommandOptions { programs: settings.drivers.clone(), state, network, require_sandbox })
}

fn drivers(settings: &ServeSettings, demo: Demo) -> Result<worker::Drivers> {
    let command = programs(settings)?;
    let client = Some(GuardedClient::new(guard(settings))?);
    let (data, terraform) = (settings.data.clone(), settings.terraform.clone());
    let all = Drivers::new(DriverOptions { data, command, terraform, client, end_with_server: demo != Demo::No });
    let all = all.with_context(|| format!("cannot make folders in {}", settings.data.display()))?;
    Ok(all.names().filter_map(|name| Some((name.to_owned(), all.get(name)?))).collect())
}

/// Which other servers are asked.
fn guard(settings: &ServeSettings) -> GuardOptions {
    GuardOptions { allow: settings.allow_hosts.clone(), ..GuardOptions::default() }
}

/// Asks things themselves, for checks: with the same guard as everything that goes out, and the operator's programs.
fn asker(settings: &ServeSettings) -> Result<Arc<Asker>> {
    let programs = CommandDriver::new(programs(settings)?);
    Ok(Arc::new(Asker::new(Arc::new(GuardedClient::new(guard(settings))?), programs)))
}

/// Reads addresses: those of the server's own repositories, and others as far as the guard lets it.
fn reads(settings: &ServeSettings) -> Result<Arc<OwnRepositories>> {
    let (root, others) = (settings.data.join("repositories"), Arc::new(GuardedClient::new(guard(settings))?));
    Ok(Arc::new(OwnRepositories::new(&settings.public_url, root, others)))
}

/// The key that seals secrets: from the environment, else from a file that is made at the first start.
async fn secret_key(data: &Path, store: &Store, ids: &dyn Ids) -> Result<[u8; 32]> {
    if let Some(key) = known_key(data)? {
        return Ok(key);
    }
    // A new one would only stand in the way of the right one.
    if SecretBox::is_needed(store).await? {
        bail!("{}", missing_key(data));
    }
    let key = ids.random();
    write_private(&data.join("secret.key"), &loggia_model::canonical::hex(&key))?;
    Ok(key)
}

/// What to do when a database needs its key and there is none.
pub fn missing_key(data: &Path) -> String {
    format!(
        "this database has a secret key, and it is not here; put it into {}, or give LOGGIA_SECRET_KEY",
        data.join("secret.key").display()
    )
}

/// The key that seals secrets, when there is one already.
///
/// # Errors
/// When what is there is no key.
pub fn known_key(data: &Path) -> Result<Option<[u8; 32]>> {
    if let Some(text) = std::env::var("LOGGIA_SECRET_KEY").ok().filter(|text| !text.is_empty()) {
        return hex_key(&text).context("LOGGIA_SECRET_KEY must be 64 hexadecimal digits").map(Some);
    }
    let path = data.join("secret.key");
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let key = hex_key(text.trim());
            key.with_context(|| format!("{} must hold 64 hexadecimal digits", path.display())).map(Some)
        }
        Err(_) => Ok(None),
    }
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

/// Serves one empty answer until a signal ends the process.
///
/// # Errors
/// When the address cannot be used.
pub fn empty(listen: SocketAddr) -> Result<()> {
    block_on(async { Ok(loggia_web::serve_empty(tokio::net::TcpListener::bind(listen).await?).await?) })
}
