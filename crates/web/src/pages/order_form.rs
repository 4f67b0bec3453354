//! The fields of an order: what the contract of the release asks for, with what we know already filled in.

use super::form::Form;
use super::offer::Offer;
use super::visit::Visit;
use super::words;
use crate::design::{Choice, Field, Input};
use loggia_app::instance::availability::Availability;
use loggia_app::instance::change_form::ChangeForm;
use loggia_app::instance::form::{Filled, FormQuery};
use loggia_app::instance::order::OrderInput;
use loggia_model::kinds::offering::Plan;
use loggia_model::{Record, Ref};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A field, and whether it is shown without a click.
pub struct Plain {
    /// The field.
    pub field: Field,
    /// Shown at once.
    pub visible: bool,
}

/// What is known before anybody fills anything in.
pub struct Known {
    /// Teams that the caller may order for: reference and title.
    pub teams: Vec<(Ref, String)>,
    /// Environments in which it can be got now.
    pub places: Vec<Availability>,
    /// What differs there from what the version promises.
    really: String,
    /// The plans.
    pub plans: Vec<Plan>,
    /// The properties of the contract, in order.
    pub properties: Vec<(String, Value)>,
    required: Vec<String>,
    /// What is filled in, and why, by the field.
    defaults: BTreeMap<String, Filled>,
    name: String,
}

impl Known {
    /// For an offering and the caller. The defaults are the same as those of the API and the command line.
    pub fn of(visit: &Visit, offer: &Offer) -> Known {
        let teams: Vec<Arc<Record>> = visit.my_teams();
        let query = FormQuery { offering: offer.name().to_owned(), team: visit.given("team"), ..FormQuery::default() };
        let form = visit.app().form(&visit.caller, &query).ok();
        let (schema, defaults) = form.map(|form| (form.schema, form.defaults)).unwrap_or_default();
        let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        Known {
            places: offer.places.iter().filter(|place| place.why_not.is_empty()).cloned().collect(),
            really: offer.note(),
            plans: offer.spec.plans.clone(),
            properties: properties.into_iter().collect(),
            required: required.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
            name: free_name(visit, offer, &teams),
            teams: teams.iter().map(|r| (r.reference.clone(), r.parse().title().to_owned())).collect(),
            defaults,
        }
    }

    /// For something that runs: what it has, without what stays as it is. The plan that it has is told as it was frozen.
    pub fn of_change(form: &ChangeForm) -> Known {
        let has = form.plan.as_ref().map(|plan| (plan.name.as_str(), plan));
        let frozen = |plan: &Plan| match has.filter(|(name, _)| *name == plan.name) {
            Some((_, has)) => Plan { limits: has.limits.clone(), price: has.price.clone(), ..plan.clone() },
            None => plan.clone(),
        };
        let mut plans: Vec<Plan> = form.plans.iter().map(frozen).collect();
        if let Some((name, has)) = has.filter(|(name, _)| plans.iter().all(|plan| plan.name != *name)) {
            let (limits, price) = (has.limits.clone(), has.price.clone());
            let name = name.to_owned();
            plans.insert(0, Plan { name, title: None, limits, price, default: false, look_minutes: None });
        }
        let filled = |value: Value| Filled { value, why: String::new() };
        let inputs = form.inputs.iter().map(|(name, value)| (format!("inputs.{name}"), filled(value.clone())));
        let plan = has.map(|(name, _)| ("plan".to_owned(), filled(name.into())));
        let properties = form.schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let stays = |name: &String| form.only_plan || form.immutable.contains(name);
        let required = form.schema.get("required").and_then(Value::as_array).into_iter().flatten();
        let kept = |name: &&str| form.secrets.iter().any(|secret| secret == name);
        Known {
            teams: Vec::new(),
            places: Vec::new(),
            really: String::new(),
            plans,
            properties: properties.into_iter().filter(|(name, _)| !stays(name)).collect(),
            required: required.filter_map(Value::as_str).filter(|name| !kept(name)).map(str::to_owned).collect(),
            defaults: inputs.chain(plan).collect(),
            name: String::new(),
        }
    }

