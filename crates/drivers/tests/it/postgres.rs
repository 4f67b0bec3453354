//! Databases on a real server, named by `LOGGIA_TEST_POSTGRES`.

use crate::{Lines, object, request};
use loggia_app::instance::driver::{Driver, Presence, Request, Secret, Whose};
use loggia_app::instance::instance_access::contract::{Grants, Login};
use loggia_drivers::postgres::{PostgresDriver, PostgresOptions};
use loggia_model::instance::Verdict;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

/// The address of a server for tests; `None` (and a line that says so) when there is none.
pub fn admin(test: &str) -> Option<String> {
    let admin = std::env::var("LOGGIA_TEST_POSTGRES").ok().filter(|url| !url.is_empty());
    if admin.is_none() {
        println!("skipped: {test}: no PostgreSQL (set LOGGIA_TEST_POSTGRES)");
    }
    admin
}

/// Drops the database behind the driver's back.
pub async fn lose(admin: &str, key: &str) {
    let mut connection = PgConnection::connect(admin).await.unwrap();
    let sql = "select datname::text from pg_database where shobj_description(oid, 'pg_database') = $1";
    let name: String = sqlx::query(sql).bind(format!("loggia:{key}")).fetch_one(&mut connection).await.unwrap().get(0);
    let drop = AssertSqlSafe(format!("drop database \"{name}\" with (force)"));
    sqlx::raw_sql(drop).execute(&mut connection).await.unwrap();
}

/// Databases of a key, and roles without one.
pub async fn count(admin: &str, key: &str) -> usize {
    let mut connection = PgConnection::connect(admin).await.unwrap();
    let sql = "select (select count(*) from pg_database where shobj_description(oid, 'pg_database') = $1), \
               (select count(*) from pg_roles where shobj_description(oid, 'pg_authid') = $1)";
    let row = sqlx::query(sql).bind(format!("loggia:{key}")).fetch_one(&mut connection).await.unwrap();
    let (databases, roles): (i64, i64) = (row.get(0), row.get(1));
    usize::try_from(databases.max(roles)).unwrap()
}

fn sample(admin: &str, name: &str) -> Request {
    let mut request = request(name, json!({ "driver": "postgres" }));
    request.key = format!("{name}-{}", std::process::id());
    request.limits = object(json!({ "connections": 3, "size": "1 kB", "statement_timeout": "2s" }));
    request.backend.secret = Some(Secret::new(admin));
    request
}

