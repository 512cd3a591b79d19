//! How the service is looked after.

use std::net::IpAddr;

use toml::Value;

use super::required;
use crate::import::document::Document;
use crate::import::notes::Weight;
use crate::import::object::Object;
use crate::import::speaker::PORTS;

/// What the service has to answer.
pub(super) enum Check {
    Http {
        scheme: &'static str,
        port: u16,
        path: String,
        insecure: bool,
    },
    Ping(Vec<IpAddr>),
}

/// The check of the service; one is always there.
pub(super) fn check(from: &Object<'_>) -> Option<Check> {
    if let Some(http) = from.object("httphealthcheck") {
        if from.has("pinghealthcheck") {
            let why = "bgp-lb looks at httphealthcheck alone when both are there";
            from.leave_out("pinghealthcheck", why);
        }
        return http_check(http);
    }
    if from.has("httphealthcheck") {
        return None;
    }
    let Some(ping) = from.object("pinghealthcheck") else {
        // What bgp-lb looks at when nothing is said.
        let answering = [[1, 1, 1, 1], [8, 8, 8, 8]];
        let answering = answering.into_iter().map(IpAddr::from);
        return Some(Check::Ping(answering.collect()));
    };
    let mut addresses = Vec::new();
    for text in ping.texts("addresses") {
        match text.trim().parse() {
            Ok(address) => addresses.push(address),
            Err(_) => {
                let what = "a name is among them, and none is looked up here: give its address";
                ping.say(Weight::LeftOut, "addresses", what);
            }
        }
    }
    if addresses.is_empty() {
        let what = "no address is there to ask, so the service would never be announced";
        ping.say(Weight::Fault, "addresses", what);
    }
    ping.finish();
    Some(Check::Ping(addresses))
}

fn http_check(from: Object<'_>) -> Option<Check> {
    let path = from.text("path").unwrap_or_default();
    let scheme = match from.text("scheme").unwrap_or_default() {
        "" | "http" => Some("http"),
        "https" => Some("https"),
        _ => {
            from.say(Weight::Fault, "scheme", "accepted is http or https");
            None
        }
    };
    let port = from.number::<u16>("port", PORTS);
    let port = required(&from, "port", port, PORTS);
    if port == Some(0) {
        from.say(Weight::Fault, "port", &format!("accepted is {PORTS}"));
    }
    let insecure = from.yes("insecureSkipVerify").unwrap_or(false);
    if !insecure {
        let what = "an answer has 3 s to come; bgp-lb waits for it without end, and meanwhile \
                    does not notice anything";
        from.say(Weight::Differs, "", what);
    }
    from.finish();
    Some(Check::Http {
        scheme: scheme?,
        port: port?,
        path: format!("/{}", path.trim_start_matches('/')),
        insecure,
    })
}

impl Check {
    /// In seconds.
    pub(super) const fn timeout(&self) -> f64 {
        match self {
            Self::Http { .. } => 3.0,
            Self::Ping(_) => 5.0,
        }
    }

    pub(super) fn write(&self, to: &mut Document) {
        match self {
            Self::Http {
                scheme,
                port,
                path,
                insecure,
            } => {
                to.set("kind", *scheme);
                if *scheme == "https" {
                    to.set("insecure", *insecure);
                }
                to.set("address", "127.0.0.1");
                to.set("port", i64::from(*port));
                to.set("path", path.as_str());
                to.set("redirects", 10);
            }
            Self::Ping(addresses) => {
                to.set("kind", "icmp");
                let addresses = addresses.iter().map(|it| Value::from(it.to_string()));
                to.set_all("addresses", addresses);
            }
        }
    }
}
