//! Another plan, or other inputs, of what runs.

use super::call::{Call, json, outcome};
use super::orders::Ordered;
use super::route::{Access, Handled, Route};
use axum::http::{Method, StatusCode};
use loggia_app::access::policy::Action;
use loggia_app::instance::change::{ChangeInput, ChangePreview};
use loggia_app::instance::change_form::ChangeForm;

const FORM: &str = "/api/v1/instances/{namespace}/{name}/form";
const DO: &str = "/api/v1/instances/{namespace}/{name}:change";

/// The routes.
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, FORM, "getChangeForm", Access::May(Action::Read), |call| Box::pin(form(call)))
            .does("Gives what something has that runs, and what of it may become another: plan and inputs.")
            .gives::<ChangeForm>(200, "The form.")
            .fails([422]),
        Route::new(Method::POST, DO, "changeInstance", Access::May(Action::Operate), |call| Box::pin(change(call)))
            .does("Gives what runs another plan or other inputs, in the same version. When it fails, it keeps what it had.")
            .body::<ChangeInput>()
            .gives::<ChangePreview>(200, "What would happen (dryRun).")
            .gives::<Ordered>(202, "Follow the operation.")
            .fails([422]),
    ]
}

async fn form(call: Call) -> Handled {
    json(&call.app().change_form(&call.caller, &call.reference()?)?)
}

async fn change(call: Call) -> Handled {
    let input: ChangeInput = call.json()?;
    let status = if input.dry_run { StatusCode::OK } else { StatusCode::ACCEPTED };
    let done = call.app().change(&call.caller, call.reference()?, input).await?;
    let body = done.answer.clone();
    Ok(outcome(status, &done, body))
}
