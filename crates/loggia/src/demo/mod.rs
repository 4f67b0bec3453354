//! `loggia demo`: the example platform with today's state, by one command and nothing before it.

mod campaign;
mod database;
mod endings;
mod estate;
pub mod files;
pub mod seed;
mod usage;
mod workload;

use crate::client::credentials::{self, Credentials};
use crate::client::output::print;
use crate::folder::{PASSED_THROUGH, data_folder};
use crate::serve::{self, Server};
use crate::settings::{Format, ServeArgs};
use anyhow::{Context, Result, bail};
use clap::Args;
use loggia_app::access::caller::{Caller, Door};
use loggia_app::access::token::TokenWish;
use loggia_app::settings::Demo;
use loggia_model::Ref;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The person whom the command line acts as.
const PERSON: &str = "tomasz";

/// Settings of the demo.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Address to listen on.
    #[arg(long, value_name = "ADDR", env = "LOGGIA_LISTEN", default_value = "127.0.0.1:7400")]
    listen: SocketAddr,
    /// Folder of the demo; in your own data folder when not given.
    #[arg(long, value_name = "DIR", env = "LOGGIA_DATA")]
    data: Option<PathBuf>,
    /// Throws away what an earlier demo left, and begins anew.
    #[arg(long)]
    fresh: bool,
    /// Lets everybody who reaches this address become anybody, administrators too; without it only this machine may.
    #[arg(long)]
    open: bool,
    /// Address under which people reach this server.
    #[arg(long, value_name = "URL", env = "LOGGIA_PUBLIC_URL")]
    public_url: Option<String>,
    /// Token with full rights, beside the persons of the demo.
    #[arg(long, value_name = "TOKEN", env = "LOGGIA_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<String>,
    /// Form of the log.
    #[arg(long, value_enum, env = "LOGGIA_LOG_FORMAT")]
    log_format: Option<Format>,
}

/// Runs the demo until a signal ends it.
///
/// # Errors
/// When the folder or the address cannot be used.
pub fn run(args: DemoArgs) -> Result<()> {
    serve::block_on(demo(args))
}

async fn demo(args: DemoArgs) -> Result<()> {
    crate::logs::start(args.log_format.unwrap_or_default())?;
    let data = args.data.clone().unwrap_or_else(default_data);
    if args.fresh {
        throw_away(&data)?;
    }
    data_folder(&data, PASSED_THROUGH)?;
    let data = data.canonicalize()?;
    let repository = files::repository(&data).await?;
    let settings = ServeArgs {
        listen: Some(args.listen),
        data: Some(data.clone()),
        repository: vec![repository.display().to_string()],
        public_url: args.public_url,
        admin_token: args.admin_token,
        ..ServeArgs::default()
    };
    let lent = if args.open { Demo::Open } else { Demo::Here };
    let server = Server::start(settings.resolve(), lent).await?;
    let (app, store, url) = (Arc::clone(&server.app), server.store.clone(), server.app.settings.public_url.clone());
    let mut ready = server.ready.clone();
    let (started, has_database) = tokio::sync::oneshot::channel();
    let database = tokio::spawn(database::start(Arc::clone(&app), data.clone(), started));
    tokio::spawn(async move {
        // It only fails when the server is gone.
        if ready.wait_for(|ready| *ready).await.is_ok() {
            begin(&app, &store, &data, &url, &shared(args.listen, args.open)).await;
            if has_database.await.is_ok()
                && let Err(error) = workload::run(&app, &store).await
            {
                tracing::warn!("the demo deploys nothing: {error:#}. It is tried again at the next start.");
            }
        }
    });
    server.run().await?;
    if let Ok(Some(cluster)) = database.await {
        cluster.stop().await;
    }
    Ok(())
}

