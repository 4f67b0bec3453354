//! Every route of the API, declared once.

use super::parameter::{Form, Param};
use super::route::{Access, Handler, Route};
use super::{
    adopt, agenda, campaigns, change, checks, doctor, edits, endings, environments, events, forms, home,
    instance_access, instances, leaks, logins, me, observe, offers, openapi, operations, orders, records, releases,
    schema, search, secrets, sessions, sources, stream, tokens, upgrades, usage, versions, who_runs, workloads, write,
};
use axum::http::Method;
use loggia_app::access::policy::Action;
use loggia_app::instance::form;
use loggia_app::instance::order::OrderInput;
use loggia_model::operation::Operation;
use std::sync::LazyLock;

static ALL: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let groups = [
        reading(),
        writing(),
        edits::routes(),
        getting(),
        running(),
        estate(),
        using(),
        sourcing(),
        watching(),
        own(),
        secrets::routes(),
        releases::routes(),
        campaigns::routes(),
        checks::routes(),
        agenda::routes(),
        endings::routes(),
        adopt::routes(),
        instances::routes(),
        instance_access::routes(),
        upgrades::routes(),
        workloads::routes(),
        change::routes(),
        leaks::routes(),
        doctor::routes(),
        environments::routes(),
        versions::routes(),
        offers::routes(),
        home::routes(),
        who_runs::unmatched_routes(),
    ];
    groups.into_iter().flatten().collect()
});

/// Every route.
pub fn all() -> &'static [Route] {
    &ALL
}

/// Makes the handler of an async function.
macro_rules! by {
    ($function:path) => {
        (|call| Box::pin($function(call))) as Handler
    };
}

const VERSION: &str = r"^[vV]?[0-9]{1,9}([.][0-9]{1,9}){0,5}([-+][0-9A-Za-z]+([.-][0-9A-Za-z]+)*)?$";
const RANGE: &str = r"^(>=|<=|>|<|~|\^)?[0-9]{1,9}([.][0-9]{1,9}){0,2}$";
const FILTER: &str = r"^[^=,\u0000-\u001f\u007f-\u009f]+(=[^,\u0000-\u001f\u007f-\u009f]*)?(,[^=,\u0000-\u001f\u007f-\u009f]+(=[^,\u0000-\u001f\u007f-\u009f]*)?)*$";
const FIELDS: &str = concat!(
    r"^(ref|uid|etag|revision|position|createdAt|updatedAt|source|document|status|relations|apiVersion|kind|metadata|spec)",
    r"([.][A-Za-z0-9_/-]+)*",
    r"(,(ref|uid|etag|revision|position|createdAt|updatedAt|source|document|status|relations|apiVersion|kind|metadata|spec)",
    r"([.][A-Za-z0-9_/-]+)*)*$",
);
const ORDER: &str = r"^-?[A-Za-z0-9_/-]+([.][A-Za-z0-9_/-]+)*(,-?[A-Za-z0-9_/-]+([.][A-Za-z0-9_/-]+)*)?$";
const CURSOR: &str = r"^[A-Za-z0-9_-]+$";

const fn text(name: &'static str, about: &'static str) -> Param {
    Param::query(name, Form::Text(200, None), about)
}

const fn patterned(name: &'static str, pattern: (&'static str, &'static str), about: &'static str) -> Param {
    Param::query(name, Form::Text(1000, Some(pattern)), about)
}

const fn limit(most: i64) -> Param {
    Param::query("limit", Form::Number(1, most), "How many at most.")
}

const DRY_RUN: Param = Param::query("dryRun", Form::Flag, "Decide and tell what would happen, but write nothing.");
const IF_MATCH: Param =
    Param::header("If-Match", "The tag that the text must have now; with another one nothing is written (412).");
const BEFORE: Param = Param::query("before", Form::Number(0, i64::MAX), "Only earlier positions.");

fn get(path: &'static str, id: &'static str, action: Action, handler: Handler) -> Route {
    Route::new(Method::GET, path, id, Access::May(action), handler)
}

fn post(path: &'static str, id: &'static str, action: Action, handler: Handler) -> Route {
    Route::new(Method::POST, path, id, Access::May(action), handler)
}

