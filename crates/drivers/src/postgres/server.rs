//! What the driver says to the server.

use super::names::{comment, identifier, literal};
use loggia_app::instance::driver::Failure;
use sqlx::{AssertSqlSafe, PgConnection, Row};

/// What there is for one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct There {
    pub role: Option<Role>,
    pub database: Option<Database>,
}

/// The role of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    pub name: String,
    pub connections: i32,
}

/// The database of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Database {
    pub name: String,
    pub connections: i32,
    /// Whether the comment is there; it is not when making was cut off just before.
    pub marked: bool,
    /// Whether everybody may connect.
    pub open: bool,
    pub statement_timeout: Option<String>,
}

/// Numbers of a database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub size: i64,
    pub connected: i64,
    /// Sessions since the statistics began; `None` before PostgreSQL 14.
    pub sessions: Option<i64>,
}

/// Turns an error of the server into a failure: its refusals need a person, everything else is tried again.
pub(super) fn failed(error: sqlx::Error) -> Failure {
    let sqlx::Error::Database(error) = error else {
        return Failure::backend(
            format!("the connection to PostgreSQL broke: {error}"),
            "it is tried again; when it stays so, look at the server",
        );
    };
    let code = error.code().unwrap_or_default().into_owned();
    let message = format!("PostgreSQL refused: {}", error.message());
    match code.get(..2) {
        // No rights, wrong statement, wrong value: the same again would be refused again.
        Some("42" | "22" | "0L" | "0P" | "28") if code != "42P04" && code != "42710" => {
            Failure::ours(message, "give the platform's role the rights it needs (CREATEDB and CREATEROLE)")
        }
        _ => Failure::backend(message, "it is tried again; when it stays so, look at the server"),
    }
}

/// Runs statements that PostgreSQL takes no parameters for; every name and text in them went through quoting.
pub(super) async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), Failure> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map_err(failed).map(drop)
}

/// Waits for whoever works on the same key, and works alone until the connection closes. A call that was cut off may
/// still have a statement running on the server; it is over before the next one begins.
pub(super) async fn alone(connection: &mut PgConnection, key: &str) -> Result<(), Failure> {
    execute(connection, "set lock_timeout = '30s'; set statement_timeout = '120s'".to_owned()).await?;
    let lock = "select pg_advisory_lock(hashtextextended($1, 7400))";
    sqlx::query(lock).bind(comment(key)).execute(connection).await.map_err(failed).map(drop)
}

/// Looks for what carries the key; a database without comment belongs to us when its owner does.
pub(super) async fn look(connection: &mut PgConnection, key: &str) -> Result<There, Failure> {
    let role = "select rolname::text, rolconnlimit from pg_roles where shobj_description(oid, 'pg_authid') = $1";
    let role = sqlx::query(role).bind(comment(key)).fetch_optional(&mut *connection).await.map_err(failed)?;
    let role = role.map(|row| Role { name: row.get(0), connections: row.get(1) });
    let database = "select d.datname::text, d.datconnlimit, \
        coalesce(shobj_description(d.oid, 'pg_database') = $1, false), \
        d.datacl is null or exists (select from aclexplode(d.datacl) where grantee = 0), \
        (select substr(c, 19) from pg_db_role_setting s, unnest(s.setconfig) c \
            where s.setdatabase = d.oid and s.setrole = 0 and c like 'statement_timeout=%') \
        from pg_database d join pg_roles r on r.oid = d.datdba \
        where shobj_description(d.oid, 'pg_database') = $1 \
            or (shobj_description(d.oid, 'pg_database') is null and r.rolname = $2 and d.datname = $2)";
    let owner = role.as_ref().map(|role| role.name.as_str());
    let row = sqlx::query(database).bind(comment(key)).bind(owner).fetch_optional(connection).await.map_err(failed)?;
    let database = row.map(|row| Database {
        name: row.get(0),
        connections: row.get(1),
        marked: row.get(2),
        open: row.get(3),
        statement_timeout: row.get(4),
    });
    Ok(There { role, database })
}

