//! A backup before a database goes.

use super::connection::Place;
use crate::process::{self, Ended, Program};
use loggia_app::instance::driver::{Failure, RunLog};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a backup may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(3600);

/// Writes a backup of the whole database with `pg_dump`, in its custom format. It is there whole, or not at all.
pub(super) async fn write(
    place: &Place,
    password: Option<&str>,
    database: &str,
    folder: &Path,
    log: &dyn RunLog,
) -> Result<PathBuf, Failure> {
    let Some(pg_dump) = process::find("pg_dump") else {
        return Err(Failure::ours(
            "no backup can be made, because pg_dump is not installed on this server",
            "install it, or confirm that the data may be lost",
        ));
    };
    let broken = |error: std::io::Error| {
        Failure::backend(format!("the folder of backups cannot be used: {error}"), "check the disk of the server")
    };
    std::fs::create_dir_all(folder).map_err(broken)?;
    let name = format!("{database}-{}.dump", crate::now().0 / 1_000_000);
    let (file, partial) = (folder.join(&name), folder.join(format!(".{name}.partial")));
    let program = Program {
        path: pg_dump,
        args: vec!["--format=custom".into(), "--no-password".into(), "--file".into(), partial.clone().into()],
        env: environment(place, password, database),
        directory: folder.to_owned(),
        stdin: Vec::new(),
        timeout: PATIENCE,
        limit: 1 << 20,
        grace: Duration::ZERO,
        gate: None,
    };
    let finished = process::run(program, |line| log.line(line)).await.map_err(broken)?;
    if finished.ended != Ended::Exited(0) {
        // The failure is what people need to know; the rest of a backup is of no use to them.
        std::fs::remove_file(&partial).ok();
        return Err(Failure::backend(
            format!("the backup failed: {}", finished.last_line),
            "nothing was taken away; correct it, or confirm that the data may be lost",
        ));
    }
    std::fs::rename(&partial, &file).map_err(broken)?;
    Ok(file)
}

fn environment(place: &Place, password: Option<&str>, database: &str) -> Vec<(OsString, OsString)> {
    let admin = &place.admin;
    let host = admin.get_socket().map_or_else(|| admin.get_host().into(), |socket| socket.clone().into_os_string());
    let mut env: Vec<(OsString, OsString)> = vec![
        ("PATH".into(), process::search_path()),
        ("LC_ALL".into(), "C.UTF-8".into()),
        ("PGHOST".into(), host),
        ("PGPORT".into(), admin.get_port().to_string().into()),
        ("PGUSER".into(), admin.get_username().into()),
        ("PGDATABASE".into(), database.into()),
        ("PGSSLMODE".into(), place.sslmode.into()),
    ];
    env.extend(password.map(|password| ("PGPASSWORD".into(), password.into())));
    env
}

/// What recipe or backend say about a backup before the end.
pub(super) fn wanted<'a>(recipe: &'a Map<String, Value>, config: &'a Map<String, Value>) -> Option<&'a Value> {
    recipe.get("backup").or_else(|| config.get("backup"))
}
