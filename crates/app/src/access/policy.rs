//! Who may do what: one table of actions and roles.

use crate::access::caller::{Caller, Limits, Principal};
use crate::error::{Error, Result};
use loggia_model::Ref;

/// Something that a caller may or may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// See what one may see.
    Read,
    /// Write a record of the catalog or of the product.
    Apply,
    /// Remove such a record.
    Delete,
    /// Register or remove a place that records are read from.
    Register,
    /// Get an instance for a team.
    Order,
    /// Destroy, retry or change an instance of a team.
    Operate,
    /// Agree to what a rule lets happen only then.
    Approve,
    /// Confirm that an observed thing is the team's.
    Enrol,
    /// See the secrets of an instance. Each reading is an event.
    Reveal,
    /// See the secrets of an instance of another team, with a reason that its team reads.
    BreakGlass,
    /// Report what runs.
    Observe,
    /// Report use.
    Report,
    /// Confirm what a synchronisation holds back, or ask for one.
    Sync,
    /// Read the history of everything.
    Audit,
    /// Make and revoke tokens of one's own.
    OwnTokens,
    /// Make logins and service tokens.
    Administer,
    /// Read from a Git repository of a team.
    GitRead,
    /// Write to a Git repository of a team.
    GitWrite,
}

/// A role, seen from one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Not signed in.
    Nobody,
    /// Signed in.
    SignedIn,
    /// Member of the team whose instance, order or repository it is.
    Member,
    /// Member of the group that owns the record.
    Owner,
    /// Of the product team.
    ProductTeam,
    /// Administers this server.
    Administrator,
    /// A program with a token of its own, limited by the token's scopes and bound to no team.
    Service,
    /// A program whose token is bound to the team whose thing it is.
    BoundService,
    /// A program whose token is bound to a team, where something is not that team's.
    BoundElsewhere,
}

impl Action {
    /// Every action, for tables.
    pub const ALL: [Action; 18] = [
        Action::Read,
        Action::Apply,
        Action::Delete,
        Action::Register,
        Action::Order,
        Action::Operate,
        Action::Approve,
        Action::Enrol,
        Action::Reveal,
        Action::BreakGlass,
        Action::Observe,
        Action::Report,
        Action::Sync,
        Action::Audit,
        Action::OwnTokens,
        Action::Administer,
        Action::GitRead,
        Action::GitWrite,
    ];

    /// The word for it in the scopes of a token.
    pub fn scope(self) -> &'static str {
        match self {
            Action::Read => "read",
            Action::Apply | Action::Delete | Action::Register => "write",
            Action::Order | Action::Operate | Action::Enrol => "order",
            Action::Approve => "approve",
            Action::Reveal | Action::BreakGlass => "reveal",
            Action::Observe => "observe",
            Action::Report => "usage",
            Action::Sync => "sync",
            Action::Audit => "audit",
            Action::OwnTokens | Action::Administer => "admin",
            Action::GitRead => "git:read",
            Action::GitWrite => "git:write",
        }
    }
}

impl Role {
    /// Every role, weakest first.
    pub const ALL: [Role; 9] = [
        Role::Nobody,
        Role::SignedIn,
        Role::Member,
        Role::Owner,
        Role::ProductTeam,
        Role::Administrator,
        Role::Service,
        Role::BoundService,
        Role::BoundElsewhere,
    ];
}

/// Whether a role allows an action. This is the whole table; a service is limited further by its scopes.
pub fn allows(role: Role, action: Action) -> bool {
    use Action as A;
    match role {
        Role::Nobody => false,
        Role::SignedIn => matches!(action, A::Read | A::OwnTokens | A::GitRead),
        Role::Member => matches!(
            action,
            A::Read
                | A::OwnTokens
                | A::Order
                | A::Operate
                | A::Enrol
                | A::Reveal
                | A::Observe
                | A::GitRead
                | A::GitWrite
        ),
        Role::Owner => {
            matches!(action, A::Read | A::OwnTokens | A::Apply | A::Delete | A::Approve | A::Observe | A::GitRead)
        }
        // Not the secrets of a team, and not its repositories: the product team owns the platform, not its customers. Nor
        // does it agree in the name of a group that a rule names.
        Role::ProductTeam => !matches!(
            action,
            A::Reveal | A::BreakGlass | A::Administer | A::GitWrite | A::Order | A::Operate | A::Approve | A::Enrol
        ),
        // Secrets are the team's: an administrator breaks the glass, and the team reads why.
        Role::Administrator => action != A::Reveal,
        Role::Service => !matches!(action, A::OwnTokens | A::Administer | A::Reveal | A::BreakGlass),
        Role::BoundService => matches!(
            action,
            A::Read | A::Order | A::Operate | A::Enrol | A::Reveal | A::Observe | A::Report | A::GitRead | A::GitWrite
        ),
        Role::BoundElsewhere => matches!(action, A::Read | A::GitRead),
    }
}

/// What an action is about: the team that uses it and the group that owns it.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// The team whose thing it is.
    pub team: Option<Ref>,
    /// The group that owns the record.
    pub owner: Option<Ref>,
}

/// Decides who may do what. Replaceable, with the table of this module as its golden answer.
pub trait Policy: Send + Sync {
    /// Whether the caller may do it to the subject.
    fn allows(&self, caller: &Caller, action: Action, subject: &Subject) -> bool;
}

