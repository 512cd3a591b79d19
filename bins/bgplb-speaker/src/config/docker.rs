//! The Docker engine that is followed, and which of its networks are announced.

use std::path::PathBuf;
use std::sync::Arc;

use bgp_wire::PathAttributes;

use super::check::Look;
use super::reader::{Kind, Section};
use super::service::ServiceSettings;

/// A Docker engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DockerSettings {
    /// Where it answers.
    pub(crate) socket: PathBuf,
    /// The networks that carry this label are announced; `None` for no network.
    pub(crate) announce: Option<Label>,
    /// What their prefixes are announced with.
    pub(crate) attributes: Arc<PathAttributes>,
}

/// A label of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    key: String,
    /// `None` for any value.
    value: Option<String>,
}

impl Label {
    /// Whether a network with this label and value is meant.
    pub(crate) fn matches(&self, key: &str, value: &str) -> bool {
        self.key == key && self.value.as_deref().is_none_or(|wanted| wanted == value)
    }

    fn read(text: &str) -> Option<Self> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (text, None),
        };
        let key = key.to_owned();
        (!key.is_empty() && text.len() <= MAX_LABEL).then_some(Self { key, value })
    }
}

/// Reads `[docker]`; `None` without it.
pub(super) fn docker(root: &Section<'_>) -> Option<DockerSettings> {
    let section = root.section("docker")?;
    let socket = section.optional("socket", SOCKET);
    let label = section.optional("announce-label", LABEL);
    let attributes = Arc::new(super::attributes(&section));
    section.finish();
    Some(DockerSettings {
        socket: socket.unwrap_or_else(|| PathBuf::from(DEFAULT_SOCKET)),
        announce: label.unwrap_or_else(|| Label::read(DEFAULT_LABEL)),
        attributes,
    })
}

/// Containers that are checked are asked of the usual engine if the file names none.
pub(super) fn of_checks(services: &[ServiceSettings]) -> Option<DockerSettings> {
    let mut checks = services.iter().flat_map(|service| &service.checks);
    let any = checks.any(|check| matches!(check.look, Look::Container(_)));
    any.then(|| DockerSettings {
        socket: PathBuf::from(DEFAULT_SOCKET),
        announce: None,
        attributes: Arc::new(PathAttributes::originated()),
    })
}

/// Programs start anywhere, so a relative path would mean nothing.
const SOCKET: Kind<PathBuf> = Kind {
    accepted: "the path of Docker's socket from / on, in quotes",
    read: |value| {
        let path = PathBuf::from(value.as_str()?);
        path.is_absolute().then_some(path)
    },
};

const LABEL: Kind<Option<Label>> = Kind {
    accepted: "a label \"KEY=VALUE\", \"KEY\" for any value, or \"\" for no network",
    read: |value| match value.as_str()? {
        "" => Some(None),
        text => Label::read(text).map(Some),
    },
};

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// The one by which the plugin announces a network, too.
const DEFAULT_LABEL: &str = "bgplb_advertise=true";

/// Longer ones are cut where Docker's words are read.
const MAX_LABEL: usize = 4096;

#[cfg(test)]
mod tests {
    use super::Label;

    #[test]
    fn a_label_without_a_value_matches_any() {
        let any = Label::read("announce").unwrap();
        assert!(any.matches("announce", "") && any.matches("announce", "x"));
        assert!(!any.matches("other", ""));
        let one = Label::read("a=b=c").unwrap();
        assert!(one.matches("a", "b=c") && !one.matches("a", "b"));
        assert_eq!(Label::read("=b"), None);
    }
}
