//! Every scope of a program's token, bound to the team whose thing it is, to another, and to none: the whole table, as it
//! is committed in `bindings.txt` (written anew as `roles.txt` is).

use crate::roles::{is_committed, sample};
use crate::world::{World, on_both};
use axum::http::{Request, header};
use loggia_app::access::policy::Action;
use loggia_app::access::token::TokenWish;
use loggia_app::{Caller, Door};
use loggia_web::api::registry;
use std::collections::BTreeSet;
use std::fmt::Write;

/// One route of each kind of right; what they are about is booking's.
const ROUTES: [&str; 9] = [
    "getRecord",
    "putRecord",
    "order",
    "retryInstance",
    "observe",
    "reportUsage",
    "revealOutput",
    "listEvents",
    "createToken",
];

async fn row(world: &mut World, scope: Option<&str>, team: Option<&str>) -> String {
    let wish = TokenWish {
        name: "x".into(),
        service: Some("x".into()),
        team: team.map(str::to_owned),
        scopes: scope.into_iter().map(str::to_owned).collect(),
        days: None,
    };
    let admin = Caller::administrator("test", Door::Api, "test");
    let (_, secret) = world.state.app.create_token(&admin, wish).await.unwrap();
    world.tokens.insert("program", secret.reveal().to_owned());
    let mut row = format!("{:<10} {:<8}", scope.unwrap_or("-"), team.unwrap_or("-"));
    for id in ROUTES {
        let route = registry::all().iter().find(|route| route.id == id).unwrap();
        let (path, body) = sample(route);
        let request =
            Request::builder().method(route.method.clone()).uri(&path).header(header::CONTENT_TYPE, "application/json");
        let said = world.send("program", request, body.map(|body| body.to_string()).unwrap_or_default()).await;
        write!(row, " {:>13}", said.status.as_u16()).unwrap();
    }
    row
}

#[tokio::test]
async fn the_table_of_scopes_and_bindings_is_the_committed_one() {
    on_both("bindings", async |mut world| {
        let mut table = format!("{:<10} {:<8}", "scope", "team");
        for id in ROUTES {
            write!(table, " {id:>13}").unwrap();
        }
        let scopes: BTreeSet<&str> = Action::ALL.iter().map(|action| action.scope()).collect();
        for scope in std::iter::once(None).chain(scopes.into_iter().map(Some)) {
            for team in [None, Some("booking"), Some("gate")] {
                table.push('\n');
                table.push_str(&row(&mut world, scope, team).await);
            }
        }
        is_committed("bindings.txt", &table);
    })
    .await;
}
