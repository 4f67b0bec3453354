//! Commands: something that a person, a program or a clock asks to be done.

pub mod changes;
pub mod diff;
pub mod due;
pub(crate) mod facts;
pub mod idempotency;
pub(crate) mod writer;

use crate::access::caller::Caller;
use crate::access::policy::Action;
use crate::access::policy::{Policy, Subject, require};
use crate::access::secret::SecretBox;
use crate::clock::{Clock, Ids};
use crate::command::changes::Changes;
use crate::error::Result;
use crate::instance::driver::Secret;
use crate::record::check::Recipes;
use loggia_graph::Graph;
use loggia_model::usage::Use;
use loggia_model::{Micros, Record, Ref, Uid};
use loggia_store::{Due, FeatureUse, Item, PageEdit, SecretRow, Tie};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What a command decides with, beside the graph: who asks, the time, identities.
pub struct Ctx<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// The time of the decision; the same for everything that it changes.
    pub now: Micros,
    /// The rules of who may.
    pub policy: &'a dyn Policy,
    ids: &'a dyn Ids,
    sealer: &'a SecretBox,
    /// What the drivers of this program take.
    pub(crate) recipes: &'a Recipes,
}

impl<'a> Ctx<'a> {
    /// For a caller, at a time.
    pub fn new(
        caller: &'a Caller,
        clock: &dyn Clock,
        ids: &'a dyn Ids,
        policy: &'a dyn Policy,
        sealer: &'a SecretBox,
        recipes: &'a Recipes,
    ) -> Ctx<'a> {
        Ctx { caller, now: clock.now(), policy, ids, sealer, recipes }
    }

    /// Seals a secret of a record, under the name of its field.
    ///
    /// # Errors
    /// As [`SecretBox::seal`].
    pub fn seal(&self, uid: Uid, field: &str, secret: &Secret) -> Result<SecretRow> {
        self.sealer.seal(self.now, uid, field, secret)
    }

    /// Opens a sealed secret that was asked for as a fact.
    ///
    /// # Errors
    /// As [`SecretBox::open`].
    pub fn open(&self, row: &SecretRow) -> Result<Secret> {
        self.sealer.open(row)
    }

    /// For a command in the name of somebody else: what follows from a command is done by who answers for it.
    pub(crate) fn by<'b>(&'b self, caller: &'b Caller) -> Ctx<'b> {
        Ctx { caller, ..*self }
    }

    /// A new identity.
    pub fn uid(&self) -> Uid {
        self.ids.uid(self.now)
    }

    /// Passes when the caller may do it.
    ///
    /// # Errors
    /// As [`require`].
    pub fn require(&self, action: Action, subject: &Subject) -> Result<()> {
        require(self.policy, self.caller, action, subject)
    }
}

/// A fact outside the graph that a command needs to decide; read under the lock of the writer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// Whether a piece of work is still held under a fence.
    Held {
        /// The piece of work.
        work: Uid,
        /// What it is about.
        subject: Uid,
        /// Number of the lease.
        fence: i64,
    },
    /// When an instance was last seen.
    LastSeen(Uid),
    /// What was reported and belongs to no offering, so many of them.
    Unmatched(i64),
    /// The last text that was kept under a name, also when nothing is called so any more.
    Past(Ref),
    /// Until when what was called so was there, when nothing is any more.
    Gone(Ref),
    /// The deadline with this key.
    Due(String),
    /// What a record keeps about others.
    Items(Uid),
    /// The changes on pages that a source has not taken in yet.
    Edits(String),
    /// Who used an offering since a day (days since 1970-01-01).
    Uses {
        /// Name of the offering.
        offering: String,
        /// The day.
        from_day: i64,
    },
    /// Who used which feature of an offering since a day.
    Features {
        /// Name of the offering.
        offering: String,
        /// The day.
        from_day: i64,
    },
    /// A sealed secret.
    Secret {
        /// Its owner.
        uid: Uid,
        /// Its name there.
        field: String,
    },
    /// Who is tied to whom: somebody at a provider, and a person here.
    Ties {
        /// Address of the provider.
        issuer: String,
        /// Identity there.
        subject: String,
        /// The person.
        person: Option<Uid>,
    },
}

/// The facts that a command asked for.
#[derive(Default)]
pub struct Facts {
    /// Needs of type [`Need::Held`] that hold.
    pub held: Vec<Need>,
    /// Keys of what belongs to no offering.
    pub unmatched: HashSet<String>,
    /// Last sightings, of the instances of [`Need::LastSeen`] that were seen.
    pub seen: HashMap<Uid, Micros>,
    /// Last texts, of the names of [`Need::Past`] that something had.
    pub past: HashMap<Ref, Record>,
    /// The end of what had a name, of the names of [`Need::Gone`] that something had.
    pub gone: HashMap<Ref, Micros>,
    /// The deadlines that a need of type [`Need::Due`] names and that stand.
    pub due: HashMap<String, Due>,
    /// What the records of needs of type [`Need::Items`] keep, by what it is about.
    pub items: HashMap<Uid, BTreeMap<Uid, Item>>,
    /// Changes that wait, of the sources of needs of type [`Need::Edits`], the oldest first.
    pub edits: HashMap<String, Vec<PageEdit>>,
    /// Use of the offerings that a need of type [`Need::Uses`] names, since the earliest day that was asked for.
    pub uses: HashMap<String, Vec<Use>>,
    /// Use of features, of the offerings that a need of type [`Need::Features`] names.
    pub features: HashMap<String, Vec<FeatureUse>>,
    /// The sealed secrets that a need of type [`Need::Secret`] names and that were set, by owner and name.
    pub secrets: HashMap<(Uid, String), SecretRow>,
    /// Ties of whom a need of type [`Need::Ties`] names.
    pub ties: Vec<Tie>,
}

/// Something to be done. `decide` is a pure function of its arguments.
pub trait Command: Send + Sync + 'static {
    /// The name: noun, dot, verb, such as `instance.order`.
    fn name(&self) -> &'static str;

    /// The facts outside the graph that it needs.
    fn needs(&self, _: &Graph, _: &Caller) -> Vec<Need> {
        Vec::new()
    }

    /// Whether it is done on a server that is read-only for people, too.
    fn in_read_only(&self) -> bool {
        false
    }

    /// Decides: changes, or why not.
    ///
    /// # Errors
    /// What a door shows to the caller. Nothing is changed then.
    fn decide(&self, graph: &Graph, facts: &Facts, ctx: &Ctx<'_>) -> Result<Changes>;
}