fn secret<'a>(secrets: &'a [(String, Secret)], name: &str) -> &'a str {
    secrets.iter().find(|(other, _)| other == name).unwrap().1.reveal()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_can_be_used_within_its_limits() {
    let Some(admin) = admin("postgres::a_database_can_be_used_within_its_limits") else { return };
    let (driver, log) = (PostgresDriver::new(PostgresOptions::default()), Lines::default());
    let mut request = sample(&admin, "used");
    driver.probe(&request.backend).await.unwrap();
    let made = driver.apply(&request, &log).await.unwrap();
    assert!(made.outputs["url"].as_str().unwrap().contains(":PASSWORD@"));
    request.secret_outputs = made.secret_outputs.clone();
    let url = secret(&made.secret_outputs, "url").to_owned();
    let mut user = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("create table t (a int); insert into t select generate_series(1, 10)")
        .execute(&mut user)
        .await
        .unwrap();
    let slow = sqlx::raw_sql("select pg_sleep(3)").execute(&mut user).await.unwrap_err();
    assert!(slow.to_string().contains("statement timeout"), "{slow}");
    let more = [PgConnection::connect(&url).await, PgConnection::connect(&url).await];
    assert!(more.iter().all(Result::is_ok));
    assert!(PgConnection::connect(&url).await.is_err(), "a fourth connection was let in");
    drop((user, more));
    let seen = driver.observe(&request, &log).await.unwrap();
    assert!(seen.version.chars().all(|c| c.is_ascii_digit() || c == '.'), "{}", seen.version);
    let size = seen.conditions.iter().find(|c| c.kind == "SizeWithinPlan").unwrap();
    assert_eq!(size.status, Verdict::False);
    PgConnection::connect(&url).await.unwrap().close().await.unwrap();
    // Statistics of a session are written when it ends, a moment later.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let seen = driver.observe(&request, &log).await.unwrap();
    assert_eq!(seen.readings.len(), 1, "{seen:?}");
    assert!(seen.readings[0].count >= 1);
    request.limits = object(json!({ "connections": 7 }));
    request.inputs = object(json!({ "extensions": ["citext", "hstore"] }));
    let said = driver.plan(&request, &log).await.unwrap().changes;
    assert!(said.len() > 2 && said.contains(&"make extension citext".to_owned()), "{said:?}");
    driver.apply(&request, &log).await.unwrap();
    let mut user = PgConnection::connect(&url).await.unwrap();
    let same: bool = sqlx::query("select 'A'::citext = 'a'::citext").fetch_one(&mut user).await.unwrap().get(0);
    assert!(same);
    drop(user);
    // What the server trusts its operators alone with, or does not have, is refused for good.
    for (name, said) in [("file_fdw", "permission denied"), ("nosuch", "has no extension nosuch")] {
        let mut other = request.clone();
        other.inputs = object(json!({ "extensions": [name] }));
        let failure = driver.apply(&other, &log).await.unwrap_err();
        assert!(!failure.retry && failure.message.contains(said), "{failure}");
    }
    assert!(driver.plan(&request, &log).await.unwrap().changes.is_empty());
    PgConnection::connect(&url).await.unwrap();
    request.confirmed = true;
    driver.destroy(&request, &log).await.unwrap();
    assert!(PgConnection::connect(&url).await.is_err());
    assert!(!log.text().contains(secret(&made.secret_outputs, "password")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_goes_only_with_backup_or_confirmation() {
    let Some(admin) = admin("postgres::data_goes_only_with_backup_or_confirmation") else { return };
    let backups = tempfile::tempdir().unwrap();
    let options = PostgresOptions { backups: Some(backups.path().to_owned()) };
    let (driver, log) = (PostgresDriver::new(options), Lines::default());
    let mut request = sample(&admin, "kept");
    driver.apply(&request, &log).await.unwrap();
    let failure = driver.destroy(&request, &log).await.unwrap_err();
    assert_eq!(failure.whose, Whose::Yours);
    assert_eq!(driver.observe(&request, &log).await.unwrap().presence, Presence::Present);
    request.recipe = object(json!({ "driver": "postgres", "backup": true }));
    driver.destroy(&request, &log).await.unwrap();
    assert_eq!(driver.observe(&request, &log).await.unwrap().presence, Presence::Absent);
    let dump = std::fs::read_dir(backups.path()).unwrap().flatten().next().unwrap().path();
    assert!(std::fs::read(dump).unwrap().starts_with(b"PGDMP"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_passwords_are_replaced_and_strangers_left_alone() {
    let Some(admin) = admin("postgres::lost_passwords_are_replaced_and_strangers_left_alone") else { return };
    let (driver, log) = (PostgresDriver::new(PostgresOptions::default()), Lines::default());
    let mut request = sample(&admin, "lost");
    let first = driver.apply(&request, &log).await.unwrap();
    let second = driver.apply(&request, &log).await.unwrap();
    let (old, new) = (secret(&first.secret_outputs, "url"), secret(&second.secret_outputs, "url"));
    assert_ne!(old, new);
    assert!(PgConnection::connect(old).await.is_err());
    PgConnection::connect(new).await.unwrap();
    let mut connection = PgConnection::connect(&admin).await.unwrap();
    let (role, stranger) = (first.outputs["user"].as_str().unwrap(), format!("stranger_{}", std::process::id()));
    let sql = format!("create database {stranger} owner \"{role}\"");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    request.confirmed = true;
    let failure = driver.destroy(&request, &log).await.unwrap_err();
    assert!(failure.message.contains("depend"), "{failure}");
    sqlx::raw_sql(AssertSqlSafe(format!("drop database {stranger}"))).execute(&mut connection).await.unwrap();
    driver.destroy(&request, &log).await.unwrap();
}

#[tokio::test]
async fn a_server_of_another_major_version_is_refused_unless_any_is_accepted() {
    let Some(admin) = admin("postgres::a_server_of_another_major_version_is_refused") else { return };
    let (driver, log) = (PostgresDriver::new(PostgresOptions::default()), Lines::default());
    let mut request = sample(&admin, "major");
    request.recipe = object(json!({ "driver": "postgres", "major": 9 }));
    for failure in [
        driver.plan(&request, &log).await.map(drop).unwrap_err(),
        driver.apply(&request, &log).await.map(drop).unwrap_err(),
    ] {
        assert!(
            failure.whose == Whose::Ours && !failure.retry && failure.message.contains("PostgreSQL 9"),
            "{failure}"
        );
    }
    assert_eq!(driver.observe(&request, &log).await.unwrap().presence, Presence::Absent);
    let program = driver.program(&request.backend).await.unwrap().unwrap();
    let refused = driver.differs(&request.recipe, &request.backend.config, &program).unwrap_err();
    assert!(refused.message.contains(&program.to_string()) && refused.message.contains("PostgreSQL 9"), "{refused}");
    request.backend.config = object(json!({ "any_major": true }));
    let told = driver.differs(&request.recipe, &request.backend.config, &program).unwrap().unwrap();
    assert!(told.contains(&program.to_string()) && told.contains("PostgreSQL 9"), "{told}");
    let made = driver.apply(&request, &log).await.unwrap();
    let told = made.conditions.iter().find(|c| c.kind == "ServerAsReleased").unwrap();
    assert_eq!((told.status, told.reason.as_str()), (Verdict::False, "OtherMajor"));
    request.recipe = object(json!({ "major": made.version.split('.').next() }));
    assert!(driver.observe(&request, &log).await.unwrap().conditions.iter().all(|c| c.kind != "ServerAsReleased"));
    assert_eq!(made.version, program.version);
    assert_eq!(driver.differs(&request.recipe, &request.backend.config, &program).unwrap(), None);
    request.confirmed = true;
    driver.destroy(&request, &log).await.unwrap();
}

#[test]
fn only_a_backup_keeps_the_data() {
    let driver = PostgresDriver::new(PostgresOptions::default());
    let none = || object(json!({}));
    assert!(driver.loses_data(&none(), &none()) && driver.loses_data(&object(json!({"backup": false})), &none()));
    assert!(!driver.loses_data(&none(), &object(json!({"backup": true}))));
}

#[tokio::test]
async fn a_wrong_backend_says_so() {
    let (driver, log) = (PostgresDriver::new(PostgresOptions::default()), Lines::default());
    let mut request = sample("postgres://nobody:topsecret@127.0.0.1:1/x", "nowhere");
    let failure = driver.probe(&request.backend).await.unwrap_err();
    assert!(
        failure.retry && failure.message.contains("127.0.0.1:1") && !failure.message.contains("topsecret"),
        "{failure}"
    );
    request.backend.config = object(json!({ "port": "many" }));
    let failure = driver.apply(&request, &log).await.unwrap_err();
    assert_eq!(failure.whose, Whose::Ours);
}

/// What a role may do, in one statement.
async fn may(url: &str, sql: &'static str) -> bool {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.is_ok()
}

fn login(id: &str, role: &str) -> Login {
    Login { id: id.to_owned(), consumer: format!("component:default/{role}-app"), role: role.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_consumer_gets_in_by_a_role_of_its_own() {
    let Some(admin) = admin("postgres::each_consumer_gets_in_by_a_role_of_its_own") else { return };
    let (driver, log) = (PostgresDriver::new(PostgresOptions::default()), Lines::default());
    let mut request = sample(&admin, "shared");
    request.limits = object(json!({}));
    let made = driver.apply(&request, &log).await.unwrap();
    let owner = secret(&made.secret_outputs, "url").to_owned();
    assert!(may(&owner, "create schema s; create table before (a int); create table s.more (a int)").await);
    let mut urls = std::collections::BTreeMap::new();
    for role in ["read", "write", "own"] {
        let granted = driver.grant(&request, &login(role, role), &log).await.unwrap();
        assert!(granted.outputs["user"].as_str().unwrap().contains(&format!("{role}_app")), "{granted:?}");
        assert!(!format!("{:?}", granted.outputs).contains(secret(&granted.secrets, "password")));
        urls.insert(role, secret(&granted.secrets, "url").to_owned());
    }
    let unknown = driver.grant(&request, &login("x", "sudo"), &log).await.unwrap_err();
    assert!(!unknown.retry, "{unknown}");
    // What was there before and what comes later, by whoever owns, belongs to all.
    assert!(may(&urls["own"], "create table later (a int, b serial)").await);
    for table in ["select from before", "select from later", "select from s.more"] {
        for role in ["read", "write", "own"] {
            assert!(may(&urls[role], table).await, "{role}: {table}");
        }
    }
    for (role, may_write, may_make) in [("read", false, false), ("write", true, false), ("own", true, true)] {
        assert_eq!(may(&urls[role], "insert into later (a) values (1)").await, may_write, "{role}");
        assert_eq!(may(&urls[role], "insert into s.more (a) values (1)").await, may_write, "{role}");
        assert_eq!(may(&urls[role], "create table mine (a int); drop table mine").await, may_make, "{role}");
    }
    // A lost database is made again, and its consumers get in again.
    request.secret_outputs = made.secret_outputs.clone();
    lose(&admin, &request.key).await;
    driver.apply(&request, &log).await.unwrap();
    assert!(may(&urls["own"], "create table again (a int)").await && may(&urls["read"], "select from again").await);
    // One goes, with whoever is signed in and without what it made; the others stay.
    let mut busy = PgConnection::connect(&urls["own"]).await.unwrap();
    sqlx::raw_sql("reset role; create schema own; create table own.left (a int)").execute(&mut busy).await.unwrap();
    driver.revoke(&request, &login("own", "own"), &log).await.unwrap();
    assert!(sqlx::raw_sql("select 1").execute(&mut busy).await.is_err(), "still signed in");
    assert!(PgConnection::connect(&urls["own"]).await.is_err(), "gets in still");
    assert!(may(&owner, "select from own.left").await && may(&urls["read"], "select from again").await);
    let mut there = driver.granted(&request).await.unwrap();
    there.sort();
    assert_eq!(there, ["read", "write"]);
    request.confirmed = true;
    driver.destroy(&request, &log).await.unwrap();
    assert_eq!(driver.granted(&request).await.unwrap(), Vec::<String>::new());
    let keys = driver.marked(&request.backend).await.unwrap().unwrap();
    assert!(!keys.contains(&request.key), "{keys:?}");
    for url in urls.values() {
        assert!(PgConnection::connect(url).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_that_is_no_superuser_gives_access_too() {
    let Some(admin) = admin("postgres::a_platform_that_is_no_superuser_gives_access_too") else { return };
    let name = format!("plain_admin_{}", std::process::id());
    let mut connection = PgConnection::connect(&admin).await.unwrap();
    let make = format!("create role {name} login createdb createrole password 'plain-admin-password'");
    sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut connection).await.unwrap();
    let mut request = sample(&admin, "plain");
    let mut url = url::Url::parse(&admin).unwrap();
    url.set_username(&name).unwrap();
    url.set_password(Some("plain-admin-password")).unwrap();
    request.backend.secret = Some(Secret::new(url.as_str()));
    let (driver, log) = (PostgresDriver::new(PostgresOptions::default()), Lines::default());
    driver.apply(&request, &log).await.unwrap();
    for role in ["read", "write", "own"] {
        driver.grant(&request, &login(role, role), &log).await.unwrap();
    }
    let granted = driver.grant(&request, &login("own", "own"), &log).await.unwrap();
    let own = secret(&granted.secrets, "url").to_owned();
    assert!(may(&own, "create table t (a int)").await);
    let busy = PgConnection::connect(&own).await.unwrap();
    for role in ["read", "write", "own"] {
        driver.revoke(&request, &login(role, role), &log).await.unwrap();
    }
    assert!(PgConnection::connect(&own).await.is_err() && driver.granted(&request).await.unwrap().is_empty());
    drop(busy);
    request.confirmed = true;
    driver.destroy(&request, &log).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("drop role {name}"))).execute(&mut connection).await.unwrap();
}
