//! Settings of the server: flags over environment over file, in one struct.

mod problems;

use crate::credentials::{adopted, without_credentials};
use crate::public::Public;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use loggia_app::instance::driver::Secret;
use loggia_app::settings::Retention;
use loggia_app::source::Delivery;
use loggia_web::auth::provider::ProviderSettings;
pub use problems::{absent, problems, warnings};
use serde::Deserialize;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Settings of the server, as given: each may be a flag, a variable of the environment, or a line of the file.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ServeArgs {
    /// File with these settings, by the names of the flags; flags and environment win over it.
    #[arg(long, value_name = "FILE", env = "LOGGIA_CONFIG")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:7400].
    #[arg(long, value_name = "ADDR", env = "LOGGIA_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Folder of the database, the keys and the Git repositories [default: .loggia].
    #[arg(long, value_name = "DIR", env = "LOGGIA_DATA")]
    pub data: Option<PathBuf>,
    /// PostgreSQL instead of the embedded SQLite file.
    #[arg(long, value_name = "URL", env = "LOGGIA_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Folder or Git address that the platform is read from; may be given several times.
    #[arg(long, value_name = "PATH|URL", env = "LOGGIA_REPOSITORY", value_delimiter = ',')]
    pub repository: Vec<String>,
    /// How edits on pages reach a repository, by its address: push (the default), request or patch. In the file only.
    #[arg(skip)]
    pub edits: HashMap<String, Delivery>,
    /// Address of a Backstage catalog that is followed, read-only, such as https://…/api/catalog; several times too.
    #[arg(long, value_name = "URL", env = "LOGGIA_CATALOG", value_delimiter = ',')]
    pub catalog: Vec<String>,
    /// Token for the catalogs.
    #[arg(long, value_name = "TOKEN", env = "LOGGIA_CATALOG_TOKEN", hide_env_values = true)]
    pub catalog_token: Option<String>,
    /// Place that describes what runs already, read-only: terraform=PATH, terraform=URL, kubernetes=PATH; several too.
    #[arg(long, value_name = "KIND=PLACE", env = "LOGGIA_ADOPT", value_delimiter = ',')]
    pub adopt: Vec<String>,
    /// Host of your own network whose files registered places may name, such as git.internal; several times too.
    #[arg(long, value_name = "HOST", env = "LOGGIA_ALLOW_HOST", value_delimiter = ',')]
    pub allow_host: Vec<String>,
    /// Address under which people reach this server [default: http:// and the address it listens on].
    #[arg(long, value_name = "URL", env = "LOGGIA_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Folder of programs that the command driver may run.
    #[arg(long, value_name = "DIR", env = "LOGGIA_DRIVERS")]
    pub drivers: Option<PathBuf>,
    /// Recipes may give driver programs access to the network.
    #[arg(long, env = "LOGGIA_DRIVERS_NETWORK", value_name = "YES|NO", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "yes", value_parser = switch)]
    pub drivers_network: Option<bool>,
    /// Driver programs run in a sandbox (bwrap) or not at all.
    #[arg(long, env = "LOGGIA_REQUIRE_SANDBOX", value_name = "YES|NO", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "yes", value_parser = switch)]
    pub require_sandbox: Option<bool>,
    /// Program for releases of the driver terraform, by name or path: terraform, or tofu.
    #[arg(long, value_name = "PROGRAM", env = "LOGGIA_TERRAFORM")]
    pub terraform: Option<PathBuf>,
    /// Token with full rights, to begin with.
    #[arg(long, value_name = "TOKEN", env = "LOGGIA_ADMIN_TOKEN", hide_env_values = true)]
    pub admin_token: Option<String>,
    /// Address of the OpenID Connect provider at which people of the company sign in.
    #[arg(long, value_name = "URL", env = "LOGGIA_OIDC_ISSUER")]
    pub oidc_issuer: Option<String>,
    /// Who this server is at the provider. Its callback there is <public-url>/login/callback.
    #[arg(long, value_name = "ID", env = "LOGGIA_OIDC_CLIENT_ID", requires = "oidc_issuer")]
    pub oidc_client_id: Option<String>,
    /// The secret of this server at the provider.
    #[arg(long, value_name = "SECRET", env = "LOGGIA_OIDC_CLIENT_SECRET", hide_env_values = true)]
    pub oidc_client_secret: Option<String>,
    /// The claim that names the groups of a person [default: groups].
    #[arg(long, value_name = "CLAIM", env = "LOGGIA_OIDC_GROUPS_CLAIM")]
    pub oidc_groups_claim: Option<String>,
    /// The claim that names a person of the catalog, such as employee_id; only one that people cannot choose themselves.
    #[arg(long, value_name = "CLAIM", env = "LOGGIA_OIDC_USERNAME_CLAIM")]
    pub oidc_username_claim: Option<String>,
    /// Proxy in front of this server that says whom it speaks for, such as 10.0.0.0/8; several times too.
    #[arg(long, value_name = "ADDR", env = "LOGGIA_TRUSTED_PROXY", value_delimiter = ',')]
    pub trusted_proxy: Vec<String>,
    /// Everybody who reaches the server may read its figures at /metrics.
    #[arg(long, env = "LOGGIA_OPEN_METRICS", value_name = "YES|NO", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "yes", value_parser = switch)]
    pub open_metrics: Option<bool>,
    /// What everybody who reaches the server may read without signing in: end-of-life (/api/eol); nothing else yet.
    #[arg(long, value_enum, value_name = "WHAT", env = "LOGGIA_PUBLIC", value_delimiter = ',')]
    pub public: Vec<Public>,
    /// Nothing can be changed by people and programs.
    #[arg(long, env = "LOGGIA_READ_ONLY", value_name = "YES|NO", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "yes", value_parser = switch)]
    pub read_only: Option<bool>,
    /// Days for which the lines are kept that operations wrote [default: 180].
    #[arg(long, value_name = "DAYS", env = "LOGGIA_KEEP_RUN_LOGS", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_run_logs: Option<u32>,
    /// Days for which single readings of use are kept; their days are kept for ever [default: 800].
    #[arg(long, value_name = "DAYS", env = "LOGGIA_KEEP_READINGS", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_readings: Option<u32>,
    /// Form of the log [default: text].
    #[arg(long, value_enum, env = "LOGGIA_LOG_FORMAT")]
    pub log_format: Option<Format>,
}

