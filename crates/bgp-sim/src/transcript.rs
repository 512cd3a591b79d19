//! What the peers did, as text that a test can compare.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::time::Duration;

use bgp_fsm::{Connection, Event, Negotiated, Output, Support};
use bgp_wire::{
    AsWidth, Capability, Family, MaxMessageLen, MessageView, OpenView, RawMessage, RouteRefresh,
};
use bytes::BytesMut;

/// Lines of `seconds name what`; `>` marks octets sent, `<` what happened to
/// the peer.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    text: String,
    hide_keepalives: bool,
}

impl Transcript {
    /// KEEPALIVEs are sent, but not written down from here on.
    pub const fn hide_keepalives(&mut self) {
        self.hide_keepalives = true;
    }

    /// The lines since the last call.
    #[must_use]
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// The lines so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn output(&mut self, at: Duration, name: &str, output: &Output) {
        match output {
            Output::Connect => self.line(at, name, "dial"),
            Output::Close(connection) => self.line(at, name, format_args!("close {connection}")),
            Output::Transmit(connection, octets) => {
                let messages = messages(octets);
                if !(self.hide_keepalives && messages == "KEEPALIVE") {
                    self.line(at, name, format_args!("> {connection} {messages}"));
                }
            }
            Output::Event(event) => self.event(at, name, event),
            other => self.line(at, name, format_args!("{other:?}")),
        }
    }

    fn event(&mut self, at: Duration, name: &str, event: &Event) {
        match event {
            Event::StateChanged { from, to } => {
                self.line(at, name, format_args!("{from} -> {to}"));
            }
            Event::Established(negotiated) => {
                self.line(at, name, format_args!("up: {}", agreed(negotiated)));
            }
            Event::Update(message) => {
                self.line(at, name, format_args!("has {}", messages(message.octets())));
            }
            Event::RouteRefresh(family) => {
                self.line(at, name, format_args!("asked for {family}"));
            }
            Event::SendEndOfRib => self.line(at, name, "may send End-of-RIB"),
            Event::RefreshBegun(family) => {
                self.line(at, name, format_args!("refresh of {family} begins"));
            }
            Event::RefreshEnded(family) => {
                self.line(at, name, format_args!("refresh of {family} ends"));
            }
            Event::RefreshIgnored(message) => {
                let RouteRefresh { family, subtype } = message;
                let subtype = subtype.0;
                self.line(
                    at,
                    name,
                    format_args!("ignores refresh of {family}: subtype {subtype}"),
                );
            }
            Event::RoutesRetained { families, time } => {
                let families = names(families);
                let time = time.as_secs_f64();
                self.line(at, name, format_args!("keeps {families} for {time} s"));
            }
            Event::StaleEnded(family, why) => {
                self.line(at, name, format_args!("drops stale {family}: {why}"));
            }
            Event::PrefixWarning { family, count, max } => {
                let what = format_args!("warning: {count} of {max} prefixes of {family}");
                self.line(at, name, what);
            }
            Event::ConnectionClosed(connection, reason) => {
                self.line(at, name, format_args!("{connection} closed: {reason}"));
            }
            Event::Down(reason) => self.line(at, name, format_args!("down: {reason}")),
            other => self.line(at, name, format_args!("{other:?}")),
        }
    }

    pub(crate) fn line(&mut self, at: Duration, name: &str, what: impl fmt::Display) {
        let at = format!("{}.{:03}", at.as_secs(), at.subsec_millis());
        writeln!(self.text, "{at:<8} {name} {what}").expect("a String takes everything");
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One or more messages, in short.
pub(crate) fn messages(octets: &[u8]) -> String {
    let mut buf = BytesMut::from(octets);
    let mut words = Vec::new();
    loop {
        match RawMessage::split_from(&mut buf, MaxMessageLen::EXTENDED) {
            Ok(Some(message)) => words.push(describe(&message)),
            Ok(None) if buf.is_empty() => break,
            Ok(None) | Err(_) => {
                words.push(format!("{} odd octets", buf.len()));
                break;
            }
        }
    }
    words.join(", ")
}

fn describe(message: &RawMessage) -> String {
    match message.view() {
        Ok(MessageView::Open(view)) => open(view),
        Ok(MessageView::Keepalive) => "KEEPALIVE".to_owned(),
        Ok(MessageView::Update(_)) => format!("UPDATE of {} octets", message.octets().len()),
        Ok(MessageView::Notification(view)) => format!("NOTIFICATION {view}"),
        Ok(MessageView::RouteRefresh(view)) => {
            format!("ROUTE-REFRESH {} {}", view.subtype(), view.family())
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("{} ({error})", message.message_type()),
    }
}

fn open(view: OpenView<'_>) -> String {
    let open = view.to_open().ok();
    let asn = open
        .as_ref()
        .map_or_else(|| u32::from(view.my_as()), |open| open.asn.get());
    let (hold, id) = (view.hold_time_seconds(), view.identifier());
    let restarted = open.is_some_and(|open| {
        let mut capabilities = open.capabilities.iter();
        capabilities.any(|c| matches!(c, Capability::GracefulRestart(it) if it.restarted))
    });
    let restarted = if restarted { " restarted" } else { "" };
    format!("OPEN as={asn} hold={hold} id={id}{restarted}")
}

fn names(families: &BTreeSet<Family>) -> String {
    let mut names: Vec<_> = families.iter().map(ToString::to_string).collect();
    names.sort();
    names.join(",")
}

fn agreed(negotiated: &Negotiated) -> String {
    let mut text = format!(
        "{} as={} id={} hold={} {}",
        negotiated.connection,
        negotiated.peer_as,
        negotiated.peer_identifier,
        negotiated.hold_time.seconds(),
        names(&negotiated.families),
    );
    if negotiated.decode.as_width == AsWidth::Two {
        text.push_str(" two-octet-as");
    }
    if negotiated.max_message_len == MaxMessageLen::EXTENDED {
        text.push_str(" extended");
    }
    if negotiated.route_refresh == Support::Supported {
        text.push_str(" refresh");
    }
    if negotiated.enhanced_refresh == Support::Supported {
        text.push_str(" enhanced");
    }
    if let Some(restart) = &negotiated.graceful_restart {
        let time = restart.restart_time.as_secs();
        write!(text, " graceful={time}").expect("a String takes everything");
        for (word, said) in [
            (" restarted", restart.restarted),
            (" notification", restart.notification == Support::Supported),
            (" kept", restart.families.values().any(|kept| *kept)),
        ] {
            text.push_str(if said { word } else { "" });
        }
    }
    text
}

/// For lines about what a test did to a peer.
pub(crate) fn input_name(connection: Connection, what: &str) -> String {
    format!("< {connection} {what}")
}
