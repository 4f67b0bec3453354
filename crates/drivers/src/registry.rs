//! All drivers by name.

use crate::command::{CommandDriver, CommandOptions};
use crate::git::GitDriver;
use crate::gitops::GitOpsDriver;
use crate::http::GuardedClient;
use crate::kubernetes::KubernetesDriver;
use crate::postgres::{PostgresDriver, PostgresOptions};
use crate::replay::ReplayDriver;
use crate::service::HttpDriver;
use crate::terraform::{TerraformDriver, TerraformOptions};
use crate::workload::{ProcessDriver, ProcessOptions};
use loggia_app::composition::parts_driver::PartsDriver;
use loggia_app::instance::driver::Driver;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder of programs on this machine, below the data of the server.
pub const WORKLOADS: &str = "workloads";

/// What the operator decided about drivers.
#[derive(Clone, Default)]
pub struct DriverOptions {
    /// The folder of the server's data; repositories, backups and replayed things are below it.
    pub data: PathBuf,
    /// Driver programs.
    pub command: CommandOptions,
    /// The program of the driver `terraform`.
    pub terraform: Option<PathBuf>,
    /// Asks services and clusters of others; without it the drivers `http` and `kubernetes` are not there.
    pub client: Option<GuardedClient>,
    /// Whether the programs of the driver `process` end with the server.
    pub end_with_server: bool,
}

/// The drivers of a server.
#[derive(Clone)]
pub struct Drivers {
    drivers: BTreeMap<String, Arc<dyn Driver>>,
    repositories: PathBuf,
}

impl Drivers {
    /// Makes the folders that drivers work in, and the drivers.
    ///
    /// It must be called within a runtime: some drivers look after what they made from now on.
    ///
    /// The folders are made here and nowhere else: when one is missing later, it is out of reach, and what was in it is
    /// unknown, not gone.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn new(options: DriverOptions) -> std::io::Result<Drivers> {
        let [repositories, replay, root] = ["repositories", "replay", WORKLOADS].map(|name| options.data.join(name));
        for folder in [&repositories, &replay, &root] {
            std::fs::create_dir_all(folder)?;
        }
        let postgres = PostgresOptions { backups: Some(options.data.join("backups")) };
        let require_sandbox = options.command.require_sandbox;
        let terraform = TerraformOptions { program: options.terraform, require_sandbox };
        let process = ProcessOptions {
            root,
            repositories: repositories.clone(),
            require_sandbox,
            end_with_server: options.end_with_server,
        };
        let all: [Arc<dyn Driver>; 8] = [
            Arc::new(CommandDriver::new(options.command)),
            Arc::new(GitDriver::new(&repositories)),
            Arc::new(GitOpsDriver::new(options.data.join("gitops"), &repositories)),
            Arc::new(PartsDriver::default()),
            Arc::new(PostgresDriver::new(postgres)),
            Arc::new(ProcessDriver::new(process)),
            Arc::new(ReplayDriver::new(replay)),
            Arc::new(TerraformDriver::new(terraform)),
        ];
        let asking = options.client.map(|client| {
            let kubernetes: Arc<dyn Driver> = Arc::new(KubernetesDriver::new(client.options().clone()));
            [kubernetes, Arc::new(HttpDriver::new(client))]
        });
        let drivers = all
            .into_iter()
            .chain(asking.into_iter().flatten())
            .map(|driver| (driver.name().to_owned(), driver))
            .collect();
        Ok(Drivers { drivers, repositories })
    }

    /// Adds a driver, or replaces the one of the same name.
    pub fn add(&mut self, driver: Arc<dyn Driver>) {
        self.drivers.insert(driver.name().to_owned(), driver);
    }

    /// The driver of a recipe.
    pub fn get(&self, name: &str) -> Option<Arc<dyn Driver>> {
        self.drivers.get(name).map(Arc::clone)
    }

    /// All names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.drivers.keys().map(String::as_str)
    }

    /// The folder of bare repositories, for [`crate::git::backend`].
    pub fn repositories(&self) -> &Path {
        &self.repositories
    }
}
