//! Access of consumers under generated histories: people, the clock, upgrades, and operations that end in every way,
//! against a backend that keeps what it was given.

use loggia_model::instance_access::{self as access, Access, Act, Credential, CredentialState};
use loggia_model::{Micros, Uid};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const START: Micros = Micros(1_800_000_000_000_000);

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Grant {
        to: u8,
        role: u8,
        lasts: Option<i64>,
    },
    Rotate {
        which: usize,
        overlap: i64,
    },
    Revoke {
        which: usize,
    },
    /// The next operation runs, and ends so.
    Run(End),
    /// Seconds pass, and the clock looks.
    Pass(i64),
    /// An upgrade beside what there was, or anew.
    Move {
        kept: bool,
    },
    /// What was kept is taken away.
    Retire,
}

/// How an operation ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Well,
    /// The process dies before or after the backend did it.
    Dies {
        done: bool,
    },
    /// It fails for good, before or after the backend did it.
    Fails {
        done: bool,
    },
}

/// An instance, its backend and its queue.
struct World {
    list: Vec<Access>,
    /// What is at the backend, with the thing that it opens.
    there: BTreeMap<Uid, u32>,
    queue: VecDeque<Act>,
    /// What was begun to be made by a process that died.
    begun: BTreeSet<Uid>,
    now: Micros,
    generation: u32,
    newest: u32,
    kept: Option<u32>,
    ids: u128,
}

impl World {
    fn new() -> World {
        let (list, there, queue, begun) = (Vec::new(), BTreeMap::new(), VecDeque::new(), BTreeSet::new());
        World { list, there, queue, begun, now: START, generation: 0, newest: 0, kept: None, ids: 0 }
    }

    fn id(&mut self) -> Uid {
        self.ids += 1;
        Uid(uuid::Uuid::from_u128(self.ids))
    }

    fn fresh(&mut self, overlap: i64) -> Credential {
        let id = self.id();
        Credential::new(id, self.generation, overlap, self.now)
    }

    fn do_(&mut self, step: &Step) {
        let acts = match step {
            Step::Grant { to, role, lasts } => {
                let (id, credential) = (self.id(), self.fresh(0));
                let (to, role) = (format!("component:default/c{to}"), format!("r{role}"));
                let until = lasts.map(|seconds| self.now.plus_seconds(seconds));
                let (by, since) = ("user:default/ann".to_owned(), self.now);
                let new = Access { id, to, role, by, since, until, credentials: vec![credential] };
                access::grant(&mut self.list, new).unwrap_or_default()
            }
            Step::Rotate { which, overlap } => {
                let Some(id) = self.which(*which) else { return };
                let new = self.fresh(*overlap);
                access::rotate(&mut self.list, id, new).unwrap_or_default()
            }
            Step::Revoke { which } => {
                let Some(id) = self.which(*which) else { return };
                access::revoke(&mut self.list, id, self.now).unwrap_or_default()
            }
            Step::Run(end) => return self.run(*end),
            Step::Pass(seconds) => {
                self.now = self.now.plus_seconds(*seconds);
                access::due(&mut self.list, self.now)
            }
            Step::Move { kept } => self.moved(*kept),
            Step::Retire => {
                let Some(kept) = self.kept.take() else { return };
                self.there.retain(|_, generation| *generation != kept);
                access::gone(&mut self.list, kept);
                Vec::new()
            }
        };
        self.queue.extend(acts);
    }

    fn which(&self, which: usize) -> Option<Uid> {
        Some(self.list.get(which.checked_rem(self.list.len())?)?.id)
    }

    fn moved(&mut self, kept: bool) -> Vec<Act> {
        match kept {
            true if self.kept.is_some() => return Vec::new(),
            true => {
                self.kept = Some(self.generation);
                self.newest += 1;
                self.generation = self.newest;
            }
            // What stood at the backend went with the instance.
            false if self.kept.is_none() => self.there.clear(),
            false => return Vec::new(),
        }
        let (generation, now) = (self.generation, self.now);
        let mut ids = self.ids;
        let mut fresh = || {
            ids += 1;
            Credential::new(Uid(uuid::Uuid::from_u128(ids)), generation, 600, now)
        };
        let (acts, _) = access::moved(&mut self.list, &mut fresh, kept, now);
        self.ids = ids;
        acts
    }

    /// The next operation runs, as the worker runs it.
    fn run(&mut self, end: End) {
        let Some(act) = self.queue.pop_front() else { return };
        let Act::Make(id) = act else { return self.take(act, end) };
        let known = access::of(&self.list, id).map(|(_, known)| (known.state, known.generation));
        let Some((CredentialState::Making, generation)) = known else { return };
        if matches!(end, End::Well | End::Dies { done: true } | End::Fails { done: true }) {
            self.there.insert(id, generation);
        }
        match end {
            End::Well => {
                let (_, acts) = access::made(&mut self.list, id, Default::default(), self.now);
                self.queue.extend(acts);
            }
            End::Dies { .. } => {
                self.begun.insert(id);
                self.queue.push_front(act);
            }
            End::Fails { done } => {
                // Who comes after one that was cut off does not know what that one did.
                let touched = done || self.begun.contains(&id);
                let acts = access::not_made(&mut self.list, id, touched, self.now);
                self.queue.extend(acts);
            }
        }
    }

