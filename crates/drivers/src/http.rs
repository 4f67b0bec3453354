//! The one way to ask other servers: guarded, so that a text of somebody cannot make this server talk to its own
//! neighbours, and limited in time and size.

use loggia_app::instance::driver::Secret;
use loggia_model::Micros;
pub use reqwest::Method;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, RETRY_AFTER,
};
use reqwest::{Certificate, Client, Request, Response, Url};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// What the operator decided about requests to other servers.
#[derive(Clone, Debug)]
pub struct GuardOptions {
    /// Hosts that may have private addresses: `catalog.internal`, `10.1.2.3`, each with an optional `:port`.
    pub allow: Vec<String>,
    /// Longest time for one request with all its redirects.
    pub timeout: Duration,
    /// Largest answer, in bytes.
    pub limit: usize,
    /// Most redirects that are followed.
    pub redirects: usize,
}

impl Default for GuardOptions {
    fn default() -> GuardOptions {
        GuardOptions { allow: Vec::new(), timeout: Duration::from_secs(30), limit: 20 << 20, redirects: 5 }
    }
}

/// A question to another server.
#[derive(Clone, Debug, Default)]
pub struct Get {
    /// The address, `http` or `https`.
    pub url: String,
    /// Header `Authorization`; sent to the first address only, never after a redirect.
    pub authorization: Option<Secret>,
    /// The `ETag` of what is known already.
    pub etag: Option<String>,
    /// Header `Accept`.
    pub accept: Option<String>,
}

/// A request that may change something there. Redirects are not followed.
#[derive(Clone, Debug)]
pub struct Ask {
    /// `GET`, `POST`, `PATCH`, `DELETE` or another.
    pub method: Method,
    /// The address, `http` or `https`.
    pub url: String,
    /// Header `Authorization`.
    pub authorization: Option<Secret>,
    /// Other headers.
    pub headers: Vec<(&'static str, String)>,
    /// The content.
    pub body: Vec<u8>,
    /// Longest time until the whole answer is there.
    pub timeout: Duration,
}

/// An answer. It may be an error of the other side: look at the status.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The status; 304 when what is known is still right.
    pub status: u16,
    /// The `ETag`.
    pub etag: Option<String>,
    /// The content type.
    pub content_type: Option<String>,
    /// Header `Retry-After`, when it is a number of seconds.
    pub retry_after: Option<u64>,
    /// Header `Last-Modified`.
    pub last_modified: Option<Micros>,
    /// The address that answered.
    pub url: String,
    /// The content.
    pub bytes: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The address is none, or not one that may be asked.
    #[error(
        "{0} is not an address that may be asked; use https, and ask the operator to allow hosts of your own network"
    )]
    Refused(String),
    /// The answer is too large.
    #[error("{0} answered with more than {1} bytes")]
    TooLarge(String, usize),
    /// Too many redirects.
    #[error("{0} sends on and on to other addresses")]
    Redirects(String),
    /// It did not answer in time, or broke off. Worth trying again.
    #[error("{0} does not answer: {1}")]
    Unreachable(String, String),
}

/// The guarded client. Cheap to clone.
#[derive(Clone)]
pub struct GuardedClient {
    client: Client,
    options: Arc<GuardOptions>,
}

impl GuardedClient {
    /// A client with the operator's decisions.
    ///
    /// # Errors
    /// When the machine has no usable roots of trust.
    pub fn new(options: GuardOptions) -> Result<GuardedClient, FetchError> {
        GuardedClient::trusting(options, None)
    }

