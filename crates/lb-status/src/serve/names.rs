//! By which names a program on TCP may be called.
//!
//! A page in somebody's browser can have its own name resolved to an address of
//! this host (DNS rebinding), and read what is served there. Then the browser
//! asks for that name.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::http::uri::Authority;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use super::address::{StatusAddress, is_loopback};
use super::{Refused, host_name};

/// The names of one listener.
struct Names {
    listens: IpAddr,
    names: Vec<String>,
}

/// `router`, for those who ask for this host by a name of it.
pub(super) fn guarded(router: Router, address: &StatusAddress) -> Router {
    let mut names = address.names().to_vec();
    let listens = address.address().ip().to_canonical();
    if !is_loopback(listens) {
        names.push(host_name().to_ascii_lowercase());
    }
    let names = Arc::new(Names { listens, names });
    router.layer(from_fn_with_state(names, check))
}

async fn check(State(names): State<Arc<Names>>, request: Request, next: Next) -> Response {
    let header = request.headers().get(header::HOST);
    let asked = header.and_then(|host| host.to_str().ok());
    let authority = asked.and_then(|host| host.parse::<Authority>().ok());
    // An address in the request's first line counts before the header (RFC 9112
    // section 3.2.2).
    match request.uri().authority().or(authority.as_ref()) {
        Some(host) if names.allow(host.host()) => next.run(request).await,
        _ => {
            let asked = asked.unwrap_or("no name");
            let error = format!("{asked} is not how this host may be called here");
            Refused::forbidden(error).into_response()
        }
    }
}

impl Names {
    fn allow(&self, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(host).parse::<IpAddr>() {
            let address = address.to_canonical();
            // Nobody can have a number resolved to something else.
            return is_loopback(address)
                || address == self.listens
                || self.listens.is_unspecified();
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        host == "localhost" || (!host.is_empty() && self.names.contains(&host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_somebody_else_is_not_answered() {
        let names = |listens: &str, names: &[&str]| Names {
            listens: listens.parse().unwrap(),
            names: names.iter().map(|it| (*it).to_owned()).collect(),
        };
        let loopback = names("127.0.0.1", &[]);
        for host in ["localhost", "LOCALHOST.", "127.0.0.1", "[::1]"] {
            assert!(loopback.allow(host), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "192.0.2.7"] {
            assert!(!loopback.allow(host), "{host}");
        }
        let exposed = names("192.0.2.7", &["web1"]);
        assert!(exposed.allow("192.0.2.7") && exposed.allow("WEB1"));
        assert!(!exposed.allow("192.0.2.8") && !exposed.allow("web1.evil.example"));
        assert!(names("::", &[]).allow("192.0.2.8"));
        assert!(!names("::", &[""]).allow(""));
    }
}