    /// The default of a field as a text, with why; only one of the choices that there are.
    fn text(&self, field: &str, fits: impl Fn(&str) -> bool) -> Option<(String, String)> {
        let filled = self.defaults.get(field)?;
        let value = filled.value.as_str().filter(|value| fits(value))?;
        Some((value.to_owned(), because(&filled.why)))
    }

    /// The words for an input.
    pub fn label(&self, name: &str) -> String {
        let property = self.properties.iter().find(|(known, _)| known == name).map(|(_, property)| property);
        title(name, property.unwrap_or(&Value::Null))
    }
}

/// A reason as a sentence of its own; what everybody would take needs none.
fn because(why: &str) -> String {
    let usual = ["the usual plan", "the usual value", "the first in the order of environments", "your team"];
    if usual.contains(&why) || why.is_empty() { String::new() } else { format!("{}.", words::capital(why)) }
}

/// A name that the first team has not given yet.
fn free_name(visit: &Visit, offer: &Offer, teams: &[Arc<Record>]) -> String {
    let taken = |name: &str| {
        let of = |place: &Availability, team: &Record| {
            Ref::new("instance", team.reference.name(), &format!("{name}.{}", place.environment))
        };
        let all = teams.iter().take(1).flat_map(|team| offer.places.iter().map(move |place| of(place, team)));
        all.into_iter().any(|reference| visit.graph.get(&reference).is_some())
    };
    let names = (1..1000).map(|n| if n == 1 { offer.name().to_owned() } else { format!("{}-{n}", offer.name()) });
    names.into_iter().find(|name| !taken(name)).unwrap_or_default()
}

/// The fields, filled with what was sent, else with what is known.
pub fn fields(known: &Known, form: &Form) -> Vec<Plain> {
    let mut all = vec![name_field(known, form)];
    all.extend(team_field(known, form));
    all.push(environment_field(known, form));
    all.extend(plan_field(known, form));
    for (name, property) in &known.properties {
        all.push(input_field(known, form, name, property));
    }
    all
}

fn sent(form: &Form, name: &str, default: &str) -> String {
    if form.is_empty() { default.to_owned() } else { form.one(name).to_owned() }
}

fn name_field(known: &Known, form: &Form) -> Plain {
    let field = Field {
        value: sent(form, "name", &known.name),
        required: true,
        help: "Small letters, digits and hyphens. Unique within your team and environment.".into(),
        autocomplete: "off".into(),
        ..field("name", "Name", Input::Text)
    };
    Plain { field, visible: true }
}

fn team_field(known: &Known, form: &Form) -> Option<Plain> {
    let first = known.teams.first()?.0.to_string();
    let named = |name: &str| known.teams.iter().any(|(team, _)| team.name() == name);
    let default = known.text("team", named).and_then(|(name, _)| {
        known.teams.iter().find(|(team, _)| team.name() == name).map(|(team, _)| team.to_string())
    });
    let value = sent(form, "team", &default.unwrap_or(first));
    let options = known.teams.iter().map(|(team, title)| choice(team.as_str(), title, "", &value)).collect();
    let field = Field {
        options,
        required: true,
        why: if known.teams.len() == 1 { "It is your only team.".into() } else { String::new() },
        ..field("team", "For which team", Input::Select)
    };
    Some(Plain { field, visible: known.teams.len() > 1 })
}

fn environment_field(known: &Known, form: &Form) -> Plain {
    let fits = |name: &str| known.places.iter().any(|place| place.environment == name);
    // Who has never ordered begins where nothing can break: in the first environment.
    let first = || known.places.first().map(|place| (place.environment.clone(), String::new()));
    let (default, why) = known.text("environment", fits).or_else(first).unwrap_or_default();
    let value = sent(form, "environment", &default);
    let options = known.places.iter().map(|place| choice(&place.environment, &place.title, "", &value)).collect();
    let really = known.really.clone();
    let field =
        Field { options, required: true, why, help: really, ..field("environment", "Environment", Input::Select) };
    Plain { field, visible: true }
}