/// Makes the role and its mark in one transaction.
pub(super) async fn make_role(connection: &mut PgConnection, name: &str, key: &str) -> Result<(), Failure> {
    let (role, mark) = (identifier(name), literal(&comment(key)));
    let sql = format!(
        "begin; create role {role} login nosuperuser nocreatedb nocreaterole noreplication; \
         comment on role {role} is {mark}; commit"
    );
    let made = execute(connection, sql).await;
    if made.is_err() {
        execute(connection, "rollback".to_owned()).await?;
    }
    made
}

/// Makes the database of a role.
pub(super) async fn make_database(connection: &mut PgConnection, name: &str) -> Result<(), Failure> {
    let name = identifier(name);
    // To give a database to a role, one has to be a member of it, unless one is a superuser.
    let member = format!(
        "do $do$ begin if not (select rolsuper from pg_roles where rolname = current_user) then \
         execute format('grant %s to %I', {}, current_user); end if; end $do$",
        literal(&name)
    );
    execute(&mut *connection, member).await?;
    execute(connection, format!("create database {name} owner {name} template template0 encoding 'UTF8'")).await
}

/// Brings marks, limits and rights to the wanted state; all of it may be said again.
pub(super) async fn settle(
    connection: &mut PgConnection,
    name: &str,
    key: &str,
    connections: i32,
    statement_timeout: Option<&str>,
) -> Result<(), Failure> {
    let (name, mark) = (identifier(name), literal(&comment(key)));
    let timeout = match statement_timeout {
        Some(timeout) => format!("alter database {name} set statement_timeout = {}", literal(timeout)),
        None => format!("alter database {name} reset statement_timeout"),
    };
    let sql = format!(
        "comment on database {name} is {mark}; revoke all on database {name} from public; \
         alter database {name} connection limit {connections}; alter role {name} connection limit {connections}; {timeout}"
    );
    execute(connection, sql).await
}

/// Gives the role a password, as a verifier.
pub(super) async fn set_password(connection: &mut PgConnection, name: &str, verifier: &str) -> Result<(), Failure> {
    execute(connection, format!("alter role {} password {}", identifier(name), literal(verifier))).await
}

/// Takes a database away, with everybody who is connected.
pub(super) async fn remove_database(connection: &mut PgConnection, there: &There) -> Result<(), Failure> {
    if let Some(database) = &there.database {
        execute(connection, format!("drop database if exists {} with (force)", identifier(&database.name))).await?;
    }
    Ok(())
}

/// Takes the role of an instance away.
pub(super) async fn remove_role(connection: &mut PgConnection, there: &There) -> Result<(), Failure> {
    if let Some(role) = &there.role {
        execute(connection, format!("drop role if exists {}", identifier(&role.name))).await?;
    }
    Ok(())
}

/// Version of the server without what the packager added, such as `15.18`.
pub(super) async fn version(connection: &mut PgConnection) -> Result<(String, i32), Failure> {
    let sql =
        "select split_part(current_setting('server_version'), ' ', 1), current_setting('server_version_num')::int";
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(failed)?;
    Ok((row.get(0), row.get(1)))
}

/// Reads size and use of a database.
pub(super) async fn numbers(connection: &mut PgConnection, name: &str, server: i32) -> Result<Numbers, Failure> {
    let sql = match server >= 140_000 {
        true => {
            "select pg_database_size(datid), numbackends::bigint, sessions from pg_stat_database where datname = $1"
        }
        false => {
            "select pg_database_size(datid), numbackends::bigint, null::bigint from pg_stat_database where datname = $1"
        }
    };
    let row = sqlx::query(sql).bind(name).fetch_one(connection).await.map_err(failed)?;
    Ok(Numbers { size: row.get(0), connected: row.get(1), sessions: row.get(2) })
}

/// Whether the administrative role may do its work.
pub(super) async fn may_work(connection: &mut PgConnection) -> Result<bool, Failure> {
    let sql = "select rolsuper or (rolcreatedb and rolcreaterole) from pg_roles where rolname = current_user";
    Ok(sqlx::query(sql).fetch_one(connection).await.map_err(failed)?.get(0))
}
