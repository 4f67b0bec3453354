//! Following what other servers write to the same database.

use super::App;
use crate::command::writer::Message;
use loggia_store::Watch;
use std::sync::Arc;
use std::time::Duration;

/// How often a server on a shared database looks for what others wrote.
const POLL: Duration = Duration::from_millis(250);

/// Asks the writer to take in what other servers wrote: when the database announces it, and again and again, because
/// announcements may be lost.
pub(super) async fn follow(app: Arc<App>) {
    let (mut tick, mut watch, mut ticks) = (tokio::time::interval(POLL), None, 0_u64);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        if watch.is_none() {
            watch = app.store.watch().await.ok();
        }
        tokio::select! {
            announced = announced(&mut watch) => {
                if announced.is_some_and(|position| position <= app.graph().position()) {
                    continue;
                }
            }
            _ = tick.tick() => {
                ticks += 1;
                if ticks.is_multiple_of(20) {
                    app.reload_sightings().await;
                }
            }
        }
        if app.inbox.send(Message::CatchUp).await.is_err() {
            return;
        }
    }
}

/// The position of the next commit that the database announces; waits for ever where nothing is announced.
async fn announced(watch: &mut Option<Watch>) -> Option<i64> {
    let changed = match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    };
    if changed.is_err() {
        // The next tick listens anew.
        *watch = None;
        return Some(i64::MIN);
    }
    changed.ok()
}