/// Settings of the server, complete.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Folder of everything that is not in the database.
    pub data: PathBuf,
    /// Address of PostgreSQL; SQLite in the folder when absent.
    pub database_url: Option<String>,
    /// Where the platform is read from.
    pub repositories: Vec<String>,
    /// Names and passwords for repositories, by their address: taken out of it here, so that nothing shows them.
    pub repository_credentials: HashMap<String, (String, Secret)>,
    /// How edits reach repositories, by their address.
    pub edits: HashMap<String, Delivery>,
    /// Catalogs that are followed.
    pub catalogs: Vec<String>,
    /// Token for the catalogs.
    pub catalog_token: Option<String>,
    /// Places that describe what runs already, as they were written, without names and passwords.
    pub adopt: Vec<String>,
    /// Names and passwords for such places, by their address.
    pub adopt_credentials: HashMap<String, (String, Secret)>,
    /// Hosts of the own network whose files may be read.
    pub allow_hosts: Vec<String>,
    /// Address for people, without a slash at the end.
    pub public_url: String,
    /// Folder of driver programs.
    pub drivers: Option<PathBuf>,
    /// Whether recipes may give driver programs access to the network.
    pub drivers_network: bool,
    /// Whether driver programs run in a sandbox or not at all.
    pub require_sandbox: bool,
    /// Program of the driver terraform.
    pub terraform: Option<PathBuf>,
    /// Token with full rights.
    pub admin_token: Option<String>,
    /// Where people of the company sign in.
    pub oidc: Option<ProviderSettings>,
    /// Proxies that are believed.
    pub trusted_proxies: Vec<String>,
    /// Whether everybody may read the figures.
    pub open_metrics: bool,
    /// What everybody may read.
    pub public: Vec<Public>,
    /// Whether nothing can be changed through the doors.
    pub read_only: bool,
    /// How long what grows is kept.
    pub retention: Retention,
    /// Form of the log.
    pub log_format: Format,
}

