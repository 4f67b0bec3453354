//! Reads a Backstage catalog by its API.

use crate::http::{FetchError, Get, GuardOptions, GuardedClient};
use async_trait::async_trait;
use loggia_app::instance::driver::{Failure, Secret};
use loggia_app::source::catalog::{CatalogSource, Tagged, tagged};
use loggia_model::Ref;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// Entities in one answer; fewer when the answer would be too large.
const PAGE: usize = 1_000;
/// Fewest entities in one answer before we give up.
const SMALLEST: usize = 10;
/// Entities that are asked for by name in one question, so that the address does not become too long.
const NAMED: usize = 40;
/// Names and tags, which are all that is read of what has not changed.
const FIELDS: &str = "kind,metadata.namespace,metadata.name,metadata.etag";

/// Reads catalogs that the operator named; their hosts may have private addresses.
pub struct CatalogReader {
    client: GuardedClient,
    authorization: Option<Secret>,
}

/// One page of an answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    items: Vec<Value>,
    /// Some servers write `null` where there is no more.
    #[serde(default)]
    page_info: Option<PageInfo>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PageInfo {
    next_cursor: Option<String>,
}

impl CatalogReader {
    /// For these catalogs, with the token that they want.
    ///
    /// # Errors
    /// When an address is none.
    pub fn new(urls: &[String], token: Option<&str>) -> Result<CatalogReader, FetchError> {
        let mut allow = Vec::new();
        for url in urls {
            let parsed = Url::parse(url).ok().filter(Url::has_host);
            let parsed = parsed.ok_or_else(|| FetchError::Refused(url.clone()))?;
            let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            allow.push(format!("{host}:{}", parsed.port_or_known_default().unwrap_or_default()));
        }
        let options =
            GuardOptions { allow, timeout: Duration::from_secs(60), limit: 64 << 20, ..GuardOptions::default() };
        let authorization = token.map(|token| Secret::new(format!("Bearer {token}")));
        Ok(CatalogReader { client: GuardedClient::new(options)?, authorization })
    }

    /// All pages of a question.
    async fn pages(&self, url: &str, question: &[(&str, &str)]) -> Result<Vec<Value>, Failure> {
        let (mut items, mut cursor, mut size) = (Vec::new(), None, PAGE);
        loop {
            match self.page(url, question, cursor.as_deref(), size).await {
                Ok(page) => {
                    items.extend(page.items);
                    match page.page_info.and_then(|info| info.next_cursor).filter(|next| !next.is_empty()) {
                        Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
                        _ => return Ok(items),
                    }
                }
                Err(Not::Large(_)) if size > SMALLEST => size /= 4,
                Err(Not::Large(failure) | Not::Answered(failure)) => return Err(failure),
            }
        }
    }

    async fn page(&self, url: &str, question: &[(&str, &str)], cursor: Option<&str>, size: usize) -> Result<Page, Not> {
        let wrong = |message: String| Not::Answered(Failure::ours(message, "Correct the address of the catalog."));
        let address = Url::parse(&format!("{url}/entities/by-query"));
        let mut address = address.map_err(|error| wrong(format!("{url} is not an address: {error}.")))?;
        {
            let mut query = address.query_pairs_mut();
            query.append_pair("limit", &size.to_string());
            query.extend_pairs(question);
            if let Some(cursor) = cursor {
                query.append_pair("cursor", cursor);
            }
        }
        let get = Get {
            url: address.into(),
            authorization: self.authorization.clone(),
            accept: Some("application/json".to_owned()),
            ..Get::default()
        };
        let fetched = self.client.get(&get).await.map_err(|error| unfetched(&error))?;
        if fetched.status != 200 {
            return Err(Not::Answered(refused(url, fetched.status)));
        }
        let is_json = serde_json::from_slice::<IgnoredAny>(&fetched.bytes).is_ok();
        serde_json::from_slice(&fetched.bytes).map_err(|error| match is_json {
            true => {
                let message = format!("{url} gave something else than a page of a catalog: {error}.");
                Not::Answered(Failure::backend(message, "What it gave stays; it is asked again by itself."))
            }
            false => wrong(format!("{url} is not a catalog: {error}.")),
        })
    }
}

/// Why there is no page.
enum Not {
    /// It would be too large.
    Large(Failure),
    /// Anything else.
    Answered(Failure),
}

fn unfetched(error: &FetchError) -> Not {
    let failure = Failure::backend(format!("{error}."), "What it gave stays; it is asked again by itself.");
    if matches!(error, FetchError::TooLarge(..)) { Not::Large(failure) } else { Not::Answered(failure) }
}

fn refused(url: &str, status: u16) -> Failure {
    let mend = match status {
        401 | 403 => "Give a token that it takes with --catalog-token.",
        404 => "Correct the address; it ends with /api/catalog.",
        _ => "What it gave stays; it is asked again by itself.",
    };
    Failure::backend(format!("{url} answered with status {status}."), mend)
}

#[async_trait]
impl CatalogSource for CatalogReader {
    async fn all(&self, url: &str) -> Result<Vec<Value>, Failure> {
        self.pages(url, &[]).await
    }

    async fn tags(&self, url: &str) -> Result<Vec<Tagged>, Failure> {
        let items = self.pages(url, &[("fields", FIELDS)]).await?;
        Ok(items.iter().filter_map(tagged).collect())
    }

    async fn some(&self, url: &str, names: &[Ref]) -> Result<Vec<Value>, Failure> {
        let mut found = Vec::with_capacity(names.len());
        for some in names.chunks(NAMED) {
            let one = |name: &Ref| {
                let (kind, namespace, name) = (name.kind(), name.namespace(), name.name());
                format!("kind={kind},metadata.namespace={namespace},metadata.name={name}")
            };
            let filters: Vec<String> = some.iter().map(one).collect();
            let question: Vec<(&str, &str)> = filters.iter().map(|filter| ("filter", filter.as_str())).collect();
            found.extend(self.pages(url, &question).await?);
        }
        Ok(found)
    }
}
