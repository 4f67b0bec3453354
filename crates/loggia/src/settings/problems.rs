//! What is wrong with settings, or unwise.

use super::ServeSettings;
use loggia_app::estate::adopt::Place;
use loggia_web::address::Network;
use std::path::Path;

/// What is allowed and unwise, each with what to do.
pub fn warnings(settings: &ServeSettings) -> Vec<String> {
    let short = settings.admin_token.iter().filter(|token| token.len() < 16);
    let short = short.map(|_| "admin-token is shorter than 16 characters. Take a longer one.".to_owned());
    let what = "is not there. What was read from it before is shown; make it, or correct it.";
    short.chain(absent(settings).map(|place| format!("repository {place} {what}"))).collect()
}

/// Problems of complete settings, each with what to do.
pub fn problems(settings: &ServeSettings) -> Vec<String> {
    let mut found = Vec::new();
    let web = |url: &str| url.starts_with("http://") || url.starts_with("https://");
    if !web(&settings.public_url) {
        found.push(format!("public-url is {:?}. Begin it with http:// or https://.", settings.public_url));
    }
    for url in settings.catalogs.iter().filter(|url| !web(url)) {
        found.push(format!("catalog is {url:?}. Begin it with http:// or https://, and end it with /api/catalog."));
    }
    for place in &settings.adopt {
        match place.parse::<Place>() {
            Ok(place) if !place.location.contains("://") && !Path::new(&place.location).exists() => {
                found.push(format!("adopt is {place}, which is not there. Make it, or correct the path."));
            }
            Ok(_) => {}
            Err(why) => found.push(format!("adopt: {why}")),
        }
    }
    if let Some(oidc) = &settings.oidc {
        if !web(&oidc.issuer) {
            found.push(format!("oidc-issuer is {:?}. Begin it with https://.", oidc.issuer));
        }
        if oidc.client_id.is_empty() {
            found.push("oidc-client-id is missing. Give the id that the provider gave this server.".to_owned());
        }
    }
    found.extend(settings.trusted_proxies.iter().filter_map(|text| text.parse::<Network>().err()));
    if let Some(url) = &settings.database_url
        && !(url.starts_with("postgres://") || url.starts_with("postgresql://"))
    {
        found.push("database-url is no address of PostgreSQL. Begin it with postgres://.".to_owned());
    }
    if let Some(folder) = settings.drivers.as_ref().filter(|folder| !folder.is_dir()) {
        found.push(format!("drivers is {}, which is no folder. Make it, or correct the path.", folder.display()));
    }
    for place in settings.edits.keys().filter(|place| !settings.repositories.contains(place)) {
        found.push(format!("edits names {place}, which is not among the repositories. Add it there, or correct it."));
    }
    found
}

/// Folders to read from that are not there; only a first start needs them.
pub fn absent(settings: &ServeSettings) -> impl Iterator<Item = &String> {
    let away = |place: &&String| !place.contains("://") && !place.contains('@') && !Path::new(place).exists();
    settings.repositories.iter().filter(away)
}
