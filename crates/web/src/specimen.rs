//! The page `/design`: all parts of the house together, with invented content, so that a change is seen at once.

use crate::design::{Choice, Fact, Fault, Field, Input, OfferingCard, StepLine, StepState};
use crate::shell::{Link, Shell};
use askama::Template;

/// The page `/design`.
#[derive(Template)]
#[template(path = "design/index.html")]
pub struct DesignPage {
    shell: Shell,
    crumbs: Vec<Link>,
    tabs: Vec<Link>,
    cards: Vec<OfferingCard>,
    fields: Vec<Field>,
    steps: Vec<StepLine>,
    facts: Vec<Fact>,
    rows: Vec<Row>,
    fault: Fault,
}

/// One line of the table.
struct Row {
    team: &'static str,
    name: &'static str,
    version: &'static str,
    step: &'static str,
    state: &'static str,
    word: &'static str,
    since: &'static str,
    connections: &'static str,
}

impl DesignPage {
    /// The page within its shell.
    pub fn new(shell: Shell) -> DesignPage {
        DesignPage {
            shell,
            crumbs: vec![Link::new("Get", "/get"), Link::new("PostgreSQL", "/design")],
            tabs: vec![
                Link::new("Overview", "/design"),
                Link::new("Documentation", "/design?tab=docs"),
                Link::new("Versions", "/design?tab=versions"),
                Link::new("Who uses it", "/design?tab=use"),
            ],
            cards: cards(),
            fields: fields(),
            steps: steps(),
            facts: facts(),
            rows: rows(),
            fault: Fault {
                what: "The database was not made".into(),
                why: "The database server of \"test\" does not answer since 14:02.".into(),
                who: "Data Platform, who run the server".into(),
                mend: "Nothing. It is tried again in two minutes; you may leave this page.".into(),
                id: "0197-4c1e".into(),
            },
        }
    }
}

fn card(title: &str, category: &str, version: &str, promise: &str) -> OfferingCard {
    OfferingCard {
        href: "/design".into(),
        title: title.into(),
        category: category.into(),
        version: version.into(),
        promise: promise.into(),
        state: "ok",
        stability: "available".into(),
        facts: vec![Fact::new("Price", "from 9.00 EUR a month"), Fact::new("Used by", "21 teams")],
        ..OfferingCard::default()
    }
}

fn cards() -> Vec<OfferingCard> {
    let mut cards = vec![
        card("PostgreSQL", "data", "2.2.0", "A database you can connect to in four minutes. No ticket, no people."),
        card("Tern cache", "data", "7.0.0", "An answer in a millisecond, ready in two minutes."),
        card("Stream", "data", "1.0.0", "An event reaches every reader within a second, in order."),
    ];
    if let Some(cache) = cards.get_mut(1) {
        (cache.state, cache.stability) = ("warn", "6 is going away".into());
    }
    if let Some(stream) = cards.get_mut(2) {
        stream.unavailable = "Not here: the environment \"dev\" has no brokers.".into();
    }
    cards
}

fn choice(value: &str, title: &str, note: &str, chosen: bool) -> Choice {
    Choice { value: value.into(), title: title.into(), note: note.into(), chosen }
}

fn field(name: &str, label: &str, input: Input) -> Field {
    Field { id: format!("f-{name}"), name: name.into(), label: label.into(), input, ..Field::default() }
}

fn fields() -> Vec<Field> {
    let name = Field {
        value: "Orders DB".into(),
        required: true,
        error: "Small letters, digits and hyphens only. Try \"orders-db\".".into(),
        help: "Unique within your team and environment.".into(),
        ..field("name", "Name", Input::Text)
    };
    let plan = Field {
        options: vec![
            choice("small", "Small", "20 connections · 1 GiB · 9.00 EUR", true),
            choice("medium", "Medium", "60 connections · 20 GiB · 48.00 EUR", false),
            choice("large", "Large", "200 connections · 200 GiB · 210.00 EUR", false),
        ],
        required: true,
        ..field("plan", "Plan", Input::Radio)
    };
    let environment = Field {
        options: vec![choice("dev", "Development", "", true), choice("test", "Test", "", false)],
        required: true,
        why: "Development, because your last order was there.".into(),
        ..field("environment", "Environment", Input::Select)
    };
    let extensions = Field {
        options: vec![choice("pgcrypto", "pgcrypto", "", true), choice("pg_trgm", "pg_trgm", "", false)],
        help: "They can be added later too.".into(),
        ..field("extensions", "Extensions", Input::Choices)
    };
    let purpose = Field { value: "Data of the application".into(), ..field("purpose", "What is it for?", Input::Area) };
    let tell = Field { value: "true".into(), ..field("tell", "Tell me when it is ready", Input::Check) };
    vec![name, plan, environment, extensions, purpose, tell]
}

