//! The way to the server that an environment names.

use loggia_app::instance::driver::{Backend, Failure};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, PgConnection};
use std::str::FromStr;
use std::time::Duration;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a statement may take, and wait for locks; making and taking away have more time.
const LIMITS: &str = "set statement_timeout = '30s'; set lock_timeout = '30s'";

/// Where the server is for us, and for the users of a database.
#[derive(Clone)]
pub(super) struct Place {
    /// How the administrative role connects.
    pub admin: PgConnectOptions,
    /// The host for users.
    pub host: String,
    /// The port for users.
    pub port: u16,
    /// The mode of encryption for users, as the parameter `sslmode`.
    pub sslmode: &'static str,
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::ours(message, "correct the backend in the environment")
}

fn text<'a>(backend: &'a Backend, name: &str) -> Option<&'a str> {
    backend.config.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn port(backend: &Backend, name: &str) -> Result<Option<u16>, Failure> {
    let Some(value) = backend.config.get(name) else { return Ok(None) };
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok()).and_then(|port| u16::try_from(port).ok());
    number.map(Some).ok_or_else(|| wrong(format!("`{name}` of the backend is not a port: {value}")))
}

impl Place {
    /// Reads the settings of a backend: `host`, `port`, `socket`, `user`, `database`, `sslmode`, `public_host`,
    /// `public_port`; its secret is a password or a whole address such as `postgres://user:password@host/database`.
    pub(super) fn of(backend: &Backend) -> Result<Place, Failure> {
        // Revealed to sign in as the administrative role.
        let secret = backend.secret.as_ref().map(|secret| secret.reveal());
        let address = secret.filter(|text| text.starts_with("postgres://") || text.starts_with("postgresql://"));
        let mut admin = match (address, secret) {
            (Some(address), _) => PgConnectOptions::from_str(address)
                .map_err(|_| wrong("the secret of the backend is not an address of a PostgreSQL server"))?,
            (None, Some(password)) => PgConnectOptions::new_without_pgpass().password(password),
            (None, None) => PgConnectOptions::new_without_pgpass(),
        };
        admin = admin.application_name("loggia").disable_statement_logging();
        if let Some(host) = text(backend, "host") {
            admin = admin.host(host);
        }
        if let Some(port) = port(backend, "port")? {
            admin = admin.port(port);
        }
        if let Some(user) = text(backend, "user") {
            admin = admin.username(user);
        }
        if address.is_none() || text(backend, "database").is_some() {
            admin = admin.database(text(backend, "database").unwrap_or("postgres"));
        }
        let (mode, sslmode) = sslmode(text(backend, "sslmode"))?;
        if text(backend, "sslmode").is_some() {
            admin = admin.ssl_mode(mode);
        }
        if let Some(socket) = text(backend, "socket") {
            admin = admin.socket(socket);
        }
        let host = text(backend, "public_host").unwrap_or(admin.get_host()).to_owned();
        let port = port(backend, "public_port")?.unwrap_or(admin.get_port());
        Ok(Place { admin, host, port, sslmode })
    }

    /// Connects as the administrative role.
    pub(super) async fn connect(&self) -> Result<PgConnection, Failure> {
        let connecting = tokio::time::timeout(PATIENCE, self.bounded()).await;
        let mend = "start PostgreSQL, or correct the backend in the environment";
        match connecting {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(sqlx::Error::Database(error))) if !matches!(error.code().as_deref(), Some("57P03" | "53300")) => {
                Err(Failure::backend(
                    format!("PostgreSQL at {} does not let the platform in: {}", self.where_it_is(), error.message()),
                    "correct the user and the secret of the backend",
                ))
            }
            Ok(Err(error)) => {
                Err(Failure::backend(format!("PostgreSQL does not answer at {}: {error}", self.where_it_is()), mend))
            }
            Err(_) => Err(Failure::backend(
                format!("PostgreSQL at {} did not answer within {} seconds", self.where_it_is(), PATIENCE.as_secs()),
                mend,
            )),
        }
    }

    /// The same server, signed in to another database.
    pub(super) fn within(&self, database: &str) -> Place {
        Place { admin: self.admin.clone().database(database), ..self.clone() }
    }

    /// A connection on which no statement goes on for ever, also when nobody here waits for it any more.
    async fn bounded(&self) -> sqlx::Result<PgConnection> {
        let mut connection = PgConnection::connect_with(&self.admin).await?;
        // Said here and not while connecting: poolers in between refuse settings that they do not know.
        sqlx::raw_sql(LIMITS).execute(&mut connection).await?;
        Ok(connection)
    }

    fn where_it_is(&self) -> String {
        match self.admin.get_socket() {
            Some(socket) => format!("{} (port {})", socket.display(), self.admin.get_port()),
            None => format!("{}:{}", self.admin.get_host(), self.admin.get_port()),
        }
    }
}

fn sslmode(text: Option<&str>) -> Result<(PgSslMode, &'static str), Failure> {
    Ok(match text {
        None | Some("prefer") => (PgSslMode::Prefer, "prefer"),
        Some("disable") => (PgSslMode::Disable, "disable"),
        Some("allow") => (PgSslMode::Allow, "allow"),
        Some("require") => (PgSslMode::Require, "require"),
        Some("verify-ca") => (PgSslMode::VerifyCa, "verify-ca"),
        Some("verify-full") => (PgSslMode::VerifyFull, "verify-full"),
        Some(other) => return Err(wrong(format!("`sslmode` of the backend is not known: {other}"))),
    })
}
