//! A version that waits for its team to merge it: what differs, and the buttons.

use super::form::Form;
use super::instance::href;
use super::visit::{Answer, Visit};
use super::words::When;
use crate::shell::{Link, Place, Shell};
use crate::state::WebState;
use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use loggia_app::access::policy::Action;
use loggia_app::access::writing::subject_of;
use loggia_app::instance::change_request::{ChangedFile, Proposal, Seen};
use loggia_app::release::upgrade_wait;
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::release::ReleaseSpec;
use loggia_model::{Day, Ref};

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/instances/{team}/{name}/change", get(show))
        .route("/instances/{team}/{name}/change/patch", get(patch))
        .route("/instances/{team}/{name}/change/merge", post(merge))
        .route("/instances/{team}/{name}/change/close", post(close))
}

/// A change as a page shows it.
#[derive(Default)]
pub struct Shown {
    /// The files, with whether both sides changed the same place.
    pub files: Vec<ChangedFile>,
    /// How many of them hold both sides.
    pub conflicts: usize,
    /// The lines of the difference, each with its class.
    pub lines: Vec<(&'static str, String)>,
}

impl Shown {
    /// Of a change.
    pub fn of(proposal: &Proposal) -> Shown {
        let lines = proposal.diff.lines().map(|line| (class(line), line.to_owned())).collect();
        Shown { conflicts: proposal.conflicts().count(), files: proposal.files.clone(), lines }
    }
}

/// The class of a line of a difference.
fn class(line: &str) -> &'static str {
    let head = ["diff ", "index ", "--- ", "+++ ", "new file", "deleted file", "rename ", "similarity ", "old mode"];
    let markers = ["+<<<<<<< ", "+=======", "+>>>>>>> "];
    match line.as_bytes().first() {
        _ if head.iter().any(|start| line.starts_with(start)) => "diff-head",
        _ if markers.iter().any(|start| line.starts_with(start)) => "diff-both",
        Some(b'@') => "diff-at",
        Some(b'+') => "diff-new",
        Some(b'-') => "diff-old",
        _ => "",
    }
}

/// What the page of an instance says of a version that people bring.
pub struct Notice {
    /// Which, in a sentence.
    pub text: String,
    /// What it is, as a heading.
    pub heading: &'static str,
    /// Whether no branch waits: it goes by hand, or waits for its hours.
    pub by_hand: bool,
    /// What people do then.
    pub steps: Vec<String>,
}

/// The version that waits for people to bring it, once that is prepared.
pub fn waiting(visit: &Visit, status: &InstanceStatus) -> Option<Notice> {
    if let Some(queued) = &status.queued {
        let text = format!("The upgrade to {} is asked for. {}", queued.to, upgrade_wait::waits(queued));
        return Some(Notice { text, heading: "An upgrade waits for its hours.", by_hand: true, steps: Vec::new() });
    }
    let change = status.change.as_ref().filter(|change| change.made)?;
    let by_hand = change.branch.is_empty();
    let text = match by_hand {
        false => format!("Version {} waits on the branch {}", change.version, change.branch),
        true => format!("Version {} is brought by hand; it counts once a look sees {}", change.version, change.expects),
    };
    let over = change.until.map(|until| format!(" It is given up on {}.", Day::of(until).words())).unwrap_or_default();
    let text = format!("{text}; nothing changes until then.{over}");
    let release = visit.graph.get(&Ref::new("release", "default", &change.release));
    let spec: Option<ReleaseSpec> = release.and_then(|release| release.spec().ok()).filter(|_| by_hand);
    let heading = "Another version waits for its team.";
    Some(Notice { text, heading, by_hand, steps: spec.and_then(|spec| spec.upgrade).unwrap_or_default().steps })
}