/// The plans to choose from; none where there is no choice.
pub fn plan_field(known: &Known, form: &Form) -> Option<Plain> {
    if known.plans.len() < 2 {
        return None;
    }
    let fits = |name: &str| known.plans.iter().any(|plan| plan.name == name);
    let (default, why) = known.text("plan", fits).unwrap_or_default();
    let value = sent(form, "plan", &default);
    let option = |plan: &Plan| {
        let title = plan.title.clone().unwrap_or_else(|| words::capital(&plan.name));
        let limits = words::limits(&plan.limits);
        let price = words::price(plan.price.as_ref());
        let note = if limits.is_empty() { price } else { format!("{limits} · {price}") };
        choice(&plan.name, &title, &note, &value)
    };
    let options = known.plans.iter().map(option).collect();
    let field = Field { options, required: true, why, ..field("plan", "Plan", Input::Radio) };
    Some(Plain { field, visible: true })
}

/// One input of the contract.
pub fn input_field(known: &Known, form: &Form, name: &str, property: &Value) -> Plain {
    let required = known.required.iter().any(|r| r == name);
    let key = format!("inputs.{name}");
    let filled = known.defaults.get(&key);
    let default = filled.map_or(Value::Null, |filled| filled.value.clone());
    let why = filled.map(|filled| because(&filled.why)).unwrap_or_default();
    let secret = property.get("writeOnly").and_then(Value::as_bool).unwrap_or(false);
    let list = property.get("type").and_then(Value::as_str) == Some("array");
    let enumerated = property.get("enum").or_else(|| property.pointer("/items/enum")).and_then(Value::as_array);
    let input = control(property, secret, enumerated.map(Vec::len));
    let values: Vec<String> = match (form.is_empty(), &default) {
        (false, _) => form.all(&key),
        (true, Value::Array(items)) => items.iter().map(words::plain).collect(),
        (true, Value::Null) => Vec::new(),
        (true, Value::Bool(ticked)) => vec![ticked.to_string()],
        (true, other) => vec![words::plain(other)],
    };
    let options = enumerated.into_iter().flatten().map(|value| {
        let text = words::plain(value);
        Choice {
            chosen: values.contains(&text),
            title: words::capital(&words::spaced(&text)),
            value: text,
            note: String::new(),
        }
    });
    let separator = if list { "\n" } else { "" };
    let field = Field {
        options: none_of(required, input).into_iter().chain(options).collect(),
        value: if secret { String::new() } else { values.join(separator) },
        required: required && input != Input::Check,
        help: property.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
        why: if form.is_empty() { why } else { String::new() },
        ..field(&key, &title(name, property), input)
    };
    Plain { visible: required && default.is_null(), field }
}

/// The empty choice of a list that may stay empty.
fn none_of(required: bool, input: Input) -> Option<Choice> {
    (!required && input == Input::Select)
        .then(|| Choice { title: "As the platform has it".into(), ..Choice::default() })
}

fn control(property: &Value, secret: bool, choices: Option<usize>) -> Input {
    let kind = property.get("type").and_then(Value::as_str).unwrap_or("string");
    match (kind, choices) {
        _ if secret => Input::Password,
        ("array", Some(_)) => Input::Choices,
        ("array", None) => Input::Area,
        (_, Some(2..=4)) => Input::Radio,
        (_, Some(_)) => Input::Select,
        ("boolean", _) => Input::Check,
        ("integer", _) => Input::Number,
        _ => Input::Text,
    }
}

fn title(name: &str, property: &Value) -> String {
    let given = property.get("title").and_then(Value::as_str);
    given.map_or_else(|| words::label(name), str::to_owned)
}

fn field(name: &str, label: &str, input: Input) -> Field {
    let id = format!("f-{}", name.replace('.', "-"));
    Field { id, name: name.to_owned(), label: label.to_owned(), input, ..Field::default() }
}

