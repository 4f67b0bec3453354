//! Looking at the sign-in provider before somebody cannot sign in.

use super::provider::Provider;
use loggia_app::checks::doctor::{Finding, State};
use loggia_model::Micros;
use serde_json::Value;

/// Largest difference between our clock and the provider's, in seconds: tokens are good for minutes, and some of them
/// only from the second on in which they are made.
const SKEW: i64 = 30;

fn finding(state: State, found: impl Into<String>) -> Finding {
    Finding::new("sign-in", state, found)
}

impl Provider {
    /// Asks the provider what it says about itself, and whether it would send people back here.
    pub async fn examine(&self, public_url: &str, now: Micros) -> Vec<Finding> {
        let mut found = vec![self.leads_back(public_url)];
        let issuer = self.issuer();
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let response = match self.look(&address).await {
            Ok(response) => response,
            Err(why) => {
                found.push(finding(State::Bad, format!("{issuer} does not answer: {why}")));
                return found;
            }
        };
        let said: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let text = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default();
        if !response.status().is_success() || text("authorization_endpoint").is_empty() {
            let status = response.status().as_u16();
            let text = format!("{address} answers with status {status} and says no addresses. Correct --oidc-issuer.");
            found.push(finding(State::Bad, text));
            return found;
        }
        if text("issuer") != issuer {
            let text = format!("{issuer} calls itself {}. Write --oidc-issuer so.", text("issuer"));
            found.push(finding(State::Bad, text));
        } else {
            found.push(finding(State::Ok, format!("{issuer} answers")));
        }
        found.extend(clock(&response, now));
        found.push(self.knows_us(text("authorization_endpoint")).await);
        found
    }

    /// Whether people come back to the address that they began at.
    fn leads_back(&self, public_url: &str) -> Finding {
        let wanted = format!("{}/login/callback", public_url.trim_end_matches('/'));
        match self.redirect() == wanted {
            true => finding(State::Ok, format!("people come back to {wanted}")),
            false => finding(
                State::Bad,
                format!(
                    "people come back to {}, and this server is at {public_url}. Correct --public-url.",
                    self.redirect()
                ),
            ),
        }
    }

    /// Whether the provider lets us begin a login that leads back here. Nothing is signed in.
    async fn knows_us(&self, endpoint: &str) -> Finding {
        let Some(address) = self.trial(endpoint) else {
            return finding(
                State::Bad,
                format!("{endpoint}, where logins begin, is no address. Ask who runs the provider."),
            );
        };
        match self.look(&address).await {
            Ok(response) if response.status().is_client_error() || response.status().is_server_error() => {
                let text = format!(
                    "the provider refuses to begin a login (status {}). Register there the client {} with the address {}.",
                    response.status().as_u16(),
                    self.client_id(),
                    self.redirect()
                );
                finding(State::Bad, text)
            }
            Ok(_) => finding(State::Ok, "the provider begins logins that lead back here"),
            Err(why) => finding(State::Bad, format!("{endpoint}, where logins begin, does not answer: {why}")),
        }
    }
}

/// How far the clocks are apart, by the header of an answer.
fn clock(response: &http::Response<Vec<u8>>, now: Micros) -> Option<Finding> {
    let said = response.headers().get(http::header::DATE)?.to_str().ok()?;
    let there = chrono::DateTime::parse_from_rfc2822(said).ok()?.timestamp();
    let apart = (now.0 / 1_000_000 - there).abs();
    Some(match apart > SKEW {
        true => finding(State::Bad, format!("its clock and ours are {apart} s apart: logins fail. Set the wrong one.")),
        false => finding(State::Ok, "its clock and ours agree"),
    })
}
