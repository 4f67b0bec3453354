//! What concerns you, and what there is: home, the product team's overview, and documentation, as pages show them.

use super::call::{Call, json};
use super::route::{Access, Handled, Route};
use crate::pages::docs::{self, DocText};
use crate::pages::home::{self, HomeView};
use crate::pages::studio::{self, Overview};
use crate::pages::visit::Visit;
use axum::http::Method;
use loggia_app::access::policy::Action;
use loggia_model::Ref;
use schemars::JsonSchema;
use serde::Serialize;

/// The documentation of an offering.
#[derive(Serialize, JsonSchema)]
pub struct Docs {
    /// Its pages, in reading order; those of the newest version first.
    pub items: Vec<DocText>,
}

/// The routes.
pub fn routes() -> Vec<Route> {
    let route = |path, id, action, handler| Route::new(Method::GET, path, id, Access::May(action), handler);
    vec![
        route("/api/v1/home", "getHome", Action::Read, |call| Box::pin(home(call)))
            .does("Tells what concerns you, what your teams run, and what is new.")
            .gives::<HomeView>(200, "What home says."),
        route("/api/v1/studio", "getStudio", Action::Sync, |call| Box::pin(studio(call)))
            .does("Tells the product team how much runs, and what waits for it.")
            .gives::<Overview>(200, "The numbers."),
        route("/api/v1/docs/{offering}", "getDocs", Action::Read, |call| Box::pin(docs(call)))
            .does("Gives the documentation of an offering, page by page.")
            .gives::<Docs>(200, "Its pages, as Markdown."),
    ]
}

async fn home(call: Call) -> Handled {
    json(&home::view(&Visit::without_page(&call.state, &call.caller)).await?)
}

async fn studio(call: Call) -> Handled {
    json(&studio::overview(&Visit::without_page(&call.state, &call.caller)).await?)
}

async fn docs(call: Call) -> Handled {
    let record = call.app().record(&call.caller, &Ref::new("offering", "default", call.segment("offering")))?;
    json(&Docs { items: docs::texts(call.app(), &record).await })
}
