//! The token that one needs to clone a repository: made with one click beside the line that asks for it.

use super::visit::Visit;
use loggia_app::Error;
use loggia_app::access::token::TokenWish;
use loggia_model::instance::InstanceStatus;
use loggia_model::{Record, Ref};

/// How long such a token is good for, in days.
const DAYS: i64 = 90;
/// What it is good for, and nothing else.
const SCOPES: [&str; 2] = ["git:read", "git:write"];

/// What Git asks for when a repository is cloned.
pub struct CloneLogin {
    /// The name to give; any would do.
    pub name: String,
    /// The token that was made a moment ago; empty before.
    pub token: String,
    /// Days for which it is good.
    pub days: i64,
}

/// What Git will ask the visitor for; none where there is nothing to clone, or nobody who could have a token.
pub fn login(visit: &Visit, status: &InstanceStatus, token: String) -> Option<CloneLogin> {
    let person = visit.caller.user().filter(|_| status.outputs.contains_key("clone_url"))?;
    Some(CloneLogin { name: person.name().to_owned(), token, days: DAYS })
}

/// Makes the token, for Git only.
pub async fn token(visit: &Visit, record: &Record) -> Result<String, Error> {
    let instance: &Ref = &record.reference;
    let wish = TokenWish {
        name: format!("Git, for {}/{}", instance.namespace(), instance.name()),
        service: None,
        team: None,
        scopes: SCOPES.map(str::to_owned).to_vec(),
        days: Some(DAYS),
    };
    let (_, token) = visit.app().create_token(&visit.caller, wish).await?;
    // The page that asked for it shows it, once; only its digest is kept.
    Ok(token.reveal().to_owned())
}
