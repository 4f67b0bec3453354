//! Where forges open change requests, by the shape of their addresses.

use url::Url;

/// The page that opens a change request from a branch; none for a host whose addresses are not known.
pub(super) fn compare(location: &str, base: &str, branch: &str) -> Option<String> {
    let (host, path) = place(location)?;
    let path = path.trim_matches('/').trim_end_matches(".git");
    let page = |rest: String| Some(format!("https://{host}/{path}/{rest}"));
    match host.as_str() {
        "github.com" => page(format!("compare/{base}...{branch}?expand=1")),
        "codeberg.org" | "gitea.com" => page(format!("compare/{base}...{branch}")),
        "bitbucket.org" => page(format!("pull-requests/new?source={branch}&dest={base}")),
        _ if host.split('.').next() == Some("gitlab") => page(format!(
            "-/merge_requests/new?merge_request%5Bsource_branch%5D={}&merge_request%5Btarget_branch%5D={base}",
            branch.replace('/', "%2F")
        )),
        _ => None,
    }
}

/// Host and path of a repository far away, whichever way it is written.
fn place(location: &str) -> Option<(String, String)> {
    if let Ok(url) = Url::parse(location) {
        return Some((url.host_str()?.to_ascii_lowercase(), url.path().to_owned()));
    }
    let (host, path) = location.split_once(':')?;
    let host = host.rsplit('@').next()?;
    (!host.contains('/')).then(|| (host.to_ascii_lowercase(), path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn known_hosts_have_a_page() {
        let link = |location: &str| compare(location, "main", "loggia/component-default-a-1");
        let github = "https://github.com/acme/platform/compare/main...loggia/component-default-a-1?expand=1";
        for location in [
            "https://github.com/acme/platform.git",
            "git@github.com:acme/platform.git",
            "ssh://git@github.com/acme/platform",
        ] {
            assert_eq!(link(location).as_deref(), Some(github), "{location}");
        }
        let gitlab = link("https://gitlab.example.com/a/b/c.git").unwrap();
        assert!(gitlab.starts_with("https://gitlab.example.com/a/b/c/-/merge_requests/new?"), "{gitlab}");
        assert!(gitlab.contains("=loggia%2Fcomponent-default-a-1&"), "{gitlab}");
        for location in ["https://git.example.com/a.git", "/srv/platform.git", "platform"] {
            assert_eq!(link(location), None, "{location}");
        }
    }
}
