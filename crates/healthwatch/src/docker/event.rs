//! One line of `/events`, reduced to what it changes.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;

use super::level::Health;
use super::model::ContainerId;

/// What one event says, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Something happened to a container.
    Container {
        id: ContainerId,
        change: Change,
        time: Option<SystemTime>,
    },
    /// Docker delivered a signal; the number is what the event claims.
    Kill {
        id: ContainerId,
        signal: Option<u8>,
        time: Option<SystemTime>,
    },
    /// A container was attached to a network or detached from it.
    Attachment {
        network: String,
        container: Option<ContainerId>,
    },
    /// A network was made, changed or removed.
    Network,
}

/// What an event does to a container's facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The health check's verdict changed.
    Health(Health),
    /// SIGKILL was delivered.
    Killed,
    /// The main process ended.
    Ended,
    /// The main process was started; the health check, if any, starts anew.
    Started,
    /// The processes were frozen.
    Paused,
    /// The processes were thawed.
    Resumed,
    /// The container is gone for good.
    Removed,
    /// Something that only a look can tell: created, renamed, attached …
    Altered,
}

/// Why a line was not understood. Whatever it meant, a full list repairs it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EventError {
    #[error("not a JSON object of the expected form: {0}")]
    Json(#[from] serde_json::Error),
    #[error("a container event without a usable container id")]
    ContainerId,
}

impl Event {
    /// Reads one line. `None` for what says nothing of interest: execs,
    /// other types, blank lines.
    ///
    /// # Errors
    ///
    /// [`EventError`] if the line is not an event. The caller should list
    /// again, since something may have been missed.
    pub(crate) fn parse(line: &[u8]) -> Result<Option<Self>, EventError> {
        // RFC 7464 puts a record separator before each text (API 1.52).
        let line = line.trim_ascii();
        let line = line.strip_prefix(b"\x1e").unwrap_or(line).trim_ascii();
        if line.is_empty() || is_exec(line) {
            return Ok(None);
        }
        let raw: RawEvent = serde_json::from_slice(line)?;
        match raw.kind.as_deref() {
            Some("container") => raw.into_container(),
            Some("network") => Ok(raw.into_network()),
            _ => Ok(None),
        }
    }
}

/// An event as Docker writes it. Fields that older versions sent besides
/// (`status`, `id`, `from`) say nothing more.
#[derive(Deserialize)]
struct RawEvent {
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(rename = "Action")]
    action: Option<String>,
    #[serde(rename = "Actor")]
    actor: Option<RawActor>,
    #[serde(rename = "timeNano")]
    time_nano: Option<u64>,
}

#[derive(Deserialize)]
struct RawActor {
    #[serde(rename = "ID")]
    id: Option<String>,
    #[serde(rename = "Attributes")]
    attributes: Option<BTreeMap<String, Value>>,
}

impl RawEvent {
    fn into_container(self) -> Result<Option<Event>, EventError> {
        let action = self.action.as_deref().unwrap_or_default();
        let change = match action
            .split_once(':')
            .map_or((action, None), |(a, b)| (a, Some(b)))
        {
            ("health_status", Some(word)) => {
                Health::named(word.trim()).map_or(Change::Altered, Change::Health)
            }
            ("die", _) => Change::Ended,
            ("start", _) => Change::Started,
            ("pause", _) => Change::Paused,
            ("unpause", _) => Change::Resumed,
            ("destroy", _) => Change::Removed,
            ("kill", _) => return self.into_kill().map(Some),
            // "stop" only repeats "die", but is told by whoever asked for it,
            // maybe after somebody else started the container again.
            ("create" | "stop" | "restart" | "rename" | "update" | "health_status", _) => {
                Change::Altered
            }
            // "oom" says that some process died, not that the container did.
            _ => return Ok(None),
        };
        Ok(Some(Event::Container {
            id: self.container_id()?,
            change,
            time: self.time(),
        }))
    }

    fn into_kill(self) -> Result<Event, EventError> {
        let signal = match self.attribute("signal") {
            Some(Value::String(text)) => text.parse().ok(),
            Some(Value::Number(number)) => number.as_u64().and_then(|n| u8::try_from(n).ok()),
            _ => None,
        };
        Ok(Event::Kill {
            id: self.container_id()?,
            signal,
            time: self.time(),
        })
    }

    fn into_network(self) -> Option<Event> {
        match self.action.as_deref()? {
            "connect" | "disconnect" => {
                let container = match self.attribute("container") {
                    Some(Value::String(text)) => ContainerId::new(text).ok(),
                    _ => None,
                };
                let network = self.actor?.id.unwrap_or_default();
                Some(Event::Attachment { network, container })
            }
            "create" | "destroy" | "remove" | "update" => Some(Event::Network),
            _ => None,
        }
    }

    fn container_id(&self) -> Result<ContainerId, EventError> {
        let text = self.actor.as_ref().and_then(|actor| actor.id.as_deref());
        ContainerId::new(text.unwrap_or_default()).map_err(|_| EventError::ContainerId)
    }

    fn attribute(&self, key: &str) -> Option<&Value> {
        self.actor.as_ref()?.attributes.as_ref()?.get(key)
    }

    fn time(&self) -> Option<SystemTime> {
        let nanos = self.time_nano.filter(|&nanos| nanos > 0)?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(nanos))
    }
}

/// Three exec events a health check run are by far the most of what a daemon
/// that ignores the filter sends; they are known by their first octets in
/// every version and need no JSON parser. A label cannot imitate them: inside
/// a JSON string the quotes are escaped.
fn is_exec(line: &[u8]) -> bool {
    const MARK: &[u8] = b"\"Action\":\"exec_";
    // `Action` comes second (API 1.52) or after `status`, `id` and `from`,
    // which may hold a command line; those lines are caught by `status`.
    const OLD: &[u8] = b"{\"status\":\"exec_";
    let head = &line[..line.len().min(64)];
    line.starts_with(OLD) || head.windows(MARK.len()).any(|window| window == MARK)
}

#[cfg(test)]
mod tests;
