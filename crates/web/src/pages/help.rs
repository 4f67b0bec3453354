//! Loggia's own documentation, built into the program.

use super::markdown;
use super::visit::{Answer, Visit};
use crate::shell::{Link, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Redirect;
use axum::routing::get;
use loggia_app::Error;

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/help", get(index))
        .route("/help/{page}", get(page))
        .route("/about", get(|| async { Redirect::to("/help") }))
}

/// One page: its name in the address, and its Markdown.
struct Text(&'static str, &'static str);

/// The pages, in reading order.
const PAGES: [Text; 8] = [
    Text("getting-things", include_str!("../../../../docs/using/getting-things.md")),
    Text("finding-things", include_str!("../../../../docs/using/finding-things.md")),
    Text("changing-things", include_str!("../../../../docs/using/changing-things.md")),
    Text("upgrade-campaigns", include_str!("../../../../docs/using/upgrade-campaigns.md")),
    Text("standards", include_str!("../../../../docs/using/standards.md")),
    Text("rules", include_str!("../../../../docs/using/rules.md")),
    Text("going-away", include_str!("../../../../docs/using/going-away.md")),
    Text("words", include_str!("../../../../docs/using/words.md")),
];

#[derive(Template)]
#[template(path = "help/page.html")]
struct HelpPage {
    shell: Shell,
    title: String,
    html: String,
    pages: Vec<Link>,
    here: String,
}

impl Text {
    fn title(&self) -> &'static str {
        self.1.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(self.0)
    }

    fn href(&self) -> String {
        format!("/help/{}", self.0)
    }
}

async fn index() -> Redirect {
    Redirect::to("/help/getting-things")
}

async fn page(visit: Visit, Path(name): Path<String>) -> Answer {
    let text = PAGES.iter().find(|text| text.0 == name);
    let text = text.ok_or_else(|| Error::NotFound(format!("There is no help on {name}.")))?;
    let resolve =
        |address: &str| address.strip_suffix(".md").filter(|a| !a.contains(':')).map(|a| format!("/help/{a}"));
    let body = text.1.split_once('\n').map_or("", |(_, body)| body);
    visit.page(&HelpPage {
        shell: Shell { command: "loggia --help".into(), ..visit.shell(None) },
        title: text.title().to_owned(),
        html: markdown::render(body, resolve).html,
        pages: PAGES.iter().map(|text| Link::new(text.title(), text.href())).collect(),
        here: text.href(),
    })
}
