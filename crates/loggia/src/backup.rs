//! `loggia backup` and `loggia restore`: the whole database in one file, from and to either kind of database.

use crate::client::output::print;
use crate::exit::{PROBLEM, UNAVAILABLE, failure};
use crate::serve::{known_key, target};
use anyhow::{Context, Result};
use clap::Args;
use loggia_store::{Store, StoreError, Target};
use std::path::{Path, PathBuf};

/// Where the data of a server is.
#[derive(Args, Clone, Debug)]
pub struct DataArgs {
    /// Folder of the server's data.
    #[arg(long, value_name = "DIR", env = "LOGGIA_DATA", default_value = ".loggia")]
    pub data: PathBuf,
    /// PostgreSQL instead of the SQLite file in the folder.
    #[arg(long, value_name = "URL", env = "LOGGIA_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
}

/// Arguments of both commands.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    data: DataArgs,
}

impl DataArgs {
    /// Opens a database that is there.
    ///
    /// # Errors
    /// When there is none, or it does not answer.
    pub async fn open(&self) -> Result<Store> {
        let target = target(self.database_url.as_deref(), &self.data);
        if let Target::Sqlite(path) = &target
            && !path.exists()
        {
            let mend = "Name the folder with --data, or the database with --database-url.";
            return Err(failure(PROBLEM, format!("there is no database in {}. {mend}", self.data.display())));
        }
        Store::open(&target).await.map_err(|error| unavailable(&error))
    }
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
    let store = args.data.open().await?;
    let copied = store.backup(&args.file).await;
    store.close().await;
    let copied = copied.map_err(|error| failure(PROBLEM, format!("no backup was made: {error}.")))?;
    private(&args.file)?;
    let (file, rows) = (args.file.display(), copied.rows);
    print(&format!("{file}: {rows} rows, up to change {}\n{}", copied.position, beside(&args.data.data)))
}

/// What people read in a backup is theirs only.
fn private(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))?;
    Ok(())
}

/// What belongs to a server and is not in its database.
fn beside(data: &Path) -> String {
    let key = if std::env::var_os("LOGGIA_SECRET_KEY").is_some() {
        "the key in LOGGIA_SECRET_KEY".to_owned()
    } else {
        format!("{}", data.join("secret.key").display())
    };
    format!("Keep with it, elsewhere: {key}; and the Git repositories in {}.\n", data.join("repositories").display())
}

/// `loggia restore`
///
/// # Errors
/// When the database is not empty, or the file is no backup.
pub async fn restore(args: BackupArgs) -> Result<()> {
    let data = &args.data.data;
    std::fs::create_dir_all(data).with_context(|| format!("cannot make the folder {}", data.display()))?;
    let target = target(args.data.database_url.as_deref(), data);
    let store = Store::open(&target).await.map_err(|error| unavailable(&error))?;
    let copied = store.restore(&args.file).await;
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
    print(&format!("{} rows, up to change {}\n{key}", copied.rows, copied.position))
}