fn step(title: &str, state: StepState, took: &str, lines: &[&str]) -> StepLine {
    StepLine {
        title: title.into(),
        state,
        took: took.into(),
        lines: lines.iter().map(ToString::to_string).collect(),
        ..StepLine::default()
    }
}

fn steps() -> Vec<StepLine> {
    let mut steps = vec![
        step("Check the server", StepState::Done, "0.1 s", &["server answers: PostgreSQL 16.10"]),
        step("Plan", StepState::Done, "0.1 s", &["create role booking_orders", "create database booking_orders"]),
        step(
            "Make the database",
            StepState::Running,
            "1.4 s",
            &["role made", "database made", "limits: 20 connections"],
        ),
        step("Look at it", StepState::Waiting, "", &[]),
    ];
    if let Some(last) = steps.get_mut(2) {
        last.note = "Usually two seconds.".into();
    }
    steps
}

fn facts() -> Vec<Fact> {
    vec![
        Fact::link("Team", "Booking", "/design"),
        Fact::new("Environment", "test"),
        Fact::new("Host", "quayside.meridian-lines.example"),
        Fact::new("Plan", "Small, 9.00 EUR a month, as of 3 February"),
    ]
}

fn rows() -> Vec<Row> {
    let row = |team, name, version, step, state, word, since, connections| Row {
        team,
        name,
        version,
        step,
        state,
        word,
        since,
        connections,
    };
    vec![
        row("Booking", "orders", "16.10", "managed", "ok", "ready", "44 days", "12"),
        row("Customs", "customs-nightly", "13.20", "observed", "warn", "ended", "2 years", "3"),
        row("Fleet Reports", "noon-archive", "13.18", "observed", "unknown", "not seen for 22 days", "1 year", "–"),
        row("Office IT", "inventory", "13.20", "enrolled", "bad", "failed", "8 months", "118"),
        row("Quotes", "offers", "15.14", "managed", "busy", "upgrading", "3 months", "41"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::{Person, Place, Theme};

    fn shell() -> Shell {
        let amara = Person { handle: "amara".into(), name: "Amara".into(), line: "Developer in Booking".into() };
        let ines = Person { handle: "ines".into(), name: "Ines".into(), line: "Product manager".into() };
        Shell {
            product_title: "Fairway".into(),
            person: Some(amara.clone()),
            people: vec![amara, ines],
            places: Place::ALL.to_vec(),
            active: Some(Place::Get),
            theme: Theme::Dark,
            csrf: "token".into(),
            path: "/design".into(),
            command: "loggia new postgres orders".into(),
            json_twin: "/design.json".into(),
            request_id: "0197".into(),
            ..Shell::default()
        }
    }

    #[test]
    fn shows_every_part_without_inline_script_or_style() {
        let page = DesignPage::new(shell()).render().expect("a page");
        for class in ["card", "badge", "steps", "facts", "command", "empty", "pager", "tabs", "crumbs", "lines"] {
            assert!(page.contains(&format!("class=\"{class}")), "{class}");
        }
        assert!(!page.contains(" style=") && !page.contains("<style") && !page.contains(" onclick"));
        assert!(page.contains("data-theme=\"dark\"") && page.contains("aria-current=\"page\""));
    }

    #[test]
    fn texts_are_escaped() {
        let hostile = Shell { product_title: "<b>\"&".into(), query: "\"><script>".into(), ..shell() };
        let page = DesignPage::new(hostile).render().expect("a page");
        assert!(!page.contains("<b>") && !page.contains("\"><script>"));
    }
}
