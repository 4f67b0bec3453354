//! What one needs to reach a running thing, as its page shows it.

use super::words;
use loggia_app::access::reveal::Way;
use loggia_model::instance::InstanceStatus;
use loggia_model::kinds::release::ReleaseSpec;

/// Something that one needs to reach it.
pub struct Output {
    /// How it is called.
    pub label: String,
    /// Its name in the contract.
    pub name: String,
    /// What the contract says of it.
    pub help: String,
    /// The value; empty for a secret that is not shown.
    pub value: String,
    /// Whether it is a secret.
    pub secret: bool,
    /// Whether an administrator of another team has to say why before it is shown.
    pub why: bool,
    /// Whether the value may be read on the page now.
    pub shown: bool,
    /// Whether the value is an address to go to.
    pub link: bool,
}

/// What one needs to reach an instance: plain, then secret.
pub fn outputs(
    status: &InstanceStatus,
    release: Option<&ReleaseSpec>,
    shown: Option<(String, String)>,
    way: Option<Way>,
) -> Vec<Output> {
    let described = |name: &str| {
        let properties = release.and_then(|spec| spec.contract.outputs.as_ref()?.get("properties"));
        properties.and_then(|all| all.get(name)?.get("description")?.as_str()).unwrap_or_default().to_owned()
    };
    // An address that is known with its password too needs no copy without; and this page is not worth a link to itself.
    let worth = |name: &&String| name.as_str() != "page" && !status.secret_outputs.contains(name);
    let plain = status.outputs.iter().filter(|(name, _)| worth(name)).map(|(name, value)| {
        let value = words::plain(value);
        let link = value.starts_with("https://") || value.starts_with("http://") || value.starts_with('/');
        output(name, described(name), value, false, link)
    });
    let mut all: Vec<Output> = plain.collect();
    if let Some(way) = way {
        let secret = |name: &String| Output {
            why: way == Way::WithReason,
            ..output(name, described(name), String::new(), true, false)
        };
        all.extend(status.secret_outputs.iter().map(secret));
    }
    if let Some((name, value)) = shown
        && let Some(output) = all.iter_mut().find(|output| output.name == name)
    {
        (output.value, output.shown) = (value, true);
    }
    all
}

fn output(name: &str, help: String, value: String, secret: bool, link: bool) -> Output {
    let label = words::label(name);
    Output { label, name: name.to_owned(), help, value, secret, why: false, shown: !secret, link }
}

/// The one line with which one begins to use it; empty where no such line is known.
pub fn connect(status: &InstanceStatus) -> String {
    let text = |name: &str| status.outputs.get(name).map(words::plain).unwrap_or_default();
    if !text("clone_url").is_empty() {
        return format!("git clone {}", text("clone_url"));
    }
    let (host, database, user) = (text("host"), text("database"), text("user"));
    if [&host, &database, &user].iter().all(|part| !part.is_empty()) {
        let port = text("port");
        return format!("psql \"host={host} port={port} dbname={database} user={user}\"");
    }
    String::new()
}