    fn take(&mut self, act: Act, end: End) {
        let Act::Take(id) = act else { return };
        if matches!(end, End::Well | End::Dies { done: true } | End::Fails { done: true }) {
            self.there.remove(&id);
        }
        match end {
            End::Well => access::taken(&mut self.list, id),
            End::Dies { .. } => self.queue.push_front(act),
            End::Fails { .. } => access::not_taken(&mut self.list, id, "no", self.now),
        }
    }

    /// What must hold after every step.
    fn holds(&self) {
        for (id, generation) in &self.there {
            let (_, known) = access::of(&self.list, *id).expect("nothing is at the backend that nobody knows of");
            assert_eq!(known.generation, *generation);
        }
        for one in &self.list {
            assert!(!one.credentials.is_empty());
            let works: Vec<_> = one.credentials.iter().filter(|c| c.state == CredentialState::Works).collect();
            assert!(works.iter().filter(|c| c.ends.is_none()).count() <= 1, "two that go on: {one:?}");
            for known in works {
                assert!(self.there.contains_key(&known.id), "said to work, and is not there: {known:?}");
            }
            // What is no end has a time at which somebody looks.
            let moving = one.credentials.iter().filter(|c| c.state != CredentialState::Works);
            assert!(moving.into_iter().all(|c| c.ends.is_some()), "{one:?}");
        }
    }

    /// Everything that was begun ends, and nothing goes wrong.
    fn settle(&mut self) {
        while !self.queue.is_empty() {
            self.run(End::Well);
            self.holds();
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        4 => Just(End::Well),
        1 => any::<bool>().prop_map(|done| End::Dies { done }),
        1 => any::<bool>().prop_map(|done| End::Fails { done }),
    ];
    prop_oneof![
        3 => (0..3u8, 0..2u8, proptest::option::of(1..20_000i64))
            .prop_map(|(to, role, lasts)| Step::Grant { to, role, lasts }),
        3 => (0..9usize, prop_oneof![Just(0), 1..20_000i64]).prop_map(|(which, overlap)| Step::Rotate { which, overlap }),
        2 => (0..9usize).prop_map(|which| Step::Revoke { which }),
        8 => end.prop_map(Step::Run),
        2 => (1..100_000i64).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(|kept| Step::Move { kept }),
        1 => Just(Step::Retire),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_credential_is_left_over_and_none_is_doubled(steps in proptest::collection::vec(step(), 1..40)) {
        let mut world = World::new();
        for step in &steps {
            world.do_(step);
            world.holds();
        }
        // Once nothing goes wrong any more, all that was begun ends, in the time that the list itself names.
        world.settle();
        for _ in 0..200 {
            let Some(next) = access::next(&world.list) else { break };
            world.now = world.now.max(next);
            let acts = access::due(&mut world.list, world.now);
            world.queue.extend(acts);
            world.settle();
        }
        prop_assert_eq!(access::next(&world.list), None);
        for one in &world.list {
            prop_assert_eq!(one.credentials.len(), 1, "{:?}", one);
            prop_assert!(one.current().is_some() && one.until.is_none(), "{:?}", one);
        }
        let known: Vec<Uid> = world.list.iter().flat_map(|one| &one.credentials).map(|known| known.id).collect();
        prop_assert_eq!(world.there.len(), known.len());
        // What is revoked is gone.
        for one in world.list.clone() {
            let acts = access::revoke(&mut world.list, one.id, world.now).unwrap_or_default();
            world.queue.extend(acts);
        }
        world.settle();
        prop_assert!(world.list.is_empty() && world.there.is_empty());
    }
}

#[test]
fn a_rotation_keeps_the_old_one_for_its_overlap() {
    let mut world = World::new();
    world.do_(&Step::Grant { to: 0, role: 0, lasts: None });
    world.settle();
    world.do_(&Step::Rotate { which: 0, overlap: 600 });
    let (id, again) = (world.which(0).expect("one"), world.fresh(0));
    assert!(access::rotate(&mut world.list, id, again).is_err(), "one is being made");
    world.settle();
    assert_eq!(world.there.len(), 2, "new and old work");
    world.do_(&Step::Pass(599));
    world.settle();
    assert_eq!(world.there.len(), 2);
    world.do_(&Step::Pass(1));
    world.settle();
    assert_eq!(world.there.len(), 1);
    assert_eq!(access::consumers(&world.list), ["component:default/c0"]);
}

#[test]
fn who_has_a_role_has_it_once() {
    let mut world = World::new();
    for _ in 0..2 {
        world.do_(&Step::Grant { to: 0, role: 0, lasts: None });
    }
    assert_eq!(world.list.len(), 1);
    world.do_(&Step::Revoke { which: 0 });
    world.do_(&Step::Grant { to: 0, role: 0, lasts: None });
    assert_eq!(world.list.len(), 2, "what is being taken away stands in nobody's way");
}