fn reading() -> Vec<Route> {
    let at = Param::query("at", Form::Time, "As it was at this time, seen with the rights of today.");
    let one = |path, id| {
        let tag = Param::header("If-None-Match", "The tag of the answer that you have; 304 when it is the same.");
        let route = get(path, id, Action::Read, by!(records::get)).takes([at.clone(), tag]);
        route
            .does("Reads one thing: its text, its state and its relations.")
            .gives::<records::One>(200, "The thing.")
            .gives_nothing(304, "It is the same as the one you have.")
            .gives_as(308, "It has another name now: see Location.", "application/json", schema::any_object)
    };
    let history = |path, id| {
        get(path, id, Action::Read, by!(records::history))
            .does("Tells what happened to one thing, newest first; also when it has gone.")
            .takes([BEFORE, limit(500)])
            .gives::<records::History>(200, "Its revisions.")
            .gives_as(308, "It has another name now: see Location.", "application/json", schema::any_object)
    };
    let of_uid = get("/api/v1/history/{uid}", "getHistoryOfIdentity", Action::Read, by!(records::history_of))
        .does("Tells what happened to the thing with an identity, newest first; also when it has gone.")
        .takes([BEFORE, limit(500)])
        .gives::<records::History>(200, "Its revisions.");
    vec![
        one("/api/v1/records/{kind}/{namespace}/{name}", "getRecord"),
        one("/api/v1/{plural}/{namespace}/{name}", "getByPlural"),
        history("/api/v1/records/{kind}/{namespace}/{name}/history", "getRecordHistory"),
        history("/api/v1/{plural}/{namespace}/{name}/history", "getHistoryByPlural"),
        of_uid,
        get("/api/v1/{plural}", "list", Action::Read, by!(records::list))
            .does("Lists the things of one kind that you may see.")
            .takes([
                patterned(
                    "filter",
                    (FILTER, "key=value,key=value"),
                    "Keys with values, such as spec.type=service; several filters mean any of them.",
                )
                .many(),
                text("q", "A text that occurs in name, title or description."),
                limit(1000),
                patterned("cursor", (CURSOR, "what `next` said"), "Where to go on: `next` of the page before."),
                patterned(
                    "order",
                    (ORDER, "a field, with - before it for the greatest first"),
                    "In which order; by name when absent.",
                ),
                patterned(
                    "fields",
                    (FIELDS, "fields of a record with commas between them, such as ref, metadata.title or spec.owner"),
                    "Only these fields, such as ref,metadata.title,spec.owner; those of the document may leave `document.` out.",
                ),
            ])
            .gives::<records::RecordList>(200, "A page."),
    ]
}

fn writing() -> Vec<Route> {
    let put = |path, id| {
        Route::new(Method::PUT, path, id, Access::May(Action::Apply), by!(write::put))
            .does("Writes one thing: makes it, or gives it another text.")
            .takes([DRY_RUN, IF_MATCH])
            .body_as("application/json", write::document)
            .body_as("application/yaml", write::document)
            .gives::<write::Applied>(200, "It was changed, or was so already.")
            .gives::<write::Applied>(201, "It is new.")
            .fails([412])
    };
    let delete = |path, id| {
        Route::new(Method::DELETE, path, id, Access::May(Action::Delete), by!(write::delete))
            .does("Takes one thing away that nothing stands on.")
            .takes([DRY_RUN, IF_MATCH])
            .gives::<write::Deleted>(200, "It is gone.")
            .fails([409, 412, 422])
    };
    vec![
        put("/api/v1/records/{kind}/{namespace}/{name}", "putRecord"),
        put("/api/v1/{plural}/{namespace}/{name}", "putByPlural"),
        delete("/api/v1/records/{kind}/{namespace}/{name}", "deleteRecord"),
        delete("/api/v1/{plural}/{namespace}/{name}", "deleteByPlural"),
        post("/api/v1/records:apply", "apply", Action::Apply, by!(write::apply))
            .does("Writes many things at once, or none of them; tells what differs.")
            .takes([DRY_RUN])
            .body_as("application/json", write::documents)
            .body_as("application/yaml", write::documents)
            .up_to(20_000_000)
            .gives::<write::AppliedAll>(200, "What became of each."),
    ]
}

fn getting() -> Vec<Route> {
    vec![
        post("/api/v1/orders", "order", Action::Order, by!(orders::order))
            .does("Gets something for a team.")
            .body::<OrderInput>()
            .gives::<orders::WouldGet>(200, "What the order would get (dryRun).")
            .gives::<orders::Ordered>(202, "It is being made; follow the operation."),
        get("/api/v1/forms/{offering}", "getForm", Action::Read, by!(forms::form))
            .does("Gives the form of an offering, filled in as far as can be guessed, with why.")
            .takes([
                text("team", "For which team; your own when absent."),
                text("environment", "In which environment."),
                text("release", "Which version; the newest when absent."),
            ])
            .gives::<form::Form>(200, "The form."),
    ]
}

