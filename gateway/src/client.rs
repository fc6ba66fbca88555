//! Who is on the other side of an HTTP request: address, kind of client, request id.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use uuid::Uuid;

/// Header by which the web pages name themselves.
pub const CLIENT_HEADER: HeaderName = HeaderName::from_static("x-qihang-client");
/// Header with the id of a request, taken over when it is a UUID and always answered.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The kind of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// The web portal, with cookies.
    Web,
    /// The pages inside WeChat, with cookies.
    H5,
    /// A program, with a bearer token.
    Api,
}

impl ClientKind {
    /// Reads the kind from the headers; whoever does not say is a program.
    pub fn of(headers: &HeaderMap) -> Self {
        match headers.get(CLIENT_HEADER).and_then(|value| value.to_str().ok()) {
            Some("web") => Self::Web,
            Some("h5") => Self::H5,
            _ => Self::Api,
        }
    }

    /// As the services read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::H5 => "h5",
            Self::Api => "api",
        }
    }

    /// True when the session is kept in cookies.
    pub fn keeps_cookies(self) -> bool {
        self != Self::Api
    }
}

/// Networks by their prefixes, e.g. those of proxies whose word on the client's address is believed.
#[derive(Clone, Debug, Default)]
pub struct Networks(Vec<(IpAddr, u8)>);

impl Networks {
    /// Parses addresses (`10.0.0.7`) and networks (`10.0.0.0/8`).
    ///
    /// # Errors
    /// The text that is neither.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        let networks = texts.iter().map(|text| network(text).ok_or_else(|| text.clone()));
        networks.collect::<Result<Vec<_>, _>>().map(Self)
    }

    /// True when an address lies in one of the networks.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0
            .iter()
            .any(|(network, length)| leading_bits_equal(*network, address, *length))
    }

    /// The client's address: the socket's, or what trusted proxies say, read from the right up to the first address that is
    /// not a trusted proxy itself.
    pub fn client_address(&self, socket: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let mut address = socket.ip().to_canonical();
        if !self.contains(address) {
            return address;
        }
        let lines = headers.get_all("x-forwarded-for");
        let chain: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .collect();
        for entry in chain.into_iter().rev() {
            let Some(next) = parse_address(entry.trim()) else {
                break;
            };
            address = next;
            if !self.contains(address) {
                break;
            }
        }
        address
    }

    /// True when the request came over TLS, as the socket's owner says or a trusted proxy does.
    pub fn scheme<'a>(&self, socket: SocketAddr, headers: &'a HeaderMap) -> Option<&'a str> {
        let trusted = self.contains(socket.ip().to_canonical());
        headers
            .get("x-forwarded-proto")
            .filter(|_| trusted)
            .and_then(|value| value.to_str().ok())
    }
}

fn parse_address(text: &str) -> Option<IpAddr> {
    let address = text
        .parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text
        .split_once('/')
        .map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().ok()?;
    let widest = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Some(widest), |length| length.parse().ok())?;
    (length <= widest).then_some((address, length))
}

fn leading_bits_equal(network: IpAddr, address: IpAddr, length: u8) -> bool {
    let (one, other, width) = match (network, address) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (u128::from(one.to_bits()), u128::from(other.to_bits()), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits(), other.to_bits(), 128),
        _ => return false,
    };
    let ignored = u32::from(width - length.min(width));
    one.checked_shr(ignored).unwrap_or(0) == other.checked_shr(ignored).unwrap_or(0)
}

/// What a limit counts of an address: all of IPv4, the /64 of IPv6, since one subscriber has all of that.
pub fn limit_key(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{}/64", Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// The id the client gave its request when it is a UUID.
pub fn given_request_id(headers: &HeaderMap) -> Option<Uuid> {
    headers.get(REQUEST_ID)?.to_str().ok()?.parse().ok()
}

/// The bearer token of a program.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(proxies: &[&str], socket: &str, forwarded: &str) -> String {
        let proxies: Vec<String> = proxies.iter().map(|&text| text.to_owned()).collect();
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("x-forwarded-for"),
            forwarded.parse().unwrap(),
        )]);
        Networks::parse(&proxies)
            .unwrap()
            .client_address(socket.parse().unwrap(), &headers)
            .to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(address(&[], "10.0.0.1:80", "1.2.3.4"), "10.0.0.1");
        assert_eq!(
            address(&["10.0.0.0/8"], "10.0.0.1:80", "6.6.6.6, 1.2.3.4, 10.0.0.9"),
            "1.2.3.4"
        );
        assert_eq!(address(&["10.0.0.0/8"], "10.0.0.1:80", "rubbish"), "10.0.0.1");
        assert_eq!(
            address(&["10.0.0.0/8"], "[::ffff:10.0.0.1]:80", "1.2.3.4:5678"),
            "1.2.3.4"
        );
        assert_eq!(
            address(&["::/0"], "[2001:db8::1]:80", "2001:db8::9"),
            "2001:db8::9"
        );
        assert!(Networks::parse(&["10.0.0.0/33".to_owned()]).is_err());
    }

    #[test]
    fn ipv6_counts_by_its_64_bits() {
        assert_eq!(
            limit_key("2001:db8:1:2:3:4:5:6".parse().unwrap()),
            "2001:db8:1:2::/64"
        );
        assert_eq!(limit_key("1.2.3.4".parse().unwrap()), "1.2.3.4");
    }
}
