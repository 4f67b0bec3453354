//! Access of consumers: each has a role of its own, which may do what a group of the database may.
//!
//! Whoever reads or writes is in a group that gets its rights on all tables, also on those to come. Whoever owns is a
//! member of the role of the instance and becomes it at once, so that what they make belongs to the instance. All roles
//! carry the key of the instance and their own in a comment.

use super::connection::Place;
use super::driver::PostgresDriver;
use super::names::{self, identifier, literal};
use super::server::{self, There, execute, failed};
use super::{driver, password};
use async_trait::async_trait;
use loggia_app::instance::driver::{Backend, Failure, Request, RunLog};
use loggia_app::instance::instance_access::contract::{Granted, Grants, Login};
use sqlx::{Connection, PgConnection, Row};
use std::collections::BTreeSet;

/// The roles that consumers may have.
const ROLES: [&str; 3] = ["read", "write", "own"];
/// What the groups may do with tables, and with sequences.
const GROUPS: [(&str, &str, &str); 2] =
    [("read", "select", "select"), ("write", "select, insert, update, delete, truncate", "usage, select, update")];

fn group_mark(key: &str, group: &str) -> String {
    names::comment(&format!("{key}:group:{group}"))
}

fn login_mark(key: &str, login: &str) -> String {
    names::comment(&format!("{key}:access:{login}"))
}

/// The name of the role with a mark.
async fn named(connection: &mut PgConnection, mark: &str) -> Result<Option<String>, Failure> {
    let sql = "select rolname::text from pg_roles where shobj_description(oid, 'pg_authid') = $1";
    let row = sqlx::query(sql).bind(mark).fetch_optional(connection).await.map_err(failed)?;
    Ok(row.map(|row| row.get(0)))
}

