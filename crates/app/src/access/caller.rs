//! Who is asking.

use crate::command::idempotency::HeldKey;
use loggia_graph::{Audience, Graph};
use loggia_model::kinds::OfferingSpec;
use loggia_model::{Actor, Record, Ref, RelationType, Scope};
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

/// The way in that a call came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A page.
    Page,
    /// The JSON API, which the command line uses too.
    Api,
    /// The Backstage catalog API.
    Backstage,
    /// Repository synchronisation.
    Sync,
    /// Git over HTTP.
    Git,
    /// A worker of this server.
    Worker,
}

impl Door {
    /// The word in events.
    pub fn word(self) -> &'static str {
        match self {
            Door::Page => "page",
            Door::Api => "api",
            Door::Backstage => "backstage",
            Door::Sync => "sync",
            Door::Git => "git",
            Door::Worker => "worker",
        }
    }
}

/// What kind of caller it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Not signed in.
    Nobody,
    /// A person, by the name of the User.
    Person(Ref),
    /// A program with a token of its own, by the token's name.
    Service(String),
    /// A part of this server.
    System(&'static str),
}

/// What a token is good for. A caller with a session is not limited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limits {
    /// All that the principal may do.
    None,
    /// Only these words, see [`crate::access::policy::Action::scope`].
    Only(BTreeSet<String>),
}

/// The namespace of the company, shared by all callers.
static COMPANY: LazyLock<Arc<str>> = LazyLock::new(|| "default".into());

/// Who is asking, for whom, through which door, and what they may see.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// For whom a service acts.
    pub on_behalf_of: Option<Ref>,
    /// Namespace of the organisation; `default` is the company.
    pub organisation: Arc<str>,
    /// Groups that the person belongs to, with their parents; the one that a program is bound to.
    pub teams: Vec<Ref>,
    /// Whether they belong to the product team of any product.
    pub product_team: bool,
    /// Whether they administer this server.
    pub administrator: bool,
    /// What the token is good for.
    pub limits: Limits,
    /// Which part of the graph they may see.
    pub audience: Audience,
    /// The door.
    pub door: Door,
    /// Finds the log lines of this request.
    pub request_id: Arc<str>,
    /// The key that this request holds, so that what it asks for is done once.
    pub key: Option<Arc<HeldKey>>,
}

impl Caller {
    /// Somebody who is not signed in: sees nothing.
    pub fn nobody(door: Door, request_id: impl Into<Arc<str>>) -> Caller {
        Caller::with(Principal::Nobody, Audience::Scopes(Arc::default()), door, request_id.into())
    }

    fn with(principal: Principal, audience: Audience, door: Door, request_id: Arc<str>) -> Caller {
        Caller {
            principal,
            on_behalf_of: None,
            organisation: Arc::clone(&COMPANY),
            teams: Vec::new(),
            product_team: false,
            administrator: false,
            limits: Limits::None,
            audience,
            door,
            request_id,
            key: None,
        }
    }

    /// A part of this server; it may do and see everything.
    pub fn system(name: &'static str, door: Door) -> Caller {
        Caller { administrator: true, ..Caller::with(Principal::System(name), Audience::All, door, name.into()) }
    }

    /// A program with full rights: the bootstrap token.
    pub fn administrator(name: &str, door: Door, request_id: impl Into<Arc<str>>) -> Caller {
        Caller {
            administrator: true,
            ..Caller::with(Principal::Service(name.to_owned()), Audience::All, door, request_id.into())
        }
    }

    /// A program with a token of its own: it sees what the company sees and does what its token allows, for any team.
    pub fn service(name: &str, limits: Limits, door: Door, request_id: &str) -> Caller {
        Caller {
            principal: Principal::Service(name.to_owned()),
            limits,
            audience: Audience::Scopes(Arc::new([Scope::Company].into_iter().collect())),
            ..Caller::nobody(door, request_id)
        }
    }

    /// A program that acts for one team: it sees what that team sees, and does what its token allows to what is theirs.
    pub fn bound_service(graph: &Graph, name: &str, team: Ref, limits: Limits, door: Door, request_id: &str) -> Caller {
        let teams = vec![team];
        let partner = teams.iter().find_map(|team| partner_of(graph, team));
        let mut scopes = scopes(&teams, false, partner.as_deref());
        scopes.extend(owned(graph, &teams).map(Scope::Drafts));
        scopes.extend(followed(graph, &teams).map(Scope::Previews));
        Caller {
            organisation: partner.unwrap_or_else(|| Arc::clone(&COMPANY)),
            teams,
            audience: Audience::Scopes(Arc::new(scopes)),
            ..Caller::service(name, limits, door, request_id)
        }
    }

    /// A person; teams, roles and what they may see come from the graph.
    pub fn person(graph: &Graph, user: Ref, door: Door, request_id: &str) -> Caller {
        let teams = teams_of(graph, &user);
        let (product_team, administrator) = roles_of(graph, &user, &teams);
        let partner = partner_of(graph, &user);
        let audience = if administrator {
            Audience::All
        } else {
            let mut scopes = scopes(&teams, product_team, partner.as_deref());
            scopes.extend(owned(graph, &teams).map(Scope::Drafts));
            scopes.extend(followed(graph, &teams).map(Scope::Previews));
            Audience::Scopes(Arc::new(scopes))
        };
        Caller {
            organisation: partner.unwrap_or_else(|| "default".into()),
            principal: Principal::Person(user),
            teams,
            product_team,
            administrator,
            audience,
            ..Caller::nobody(door, request_id)
        }
    }