impl ServeArgs {
    /// With what the file says where neither flag nor environment does.
    ///
    /// # Errors
    /// When the file cannot be read, or has a line that is no setting.
    pub fn with_file(self) -> Result<ServeArgs> {
        let Some(path) = self.config.clone() else { return Ok(self) };
        let file = read(&path)?;
        let list = |own: Vec<String>, other| if own.is_empty() { other } else { own };
        Ok(ServeArgs {
            config: self.config,
            listen: self.listen.or(file.listen),
            data: self.data.or(file.data),
            database_url: self.database_url.or(file.database_url),
            repository: list(self.repository, file.repository),
            edits: if self.edits.is_empty() { file.edits } else { self.edits },
            catalog: list(self.catalog, file.catalog),
            catalog_token: self.catalog_token.or(file.catalog_token),
            adopt: list(self.adopt, file.adopt),
            allow_host: list(self.allow_host, file.allow_host),
            public_url: self.public_url.or(file.public_url),
            drivers: self.drivers.or(file.drivers),
            drivers_network: self.drivers_network.or(file.drivers_network),
            require_sandbox: self.require_sandbox.or(file.require_sandbox),
            terraform: self.terraform.or(file.terraform),
            admin_token: self.admin_token.or(file.admin_token),
            oidc_issuer: self.oidc_issuer.or(file.oidc_issuer),
            oidc_client_id: self.oidc_client_id.or(file.oidc_client_id),
            oidc_client_secret: self.oidc_client_secret.or(file.oidc_client_secret),
            oidc_groups_claim: self.oidc_groups_claim.or(file.oidc_groups_claim),
            oidc_username_claim: self.oidc_username_claim.or(file.oidc_username_claim),
            trusted_proxy: list(self.trusted_proxy, file.trusted_proxy),
            open_metrics: self.open_metrics.or(file.open_metrics),
            public: if self.public.is_empty() { file.public } else { self.public },
            read_only: self.read_only.or(file.read_only),
            keep_run_logs: self.keep_run_logs.or(file.keep_run_logs),
            keep_readings: self.keep_readings.or(file.keep_readings),
            log_format: self.log_format.or(file.log_format),
        })
    }

    /// With the defaults where nobody said anything.
    pub fn resolve(self) -> ServeSettings {
        let listen = self.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 7400)));
        let public_url = self.public_url.unwrap_or_else(|| reachable(listen));
        let oidc = self.oidc_issuer.map(|issuer| ProviderSettings {
            issuer,
            client_id: self.oidc_client_id.unwrap_or_default(),
            client_secret: self.oidc_client_secret.map(Secret::new),
            groups_claim: self.oidc_groups_claim.unwrap_or_else(|| "groups".to_owned()),
            username_claim: self.oidc_username_claim,
        });
        let split: Vec<_> = self.repository.iter().map(|place| without_credentials(place)).collect();
        let repositories = split.iter().map(|(place, _)| place.clone()).collect();
        let repository_credentials = split.into_iter().filter_map(|(place, own)| Some((place, own?))).collect();
        let (adopt, adopt_credentials) = adopted(&self.adopt);
        let usual = Retention::default();
        ServeSettings {
            listen,
            data: absolute(self.data.unwrap_or_else(|| PathBuf::from(".loggia"))),
            database_url: self.database_url,
            repositories,
            repository_credentials,
            edits: self.edits.into_iter().map(|(place, how)| (without_credentials(&place).0, how)).collect(),
            catalogs: self.catalog.iter().map(|url| url.trim_end_matches('/').to_owned()).collect(),
            catalog_token: self.catalog_token,
            adopt,
            adopt_credentials,
            allow_hosts: self.allow_host,
            public_url: public_url.trim_end_matches('/').to_owned(),
            drivers: self.drivers.map(absolute),
            drivers_network: self.drivers_network.unwrap_or_default(),
            require_sandbox: self.require_sandbox.unwrap_or_default(),
            terraform: self.terraform,
            admin_token: self.admin_token,
            oidc,
            trusted_proxies: self.trusted_proxy,
            open_metrics: self.open_metrics.unwrap_or_default(),
            public: self.public,
            read_only: self.read_only.unwrap_or_default(),
            retention: Retention {
                run_logs: self.keep_run_logs.unwrap_or(usual.run_logs),
                readings: self.keep_readings.unwrap_or(usual.readings),
            },
            log_format: self.log_format.unwrap_or_default(),
        }
    }
}

