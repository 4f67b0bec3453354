//! Asks the server, and turns its errors into words and exit codes.

use super::credentials::{Credentials, DEFAULT_URL};
use crate::exit::{PROBLEM, UNAVAILABLE, USAGE, failure};
use anyhow::{Context, Result};
use clap::Args;
use loggia_model::problem::sentences;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use std::time::Duration;

/// Which server, and as whom.
#[derive(Args, Clone, Debug, Default)]
pub struct Access {
    /// Address of the server; that of loggia login when not given, else http://127.0.0.1:7400.
    #[arg(long, global = true, value_name = "URL", env = "LOGGIA_URL", help_heading = "Server")]
    pub url: Option<String>,
    /// Token; that of loggia login when not given.
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "LOGGIA_TOKEN",
        hide_env_values = true,
        help_heading = "Server"
    )]
    pub token: Option<String>,
}

/// A part of a file that is sent by itself: where the lines that an answer names stand.
#[derive(Debug, Default)]
pub struct Part {
    /// The file, as people name it.
    pub file: String,
    /// How many lines of the file stand before it.
    pub before: u64,
}

/// A server.
pub struct Api {
    client: Client,
    /// Its address, without a slash at the end.
    pub url: String,
    token: Option<String>,
}

/// A text as one part of a path: whatever is in it, it stays that part. Nothing is called `.` or `..`, and a path has no
/// way to write them as a part, so what is sent is another text that is not there either.
pub fn part(text: &str) -> String {
    if !text.is_empty() && text.bytes().all(|byte| byte == b'.') {
        return text.replace('.', "%252E");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

impl Access {
    /// The server that is meant.
    ///
    /// # Errors
    /// When the file of loggia login cannot be read.
    pub fn api(&self) -> Result<Api> {
        let known = match (&self.url, &self.token) {
            (Some(_), Some(_)) => Credentials::default(),
            _ => Credentials::load()?,
        };
        let url = self.url.clone().or_else(|| known.current.clone()).unwrap_or_else(|| DEFAULT_URL.to_owned());
        let url = url.trim_end_matches('/').to_owned();
        let token = self.token.clone().or_else(|| known.tokens.get(&url).cloned());
        Api::new(url, token)
    }
}

impl Access {
    /// The token for a server: the one that is given, else that of loggia login.
    ///
    /// # Errors
    /// When the file of loggia login cannot be read.
    pub fn token_of(&self, url: &str) -> Result<Option<String>> {
        match &self.token {
            Some(token) => Ok(Some(token.clone())),
            None => Ok(Credentials::load()?.tokens.remove(url)),
        }
    }
}

impl Api {
    /// A server at an address, asked with a token.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(url: String, token: Option<String>) -> Result<Api> {
        let plain = url.starts_with("http://");
        if !plain && !url.starts_with("https://") {
            return Err(failure(
                USAGE,
                format!("{url:?} is no address of a server. Begin it with http:// or https://."),
            ));
        }
        let mut client = Client::builder().connect_timeout(Duration::from_secs(5));
        if plain {
            // Reading the roots of trust takes longer than most answers, and nobody needs them here.
            client = client.tls_certs_only([]).redirect(reqwest::redirect::Policy::none());
        }
        Ok(Api { client: client.build().context("cannot prepare requests")?, url, token })
    }

    /// A request to a path below the address.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request; an answer that is an error becomes one.
    ///
    /// # Errors
    /// With the words of the server and an exit code.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refused(response, None).await)
    }

    /// Sends a part of a file and reads the answer as JSON; problems are told at the lines of the file.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn json_of(&self, request: RequestBuilder, part: &Part) -> Result<Value> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(self.refused(response, Some(part)).await);
        }
        response.json().await.map_err(|error| self.unreachable(&error))
    }

    /// Sends a request and reads the answer as JSON; null when there is none.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn json(&self, request: RequestBuilder) -> Result<Value> {
        let bytes = self.send(request).await?.bytes().await.map_err(|error| self.unreachable(&error))?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        let wrong = || format!("{} did not answer as a Loggia does. Is the address right?", self.url);
        serde_json::from_slice(&bytes).with_context(wrong)
    }

    /// Reads a path.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value> {
        self.json(self.request(Method::GET, &with_query(path, query))).await
    }

    /// Reads a path whose answer is text.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn text(&self, path: &str) -> Result<String> {
        self.text_of(path, &[]).await
    }

    /// The same with a query.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn text_of(&self, path: &str, query: &[(&str, String)]) -> Result<String> {
        let answer = self.send(self.request(Method::GET, &with_query(path, query))).await?;
        answer.text().await.map_err(|error| self.unreachable(&error))
    }

    /// Sends a body to a path.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.json(self.request(Method::POST, path).json(body)).await
    }

    /// All things of a kind, page by page.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub async fn list(&self, plural: &str, query: &[(&str, String)]) -> Result<Vec<Value>> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut query = query.to_vec();
            query.push(("limit", "1000".to_owned()));
            query.extend(cursor.take().map(|next| ("cursor", next)));
            let mut page = self.get(&format!("/api/v1/{plural}"), &query).await?;
            if let Some(Value::Array(some)) = page.get_mut("items").map(Value::take) {
                items.extend(some);
            }
            match page.get("next").and_then(Value::as_str) {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(items),
            }
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        let why = if error.is_timeout() { "it took too long" } else { "nobody answers" };
        let mend = "Start it with loggia serve or loggia demo, or name another with --url.";
        failure(UNAVAILABLE, format!("{} cannot be reached: {why}. {mend}", self.url))
    }

    async fn refused(&self, response: Response, part: Option<&Part>) -> anyhow::Error {
        let status = response.status().as_u16();
        let id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let body: Value = response.json().await.unwrap_or_default();
        let code = if matches!(status, 429 | 502..=504) { UNAVAILABLE } else { PROBLEM };
        let mut text = words(&body, part).unwrap_or_else(|| format!("{} answered with status {status}.", self.url));
        if status == 401 {
            let mend = "loggia login, or LOGGIA_TOKEN.";
            text = format!("{text} Way in: {mend}");
        }
        if status >= 500 {
            text = format!("{text} (request {})", id.unwrap_or_else(|| "without id".to_owned()));
        }
        failure(code, text)
    }
}