    /// Whether somebody is signed in.
    pub fn is_signed_in(&self) -> bool {
        self.principal != Principal::Nobody
    }

    /// Whether it is a program with a token of its own.
    pub fn is_service(&self) -> bool {
        matches!(self.principal, Principal::Service(_))
    }

    /// The one team that a program acts for; none for a person, and for a program that acts for any.
    pub fn bound(&self) -> Option<&Ref> {
        self.teams.first().filter(|_| self.is_service())
    }

    /// The person, when it is one.
    pub fn user(&self) -> Option<&Ref> {
        match &self.principal {
            Principal::Person(user) => Some(user),
            _ => None,
        }
    }

    /// The name in events: `user:default/amara`, `service:ci`, `system:worker`, `nobody`.
    pub fn name(&self) -> String {
        match &self.principal {
            Principal::Nobody => "nobody".to_owned(),
            Principal::Person(user) => user.to_string(),
            Principal::Service(name) => format!("service:{name}"),
            Principal::System(name) => format!("system:{name}"),
        }
    }

    /// Whether the person belongs to a group, or the program is bound to it.
    pub fn is_member(&self, group: &Ref) -> bool {
        self.teams.contains(group)
    }

    /// As an actor in events.
    pub fn actor(&self) -> Actor {
        Actor {
            principal: self.name(),
            on_behalf_of: self.on_behalf_of.as_ref().map(ToString::to_string),
            organisation: self.organisation.to_string(),
            door: self.door.word().to_owned(),
            request_id: self.request_id.to_string(),
        }
    }
}

fn relation(name: &str) -> Option<RelationType> {
    RelationType::find(name)
}

/// The groups of a person and their parents, nearest first.
fn teams_of(graph: &Graph, user: &Ref) -> Vec<Ref> {
    let (Some(member_of), Some(child_of)) = (relation("memberOf"), relation("childOf")) else { return Vec::new() };
    let mut teams: Vec<Ref> = Vec::new();
    let mut next: Vec<Ref> = names(graph, user, member_of);
    while let Some(team) = next.pop() {
        if !teams.contains(&team) {
            next.extend(names(graph, &team, child_of));
            teams.push(team);
        }
    }
    teams
}

fn names(graph: &Graph, of: &Ref, relation: RelationType) -> Vec<Ref> {
    graph.related(&Audience::All, of, relation).iter().map(|r| r.reference.clone()).collect()
}

/// Whether the person is of a product team, and whether they administer.
fn roles_of(graph: &Graph, user: &Ref, teams: &[Ref]) -> (bool, bool) {
    let (mut product_team, mut administrator) = (false, false);
    let is_one = |text: &str, kind: &str| {
        Ref::parse(text, Some(kind), "default").is_ok_and(|named| named == *user || teams.contains(&named))
    };
    for product in graph.of_kind(&Audience::All, "product") {
        let document = product.parse();
        product_team |= is_one(document.spec_text("team"), "group");
        administrator |= document.spec_list("administrators").any(|text| is_one(text, "user"));
    }
    (product_team || administrator, administrator)
}

/// Names of the offerings that belong to one of the groups.
fn owned<'a>(graph: &'a Graph, teams: &'a [Ref]) -> impl Iterator<Item = Arc<str>> + 'a {
    let of = |team: &'a Ref| relation("ownerOf").map(|owner_of| names(graph, team, owner_of)).unwrap_or_default();
    let offerings = teams.iter().flat_map(of).filter(|owned| owned.kind() == "offering");
    offerings.map(|offering| offering.name().into())
}

/// The offerings of which the teams follow a channel.
fn followed<'a>(graph: &'a Graph, teams: &'a [Ref]) -> impl Iterator<Item = Arc<str>> + 'a {
    let mine = move |offering: &Arc<Record>| {
        // Few have followers, and reading a document takes longer than looking for the word.
        let said = offering.document.contains("\"followers\"");
        let spec: Option<OfferingSpec> = said.then(|| offering.spec().ok()).flatten();
        spec.is_some_and(|spec| teams.iter().any(|team| spec.followed_by(team).is_some()))
    };
    let all = graph.of_kind(&Audience::All, "offering");
    all.filter(mine).map(|offering| offering.reference.name().into())
}

/// The partner organisation of a person or a group, when they are not of the company.
fn partner_of(graph: &Graph, user: &Ref) -> Option<Arc<str>> {
    let record = graph.get(user)?;
    let document = record.parse();
    let partner = document.annotation("loggia.dev/partner");
    (!partner.is_empty()).then(|| partner.into())
}

fn scopes(teams: &[Ref], product_team: bool, partner: Option<&str>) -> BTreeSet<Scope> {
    let mut scopes: BTreeSet<Scope> = teams.iter().map(|t| Scope::Team(t.as_str().into())).collect();
    match partner {
        Some(name) => scopes.insert(Scope::Partner(name.into())),
        None => scopes.insert(Scope::Company),
    };
    if product_team {
        scopes.insert(Scope::Product);
    }
    scopes
}