fn running() -> Vec<Route> {
    let step = |path, id, handler| {
        post(path, id, Action::Enrol, handler)
            .gives::<instances::Stepped>(200, "The step on which it stands now.")
            .fails([422])
    };
    let operate = |path, id, handler| {
        post(path, id, Action::Operate, handler).gives::<orders::Ordered>(202, "Follow the operation.").fails([422])
    };
    vec![
        step("/api/v1/instances/{namespace}/{name}:enrol", "enrolInstance", by!(instances::enrol))
            .does("Confirms that something which was observed is the team's."),
        step("/api/v1/instances/{namespace}/{name}:withdraw", "withdrawInstance", by!(instances::withdraw))
            .does("Takes the confirmation back."),
        operate("/api/v1/instances/{namespace}/{name}:destroy", "destroyInstance", by!(instances::destroy))
            .does("Destroys it.")
            .body::<instances::DestroyInput>()
            .optional_body(),
        operate("/api/v1/instances/{namespace}/{name}:retry", "retryInstance", by!(instances::retry))
            .does("Does again what failed."),
        operate("/api/v1/instances/{namespace}/{name}:look", "lookInstance", by!(instances::look))
            .does("Looks at it now."),
        get(
            "/api/v1/instances/{namespace}/{name}/operations",
            "listOperations",
            Action::Read,
            by!(instances::operations),
        )
        .does("Lists its operations.")
        .takes([limit(200)])
        .gives::<instances::Operations>(200, "Newest first."),
        get("/api/v1/operations/{id}", "getOperation", Action::Read, by!(operations::get))
            .does("Tells where an operation is.")
            .gives::<Operation>(200, "The operation."),
        get("/api/v1/operations/{id}/log", "getOperationLog", Action::Read, by!(operations::log))
            .does("Gives what the driver of an operation wrote.")
            .takes([Param::query("after", Form::Number(0, i64::MAX), "Only lines after this one.")])
            .gives::<operations::Lines>(200, "At most 10,000 lines."),
        get("/api/v1/operations/{id}/events", "followOperation", Action::Read, by!(stream::events))
            .does("Follows an operation: events `operation`, `line` and at last `end`.")
            .takes([Param::header("Last-Event-ID", "The id of the last event that you have.")])
            .gives_as(200, "Server-sent events.", "text/event-stream", schema::any_text)
            .stream(),
    ]
}

fn estate() -> Vec<Route> {
    let below = [
        patterned("below", (VERSION, "a version such as 15 or 2.1"), "Only versions below this one."),
        patterned("releaseBelow", (VERSION, "a version such as 2.1"), "Only what runs of a release below this one."),
        patterned("version", (RANGE, "a range such as 15, >=15 or ~2.1"), "Only versions in this range."),
        text("environment", "Only this environment."),
        text("team", "Only this team."),
        Param::query("step", Form::Word(&["observed", "enrolled", "managed"]), "Only this step."),
    ];
    vec![
        post("/api/v1/observe", "observe", Action::Observe, by!(observe::observe))
            .does("Takes in what runs, as a pipeline saw it: our own form, or CDEvents.")
            .body_as("application/json", observe::reports)
            .body_as("application/cloudevents+json", observe::event)
            .body_as("application/cloudevents-batch+json", observe::batch)
            .up_to(10_000_000)
            .gives::<observe::Seen>(200, "What became of each."),
        get("/api/v1/who-runs/{offering}", "whoRuns", Action::Read, by!(who_runs::who_runs))
            .does("Tells who runs something: team, environment, version, since, last seen, contact, how known.")
            .takes(below.clone())
            .gives::<who_runs::WhoRuns>(200, "Who runs it."),
        get("/api/v1/who-runs", "whoRunsOffering", Action::Read, by!(who_runs::who_runs))
            .does("The same, with the offering as a parameter.")
            .takes(below)
            .takes([text("offering", "Which offering.")])
            .gives::<who_runs::WhoRuns>(200, "Who runs it."),
    ]
}

fn using() -> Vec<Route> {
    let range = [
        Param::query("from", Form::Time, "Not earlier than this."),
        Param::query("until", Form::Time, "Earlier than this."),
    ];
    vec![
        post("/api/v1/usage", "reportUsage", Action::Report, by!(usage::report))
            .does("Takes readings of use in; each counts once by source and id.")
            .body_as("application/json", usage::readings)
            .body_as("application/x-ndjson", schema::any_text)
            .body_as("application/jsonl", schema::any_text)
            .body_as("application/cloudevents+json", usage::event)
            .body_as("application/cloudevents-batch+json", usage::events)
            .up_to(20_000_000)
            .gives::<usage::Taken>(200, "How many were new."),
        get("/api/v1/usage", "listUsage", Action::Read, by!(usage::list))
            .does("Gives the readings of an offering.")
            .takes(range.clone())
            .takes([text("offering", "Which offering."), limit(10_000)])
            .gives::<usage::Readings>(200, "Newest first."),
        get("/api/v1/uses", "listUses", Action::Read, by!(usage::uses))
            .does("Tells who uses what: since, last seen, by choice or because of a rule.")
            .takes(range)
            .takes([
                text("offering", "Only this offering."),
                text("release", "Only this release."),
                text("team", "Only this team, such as group:default/booking."),
                text("instance", "Only this instance."),
                limit(10_000),
                patterned("cursor", (CURSOR, "what `next` said"), "Where to go on: `next` of the page before."),
            ])
            .gives::<usage::Uses>(200, "Who uses what."),
    ]
}

