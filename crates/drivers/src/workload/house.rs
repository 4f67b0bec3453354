//! What the driver and the keeper share: bringing a program up, and changing it for another one.

use super::code;
use super::health::{self, Unwell};
use super::place::{Place, RUNNING, Role, Running};
use super::run::{self, Start};
use super::wanted::Wanted;
use crate::gates::Gates;
use crate::sandbox::Sandbox;
use loggia_app::instance::driver::{Failure, Secret, Whose};
use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The ports that programs get when the backend does not say.
pub(super) const PORTS: RangeInclusive<u16> = 21_000..=24_999;

type Named = Vec<(String, Secret)>;

/// What the driver and the keeper share.
pub(super) struct House {
    pub root: PathBuf,
    pub repositories: PathBuf,
    pub require_sandbox: bool,
    /// One at a time works on a program.
    pub gates: Gates,
    sandbox: Sandbox,
    /// Secrets, by key. They are in memory only: after a start of the server they come with the first look.
    secrets: Mutex<HashMap<String, Named>>,
    ports: Mutex<()>,
    /// Nothing is started any more.
    pub closed: AtomicBool,
}

impl House {
    pub(super) fn new(root: PathBuf, repositories: PathBuf, require_sandbox: bool) -> House {
        House {
            root,
            repositories,
            require_sandbox,
            gates: Gates::default(),
            sandbox: Sandbox::default(),
            secrets: Mutex::default(),
            ports: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn place(&self, key: &str) -> Result<Place, Failure> {
        let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        match plain {
            true => Ok(Place::new(&self.root, key)),
            false => Err(Failure::ours(format!("\"{key}\" is not a key."), "Report this as a fault.")),
        }
    }

    pub(super) fn remember(&self, key: &str, secrets: Named) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), secrets);
    }

    pub(super) fn forget(&self, key: &str) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// The secrets of a program; none while they are not known.
    fn secrets_of(&self, key: &str, wanted: &Wanted) -> Option<Named> {
        let known = self.secrets.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        known.or_else(|| wanted.secrets.is_empty().then(Vec::new))
    }

    /// The walls of this machine, where there are any.
    pub(super) async fn bwrap(&self) -> Result<Option<&Path>, Failure> {
        let found = self.sandbox.program().await;
        match found.is_none() && self.require_sandbox {
            true => Err(Failure::ours(
                "Programs may run only in a sandbox here, and bwrap does not work on this machine.",
                "Ask the operator to install bubblewrap.",
            )),
            false => Ok(found),
        }
    }

    /// The port of a program: the one that it has, else a free one, the same after every start.
    pub(super) fn port(&self, place: &Place, range: &RangeInclusive<u16>) -> Result<u16, Failure> {
        let _alone = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(port) = place.read::<u16>("port").map_err(|error| unusable(&error))? {
            return Ok(port);
        }
        let all = std::fs::read_dir(&self.root).map_err(|error| unusable(&error))?.flatten();
        let port_of = |entry: std::fs::DirEntry| {
            Place::new(&self.root, &entry.file_name().to_string_lossy()).read::<u16>("port").ok().flatten()
        };
        let taken: BTreeSet<u16> = all.filter_map(port_of).collect();
        let free = |port: &u16| !taken.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
        let port = range.clone().find(free).ok_or_else(|| {
            let message = format!("All ports from {} to {} are taken.", range.start(), range.end());
            Failure::ours(message, "Give the backend more: `ports: 21000-24999` in its config.")
        })?;
        place.write("port", &port).map_err(|error| unusable(&error))?;
        Ok(port)
    }

    /// Starts what is wanted where nothing runs; does not wait until it is well. False when it runs already, or its
    /// secrets are not known yet.
    pub(super) async fn start(&self, place: &Place, wanted: &Wanted, running: &Running) -> Result<bool, Failure> {
        self.start_as(Role::Serving, running.port, place, wanted, &running.code).await
    }

    async fn start_as(
        &self,
        role: Role,
        port: u16,
        place: &Place,
        wanted: &Wanted,
        code: &str,
    ) -> Result<bool, Failure> {
        let Some(secrets) = self.secrets_of(&place.key, wanted) else { return Ok(false) };
        let bwrap = self.bwrap().await?;
        if self.closed.load(Ordering::Acquire) {
            return Ok(false);
        }
        let start = Start { place, role, wanted, code, port, secrets: &secrets, bwrap };
        run::start(&start).map_err(|error| {
            let message = format!("{} cannot be started: {error}.", wanted.command[0]);
            Failure::ours(message, "Correct `command` in the recipe, or ask the operator to install it.")
        })
    }

    /// Tries a state beside the one that runs, on a port of its own.
    ///
    /// # Errors
    /// When it does not become well; what runs was not touched.
    pub(super) async fn try_out(&self, place: &Place, wanted: &Wanted, code: &str) -> Result<(), Failure> {
        self.end(place, Role::Trial).await?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.map_err(|error| unusable(&error))?.port();
        self.start_as(Role::Trial, port, place, wanted, code).await?;
        let well = self.is_well(place, Role::Trial, wanted, port).await;
        self.end(place, Role::Trial).await?;
        well.map_err(|why| unwell(why, place, Role::Trial, wanted))
    }

    /// Ends what serves, and starts another state on the same port.
    pub(super) async fn switch(&self, place: &Place, wanted: &Wanted, running: &Running) -> Result<(), Failure> {
        let broken = |error: std::io::Error| unusable(&error);
        let before: Option<Running> = place.read(RUNNING).map_err(broken)?;
        let others = before.is_some_and(|before| before.secrets != running.secrets);
        self.end(place, Role::Serving).await?;
        if others {
            place.clear().map_err(broken)?;
        }
        place.write(RUNNING, running).map_err(broken)?;
        self.start(place, wanted, running).await?;
        code::keep_only(place, &running.code);
        let well = self.is_well(place, Role::Serving, wanted, running.port).await;
        let well = well.map_err(|why| unwell(why, place, Role::Serving, wanted));
        if others && well.is_err() {
            // Told with the failure, while it is known what to blank.
            place.clear().map_err(broken)?;
        }
        well
    }

    async fn is_well(&self, place: &Place, role: Role, wanted: &Wanted, port: u16) -> Result<(), Unwell> {
        // One that has let its lock go has ended.
        let ended = || !place.is_held(role).unwrap_or(true);
        health::becomes_well(port, &wanted.health, wanted.patience(), ended).await
    }

    pub(super) async fn end(&self, place: &Place, role: Role) -> Result<(), Failure> {
        let ended = run::stop(place, role).await.map_err(|error| unusable(&error))?;
        if ended { Ok(()) } else { Err(Failure::backend("It does not end.", "It is tried again by itself.")) }
    }
}

/// A failure because the folder of programs cannot be used.
pub(super) fn unusable(error: &std::io::Error) -> Failure {
    Failure::backend(
        format!("The folder of running programs cannot be used: {error}."),
        "Check the disk of the server.",
    )
}

fn unwell(why: Unwell, place: &Place, role: Role, wanted: &Wanted) -> Failure {
    let at = if wanted.health.is_empty() { "on its port".to_owned() } else { format!("at {}", wanted.health) };
    let said = place.last_lines(role, 5).join(" | ");
    let said = if said.is_empty() { "It wrote nothing.".to_owned() } else { format!("It wrote last: {said}") };
    let message = match why {
        Unwell::Ended => format!("It ended before it answered {at}. {said}"),
        Unwell::Silent => format!("It did not answer {at} within {} seconds. {said}", wanted.start),
    };
    let mend = "Correct the program; it must listen on the port in the variable PORT.".to_owned();
    Failure { retry: false, whose: Whose::Yours, message, mend }
}
