//! What the file says, checked and turned into what the program uses.

mod raw;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bgp_speaker::{
    BfdSettings, ConfigError, Import, Initiation, NextHops, PeerSettings, RibChange, Secret,
    SpeakerConfig, Ttl, unroutable,
};
use bgp_wire::{Family, PathAttributes};

use self::raw::{RawAnnounce, RawBfd, RawConfig, RawFamily, RawImport, RawPeer};

/// Everything the program needs to know.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) speaker: SpeakerConfig,
    pub(crate) announce: Vec<RibChange>,
    /// Where learned routes go in the kernel; `None` to leave it alone.
    pub(crate) kernel: Option<KernelTable>,
    /// Where the control socket has to be; `None` for the default path, which
    /// may fail.
    pub(crate) control: Option<PathBuf>,
}

/// The mark and place of the routes we install.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KernelTable {
    pub(crate) table: u32,
    pub(crate) metric: u32,
    pub(crate) protocol: u8,
}

/// Why a configuration cannot be used: one sentence.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("{}: {error}", file.display())]
    Read {
        file: PathBuf,
        error: std::io::Error,
    },
    #[error("{}, line {line}: {message}", file.display())]
    Syntax {
        file: PathBuf,
        line: usize,
        message: String,
    },
    #[error("{}: {error}", file.display())]
    Speaker { file: PathBuf, error: ConfigError },
    #[error("{}: {what}", file.display())]
    Value { file: PathBuf, what: String },
}

impl Config {
    /// Reads and checks `file`.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with the file and if possible the line.
    pub(crate) fn load(file: &Path) -> Result<Self, Unusable> {
        let read = |path: &Path| {
            fs::read_to_string(path).map_err(|error| Unusable::Read {
                file: path.to_owned(),
                error,
            })
        };
        let text = read(file)?;
        let raw = parse(file, &text)?;
        Self::from_raw(file, raw, read)
    }

    /// The same with the control socket at `path`, if one is given.
    pub(crate) fn with_socket(self, path: Option<PathBuf>) -> Self {
        Self {
            control: path.or(self.control),
            ..self
        }
    }

    fn from_raw(
        file: &Path,
        raw: RawConfig,
        read: impl Fn(&Path) -> Result<String, Unusable>,
    ) -> Result<Self, Unusable> {
        let value = |what: String| Unusable::Value {
            file: file.to_owned(),
            what,
        };
        let mut speaker = SpeakerConfig::new(raw.local.asn, raw.local.router_id);
        speaker.listen = raw.local.listen;
        for peer in raw.peers {
            let password = match (&peer.password, &peer.password_file) {
                (Some(_), Some(_)) => {
                    let what = "has both password and password-file, use one";
                    return Err(value(format!("peer {} {what}", peer.address)));
                }
                (Some(password), None) => Some(Secret::from(password.as_str())),
                (None, Some(path)) => {
                    // Editors end files with a newline; a key never does.
                    let text = read(path)?;
                    Some(Secret::from(text.trim_end_matches(['\r', '\n'])))
                }
                (None, None) => None,
            };
            speaker.peers.push(peer_settings(peer, password));
        }
        let mut announce = Vec::with_capacity(raw.announce.len());
        let mut seen = BTreeSet::new();
        for wanted in raw.announce {
            let prefix = wanted.prefix;
            if !seen.insert(prefix.trunc()) {
                return Err(value(format!("prefix {prefix} is announced twice")));
            }
            if let Some(what) = unroutable(prefix) {
                return Err(value(format!(
                    "prefix {prefix} cannot be announced: it is {what}"
                )));
            }
            announce.push(RibChange::announce(
                prefix.trunc(),
                Arc::new(attributes(wanted)),
            ));
        }
        // The speaker makes the remaining checks; building one starts nothing.
        let (_, no_addresses) = tokio::sync::watch::channel(Arc::default());
        bgp_speaker::Speaker::new(speaker.clone(), no_addresses).map_err(|error| {
            Unusable::Speaker {
                file: file.to_owned(),
                error,
            }
        })?;
        let kernel = raw.kernel.install.then_some(KernelTable {
            table: raw.kernel.table,
            metric: raw.kernel.metric,
            protocol: raw.kernel.protocol,
        });
        Ok(Self {
            speaker,
            announce,
            kernel,
            control: raw.control.socket,
        })
    }
}

fn parse(file: &Path, text: &str) -> Result<RawConfig, Unusable> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        Unusable::Syntax {
            file: file.to_owned(),
            line: before.map_or(0, |before| before.matches('\n').count()) + 1,
            message: error.message().replace('\n', ", "),
        }
    })
}

fn peer_settings(raw: RawPeer, password: Option<Secret>) -> PeerSettings {
    let defaults = PeerSettings::new(raw.address, raw.asn);
    PeerSettings {
        name: raw.name,
        port: raw.port.unwrap_or(defaults.port),
        local_address: raw.local_address,
        password,
        initiation: match raw.passive {
            true => Initiation::Passive,
            false => Initiation::Active,
        },
        hold_time: raw.hold_time.unwrap_or(defaults.hold_time),
        families: match raw.families {
            Some(families) => families.into_iter().map(Family::from).collect(),
            None => defaults.families.clone(),
        },
        next_hops: NextHops {
            v4: raw.next_hop_v4,
            v6: raw.next_hop_v6,
        },
        ttl: raw.ttl.map_or(Ttl::Automatic, Ttl::Hops),
        import: match raw.import {
            RawImport::Accept => Import::Accept,
            RawImport::Reject => Import::Reject,
        },
        bfd: raw.bfd.map(BfdSettings::from),
        ..defaults
    }
}

impl From<RawBfd> for BfdSettings {
    fn from(raw: RawBfd) -> Self {
        let ms = |time: u32| Duration::from_millis(time.into());
        let mut settings = Self::default();
        settings.min_tx = raw.min_tx.map_or(settings.min_tx, ms);
        settings.min_rx = raw.min_rx.map_or(settings.min_rx, ms);
        settings.multiplier = raw.multiplier.unwrap_or(settings.multiplier);
        settings.multihop = raw.multihop;
        settings
    }
}

impl From<RawFamily> for Family {
    fn from(family: RawFamily) -> Self {
        match family {
            RawFamily::Ipv4Unicast => Self::IPV4_UNICAST,
            RawFamily::Ipv6Unicast => Self::IPV6_UNICAST,
        }
    }
}

fn attributes(wanted: RawAnnounce) -> PathAttributes {
    let mut attributes = PathAttributes::originated();
    attributes.communities = wanted.communities;
    attributes.med = wanted.med;
    attributes.local_pref = wanted.local_pref;
    attributes
}

#[cfg(test)]
mod tests;