fn sourcing() -> Vec<Route> {
    vec![
        get("/api/v1/sources", "listSources", Action::Read, by!(sources::list))
            .does("Lists where things are read from, and what was found there.")
            .gives::<sources::SourceList>(200, "The sources."),
        post("/api/v1/sources:confirm", "confirmSource", Action::Sync, by!(sources::confirm))
            .does("Confirms the removals that a source holds back.")
            .body::<sources::ConfirmInput>()
            .gives::<sources::Confirmed>(200, "What was done."),
        post("/api/v1/sources:drop", "dropSource", Action::Sync, by!(sources::drop_source))
            .does("Drops a source that this server does not read any more, with what came from it.")
            .body::<sources::DropInput>()
            .gives::<sources::Confirmed>(200, "What was done."),
        post("/api/v1/sources:refresh", "refreshSources", Action::Sync, by!(sources::refresh))
            .does("Looks at all sources now.")
            .gives_nothing(202, "They are being looked at."),
    ]
}

fn watching() -> Vec<Route> {
    let openapi = Route::new(Method::GET, "/api/v1/openapi.json", "openapi", Access::Public, by!(openapi::document));
    vec![
        get("/api/v1/search", "search", Action::Read, by!(search::search))
            .does("Finds what has all of some words.")
            .takes([text("q", "The words; the last one may be incomplete."), limit(100)])
            .gives::<search::Hits>(200, "Best first."),
        get("/api/v1/events", "listEvents", Action::Audit, by!(events::list))
            .does("Tells everything that happened.")
            .takes([
                text("subject", "Only about this, such as offering:default/postgres."),
                text("type", "Only of this type.").many(),
                text("principal", "Only by this person or service."),
                Param::query("after", Form::Number(0, i64::MAX), "Only later positions; oldest first then."),
                BEFORE,
                Param::query("since", Form::Time, "Not earlier than this."),
                Param::query("until", Form::Time, "Earlier than this."),
                limit(1000),
            ])
            .gives::<events::Events>(200, "A page of events."),
        openapi.does("This document.").gives_as(200, "OpenAPI 3.1.", "application/json", schema::any_object),
    ]
}

fn own() -> Vec<Route> {
    let signed_in = |method, path, id, handler| Route::new(method, path, id, Access::SignedIn, handler);
    let tokens = |method, path, id, handler| Route::new(method, path, id, Access::May(Action::OwnTokens), handler);
    vec![
        signed_in(Method::GET, "/api/v1/me", "me", by!(me::me)).does("Tells who you are.").gives::<me::Me>(200, "You."),
        tokens(Method::GET, "/api/v1/tokens", "listTokens", by!(tokens::list))
            .does("Lists your tokens; those of services too for an administrator.")
            .gives::<tokens::Tokens>(200, "The tokens, without their secrets."),
        tokens(Method::POST, "/api/v1/tokens", "createToken", by!(tokens::create))
            .does("Makes a token.")
            .body::<tokens::TokenInput>()
            .gives::<tokens::NewToken>(201, "The token; it is shown this once.")
            .secret(),
        tokens(Method::DELETE, "/api/v1/tokens/{id}", "revokeToken", by!(tokens::revoke))
            .does("Revokes a token.")
            .gives_nothing(204, "It is good for nothing now."),
        tokens(Method::GET, "/api/v1/sessions", "listSessions", by!(sessions::list))
            .does("Lists where you are signed in.")
            .gives::<sessions::Sessions>(200, "Your sessions."),
        tokens(Method::DELETE, "/api/v1/sessions/{id}", "endSession", by!(sessions::end))
            .does("Ends a session.")
            .gives_nothing(204, "It has ended."),
        tokens(Method::PUT, "/api/v1/logins/{user}", "setPassword", by!(logins::put))
            .does("Sets the password of a person: your own, or anybody's for an administrator.")
            .body::<logins::LoginInput>()
            .gives_nothing(204, "It is set."),
    ]
}
