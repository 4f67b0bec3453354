//! Upgrade campaigns: all of them, and the page of each, the same for whoever runs it and for whose things move.

use super::curve::{self, Curve};
use super::form::Form;
use super::visit::{Answer, Visit};
use super::words::{self, When};
use super::{instance, team};
use crate::design::Fact;
use crate::shell::{Link, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use loggia_app::Error;
use loggia_app::access::writing::may_write;
use loggia_app::campaign::{CampaignLine, CampaignPlan, CampaignView, Decide, ItemRow, PlanWish, Verb, What};
use loggia_model::campaign::{CampaignState, EndedAs, ItemState};
use loggia_model::contract::Weight;
use loggia_model::{Day, Ref};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/campaigns", get(super::campaign_list::list))
        .route("/campaigns/{name}", get(show))
        .route("/campaigns/{name}/{verb}", post(step))
}

/// The page of a campaign.
pub fn href(campaign: &Ref) -> String {
    format!("/campaigns/{}", campaign.name())
}

/// How the state of a campaign looks, and its word.
pub fn state(line: &CampaignLine) -> (&'static str, String) {
    if line.overdue && line.state == CampaignState::Running {
        return ("bad", "overdue".to_owned());
    }
    let (mark, word) = match (line.state, line.ended_as) {
        (CampaignState::Draft, _) => ("off", "planned"),
        (CampaignState::Scheduled, _) => ("new", "scheduled"),
        (CampaignState::Running, _) => ("busy", "under way"),
        (CampaignState::Paused, _) => ("warn", "paused"),
        (CampaignState::Halted, _) => ("bad", "halted by itself"),
        (CampaignState::Ended, Some(EndedAs::Completed)) => ("ok", "completed"),
        (CampaignState::Ended, Some(EndedAs::Cancelled)) => ("off", "given up"),
        (CampaignState::Ended, _) => ("warn", "ended, not all of it"),
    };
    (mark, word.to_owned())
}

/// How the state of one instance looks, and its word.
fn item_state(state: ItemState) -> (&'static str, &'static str) {
    match state {
        ItemState::Pending => ("off", "waits for its turn"),
        ItemState::Notified => ("new", "its owners were told"),
        ItemState::Changing => ("busy", "being changed"),
        ItemState::Failed => ("bad", "failed"),
        ItemState::Done => ("ok", "done"),
        ItemState::Regressed => ("warn", "not any more"),
        ItemState::Exempt => ("warn", "exempt"),
        ItemState::NotApplicable => ("off", "left the scope"),
    }
}

#[derive(Template)]
#[template(path = "campaign/page.html")]
struct CampaignPage {
    shell: Shell,
    crumbs: Vec<Link>,
    view: CampaignView,
    mark: &'static str,
    word: String,
    facts: Vec<Fact>,
    curve: String,
    /// What halted it, with where to look.
    halted: Option<Halted>,
    waves: Vec<Wave>,
    mine: Vec<Line>,
    others: Vec<Line>,
    plan: Option<CampaignPlan>,
    breaks: Vec<Broken>,
    may: Vec<Button>,
    /// The days of the curve, for who would rather read.
    table: Vec<(String, usize, usize, usize)>,
    /// The wave that can be taken back.
    back: String,
}

struct Halted {
    title: String,
    href: String,
    message: String,
    operation: String,
    lines: Vec<String>,
}

struct Wave {
    name: String,
    mark: &'static str,
    word: &'static str,
    done: String,
}

/// One instance.
struct Line {
    name: String,
    href: String,
    team: String,
    team_href: String,
    environment: String,
    wave: String,
    versions: String,
    step: &'static str,
    mark: &'static str,
    word: &'static str,
    since: When,
    text: String,
    todo: String,
    mine: bool,
    may_snooze: bool,
    reference: String,
}

/// Something that would not fit.
struct Broken {
    name: String,
    href: String,
    why: String,
}

/// Something that the caller may do now.
struct Button {
    word: &'static str,
    label: &'static str,
    asks: &'static str,
    needed: bool,
}