/// The table of this module.
#[derive(Default)]
pub struct RoleTable;

impl Policy for RoleTable {
    fn allows(&self, caller: &Caller, action: Action, subject: &Subject) -> bool {
        within(caller, action) && roles(caller, subject).into_iter().any(|role| allows(role, action))
    }
}

/// Whether the token of a caller is good for an action; callers without a token are not limited. The token of a program
/// is good for secrets only when it says so.
pub fn within(caller: &Caller, action: Action) -> bool {
    match &caller.limits {
        Limits::None if action == Action::Reveal => caller.administrator || !caller.is_service(),
        Limits::None => true,
        Limits::Only(scopes) => scopes.contains(action.scope()),
    }
}

/// Passes when somebody is signed in and their token is good for the action: what can be said before it is known what
/// the request is about.
///
/// # Errors
/// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for a token without the scope.
pub fn admit(caller: &Caller, action: Action) -> Result<()> {
    if !caller.is_signed_in() {
        return Err(Error::Unauthenticated("Sign in first, or send a token.".into()));
    }
    if !within(caller, action) {
        return Err(missing_scope(action));
    }
    Ok(())
}

fn missing_scope(action: Action) -> Error {
    Error::Forbidden(format!(
        "This token may not do that. It needs the scope \"{}\"; make another token.",
        action.scope()
    ))
}

/// The roles of a caller, seen from a subject.
pub fn roles(caller: &Caller, subject: &Subject) -> Vec<Role> {
    let member = subject.team.as_ref().is_some_and(|team| caller.is_member(team));
    let mut roles = match &caller.principal {
        Principal::Nobody => return vec![Role::Nobody],
        Principal::System(_) => return vec![Role::Administrator],
        _ if caller.administrator => vec![Role::Administrator],
        Principal::Service(_) if caller.bound().is_none() => return vec![Role::Service],
        Principal::Service(_) if member => vec![Role::BoundService],
        Principal::Service(_) => vec![Role::BoundElsewhere],
        Principal::Person(_) => vec![Role::SignedIn],
    };
    if member && !caller.is_service() {
        roles.push(Role::Member);
    }
    if subject.owner.as_ref().is_some_and(|owner| caller.is_member(owner)) {
        roles.push(Role::Owner);
    }
    if caller.product_team {
        roles.push(Role::ProductTeam);
    }
    roles
}

/// Passes, or says who may.
///
/// # Errors
/// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] for the others.
pub fn require(policy: &dyn Policy, caller: &Caller, action: Action, subject: &Subject) -> Result<()> {
    if policy.allows(caller, action, subject) {
        return Ok(());
    }
    if !caller.is_signed_in() {
        return Err(Error::Unauthenticated("Sign in first, or send a token.".into()));
    }
    if !within(caller, action) {
        return Err(missing_scope(action));
    }
    if let Some(team) = caller.bound() {
        return Err(Error::Forbidden(format!(
            "This token is bound to {}, and this is not theirs, or no program may do it. Use a token of those whose it is.",
            team.name()
        )));
    }
    Err(Error::Forbidden(who_may(action, subject)))
}

fn who_may(action: Action, subject: &Subject) -> String {
    let group = subject.team.as_ref().or(subject.owner.as_ref());
    match (action, group) {
        (Action::Administer, _) => "Only an administrator may do that. Ask one, or sign in as one.".to_owned(),
        (Action::OwnTokens, _) => "Only people have sessions and tokens of their own. Sign in as a person.".to_owned(),
        (Action::Audit | Action::Sync | Action::Register | Action::Report, _) => {
            "Only the product team may do that. Ask them, or use a service token.".to_owned()
        }
        (Action::Reveal | Action::BreakGlass, Some(team)) => format!(
            "Only members of {0} see its passwords. Ask one of them; a program needs a token bound to {0} with the scope \
             \"reveal\".",
            team.name()
        ),
        (_, Some(group)) => format!("Only members of {} may do that. Ask one of them.", group.name()),
        (_, None) => "Only the product team may do that. Ask them.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole table, as people read it. A change here is a change of who may do what.
    #[test]
    fn the_table_is_the_golden_one() {
        let rows: Vec<String> = Action::ALL
            .iter()
            .map(|&action| {
                let may: Vec<String> =
                    Role::ALL.iter().filter(|&&r| allows(r, action)).map(|r| format!("{r:?}")).collect();
                format!("{action:?}: {}", may.join(" "))
            })
            .collect();
        assert_eq!(
            rows.join("\n"),
            "Read: SignedIn Member Owner ProductTeam Administrator Service BoundService BoundElsewhere
Apply: Owner ProductTeam Administrator Service
Delete: Owner ProductTeam Administrator Service
Register: ProductTeam Administrator Service
Order: Member Administrator Service BoundService
Operate: Member Administrator Service BoundService
Approve: Owner Administrator Service
Enrol: Member Administrator Service BoundService
Reveal: Member BoundService
BreakGlass: Administrator
Observe: Member Owner ProductTeam Administrator Service BoundService
Report: ProductTeam Administrator Service BoundService
Sync: ProductTeam Administrator Service
Audit: ProductTeam Administrator Service
OwnTokens: SignedIn Member Owner ProductTeam Administrator
Administer: Administrator
GitRead: SignedIn Member Owner ProductTeam Administrator Service BoundService BoundElsewhere
GitWrite: Member Administrator Service BoundService"
        );
    }
}
