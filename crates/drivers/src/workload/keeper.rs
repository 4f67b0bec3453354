//! Starts again what has ended, and takes in what was pushed. It works from what is in the folders alone, so that it
//! goes on after any crash.

use super::code;
use super::house::House;
use super::place::{ENDING, Place, REFUSED, RUNNING, Refused, Role, Running, WANTED};
use super::wanted::{Source, Wanted};
use loggia_app::instance::driver::Failure;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often the programs are gone through.
const ROUND: Duration = Duration::from_secs(1);
/// One that ran for so long is started again at once.
const STEADY: Duration = Duration::from_secs(60);

/// How often one was started lately.
struct Tries {
    count: u32,
    last: Option<Instant>,
}

impl Tries {
    /// Whether it is time to start it again: at once, then after 2, 4, 8 … seconds, one minute at most.
    fn is_time(&self) -> bool {
        self.last.is_none_or(|last| last.elapsed() >= Duration::from_secs(2_u64.pow(self.count.min(6)).min(60)))
    }

    fn note(&mut self) {
        let steady = self.last.is_some_and(|last| last.elapsed() > STEADY);
        self.count = if steady { 1 } else { self.count + 1 };
        self.last = Some(Instant::now());
    }
}

/// Goes through the programs again and again, until nobody uses the house any more.
pub(super) async fn keep(house: Weak<House>) {
    let mut tries = HashMap::new();
    while let Some(house) = house.upgrade() {
        for place in places(&house) {
            // Somebody works on it: the next round is early enough.
            let Some(_alone) = house.gates.try_enter(&place.key) else { continue };
            if let Err(failure) = tend(&house, &place, &mut tries).await {
                tracing::warn!(key = %place.key, message = %failure.message, "a program is not as wanted");
            }
        }
        drop(house);
        sleep(ROUND).await;
    }
}

fn places(house: &Arc<House>) -> Vec<Place> {
    let all = std::fs::read_dir(&house.root).into_iter().flatten().flatten();
    all.filter_map(|entry| house.place(entry.file_name().to_str()?).ok()).collect()
}

async fn tend(house: &House, place: &Place, tries: &mut HashMap<String, Tries>) -> Result<(), Failure> {
    let broken = |error: std::io::Error| super::house::unusable(&error);
    let Some(wanted) = place.read::<Wanted>(WANTED).map_err(broken)? else { return Ok(()) };
    let Some(running) = place.read::<Running>(RUNNING).map_err(broken)? else { return Ok(()) };
    // What is half done is left to whoever does it: only what was wanted and started once is kept.
    if place.file(ENDING).exists() || running.wanted != wanted.digest() {
        return Ok(());
    }
    place.trim().map_err(broken)?;
    if follow(house, place, &wanted, &running).await? || place.is_held(Role::Serving).map_err(broken)? {
        return Ok(());
    }
    let known = tries.entry(place.key.clone()).or_insert_with(|| Tries { count: 0, last: None });
    if known.is_time() && house.start(place, &wanted, &running).await? {
        tracing::info!(instance = %wanted.instance, "a program that had ended was started again");
        known.note();
    }
    Ok(())
}

/// Takes in the newest commit of the branch, when it becomes well; what serves goes on until then. Tells whether it did.
async fn follow(house: &House, place: &Place, wanted: &Wanted, running: &Running) -> Result<bool, Failure> {
    let Source::Repository { .. } = &wanted.source else { return Ok(false) };
    let broken = |error: std::io::Error| super::house::unusable(&error);
    let Some(commit) = code::head(&house.repositories, &wanted.source) else { return Ok(false) };
    let refused: Option<Refused> = place.read(REFUSED).map_err(broken)?;
    if commit == running.code {
        if refused.is_some() {
            place.forget(REFUSED).map_err(broken)?;
        }
        return Ok(false);
    }
    if refused.is_some_and(|refused| refused.commit == commit) {
        return Ok(false);
    }
    let checked = code::check_out(&house.repositories, place, &wanted.source, &commit).await;
    let tried = match checked {
        Ok(()) => house.try_out(place, wanted, &commit).await,
        Err(error) => Err(Failure::backend(error.to_string(), "Push again.")),
    };
    match tried {
        Ok(()) => {
            place.forget(REFUSED).map_err(broken)?;
            tracing::info!(instance = %wanted.instance, %commit, "a commit was taken in");
            house.switch(place, wanted, &Running { code: commit, ..running.clone() }).await.map(|()| true)
        }
        Err(failure) => {
            let why = failure.message;
            tracing::info!(instance = %wanted.instance, %commit, %why, "a commit was not taken in");
            place.write(REFUSED, &Refused { commit, why }).map_err(broken).map(|()| false)
        }
    }
}
