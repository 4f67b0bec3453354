//! All drivers by name.

use crate::command::{CommandDriver, CommandOptions};
use crate::git::GitDriver;
use crate::postgres::{PostgresDriver, PostgresOptions};
use crate::replay::ReplayDriver;
use loggia_app::driver::Driver;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the operator decided about drivers.
#[derive(Clone, Debug, Default)]
pub struct DriverOptions {
    /// The folder of the server's data; repositories, backups and replayed things are below it.
    pub data: PathBuf,
    /// Driver programs.
    pub command: CommandOptions,
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
    /// The folders are made here and nowhere else: when one is missing later, it is out of reach, and what was in it is
    /// unknown, not gone.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn new(options: DriverOptions) -> std::io::Result<Drivers> {
        let (repositories, replay) = (options.data.join("repositories"), options.data.join("replay"));
        std::fs::create_dir_all(&repositories)?;
        std::fs::create_dir_all(&replay)?;
        let postgres = PostgresOptions { backups: Some(options.data.join("backups")) };
        let all: [Arc<dyn Driver>; 4] = [
            Arc::new(CommandDriver::new(options.command)),
            Arc::new(GitDriver::new(&repositories)),
            Arc::new(PostgresDriver::new(postgres)),
            Arc::new(ReplayDriver::new(replay)),
        ];
        let drivers = all.into_iter().map(|driver| (driver.name().to_owned(), driver)).collect();
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