/// Names and marks of all roles whose mark begins so.
async fn marked(connection: &mut PgConnection, begin: &str) -> Result<Vec<(String, String)>, Failure> {
    let sql = "select rolname::text, shobj_description(oid, 'pg_authid') from pg_roles
        where starts_with(shobj_description(oid, 'pg_authid'), $1) order by 2";
    let rows = sqlx::query(sql).bind(begin).fetch_all(connection).await.map_err(failed)?;
    Ok(rows.into_iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The keys of everything at a backend that carries our mark.
pub(super) async fn all_marked(backend: &Backend) -> Result<Vec<String>, Failure> {
    let mut connection = Place::of(backend)?.connect().await?;
    let marks = marks(&mut connection).await;
    connection.close().await.ok();
    marks
}

/// The keys of everything on the server that carries our mark.
async fn marks(connection: &mut PgConnection) -> Result<Vec<String>, Failure> {
    let sql = "select shobj_description(oid, 'pg_authid') from pg_roles \
        where starts_with(shobj_description(oid, 'pg_authid'), 'loggia:') \
        union select shobj_description(oid, 'pg_database') from pg_database \
        where starts_with(shobj_description(oid, 'pg_database'), 'loggia:')";
    let rows = sqlx::query(sql).fetch_all(connection).await.map_err(failed)?;
    let key = |mark: String| mark.split(':').nth(1).map(str::to_owned);
    let keys: BTreeSet<String> = rows.into_iter().filter_map(|row| key(row.get(0))).collect();
    Ok(keys.into_iter().collect())
}

/// Makes a role with its mark, in one transaction, unless it is there.
async fn ensure(connection: &mut PgConnection, (name, mark): (&str, &str), login: bool) -> Result<String, Failure> {
    if let Some(there) = named(connection, mark).await? {
        return Ok(there);
    }
    let (role, may) = (identifier(name), if login { "login" } else { "nologin" });
    let sql = format!(
        "begin; create role {role} {may} nosuperuser nocreatedb nocreaterole noreplication; \
         comment on role {role} is {}; commit",
        literal(mark)
    );
    let made = execute(connection, sql).await;
    if made.is_err() {
        execute(connection, "rollback".to_owned()).await?;
    }
    made.map(|()| name.to_owned())
}

/// Gives the groups that there are their rights on what there is and on what is to come.
async fn settle(place: &Place, database: &str, owner: &str, groups: &[(&str, String)]) -> Result<(), Failure> {
    let mut inside = place.within(database).connect().await?;
    let mut sql = format!("begin; set local role {}; ", identifier(owner));
    for (group, role) in groups {
        let Some((_, tables, sequences)) = GROUPS.iter().find(|(name, ..)| name == group) else { continue };
        let name = identifier(role);
        sql.push_str(&format!(
            "alter default privileges grant usage on schemas to {name}; \
             alter default privileges grant {tables} on tables to {name}; \
             alter default privileges grant {sequences} on sequences to {name}; \
             do $do$ declare one record; begin \
               for one in select nspname from pg_namespace where pg_has_role(nspowner, 'usage') \
                 and nspname !~ '^pg_' and nspname <> 'information_schema' loop \
                 execute format('grant usage on schema %I to %I', one.nspname, {text}); end loop; \
               for one in select oid::regclass as name, relkind from pg_class where pg_has_role(relowner, 'usage') \
                 and relkind in ('r', 'v', 'm', 'p', 'f', 'S') \
                 and relnamespace not in (select oid from pg_namespace where nspname ~ '^pg_') loop \
                 if one.relkind = 'S' then execute format('grant {sequences} on sequence %s to %I', one.name, {text}); \
                 else execute format('grant {tables} on table %s to %I', one.name, {text}); end if; \
               end loop; end $do$; ",
            text = literal(role)
        ));
    }
    sql.push_str("commit");
    let settled = execute(&mut inside, sql).await;
    inside.close().await.ok();
    settled
}

/// Whoever owns becomes the role of the instance as soon as they sign in.
async fn as_owner(connection: &mut PgConnection, role: &str, database: &str, owner: &str) -> Result<(), Failure> {
    let (role, database, owner) = (identifier(role), identifier(database), identifier(owner));
    execute(connection, format!("grant {owner} to {role}; alter role {role} in database {database} set role = {owner}"))
        .await
}

/// Makes a group of a database, with its rights.
async fn group(
    connection: &mut PgConnection,
    (place, key): (&Place, &str),
    (database, owner): (&str, &str),
    group: &str,
) -> Result<String, Failure> {
    let mark = group_mark(key, group);
    let role = ensure(connection, (&names::beside(database, group, &mark), &mark), false).await?;
    let sql = format!("grant connect on database {} to {}", identifier(database), identifier(&role));
    execute(connection, sql).await?;
    let one = GROUPS.iter().find(|(name, ..)| *name == group).map(|(name, ..)| (*name, role.clone()));
    settle(place, database, owner, one.as_slice()).await?;
    Ok(role)
}

/// A database that was lost and is made again gets back what its consumers may do there.
pub(super) async fn restore(
    connection: &mut PgConnection,
    place: &Place,
    key: &str,
    there: &There,
) -> Result<(), Failure> {
    let (Some(owner), Some(database)) = (&there.role, &there.database) else { return Ok(()) };
    for (name, ..) in GROUPS {
        if named(connection, &group_mark(key, name)).await?.is_some() {
            group(connection, (place, key), (&database.name, &owner.name), name).await?;
        }
    }
    let members = "select m.rolname::text from pg_auth_members a join pg_roles m on m.oid = a.member \
        join pg_roles o on o.oid = a.roleid where o.rolname = $1 \
        and starts_with(shobj_description(m.oid, 'pg_authid'), $2)";
    let begin = login_mark(key, "");
    let rows = sqlx::query(members).bind(&owner.name).bind(begin).fetch_all(&mut *connection).await.map_err(failed)?;
    for row in rows {
        let role: String = row.get(0);
        as_owner(connection, &role, &database.name, &owner.name).await?;
    }
    Ok(())
}

/// Who takes away what a role owns has to be a member of it, unless they are a superuser.
async fn join(connection: &mut PgConnection, role: &str) -> Result<(), Failure> {
    let member = format!(
        "do $do$ begin if not (select rolsuper from pg_roles where rolname = current_user) then \
         execute format('grant %I to %I', {}, current_user); end if; end $do$",
        literal(role)
    );
    execute(connection, member).await
}

/// Takes one role away, with whoever is signed in; what it made belongs to the instance.
async fn remove(connection: &mut PgConnection, place: &Place, role: &str, there: &There) -> Result<(), Failure> {
    let name = identifier(role);
    // From here on nobody gets in, whatever happens to the rest.
    execute(connection, format!("alter role {name} nologin")).await?;
    join(connection, role).await?;
    let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = $1";
    sqlx::query(end).bind(role).execute(&mut *connection).await.map_err(failed)?;
    if let (Some(owner), Some(database)) = (&there.role, &there.database) {
        let mut inside = place.within(&database.name).connect().await?;
        let owner = identifier(&owner.name);
        let left = execute(&mut inside, format!("reassign owned by {name} to {owner}; drop owned by {name}")).await;
        inside.close().await.ok();
        left?;
    }
    execute(connection, format!("drop owned by {name}; drop role {name}")).await
}

/// Takes all roles of consumers of an instance away, after its database is gone.
pub(super) async fn remove_all(connection: &mut PgConnection, key: &str) -> Result<(), Failure> {
    for (role, _) in marked(connection, &names::comment(&format!("{key}:"))).await? {
        let name = identifier(&role);
        join(connection, &role).await?;
        execute(connection, format!("drop owned by {name}; drop role {name}")).await?;
    }
    Ok(())
}

fn unknown(role: &str) -> Failure {
    let mend = format!("Offer some of: {}.", ROLES.join(", "));
    Failure::ours(format!("The driver postgres knows no role {role}."), mend)
}

/// What to call a role after its consumer: the name without its kind and namespace.
fn short(consumer: &str) -> &str {
    consumer.rsplit([':', '/']).next().unwrap_or(consumer)
}

async fn grant(
    connection: &mut PgConnection,
    place: &Place,
    (request, login): (&Request, &Login),
    log: &dyn RunLog,
) -> Result<Granted, Failure> {
    let there = server::look(connection, &request.key).await?;
    let (Some(owner), Some(database)) = (&there.role, &there.database) else {
        let mend = "It is tried again; have the instance made right again first.";
        return Err(Failure::backend("The database is not there.", mend));
    };
    let mark = login_mark(&request.key, &login.id);
    let name = names::beside(&database.name, short(&login.consumer), &mark);
    let role = ensure(connection, (&name, &mark), true).await?;
    log.line(&format!("role {role} may {}", login.role));
    if login.role == "own" {
        as_owner(connection, &role, &database.name, &owner.name).await?;
    } else {
        let at = (database.name.as_str(), owner.name.as_str());
        let group = group(connection, (place, &request.key), at, &login.role).await?;
        execute(connection, format!("grant {} to {}", identifier(&group), identifier(&role))).await?;
    }
    // The last step: a role without a password lets nobody in.
    let password = password::new();
    server::set_password(connection, &role, &password::verifier(&password)).await?;
    let mut outputs = driver::outputs(place, &database.name, &role);
    outputs.remove("url");
    Ok(Granted { outputs, secrets: driver::secrets(place, (&role, &database.name), &password) })
}

#[async_trait]
impl Grants for PostgresDriver {
    fn roles(&self) -> Option<&'static [&'static str]> {
        Some(&ROLES)
    }

    async fn grant(&self, request: &Request, login: &Login, log: &dyn RunLog) -> Result<Granted, Failure> {
        if !ROLES.contains(&login.role.as_str()) {
            return Err(unknown(&login.role));
        }
        let place = Place::of(&request.backend)?;
        let mut connection = place.connect().await?;
        server::alone(&mut connection, &request.key).await?;
        let granted = grant(&mut connection, &place, (request, login), log).await;
        // Closed in order, so that the server ends the session now; an error here changes nothing.
        connection.close().await.ok();
        granted
    }

    async fn revoke(&self, request: &Request, login: &Login, log: &dyn RunLog) -> Result<(), Failure> {
        let place = Place::of(&request.backend)?;
        let mut connection = place.connect().await?;
        server::alone(&mut connection, &request.key).await?;
        let there = server::look(&mut connection, &request.key).await?;
        let removed = match named(&mut connection, &login_mark(&request.key, &login.id)).await? {
            Some(role) => {
                log.line(&format!("taking role {role} away"));
                remove(&mut connection, &place, &role, &there).await
            }
            None => Ok(()),
        };
        connection.close().await.ok();
        removed
    }

    async fn granted(&self, request: &Request) -> Result<Vec<String>, Failure> {
        let mut connection = Place::of(&request.backend)?.connect().await?;
        let begin = login_mark(&request.key, "");
        let found = marked(&mut connection, &begin).await;
        connection.close().await.ok();
        let id = |(_, mark): (String, String)| mark.strip_prefix(&begin).map(str::to_owned);
        Ok(found?.into_iter().filter_map(id).collect())
    }
}