fn choice(value: &str, title: &str, note: &str, chosen: &str) -> Choice {
    Choice { value: value.to_owned(), title: title.to_owned(), note: note.to_owned(), chosen: value == chosen }
}

/// What is ordered, from what was sent or is known.
pub fn wish(offer: &Offer, known: &Known, form: &Form) -> OrderInput {
    let all = fields(known, form);
    let value = |name: &str| {
        let field = all.iter().find(|plain| plain.field.name == name).map(|plain| &plain.field)?;
        let chosen = field.options.iter().find(|option| option.chosen).map(|option| option.value.clone());
        let text = if field.options.is_empty() { Some(field.value.clone()) } else { chosen };
        text.filter(|text| !text.is_empty())
    };
    // A value that is none of the choices is sent on, so that the answer says what is wrong with it.
    let given = |name: &str| Some(form.one(name).to_owned()).filter(|v| !v.is_empty()).or_else(|| value(name));
    OrderInput {
        offering: offer.name().to_owned(),
        plan: given("plan"),
        release: None,
        environment: given("environment").unwrap_or_default(),
        team: given("team").unwrap_or_default(),
        name: given("name").unwrap_or_default(),
        inputs: inputs(known, form, &all),
        dry_run: false,
    }
}

/// The inputs, from what was sent or is known.
pub fn inputs(known: &Known, form: &Form, all: &[Plain]) -> Map<String, Value> {
    let mut inputs = Map::new();
    for (name, property) in &known.properties {
        let key = format!("inputs.{name}");
        let Some(field) = all.iter().find(|plain| plain.field.name == key).map(|plain| &plain.field) else { continue };
        let texts: Vec<String> = match (form.is_empty(), field.input) {
            (false, _) => form.all(&key),
            (true, Input::Choices | Input::Radio | Input::Select) => {
                field.options.iter().filter(|o| o.chosen).map(|o| o.value.clone()).collect()
            }
            (true, _) => vec![field.value.clone()],
        };
        if let Some(value) = typed(property, &texts) {
            inputs.insert(name.clone(), value);
        }
    }
    inputs
}

/// A value of the type that the contract wants; a text that does not fit stays a text, and the contract says so.
fn typed(property: &Value, texts: &[String]) -> Option<Value> {
    let first = texts.first().map(String::as_str).unwrap_or_default();
    match property.get("type").and_then(Value::as_str).unwrap_or("string") {
        "boolean" => Some(Value::Bool(first == "true")),
        "array" => {
            let parts = texts.iter().flat_map(|text| text.split('\n')).map(str::trim).filter(|part| !part.is_empty());
            Some(parts.map(Value::from).collect())
        }
        _ if first.trim().is_empty() => None,
        "integer" => Some(first.trim().parse::<i64>().map_or_else(|_| Value::from(first), Value::from)),
        "number" => Some(first.trim().parse::<f64>().map_or_else(|_| Value::from(first), Value::from)),
        _ => Some(Value::from(first)),
    }
}

/// The same order as a command line. What is the default anyway is left out, and secrets are never written down.
pub fn command(input: &OrderInput, known: &Known) -> String {
    let mut words = vec!["loggia".to_owned(), "new".to_owned(), input.offering.clone(), input.name.clone()];
    words.extend(["--environment".to_owned(), input.environment.clone()]);
    if let Ok(team) = Ref::parse(&input.team, Some("group"), "default") {
        words.extend(["--team".to_owned(), team.short("group")]);
    }
    if let Some(plan) = &input.plan {
        words.extend(["--plan".to_owned(), plan.clone()]);
    }
    for (name, property) in &known.properties {
        let Some(value) = input.inputs.get(name).filter(|value| property.get("default") != Some(value)) else {
            continue;
        };
        let secret = property.get("writeOnly").and_then(Value::as_bool).unwrap_or(false);
        let text = match value {
            _ if secret => "…".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        words.extend(["--input".to_owned(), format!("{name}={text}")]);
    }
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+,…".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