/// Reads a switch, as flags and the environment give it.
///
/// # Errors
/// When it is neither yes nor no.
pub fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("write yes or no (or true, false, on, off, 1, 0)".to_owned()),
    }
}

/// The settings of a file.
///
/// # Errors
/// When it cannot be read, or has a line that is no setting.
pub fn read(path: &Path) -> Result<ServeArgs> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not right", path.display()))
}

/// Programs that are started in other folders get paths too, so none may depend on the folder of this process.
/// The address at which this machine reaches its own server.
fn reachable(listen: SocketAddr) -> String {
    let own = match listen {
        SocketAddr::V4(all) if all.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], all.port())),
        SocketAddr::V6(all) if all.ip().is_unspecified() => {
            SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, all.port()))
        }
        one => one,
    };
    format!("http://{own}")
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn passwords_are_in_no_address() {
        let repository = vec!["https://me:s3cret@git.example.com/a.git".to_owned(), "git@example.com:b.git".to_owned()];
        let settings = ServeArgs { repository, ..ServeArgs::default() }.resolve();
        assert_eq!(settings.repositories, ["https://git.example.com/a.git", "git@example.com:b.git"]);
        let (name, password) = &settings.repository_credentials["https://git.example.com/a.git"];
        assert_eq!((name.as_str(), password.reveal()), ("me", "s3cret"));
        assert_eq!(settings.repository_credentials.len(), 1);
    }

    #[test]
    fn switches_are_turned_off_as_well_as_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loggia.toml");
        std::fs::write(&path, "read-only = true\nopen-metrics = false\n").unwrap();
        let read = |flags: &[&str]| {
            let args = [&["loggia", "serve", "--config", path.to_str().unwrap()], flags].concat();
            let cli = crate::command::Cli::try_parse_from(args).map_err(|error| error.to_string())?;
            let crate::command::Command::Serve(args) = cli.command else { return Err("another command".to_owned()) };
            let settings = args.with_file().unwrap().resolve();
            Ok((settings.read_only, settings.open_metrics, settings.require_sandbox))
        };
        assert_eq!(read(&[]), Ok((true, false, false)));
        assert_eq!(read(&["--read-only=false", "--open-metrics", "--require-sandbox=on"]), Ok((false, true, true)));
        assert!(read(&["--read-only=maybe"]).unwrap_err().contains("write yes or no"));
        for (text, value) in [("1", true), ("Yes", true), ("0", false), ("OFF", false), ("no", false)] {
            assert_eq!(switch(text), Ok(value));
        }
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loggia.toml");
        std::fs::write(&path, "listen = \"0.0.0.0:80\"\ndata = \"/srv\"\ncatalog = [\"https://a/api/catalog/\"]\n")
            .unwrap();
        let args = ServeArgs { config: Some(path.clone()), data: Some("/own".into()), ..ServeArgs::default() };
        let settings = args.clone().with_file().unwrap().resolve();
        assert_eq!(settings.listen.port(), 80);
        assert_eq!(settings.data, PathBuf::from("/own"));
        assert_eq!(settings.catalogs, ["https://a/api/catalog"]);
        assert_eq!(settings.public_url, "http://127.0.0.1:80", "nobody reaches 0.0.0.0");
        assert_eq!(reachable("[::]:7400".parse().unwrap()), "http://[::1]:7400");
        assert_eq!(reachable("10.0.0.7:7400".parse().unwrap()), "http://10.0.0.7:7400");
        assert!(ServeArgs::default().resolve().data.is_absolute());
        std::fs::write(&path, "listne = 1").unwrap();
        let error = format!("{:#}", args.with_file().unwrap_err());
        assert!(error.contains("listne"), "{error}");
    }
}
