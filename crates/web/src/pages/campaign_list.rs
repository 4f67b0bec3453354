//! Upgrade campaigns: all of them in a list.

use super::campaign::{href, state};
use super::visit::{Answer, Visit};
use crate::shell::{Place, Shell};
use askama::Template;
use loggia_app::campaign::CampaignLine;

#[derive(Template)]
#[template(path = "campaign/list.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
}

struct Row {
    title: String,
    href: String,
    mark: &'static str,
    word: String,
    wave: String,
    done: String,
    deadline: String,
    forecast: String,
}

/// All campaigns, what is under way first.
///
/// # Errors
/// For who is not signed in.
pub async fn list(visit: Visit) -> Answer {
    visit.signed_in()?;
    let row = |line: &CampaignLine| {
        let (mark, word) = state(line);
        Row {
            title: line.title.clone(),
            href: href(&line.campaign),
            mark,
            word,
            wave: line.wave.clone(),
            done: if line.counts.total == 0 {
                "–".into()
            } else {
                format!("{} of {}", line.counts.done, line.counts.total)
            },
            deadline: line.deadline.map_or_else(|| "–".to_owned(), |day| day.to_string()),
            forecast: line.forecast.map_or_else(|| "–".to_owned(), |forecast| forecast.day.to_string()),
        }
    };
    let rows = visit.app().campaigns(&visit.caller).await?.iter().map(row).collect();
    let studio = visit.caller.product_team || visit.caller.administrator;
    let shell = Shell {
        command: "loggia campaign list".into(),
        json_twin: "/api/v1/campaigns:overview".into(),
        ..visit.shell(Some(Place::Studio).filter(|_| studio))
    };
    visit.page(&ListPage { shell, rows })
}