async fn show(visit: Visit, Path(name): Path<String>) -> Answer {
    visit.signed_in()?;
    let name = Ref::new("campaign", "default", &name);
    let view = visit.app().campaign(&visit.caller, &name).await?;
    let drafted = matches!(view.line.state, CampaignState::Draft | CampaignState::Scheduled);
    let plan = match drafted {
        true => Some(visit.app().campaign_plan(&visit.caller, PlanWish::Kept(name.clone())).await?),
        false => None,
    };
    let (mark, word) = state(&view.line);
    let shell = Shell {
        command: format!("loggia campaign {} {}", if drafted { "plan" } else { "status" }, name.name()),
        json_twin: format!("/api/v1/campaigns/default/{}/state", name.name()),
        ..visit.shell(None)
    };
    let (mine, others): (Vec<Line>, Vec<Line>) =
        view.items.iter().map(|row| line(&visit, row)).partition(|row| row.mine);
    let curve = Curve { days: &view.days, forecast: view.line.forecast, deadline: view.line.deadline };
    visit.page(&CampaignPage {
        shell,
        crumbs: vec![Link::new("Upgrade campaigns", "/campaigns")],
        mark,
        word,
        facts: facts(&visit, &view),
        curve: curve::draw(&curve).unwrap_or_default(),
        halted: halted(&view),
        waves: view.waves.iter().map(|wave| wave_line(&view, wave)).collect(),
        may: buttons(&visit, &view, &name),
        back: back(&view),
        table: view.days.iter().rev().map(|p| (p.day.to_string(), p.open(), p.done, p.total)).collect(),
        breaks: plan.as_ref().map(breaks).unwrap_or_default(),
        plan,
        mine,
        others,
        view,
    })
}

fn facts(visit: &Visit, view: &CampaignView) -> Vec<Fact> {
    let line = &view.line;
    let offering = Ref::new("offering", "default", &line.offering);
    let title =
        visit.graph.get(&offering).map_or_else(|| line.offering.clone(), |record| record.parse().title().to_owned());
    let mut facts = vec![
        Fact::link("What moves", title, super::offer::href(&line.offering)),
        Fact::new("Done means", format!("it runs {}, as measured", line.to)),
    ];
    if let Some(day) = line.deadline {
        facts.push(Fact::new("Deadline", day.to_string()));
    }
    if let Some(forecast) = line.forecast {
        let text = format!(
            "{} (measured over {})",
            forecast.day,
            words::count(usize::try_from(forecast.measured_days).unwrap_or_default(), "day")
        );
        facts.push(Fact::new("As it goes, over on", text));
    }
    if view.frozen > 0 {
        facts.push(Fact::new("On the list at the start", view.frozen.to_string()));
    }
    let (came, left): (usize, usize) =
        view.scope.iter().fold((0, 0), |(came, left), one| (came + one.added, left + one.gone));
    if came + left > 0 {
        facts.push(Fact::new("Since then", format!("{came} came, {left} left")));
    }
    if let Some(started) = &view.started {
        facts.push(Fact::new("Started", format!("{} by {}", Day::of(started.at), words::who(&started.by))));
    }
    for one in &view.exemptions {
        let team = one.team.rsplit('/').next().unwrap_or_default();
        facts
            .push(Fact::new("Exempt", format!("{team} until {}: {} ({})", one.until, one.reason, words::who(&one.by))));
    }
    facts
}

fn halted(view: &CampaignView) -> Option<Halted> {
    let halt = view.halt.as_ref()?;
    let name = halt.instance.as_ref();
    Some(Halted {
        title: name.map(|name| format!("{} of {}", name.name(), name.namespace())).unwrap_or_default(),
        href: name.map(instance::href).unwrap_or_default(),
        message: halt.message.clone(),
        operation: halt.operation.map(|id| format!("/operations/{id}")).unwrap_or_default(),
        lines: halt.lines.iter().map(|(number, text)| format!("{number}  {text}")).collect(),
    })
}

fn wave_line(view: &CampaignView, wave: &loggia_app::campaign::WaveView) -> Wave {
    let over = wave.counts.open() == 0 && wave.counts.total > 0;
    let (mark, word) = match (wave.open, over, view.line.wave == wave.name) {
        (_, true, _) => ("ok", "done"),
        (true, false, true) => ("busy", "now"),
        (true, false, false) => ("warn", "not all of it yet"),
        (false, ..) => ("off", "to come"),
    };
    let done = match wave.counts.total {
        0 => "nothing".to_owned(),
        total => format!("{} of {total} done", wave.counts.done),
    };
    Wave { name: wave.name.clone(), mark, word, done }
}

