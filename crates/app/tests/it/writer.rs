//! The writer: what is wrong with one command is its own.

use crate::estate::platform;
use crate::harness::on_each;
use futures_util::future::join_all;
use loggia_app::command::changes::Changes;
use loggia_app::command::{Command, Ctx, Facts};
use loggia_app::{Caller, Door, Error, Result};
use loggia_graph::Graph;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many commands are sent at once.
const AT_ONCE: usize = 64;

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    /// Notes something.
    Well,
    /// Notes something that PostgreSQL does not keep.
    Unkept,
    /// Breaks down while it decides.
    Panics,
    /// Breaks down where nobody catches it.
    Kills,
}

struct Doing(Does, AtomicBool);

impl Doing {
    fn new(does: Does) -> Doing {
        Doing(does, AtomicBool::new(false))
    }
}

impl Command for Doing {
    fn name(&self) -> &'static str {
        assert!(!self.1.load(Ordering::Acquire), "it breaks down");
        "test.do"
    }

    fn decide(&self, _: &Graph, _: &Facts, _: &Ctx<'_>) -> Result<Changes> {
        let mut changes = Changes::default();
        match self.0 {
            Does::Well => changes.note("test.done", None, Value::Null),
            Does::Unkept => changes.note("test.do\0ne", None, Value::Null),
            Does::Panics => panic!("it breaks down"),
            Does::Kills => {
                self.1.store(true, Ordering::Release);
                return Err(Error::refused("test", "no", "no"));
            }
        }
        Ok(changes)
    }
}

fn admin() -> Caller {
    Caller::administrator("test", Door::Api, "r0")
}

#[test]
fn what_one_command_does_wrong_is_its_own() {
    on_each("what_one_command_does_wrong_is_its_own", |world| async move {
        platform(&world).await;
        let (admin, sqlite) = (admin(), world.store.is_sqlite());
        for bad in [Does::Unkept, Does::Panics] {
            let does = |at: usize| if at % 8 == 3 { bad } else { Does::Well };
            let done = join_all((0..AT_ONCE).map(|at| world.app.run(&admin, Doing::new(does(at))))).await;
            for (at, outcome) in done.iter().enumerate() {
                // SQLite keeps every text.
                let fine = does(at) == Does::Well || (does(at) == Does::Unkept && sqlite);
                assert_eq!(outcome.is_ok(), fine, "{at} {:?}: {outcome:?}", does(at));
                assert!(fine || matches!(outcome, Err(Error::Internal(_))), "{outcome:?}");
            }
            assert!(world.app.is_writing());
            world.app.run(&admin, Doing::new(Does::Well)).await.unwrap();
        }
    });
}

#[test]
fn a_server_that_cannot_write_any_more_says_so() {
    on_each("a_server_that_cannot_write_any_more_says_so", |world| async move {
        platform(&world).await;
        assert!(world.app.is_writing());
        let done = world.app.run_shared(&admin(), Arc::new(Doing::new(Does::Kills))).await;
        assert!(matches!(done, Err(Error::Unavailable(_))), "{done:?}");
        world.until("it does not write", |app| !app.is_writing()).await;
    });
}
