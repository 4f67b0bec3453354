//! Names and passwords that come within an address: taken out of it, so that nothing shows them.

use loggia_app::instance::driver::Secret;
use std::collections::HashMap;

/// The address of a repository and, where it brings them as `https://name:password@…`, name and password.
pub fn without_credentials(place: &str) -> (String, Option<(String, Secret)>) {
    let whole = || (place.to_owned(), None);
    let Some((scheme, rest)) = place.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https")) else {
        return whole();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let Some((own, host)) = rest[..end].rsplit_once('@') else { return whole() };
    let (name, password) = own.split_once(':').unwrap_or((own, ""));
    (format!("{scheme}://{host}{}", &rest[end..]), Some((name.to_owned(), Secret::new(password))))
}

/// Places of the estate without names and passwords, and these by the address of the place.
pub fn adopted(places: &[String]) -> (Vec<String>, HashMap<String, (String, Secret)>) {
    let mut credentials = HashMap::new();
    let plain = |place: &String| {
        let Some((kind, location)) = place.split_once('=') else { return without_credentials(place).0 };
        let (location, own) = without_credentials(location);
        credentials.extend(own.map(|own| (location.clone(), own)));
        format!("{kind}={location}")
    };
    (places.iter().map(plain).collect(), credentials)
}