fn line(visit: &Visit, row: &ItemRow) -> Line {
    let (mark, word) = item_state(row.state);
    let mine = visit.caller.is_member(&row.team);
    let open =
        !matches!(row.state, ItemState::Done | ItemState::Changing | ItemState::NotApplicable | ItemState::Exempt);
    let text = match (&row.snooze, row.message.as_str()) {
        (Some(snooze), _) if open => format!("Put off until {}: {}", snooze.until, snooze.reason),
        (_, message) => message.to_owned(),
    };
    let versions = match (row.before.as_str(), row.version.as_str()) {
        (before, now) if before.is_empty() || before == now => now.to_owned(),
        (before, now) => format!("{before} → {now}"),
    };
    Line {
        name: row
            .instance
            .name()
            .strip_suffix(&format!(".{}", row.environment))
            .unwrap_or(row.instance.name())
            .to_owned(),
        href: instance::href(&row.instance),
        team: row.team_title.clone(),
        team_href: team::href(&row.team),
        environment: row.environment.clone(),
        wave: row.wave.clone(),
        versions,
        step: words::step(row.step),
        mark,
        word,
        since: When::ago(visit.app().now(), Some(row.since)),
        text,
        todo: if open && row.what != What::Nothing { row.todo.clone() } else { String::new() },
        may_snooze: mine && open && !visit.app().settings.read_only,
        mine,
        reference: row.instance.to_string(),
    }
}

fn breaks(plan: &CampaignPlan) -> Vec<Broken> {
    let rows = plan.waves.iter().flat_map(|wave| &wave.rows);
    let stuck = rows.filter(|row| !(row.stuck.is_empty() && row.breaks.is_empty()));
    let one = |row: &loggia_app::campaign::PlanRow| Broken {
        name: format!("{} of {}", row.instance.name(), row.team.name()),
        href: instance::href(&row.instance),
        why: row.breaks.first().map_or_else(|| row.stuck.clone(), |problem| problem.message.clone()),
    };
    stuck.map(one).collect()
}

/// Whether a plan breaks anything by its contract.
impl CampaignPage {
    fn breaking(&self) -> usize {
        let rows = self.plan.iter().flat_map(|plan| &plan.waves).flat_map(|wave| &wave.rows);
        rows.filter(|row| row.weight == Weight::Breaking).count()
    }

    fn price(&self) -> String {
        let sums = self.plan.iter().flat_map(|plan| &plan.price);
        sums.map(|sum| format!("{} {} a {}", sum.amount, sum.currency, sum.per)).collect::<Vec<_>>().join(" and ")
    }
}

/// The newest wave in which something was moved: the one that can be taken back.
fn back(view: &CampaignView) -> String {
    let moved = view.waves.iter().rev().find(|wave| wave.open && wave.counts.done > 0);
    moved.map(|wave| wave.name.clone()).unwrap_or_default()
}

fn buttons(visit: &Visit, view: &CampaignView, name: &Ref) -> Vec<Button> {
    let Some(text) = visit.graph.get(name).map(|record| record.parse()) else { return Vec::new() };
    let may = |action, subject: &_| visit.app().require(&visit.caller, action, subject);
    if visit.app().settings.read_only || may_write(&visit.graph, Some(&text), Some(&text), may).is_err() {
        return Vec::new();
    }
    let button = |word, label, asks, needed| Button { word, label, asks, needed };
    let end = button("end", "End it", "Why", true);
    match view.line.state {
        CampaignState::Draft => vec![button("start", "Start it", "", false), button("end", "Give it up", "Why", true)],
        CampaignState::Scheduled => vec![button("end", "Give it up", "Why", true)],
        CampaignState::Running => vec![button("pause", "Pause it", "Why", false), end],
        CampaignState::Paused | CampaignState::Halted => vec![button("resume", "Let it go on", "Why", false), end],
        CampaignState::Ended => Vec::new(),
    }
}

async fn step(visit: Visit, Path((name, verb)): Path<(String, String)>, body: Bytes) -> Answer {
    visit.signed_in()?;
    let form = Form::read(&body);
    let reason = form.one("reason").to_owned();
    let (verb, done) = match verb.as_str() {
        "start" => (Verb::Start { past: None }, "started"),
        "pause" => (Verb::Pause { reason }, "paused"),
        "resume" => (Verb::Resume { reason }, "resumed"),
        "rollback" => (Verb::Rollback { wave: form.one("wave").to_owned(), reason }, "back"),
        "end" => (Verb::End { reason }, "over"),
        "snooze" => {
            let mend = "Write it as 2027-03-31.";
            let until = Day::parse(form.one("until"))
                .ok_or_else(|| Error::invalid("campaign.snooze", "until", "This is no day", mend))?;
            let missing = || Error::NotFound("There is no such instance, or you may not see it.".into());
            let instance: Ref = form.one("instance").parse().map_err(|_| missing())?;
            (Verb::Snooze { instance, until, reason }, "snoozed")
        }
        _ => return Err(Error::NotFound("There is no such page.".into()).into()),
    };
    let campaign = Ref::new("campaign", "default", &name);
    visit.app().run(&visit.caller, Decide { campaign: campaign.clone(), verb }).await?;
    Ok(Redirect::to(&format!("{}?done={done}", href(&campaign))).into_response())
}