    /// A client that trusts only the authority of this certificate, in PEM, when one is given.
    ///
    /// # Errors
    /// When it is no certificate, or, without one, the machine has no usable roots of trust.
    pub fn trusting(options: GuardOptions, authority: Option<&str>) -> Result<GuardedClient, FetchError> {
        // Somebody else in this process may have chosen the same provider before: that is fine.
        drop(rustls::crypto::ring::default_provider().install_default());
        let options = Arc::new(options);
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .user_agent(concat!("loggia/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Guard(Arc::clone(&options))));
        let unusable = |error: reqwest::Error| FetchError::Unreachable("this server".to_owned(), error.to_string());
        let client = match authority {
            Some(pem) => client.tls_certs_only([Certificate::from_pem(pem.as_bytes()).map_err(unusable)?]),
            None => client,
        };
        let client = client.build().map_err(unusable)?;
        Ok(GuardedClient { client, options })
    }

    /// Asks, and follows redirects, each of which is checked again.
    ///
    /// # Errors
    /// When the address may not be asked, or the answer does not come or is too large.
    pub async fn get(&self, get: &Get) -> Result<Fetched, FetchError> {
        let asking = tokio::time::timeout(self.options.timeout, self.follow(get)).await;
        asking.unwrap_or_else(|_| Err(self.late(&get.url)))
    }

    /// Sends a request as it is. A redirect is an answer like any other.
    ///
    /// # Errors
    /// As [`GuardedClient::get`].
    pub async fn send_as_is(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, FetchError> {
        let request = Request::try_from(request).map_err(|_| FetchError::Refused("what was asked".to_owned()))?;
        let url = request.url().clone();
        self.check(&url)?;
        let asking = async {
            let response = self.client.execute(request).await.map_err(|error| unreachable(&url, error))?;
            let (status, headers) = (response.status(), response.headers().clone());
            let mut answer = http::Response::new(self.content(&url, response).await?);
            (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
            Ok(answer)
        };
        tokio::time::timeout(self.options.timeout, asking).await.unwrap_or_else(|_| Err(self.late(url.as_str())))
    }

    fn late(&self, url: &str) -> FetchError {
        FetchError::Unreachable(shown(url), format!("no answer within {} seconds", self.options.timeout.as_secs()))
    }

    /// What the operator decided.
    pub fn options(&self) -> &GuardOptions {
        &self.options
    }

    /// Asks something that may change the other side.
    ///
    /// # Errors
    /// When the address may not be asked, or the answer does not come in time or is too large.
    pub async fn ask(&self, ask: &Ask) -> Result<Fetched, FetchError> {
        let url = Url::parse(&ask.url).map_err(|_| FetchError::Refused(shown(&ask.url)))?;
        self.check(&url)?;
        let mut request = self.client.request(ask.method.clone(), url.clone()).body(ask.body.clone());
        if let Some(authorization) = &ask.authorization {
            // Revealed to sign in at the address that it belongs to.
            request = request.header(AUTHORIZATION, authorization.reveal());
        }
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        let asking = async {
            let response = request.send().await.map_err(|error| unreachable(&url, error))?;
            self.read(&url, response).await
        };
        tokio::time::timeout(ask.timeout, asking).await.unwrap_or_else(|_| {
            let seconds = ask.timeout.as_secs();
            Err(FetchError::Unreachable(shown(&ask.url), format!("no answer within {seconds} seconds")))
        })
    }

    async fn follow(&self, get: &Get) -> Result<Fetched, FetchError> {
        let mut url = Url::parse(&get.url).map_err(|_| FetchError::Refused(shown(&get.url)))?;
        for hop in 0..=self.options.redirects {
            self.check(&url)?;
            let response = self.send(get, &url, hop == 0).await?;
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            match to.filter(|_| matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308)) {
                Some(to) => url = url.join(to).map_err(|_| FetchError::Refused(shown(to)))?,
                None => return self.read(&url, response).await,
            }
        }
        Err(FetchError::Redirects(shown(&get.url)))
    }

    /// Addresses in the text itself do not pass the resolver, so they are looked at here.
    fn check(&self, url: &Url) -> Result<(), FetchError> {
        let literal = match url.host() {
            Some(url::Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(url::Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(url::Host::Domain(_)) => None,
            None => return Err(FetchError::Refused(shown(url.as_str()))),
        };
        let web = matches!(url.scheme(), "http" | "https");
        // The resolver knows no ports: a name that is allowed with one port only is looked at here, too.
        let named = || !self.options.allows_host(url.host_str().unwrap_or_default());
        let open = literal.map_or_else(named, is_public) || self.options.allows(url);
        if web && open { Ok(()) } else { Err(FetchError::Refused(shown(url.as_str()))) }
    }

    async fn send(&self, get: &Get, url: &Url, first: bool) -> Result<Response, FetchError> {
        let mut request = self.client.get(url.clone());
        if let Some(authorization) = get.authorization.as_ref().filter(|_| first) {
            // Revealed to sign in at the address that it belongs to.
            request = request.header(AUTHORIZATION, authorization.reveal());
        }
        if let Some(etag) = &get.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(accept) = &get.accept {
            request = request.header(ACCEPT, accept);
        }
        request.send().await.map_err(|error| unreachable(url, error))
    }

    async fn read(&self, url: &Url, response: Response) -> Result<Fetched, FetchError> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = self.content(url, response).await?;
        let (etag, content_type) = (header(&headers, &ETAG), header(&headers, &CONTENT_TYPE));
        let retry_after = header(&headers, &RETRY_AFTER).and_then(|text| text.parse().ok());
        let last_modified = header(&headers, &LAST_MODIFIED).and_then(|text| Micros::parse_http(&text));
        Ok(Fetched { status, etag, content_type, retry_after, last_modified, url: url.to_string(), bytes })
    }

    /// The content, up to the limit.
    async fn content(&self, url: &Url, mut response: Response) -> Result<Vec<u8>, FetchError> {
        let limit = self.options.limit;
        let too_large = || FetchError::TooLarge(shown(url.as_str()), limit);
        if response.content_length().is_some_and(|length| length > u64::try_from(limit).unwrap_or(u64::MAX)) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(url, error))? {
            if bytes.len() + chunk.len() > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

fn header(headers: &HeaderMap, name: &reqwest::header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// An address without what may be secret in it.
fn shown(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return url.chars().take(200).collect() };
    // Only addresses that have no host refuse this, and they have no password either.
    url.set_password(None).ok();
    url.set_query(None);
    url.to_string()
}

fn unreachable(url: &Url, error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        if cause.downcast_ref::<Private>().is_some() {
            return FetchError::Refused(shown(url.as_str()));
        }
        source = cause.source();
    }
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    FetchError::Unreachable(shown(url.as_str()), format!("{error}{cause}"))
}

impl GuardOptions {
    fn allows(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = url.port_or_known_default().unwrap_or_default();
        let with_port = format!("{host}:{port}");
        self.allow.iter().any(|allowed| allowed.eq_ignore_ascii_case(host) || allowed.eq_ignore_ascii_case(&with_port))
    }

    /// Whether a host is allowed with some port.
    fn allows_host(&self, host: &str) -> bool {
        self.allow.iter().any(|allowed| {
            let name = allowed.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
            name.map_or(allowed.as_str(), |(name, _)| name).eq_ignore_ascii_case(host)
        })
    }
}

/// Whether an address is one of the open Internet.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let private = ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified();
    let other = ip.is_broadcast() || ip.is_multicast() || ip.is_documentation();
    let shared = a == 100 && (64..128).contains(&b);
    let special = a == 0 || a >= 240 || (a == 192 && b == 0 && c == 0) || (a == 198 && (b == 18 || b == 19));
    !(private || other || shared || special)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // An IPv4 address in the clothes of IPv6 is judged as what it is.
    if let Some(v4) = ip.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let [first, second, ..] = ip.segments();
    let translated = (first == 0x64 && second == 0xff9b) || first == 0x2002;
    let global = (first & 0xe000) == 0x2000;
    let documentation = first == 0x2001 && (second == 0xdb8 || second == 0);
    global && !translated && !documentation
}

/// Resolves names, and keeps private addresses back. What is connected to is what was checked.
struct Guard(Arc<GuardOptions>);

#[derive(Debug, thiserror::Error)]
#[error("the name has no public address")]
struct Private;

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let options = Arc::clone(&self.0);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed = options.allows_host(name.as_str());
            let open: Vec<SocketAddr> = found.into_iter().filter(|to| allowed || is_public(to.ip())).collect();
            match open.is_empty() {
                true => Err(Private.into()),
                false => Ok(Box::new(open.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn private_addresses_are_known() {
        for ip in ["1.1.1.1", "93.184.216.34", "2606:4700::1111"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "fe80::1",
            "fc00::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
    }
}
