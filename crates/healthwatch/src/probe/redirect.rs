//! Where a redirection leads.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use hyper::Uri;
use hyper::http::uri::Scheme;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    pub(crate) secure: bool,
    /// As it stands in a URL: an IPv6 address has brackets.
    pub(crate) host: String,
    /// With the query.
    pub(crate) path: String,
}

impl Place {
    /// The value of the header `Host`.
    pub(crate) fn authority(&self) -> String {
        let port = self.address.port();
        if port == default_port(self.secure) {
            self.host.clone()
        } else {
            format!("{}:{port}", self.host)
        }
    }

    /// What a certificate should be for.
    pub(crate) fn tls_name(&self) -> &str {
        without_brackets(&self.host)
    }
}

impl fmt::Display for Place {
    /// As a URL, at the address that is connected to.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.address, self.path)
    }
}

/// Where `location`, received from `from`, leads to. Names are not looked up:
/// the only one that is known is that of `start`, and it stays where it is.
pub(crate) fn follow(from: &Place, start: &Place, location: &str) -> Result<Place, String> {
    let fault = || format!("redirects to \"{location}\", which is no place");
    let absolute = if has_scheme(location) {
        location.to_owned()
    } else if location.starts_with("//") {
        let scheme = if from.secure { "https:" } else { "http:" };
        format!("{scheme}{location}")
    } else {
        let path = relative(&from.path, location);
        let path: Uri = path.parse().map_err(|_| fault())?;
        return Ok(Place {
            path: path.to_string(),
            ..from.clone()
        });
    };
    let uri: Uri = absolute
        .split('#')
        .next()
        .unwrap_or_default()
        .parse()
        .map_err(|_| fault())?;
    let secure = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP => false,
        Some(scheme) if *scheme == Scheme::HTTPS => true,
        _ => {
            return Err(format!(
                "redirects to \"{location}\"; followed are http and https"
            ));
        }
    };
    let host = uri.host().ok_or_else(fault)?;
    let ip = if host.eq_ignore_ascii_case(&start.host) {
        start.address.ip()
    } else {
        without_brackets(host).parse::<IpAddr>().map_err(|_| {
            format!("redirects to \"{location}\"; followed are addresses and the check's host")
        })?
    };
    let port = uri.port_u16().unwrap_or_else(|| default_port(secure));
    Ok(Place {
        address: SocketAddr::new(ip, port),
        secure,
        host: host.to_owned(),
        path: uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned(),
    })
}

/// Whether it begins as `scheme:` does.
fn has_scheme(location: &str) -> bool {
    location.split_once(':').is_some_and(|(scheme, _)| {
        let mut characters = scheme.chars();
        characters
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic())
            && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

/// `location` as seen from `path`.
fn relative(path: &str, location: &str) -> String {
    let location = location.split('#').next().unwrap_or_default();
    let bare = path.split('?').next().unwrap_or_default();
    if location.is_empty() {
        path.to_owned()
    } else if location.starts_with('/') {
        location.to_owned()
    } else if location.starts_with('?') {
        format!("{bare}{location}")
    } else {
        let folder = bare.rfind('/').map_or("/", |at| &bare[..=at]);
        format!("{folder}{location}")
    }
}

fn without_brackets(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start() -> Place {
        Place {
            address: "192.0.2.1:8080".parse().unwrap(),
            secure: false,
            host: "web.example".into(),
            path: "/a/b?c=d".into(),
        }
    }

    fn led(location: &str) -> String {
        match follow(&start(), &start(), location) {
            Ok(place) => format!("{place} as {}", place.authority()),
            Err(why) => why,
        }
    }

    #[test]
    fn a_location_is_read_as_seen_from_where_it_was_received() {
        assert_eq!(led("/x?y"), "http://192.0.2.1:8080/x?y as web.example:8080");
        assert_eq!(led("x#z"), "http://192.0.2.1:8080/a/x as web.example:8080");
        assert_eq!(led("?y"), "http://192.0.2.1:8080/a/b?y as web.example:8080");
        assert_eq!(led("//WEB.example/"), "http://192.0.2.1:80/ as WEB.example");
        assert_eq!(
            led("https://web.example"),
            "https://192.0.2.1:443/ as web.example"
        );
        assert_eq!(
            led("http://[2001:db8::1]:81/x"),
            "http://[2001:db8::1]:81/x as [2001:db8::1]:81"
        );
    }

    #[test]
    fn what_cannot_be_followed_is_named() {
        assert_eq!(
            led("ftp://192.0.2.2/"),
            "redirects to \"ftp://192.0.2.2/\"; followed are http and https"
        );
        assert_eq!(
            led("file:///etc/passwd"),
            "redirects to \"file:///etc/passwd\", which is no place"
        );
        assert_eq!(
            led("http://other.example/"),
            "redirects to \"http://other.example/\"; followed are addresses and the check's host"
        );
    }

    proptest! {
        #[test]
        fn any_location_leads_somewhere_or_is_refused(location in "\\PC*|[a-z]{0,5}:?/{0,3}[\\[\\]a-z0-9:.?#/]*") {
            drop(follow(&start(), &start(), &location));
        }
    }
}