#[derive(Template)]
#[template(path = "instance/change.html")]
struct ChangePage {
    shell: Shell,
    crumbs: Vec<Link>,
    heading: String,
    lede: String,
    href: String,
    into: String,
    seen: (String, String),
    since: When,
    change: Shown,
    /// What brings both sides together by hand.
    commands: Vec<String>,
    /// What the buttons do, in a terminal.
    terminal: Vec<(&'static str, String)>,
    may: bool,
}

type At = Path<(String, String)>;

async fn show(visit: Visit, Path((team, name)): At) -> Answer {
    visit.signed_in()?;
    let record = visit.record(&Ref::new("instance", &team, &name), |now| format!("{}/change", href(now)))?;
    let (asked, proposal) = visit.app().change_request(&visit.caller, &record.reference).await?;
    let subject = subject_of(&record.parse());
    let allowed = |action| visit.app().require(&visit.caller, action, &subject).is_ok();
    let to = href(&record.reference);
    let conflicts = proposal.conflicts().count();
    visit.page(&ChangePage {
        terminal: vec![
            ("See it, as a patch", format!("loggia upgrade {team}/{name} --patch")),
            ("Merge it, once it holds no conflict", format!("loggia upgrade {team}/{name} --merge")),
            ("Give it up", format!("loggia upgrade {team}/{name} --close")),
        ],
        shell: Shell {
            command: match conflicts {
                0 => format!("loggia upgrade {team}/{name} --merge"),
                _ => format!("loggia upgrade {team}/{name} --patch"),
            },
            json_twin: format!("/api/v1/instances/{team}/{name}/change"),
            ..visit.shell(Some(Place::Team))
        },
        crumbs: vec![Link::new("My team", "/team"), Link::new(&name, &to)],
        heading: format!("The change to {}", asked.version),
        lede: format!("It waits on the branch {}; {} stays as it is until its team merges it.", asked.branch, name),
        since: When::ago(visit.app().now(), Some(asked.since)),
        commands: vec![
            format!("git fetch && git switch {}", proposal.branch),
            "git commit --all && git push".to_owned(),
        ],
        change: Shown::of(&proposal),
        may: allowed(Action::Operate) && allowed(Action::GitWrite),
        into: proposal.into,
        seen: (proposal.commit, proposal.base),
        href: to,
    })
}

async fn patch(visit: Visit, Path((team, name)): At) -> Answer {
    visit.signed_in()?;
    let bytes = visit.app().change_patch(&visit.caller, &Ref::new("instance", &team, &name)).await?;
    let kind = HeaderValue::from_static("text/x-patch; charset=utf-8");
    let place = HeaderValue::from_static("attachment; filename=\"change.patch\"");
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, place)], bytes).into_response())
}

async fn merge(visit: Visit, Path((team, name)): At, body: Bytes) -> Answer {
    visit.signed_in()?;
    let form = Form::read(&body);
    let seen = Seen { commit: form.one("commit").to_owned(), base: form.one("base").to_owned() };
    let instance = Ref::new("instance", &team, &name);
    visit.app().merge_change(&visit.caller, &instance, &seen).await?;
    Ok(Redirect::to(&format!("{}?done=merged", href(&instance))).into_response())
}

async fn close(visit: Visit, Path((team, name)): At) -> Answer {
    visit.signed_in()?;
    let instance = Ref::new("instance", &team, &name);
    visit.app().close_change(&visit.caller, &instance).await?;
    Ok(Redirect::to(&format!("{}?done=closed", href(&instance))).into_response())
}

#[cfg(test)]
mod tests {
    use super::class;

    #[test]
    fn lines_are_told_apart() {
        let lines = ["diff --git a/x b/x", "+++ b/x", "@@ -1 +1 @@", "-a", "+b", " c", "+<<<<<<< main", "--- a/x"];
        let classes: Vec<&str> = lines.iter().map(|line| class(line)).collect();
        assert_eq!(
            classes,
            ["diff-head", "diff-head", "diff-at", "diff-old", "diff-new", "", "diff-both", "diff-head"]
        );
    }
}