/// What happens once the house is open.
async fn begin(app: &Arc<loggia_app::App>, store: &loggia_store::Store, data: &Path, url: &str, shared: &str) {
    let signed_in = match sign_in(app, data, url).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!("the command line is not signed in: {error:#}");
            false
        }
    };
    if let Err(error) = print(&banner(url, data, signed_in, shared)) {
        tracing::warn!("what to try first cannot be shown: {error:#}");
    }
    if let Err(error) = seed::run(app, store).await {
        tracing::error!("the demo does not show everything: {error:#}. It is tried again at the next start.");
    }
}

/// Lets the command line act as the platform engineer, with a token that is made once.
async fn sign_in(app: &loggia_app::App, data: &Path, url: &str) -> Result<()> {
    let file = data.join("command-line-token");
    let token = match std::fs::read_to_string(&file) {
        Ok(token) => token,
        Err(_) => {
            let person = Ref::new("user", "default", PERSON);
            let caller = Caller::person(&app.graph(), person, Door::Api, "demo");
            let wish = TokenWish { name: "Command line of the demo".to_owned(), ..TokenWish::default() };
            let (_, token) = app.create_token(&caller, wish).await?;
            // Revealed to the file that only the user of this demo can read.
            crate::folder::write_private(&file, token.reveal())?;
            token.reveal().to_owned()
        }
    };
    let mut known = Credentials::load()?;
    // A first server becomes the one that commands go to; later ones are only known.
    known.add(url, &token);
    known.save()
}

/// Who else may do what, where others reach the demo.
fn shared(listen: SocketAddr, open: bool) -> String {
    let (port, local) = (listen.port(), listen.ip().is_loopback());
    match (open, local) {
        (false, true) => String::new(),
        (false, false) => format!(
            "\n  Others reach it at port {port} of this machine, but only here persons are switched; --open lets everybody."
        ),
        (true, _) => format!(
            "\n  OPEN: whoever reaches port {port} of this machine can become anybody, administrators too, and so run\n  \
             programs here. Use it only in a network that you trust, and end it afterwards."
        ),
    }
}

fn banner(url: &str, data: &Path, signed_in: bool, shared: &str) -> String {
    let terminal = if signed_in {
        "In another terminal (you are Tomasz there, platform engineer):"
    } else {
        "In another terminal, after loggia login:"
    };
    let option = if url == credentials::DEFAULT_URL { String::new() } else { format!(" --url {url}") };
    format!(
        "
  Fairway, the platform of Meridian Lines, runs at {url}{shared}

  Become somebody with one click at the top of the page:
    Amara   developer, gets things        Tomasz   platform engineer, runs them
    Ines    product manager               Sofia    sponsor

  Three things to try:
    1. As Amara, get a database or a service, and watch each step.
    2. {terminal}
         loggia who-runs postgres --below 15{option}
    3. Change a file in {data}/fairway, commit it,
       and see it on the page within seconds.

  Everything is kept in {data}; --fresh begins anew. Ctrl-C ends the demo.

",
        data = data.display()
    )
}

/// The folder of the demo below the data folder of the user.
fn default_data() -> PathBuf {
    let of = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = of("XDG_DATA_HOME").or_else(|| Some(of("HOME")?.join(".local/share")));
    folder.map_or_else(|| PathBuf::from(".loggia-demo"), |folder| folder.join("loggia-demo"))
}

/// Removes an earlier demo, and nothing that is none.
fn throw_away(data: &Path) -> Result<()> {
    if !data.exists() {
        return Ok(());
    }
    let empty = std::fs::read_dir(data)?.next().is_none();
    if !empty && !data.join("fairway").is_dir() {
        bail!("{} holds no demo. Give another folder with --data, or empty it yourself.", data.display());
    }
    // A demo that was killed leaves its programs running, so that the next one finds them: not this time.
    loggia_drivers::workload::end_all(&data.join(loggia_drivers::registry::WORKLOADS));
    let database = loggia_drivers::postgres::cluster::folder(&data.join("postgres"));
    if database.exists() {
        std::fs::remove_dir_all(&database)?;
    }
    std::fs::remove_dir_all(data).with_context(|| format!("cannot remove {}", data.display()))
}