/// What the server says about an error: each problem on a line of its own.
fn words(body: &Value, part: Option<&Part>) -> Option<String> {
    let problems = body.get("problems").and_then(Value::as_array).filter(|problems| !problems.is_empty());
    let Some(problems) = problems else { return body.get("detail")?.as_str().map(str::to_owned) };
    let text = |problem: &Value, name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let line = |problem: &Value| {
        let (path, message, mend) = (text(problem, "path"), text(problem, "message"), text(problem, "mend"));
        let line = problem.get("line").and_then(Value::as_u64).unwrap_or_default();
        let line = match part {
            _ if line == 0 => String::new(),
            Some(part) => format!("{}:{}: ", part.file, part.before + line),
            None => format!("line {line}: "),
        };
        let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
        format!("{line}{place}{}", sentences(&message, &mend))
    };
    Some(problems.iter().map(line).collect::<Vec<_>>().join("\n        "))
}

/// A path with a query; values are escaped.
pub fn with_query(path: &str, query: &[(&str, String)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect()
    };
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn says_every_problem_at_its_field() {
        let body = json!({"detail": "two", "problems": [
            {"path": "name", "message": "It is taken", "mend": "Choose another."},
            {"path": "", "message": "No.", "mend": ""}]});
        assert_eq!(words(&body, None).unwrap(), "name: It is taken. Choose another.\n        No.");
        assert_eq!(words(&json!({"detail": "only this"}), None).unwrap(), "only this");
        let body = json!({"problems": [{"path": "id", "line": 3, "message": "It is missing", "mend": "Give one."}]});
        assert_eq!(words(&body, None).unwrap(), "line 3: id: It is missing. Give one.");
        let part = Part { file: "use.jsonl".into(), before: 10_000 };
        assert_eq!(words(&body, Some(&part)).unwrap(), "use.jsonl:10003: id: It is missing. Give one.");
        assert_eq!(with_query("/a", &[("q", "a b&c=ü".into())]), "/a?q=a%20b%26c%3D%C3%BC");
    }
}

#[cfg(test)]
mod part_tests {
    use super::part;

    #[test]
    fn a_text_stays_one_part_of_a_path() {
        assert_eq!(part("postgres-1.2_3~x"), "postgres-1.2_3~x");
        for text in ["offering:default/postgres", "a b", "a?b=c", "#", "%41", ".", "..", "é"] {
            let whole = reqwest::Url::parse(&format!("http://x/api/{}/end", part(text))).unwrap();
            let parts: Vec<&str> = whole.path_segments().unwrap().collect();
            assert_eq!((parts.len(), parts[2]), (3, "end"), "{text}: {whole}");
            assert!(whole.query().is_none() && whole.fragment().is_none());
        }
    }
}
