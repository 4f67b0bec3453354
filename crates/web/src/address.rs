//! Where a request came from: the other end of the connection, or whom a trusted proxy says it speaks for.

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap, HeaderName};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// Header in which each proxy adds whom it speaks for.
const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of a request, once found.
#[derive(Clone, Copy, Debug)]
pub struct Address(pub IpAddr);

/// Addresses with the same beginning, such as `10.0.0.0/8`; a single one has all bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u32,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Network, String> {
        let wrong = || format!("{text:?} is no address. Give one such as 10.0.0.7, or a network such as 10.0.0.0/8.");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let first: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.trim().parse().map_err(|_| wrong()))?;
        if bits > most { Err(wrong()) } else { Ok(Network { first, bits }) }
    }
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        let differs = |one: u128, other: u128, width: u32| {
            // A shift by all bits is none at all.
            (one ^ other).checked_shr(width - self.bits).unwrap_or(0) != 0
        };
        match (self.first, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => !differs(one.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(one), IpAddr::V6(other)) => !differs(one.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

/// Finds the address of a request: from the nearest end on, the first that is no trusted proxy. What stands before it
/// anybody may have written.
pub fn find(peer: Option<SocketAddr>, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    // Requests of tests come from nowhere.
    let mut address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
    if proxies.is_empty() {
        return address;
    }
    let said = headers.get_all(FORWARDED).iter().filter_map(|value| value.to_str().ok());
    let said: Vec<&str> = said.flat_map(|text| text.split(',')).collect();
    for next in said.into_iter().rev() {
        if !proxies.iter().any(|network| network.contains(address)) {
            break;
        }
        let Some(next) = parse(next.trim()) else { break };
        address = next;
    }
    address
}

/// The other end of the connection of a request.
pub fn peer(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer)
}

/// An address, with or without a port.
fn parse(text: &str) -> Option<IpAddr> {
    let plain = text.trim_start_matches('[').trim_end_matches(']');
    let parsed = plain.parse().or_else(|_| text.parse().map(|address: SocketAddr| address.ip())).ok();
    parsed.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(peer: &str, said: &str, proxies: &[&str]) -> String {
        let peer = SocketAddr::new(peer.parse().unwrap(), 9);
        let headers = HeaderMap::from_iter([(FORWARDED, said.parse().unwrap())]);
        let proxies: Vec<Network> = proxies.iter().map(|text| text.parse().unwrap()).collect();
        find(Some(peer), &headers, &proxies).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(found("198.51.100.1", "203.0.113.9", &[]), "198.51.100.1");
        assert_eq!(found("10.0.0.7", "203.0.113.9", &["10.0.0.7"]), "203.0.113.9");
        assert_eq!(found("10.0.0.7", "1.2.3.4, 203.0.113.9", &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(found("10.0.0.7", "203.0.113.9, 10.9.9.9:443", &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(found("10.0.0.7", "nonsense", &["10.0.0.0/8"]), "10.0.0.7");
        assert_eq!(found("::ffff:10.0.0.7", "[2001:db8::1]:80", &["10.0.0.0/8"]), "2001:db8::1");
        assert_eq!(found("fd00::7", "2001:db8::1", &["fd00::/8", "0.0.0.0/0"]), "2001:db8::1");
        for wrong in ["10.0.0.0/33", "proxy", "10.0.0.0/x", ""] {
            assert!(wrong.parse::<Network>().unwrap_err().contains("10.0.0.7"), "{wrong}");
        }
    }
}
