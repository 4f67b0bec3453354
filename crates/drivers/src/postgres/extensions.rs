//! Extensions of a database: those of the input `extensions`, made as its own role, so that the server lets in only those
//! that it trusts. What is there is never taken away: tables may stand on it.

use super::connection::Place;
use super::names::identifier;
use super::server::{There, execute, failed};
use loggia_app::instance::driver::{Failure, Request, RunLog};
use serde_json::Value;
use sqlx::{Connection, PgConnection};

/// The extensions that are wanted.
fn wanted(request: &Request) -> Result<Vec<String>, Failure> {
    let wrong = |value: &Value| {
        Failure::yours(format!("{value} is not the name of an extension"), "give the names of extensions, as a list")
    };
    let plain = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    match request.inputs.get("extensions") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(all)) => {
            let one = |value: &Value| value.as_str().filter(|name| plain(name)).map(str::to_owned);
            all.iter().map(|value| one(value).ok_or_else(|| wrong(value))).collect()
        }
        Some(other) => Err(wrong(other)),
    }
}

/// A connection to the database of an instance, as the administrative role.
async fn inside(place: &Place, database: &str) -> Result<PgConnection, Failure> {
    let admin = place.admin.clone().database(database);
    Place { admin, ..place.clone() }.connect().await
}

/// The wanted ones that a database does not have.
async fn lacking(connection: &mut PgConnection, wanted: Vec<String>) -> Result<Vec<String>, Failure> {
    let there: Vec<String> =
        sqlx::query_scalar("select extname::text from pg_extension").fetch_all(connection).await.map_err(failed)?;
    Ok(wanted.into_iter().filter(|name| !there.contains(name)).collect())
}

/// The extensions that are still to be made.
pub(super) async fn missing(place: &Place, there: &There, request: &Request) -> Result<Vec<String>, Failure> {
    let wanted = wanted(request)?;
    let Some(database) = there.database.as_ref().filter(|_| !wanted.is_empty()) else { return Ok(wanted) };
    let mut connection = inside(place, &database.name).await?;
    let lacking = lacking(&mut connection, wanted).await;
    connection.close().await.ok();
    lacking
}

/// Makes the extensions that are not there yet.
pub(super) async fn make(place: &Place, there: &There, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
    let wanted = wanted(request)?;
    let (Some(role), Some(database), false) = (&there.role, &there.database, wanted.is_empty()) else { return Ok(()) };
    let mut connection = inside(place, &database.name).await?;
    for name in lacking(&mut connection, wanted).await? {
        let known = "select exists (select from pg_available_extensions where name = $1)";
        let known: bool = sqlx::query_scalar(known).bind(&name).fetch_one(&mut connection).await.map_err(failed)?;
        if !known {
            let message = format!("this PostgreSQL has no extension {name}");
            return Err(Failure::ours(message, "install it on the server, or take it out of what the offering asks"));
        }
        log.line(&format!("making extension {name}"));
        let sql = format!(
            "set role {}; create extension if not exists {}; reset role",
            identifier(&role.name),
            identifier(&name)
        );
        execute(&mut connection, sql).await.map_err(|failure| Failure {
            mend: "take it out of what the offering asks: the server lets only its operators make this one".into(),
            ..failure
        })?;
    }
    connection.close().await.ok();
    Ok(())
}
