//! `loggia backup` and `loggia restore`: the whole database in one file, from and to either kind of database.

use crate::client::output::print;
use crate::exit::{PROBLEM, UNAVAILABLE, failure};
use crate::folder::{OWN, data_folder};
use crate::serve::{known_key, target};
use crate::settings::{ServeArgs, ServeSettings};
use anyhow::Result;
use clap::Args;
use loggia_app::clock::{Clock, SystemClock};
use loggia_app::estate::restored;
use loggia_store::{Store, StoreError, Target};
use std::path::{Path, PathBuf};

/// Where the data of a server is, as given: the same flags, variables and file as those of the server.
#[derive(Args, Clone, Debug)]
pub struct DataArgs {
    /// File with the settings of the server; flags and environment win over it.
    #[arg(long, value_name = "FILE", env = "LOGGIA_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of the server's data [default: .loggia].
    #[arg(long, value_name = "DIR", env = "LOGGIA_DATA")]
    data: Option<PathBuf>,
    /// PostgreSQL instead of the SQLite file in the folder.
    #[arg(long, value_name = "URL", env = "LOGGIA_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

/// Arguments of `loggia restore`.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// The file.
    #[arg(value_name = "FILE", required_unless_present = "all_is_back")]
    file: Option<PathBuf>,
    /// Says that everything beside the database is back too: what is not there now is gone.
    #[arg(long, conflicts_with = "file")]
    all_is_back: bool,
    #[command(flatten)]
    data: DataArgs,
}

/// Arguments of `loggia backup`.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    data: DataArgs,
}

impl DataArgs {
    /// With what the file says, and the defaults.
    fn resolve(self) -> Result<ServeSettings> {
        let DataArgs { config, data, database_url } = self;
        Ok(ServeArgs { config, data, database_url, ..ServeArgs::default() }.with_file()?.resolve())
    }
}

/// Opens a database that is there.
///
/// # Errors
/// When there is none, or it does not answer.
pub async fn open(settings: &ServeSettings) -> Result<Store> {
    let target = target(settings.database_url.as_deref(), &settings.data);
    if let Target::Sqlite(path) = &target
        && !path.exists()
    {
        let mend = "Name the folder with --data, or the database with --database-url.";
        return Err(failure(PROBLEM, format!("there is no database in {}. {mend}", settings.data.display())));
    }
    Store::open(&target).await.map_err(|error| unavailable(&error))
}

fn unavailable(error: &StoreError) -> anyhow::Error {
    let code = if matches!(error, StoreError::Unavailable(_)) { UNAVAILABLE } else { PROBLEM };
    failure(code, format!("the database cannot be used: {error}. loggia doctor says more."))
}

/// `loggia backup`
///
/// # Errors
/// When the file is there already, or cannot be written.
pub async fn backup(args: BackupArgs) -> Result<()> {
    let settings = args.data.resolve()?;
    if args.file.exists() {
        return Err(failure(PROBLEM, format!("{} is there already. Name a file that is not.", args.file.display())));
    }
    let store = open(&settings).await?;
    let copied = store.backup(&args.file).await;
    store.close().await;
    let copied = copied.map_err(|error| failure(PROBLEM, format!("no backup was made: {error}.")))?;
    let (file, rows) = (args.file.display(), copied.rows);
    print(&format!("{file}: {rows} rows, up to change {}\n{}", copied.position, beside(&settings.data)))
}

/// Folders of the data folder in which drivers keep what they make.
const BESIDE: [&str; 4] = ["repositories", "workloads", "replay", "driver-state"];

/// What belongs to a server and is not in its database.
fn beside(data: &Path) -> String {
    let key = if std::env::var_os("LOGGIA_SECRET_KEY").is_some() {
        "the key in LOGGIA_SECRET_KEY".to_owned()
    } else {
        format!("{}", data.join("secret.key").display())
    };
    let folders = BESIDE.map(|folder| data.join(folder)).into_iter().filter(|folder| folder.exists());
    let folders: Vec<String> = folders.map(|folder| folder.display().to_string()).collect();
    let folders = if folders.is_empty() { String::new() } else { format!("; and {}", folders.join(", ")) };
    format!("Keep with it, elsewhere: {key}{folders}.\n")
}

/// `loggia restore`
///
/// # Errors
/// When the database is not empty, or the file is no backup.
pub async fn restore(args: RestoreArgs) -> Result<()> {
    let settings = args.data.resolve()?;
    let Some(file) = args.file else { return all_is_back(&settings).await };
    let data = &settings.data;
    if !file.is_file() {
        let name = file.display();
        return Err(failure(PROBLEM, format!("there is no file {name}. Name one that loggia backup has written.")));
    }
    data_folder(data, OWN)?;
    let target = target(settings.database_url.as_deref(), data);
    let store = Store::open(&target).await.map_err(|error| unavailable(&error))?;
    let copied = store.restore(&file).await;
    if copied.is_ok() {
        restored::begin(&store, SystemClock::default().now()).await?;
    }
    store.close().await;
    let copied = copied.map_err(|error| {
        let why = match error {
            StoreError::Conflict => "the database is not empty. Restore into an empty one.".to_owned(),
            other => format!("{other}."),
        };
        failure(PROBLEM, format!("nothing was restored: {why}"))
    })?;
    let key = match known_key(data)? {
        Some(_) => String::new(),
        None => format!("Put the secret.key of that server into {} before you start.\n", data.display()),
    };
    let folders = BESIDE.join("/, ");
    print(&format!(
        "{} rows, up to change {}\n{key}Bring {folders}/ of that server back into {} too. Until something is seen at a \
         backend, nothing\nthere counts as gone; when all is back: loggia restore --all-is-back\n",
        copied.rows,
        copied.position,
        data.display()
    ))
}

/// Says that everything beside the database is back.
async fn all_is_back(settings: &ServeSettings) -> Result<()> {
    let store = open(settings).await?;
    let held = restored::end(&store).await;
    store.close().await;
    print(match held? {
        true => "What is not there counts as gone from now on.\n",
        false => "Nothing was held: this database was not restored, or all was back already.\n",
    })
}
