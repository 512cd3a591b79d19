//! What the file says, checked and turned into what the program uses.

mod check;
mod docker;
mod kernel;
mod kinds;
mod peer;
mod port;
mod reader;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bgp_speaker::{
    ConfigError, DynamicPeers, Multipath, PeerSettings, RibChange, SpeakerConfig, unroutable,
};
use bgp_wire::{Asn, BgpIdentifier, PathAttributes};
use lb_status::{AddressError, StatusAddress};
use toml::de::DeTable;

pub(crate) use self::check::{CheckSettings, Look};
pub(crate) use self::docker::DockerSettings;
pub(crate) use self::kernel::KernelTable;
use self::kinds::AnyCommunity;
pub(crate) use self::peer::ReadFile;
use self::reader::{Fault, Faults, Section};
pub(crate) use self::service::{Place, ServiceSettings, Sharing};

/// Everything the program needs to know.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) speaker: SpeakerConfig,
    /// What is always announced, in the order of the prefixes.
    pub(crate) announce: Arc<[RibChange]>,
    /// Addresses that are announced while what answers on them is well.
    pub(crate) services: Vec<ServiceSettings>,
    /// The Docker engine that is followed; `None` for none.
    pub(crate) docker: Option<DockerSettings>,
    /// Where learned routes go in the kernel; `None` to leave it alone.
    pub(crate) kernel: Option<KernelTable>,
    /// Where the control socket has to be; `None` for the default path, which
    /// may fail.
    pub(crate) control: Option<PathBuf>,
    /// Where the status is read over TCP; `None` for nowhere.
    pub(crate) status_listen: Option<StatusAddress>,
    /// The file of what outlives a restart; `None` for nothing.
    pub(crate) state: Option<PathBuf>,
    /// The file is bgp-lb's: what that has left in the kernel is taken over, and
    /// the log has its words.
    pub(crate) stands_for_bgp_lb: bool,
}

/// Why a configuration cannot be used: a line for everything wrong with it,
/// with the place in the file.
#[derive(Debug)]
pub(crate) struct Unusable(Vec<String>);

impl Unusable {
    /// With these lines.
    pub(crate) fn new(lines: impl IntoIterator<Item = String>) -> Self {
        Self(lines.into_iter().collect())
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Unusable {}

impl Config {
    /// Reads and checks `file`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, as far as it could be read.
    pub(crate) fn load(file: &Path) -> Result<Self, Unusable> {
        let read = |path: &Path| {
            let text = fs::read_to_string(path);
            text.map_err(|error| format!("{}: {error}", path.display()))
        };
        let text = read(file).map_err(|error| Unusable(vec![error]))?;
        // A path in the file is meant from where the file is.
        let beside = |path: &Path| match file.parent() {
            Some(folder) => read(&folder.join(path)),
            None => read(path),
        };
        Self::parse(file, &text, &beside)
    }

    /// What `text` says, for tests; it names no other files.
    #[cfg(test)]
    pub(crate) fn from_text(text: &str) -> Result<Self, Unusable> {
        let no_file = |path: &Path| Err(path.display().to_string());
        Self::parse(Path::new("speaker.toml"), text, &no_file)
    }

    /// Reads and checks a text, whose faults are told as those of `file`.
    ///
    /// # Errors
    ///
    /// As for [`Self::load`].
    pub(crate) fn parse(
        file: &Path,
        text: &str,
        read_file: ReadFile<'_>,
    ) -> Result<Self, Unusable> {
        let unusable = |faults: Vec<Fault>| {
            let line = |fault: Fault| {
                let (line, column) = position(text, fault.offset);
                format!("{}:{line}:{column}: {}", file.display(), fault.text)
            };
            Unusable(faults.into_iter().map(line).collect())
        };
        let document = DeTable::parse(text).map_err(|error| {
            unusable(vec![Fault {
                offset: error.span().map_or(0, |span| span.start),
                text: error.message().replace('\n', ", "),
            }])
        })?;
        let faults = Faults::default();
        let config = config(Section::root(&document, &faults), read_file);
        let faults = faults.into_sorted();
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => Err(unusable(faults)),
        }
    }

    /// The same with the control socket at `path`, if one is given.
    pub(crate) fn with_socket(self, path: Option<PathBuf>) -> Self {
        Self {
            control: path.or(self.control),
            ..self
        }
    }

    /// What of `newer` cannot be had without a new start, in words.
    pub(crate) fn needs_restart(&self, newer: &Self) -> Option<&'static str> {
        let (old, new) = (&self.speaker, &newer.speaker);
        if old.local_as != new.local_as
            || old.identifier != new.identifier
            || old.listen != new.listen
        {
            return Some("[local]");
        }
        if old.multipath != new.multipath {
            return Some("[multipath]");
        }
        let places = |it: &Self| {
            (
                it.control.clone(),
                it.status_listen.clone(),
                it.state.clone(),
            )
        };
        if places(self) != places(newer) {
            return Some("[control]");
        }
        let socket = |it: &Self| it.docker.as_ref().map(|docker| docker.socket.clone());
        if socket(self) != socket(newer) {
            return Some("the socket of [docker], which checks of containers imply,");
        }
        (self.kernel != newer.kernel).then_some("[kernel]")
    }

    /// The changes that lead from what `self` announces to what `newer` does.
    pub(crate) fn announcements_of(&self, newer: &Self) -> Vec<RibChange> {
        let kept: BTreeSet<_> = newer.announce.iter().map(|change| change.prefix).collect();
        let gone = self.announce.iter().map(|change| change.prefix);
        let gone = gone.filter(|prefix| !kept.contains(prefix));
        gone.map(RibChange::withdraw)
            .chain(newer.announce.iter().cloned())
            .collect()
    }
}

/// Reads the whole document. With `None` there is a fault.
fn config(root: Section<'_>, read_file: ReadFile<'_>) -> Option<Config> {
    let speaker = local(&root);
    let kernel = kernel::kernel(&root);
    let control = control(&root);
    let multipath = multipath(&root);
    let docker = docker::docker(&root);
    let mut announce = announcements(&root);
    announce.sort_by_key(|change| change.prefix);
    // Peers are checked beside a speaker that could be, so that its own faults
    // are not told again for each of them.
    let mut base = speaker.clone().unwrap_or_else(|| {
        let example = BgpIdentifier::from(Ipv4Addr::LOCALHOST);
        let mut base = SpeakerConfig::new(Asn::new(u32::MAX), example);
        base.listen.push(([0, 0, 0, 0], 179).into());
        base
    });
    let peers = peers(&root, &base, read_file);
    let dynamic_peers = dynamic_peers(&root, &base, read_file);
    let announced = announce.iter().map(|change| change.prefix).collect();
    let services = service::services(
        &root,
        &service::Site {
            announced: &announced,
            local_as: base.local_as,
            peers: &peers,
            all_peers_are_known: root.len_of("peers") == peers.len(),
        },
    );
    root.finish();
    base.multipath = multipath;
    // Only who asks the kernel can tell.
    base.track_next_hops = kernel.is_some();
    base.peers = peers;
    base.dynamic_peers = dynamic_peers;
    speaker.map(|_| Config {
        speaker: base,
        announce: announce.into(),
        docker: docker.or_else(|| docker::of_checks(&services)),
        services,
        kernel,
        control: control.socket,
        status_listen: control.status_listen,
        state: control.state,
        stands_for_bgp_lb: false,
    })
}

fn local(root: &Section<'_>) -> Option<SpeakerConfig> {
    let Some(local) = root.section("local") else {
        if !root.has("local") {
            root.fault(
                "local",
                "missing; accepted is a table [local] with as and router-id",
            );
        }
        return None;
    };
    let asn = local.required("as", kinds::ASN);
    let router_id = local.required("router-id", kinds::ROUTER_ID);
    let listen = match local.list("listen", kinds::LISTEN) {
        // Peers shall not be blamed for a listener that is only written wrong.
        None if local.has("listen") => vec![([0, 0, 0, 0], 179).into()],
        listen => listen.unwrap_or_default(),
    };
    local.finish();
    let mut speaker = SpeakerConfig::new(asn?, router_id?);
    speaker.listen = listen;
    Some(speaker)
}

fn peers(root: &Section<'_>, base: &SpeakerConfig, read_file: ReadFile<'_>) -> Vec<PeerSettings> {
    let mut peers = Vec::new();
    let mut seen = BTreeMap::new();
    for (n, section) in root.sections("peers").into_iter().enumerate() {
        if let Some(settings) = peer::peer(&section, read_file) {
            if let Some(before) = seen.insert(settings.key(), n) {
                let what = format!(
                    "{} is the address of peers[{before}] already",
                    settings.key()
                );
                section.fault("address", &what);
            }
            check(&section, base, |speaker| {
                speaker.peers.push(settings.clone())
            });
            peers.push(settings);
        }
        section.finish();
    }
    peers
}

fn dynamic_peers(
    root: &Section<'_>,
    base: &SpeakerConfig,
    read_file: ReadFile<'_>,
) -> Vec<DynamicPeers> {
    let mut all = Vec::new();
    let mut seen = BTreeMap::new();
    for (n, section) in root.sections("dynamic-peers").into_iter().enumerate() {
        let prefix = section.required("prefix", kinds::PREFIX);
        let limit = section.optional("limit", kinds::COUNT);
        let address = prefix.map_or_else(|| [127, 0, 0, 1].into(), |prefix| prefix.addr());
        let template = peer::common(&section, address, read_file);
        if let (Some(prefix), Some(template)) = (prefix, template) {
            let limit = limit.unwrap_or(DEFAULT_LIMIT) as usize;
            let dynamic = DynamicPeers::new(prefix, limit, template);
            if let Some(before) = seen.insert(dynamic.prefix, n) {
                let what = format!("this is the prefix of dynamic-peers[{before}] already");
                section.fault("prefix", &what);
            }
            check(&section, base, |speaker| {
                speaker.dynamic_peers.push(dynamic.clone());
            });
            all.push(dynamic);
        }
        section.finish();
    }
    all
}

/// Has the speaker look at one item, beside no other.
fn check(section: &Section<'_>, base: &SpeakerConfig, add: impl FnOnce(&mut SpeakerConfig)) {
    let mut speaker = base.clone();
    add(&mut speaker);
    if let Err(error) = speaker.check() {
        let span = match &error {
            ConfigError::LocalAddressFamily(_) => section.span_of("local-address"),
            ConfigError::StateMachine { .. } => section.span_of("families"),
            ConfigError::PassiveWithoutListener(_) => section.span_of("passive"),
            ConfigError::Anybody(_) => section.span_of("interface"),
            _ => section.span_of("address"),
        };
        section.faults.add(&span, error.to_string());
    }
}

fn announcements(root: &Section<'_>) -> Vec<RibChange> {
    let mut announce = Vec::new();
    let mut seen = BTreeMap::new();
    for (n, section) in root.sections("announce").into_iter().enumerate() {
        let prefix = section.required("prefix", kinds::PREFIX);
        let attributes = Arc::new(attributes(&section));
        if let Some(prefix) = prefix {
            if let Some(before) = seen.insert(prefix.trunc(), n) {
                let what = format!("{prefix} is announced by announce[{before}] already");
                section.fault("prefix", &what);
            }
            if let Some(what) = unroutable(prefix) {
                section.fault(
                    "prefix",
                    &format!("{prefix} cannot be announced: it is {what}"),
                );
            }
            announce.push(RibChange::announce(prefix.trunc(), attributes));
        }
        section.finish();
    }
    announce
}

fn attributes(section: &Section<'_>) -> PathAttributes {
    let mut attributes = PathAttributes::originated();
    attributes.med = section.optional("med", kinds::NUMBER);
    attributes.local_pref = section.optional("local-pref", kinds::NUMBER);
    let communities = section.list("communities", kinds::COMMUNITY);
    for community in communities.unwrap_or_default() {
        match community {
            AnyCommunity::Plain(it) => attributes.communities.push(it),
            AnyCommunity::Large(it) => attributes.large_communities.push(it),
            AnyCommunity::Extended(it) => attributes.extended_communities.push(it),
        }
    }
    attributes
}

fn multipath(root: &Section<'_>) -> Multipath {
    let mut multipath = Multipath::default();
    if let Some(section) = root.section("multipath") {
        if let Some(beside_best) = section.optional("paths", kinds::BESIDE_BEST) {
            multipath.beside_best = beside_best;
        }
        multipath.internal = section.optional("internal", kinds::YES_OR_NO) == Some(true);
        if let Some(most) = section.optional("max-next-hops", kinds::COUNT) {
            multipath.max_next_hops = most as usize;
        }
        section.finish();
    }
    multipath
}

/// Where the program is asked, and keeps what it was told.
#[derive(Debug, Default)]
struct Control {
    socket: Option<PathBuf>,
    status_listen: Option<StatusAddress>,
    state: Option<PathBuf>,
}

fn control(root: &Section<'_>) -> Control {
    let Some(section) = root.section("control") else {
        return Control::default();
    };
    let socket = section.optional("socket", kinds::PATH);
    let listen = section.optional("status-listen", kinds::TEXT);
    let listen = listen.and_then(|text| {
        let read = text.parse();
        read.map_err(|error: AddressError| section.fault("status-listen", &error.to_string()))
            .ok()
    });
    let state = section.optional("state", kinds::PATH);
    section.finish();
    Control {
        socket,
        status_listen: listen,
        state,
    }
}

/// The line and the column in characters, both from 1.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
    (line, column)
}

/// How many dynamic peers of a prefix there may be unless said otherwise.
const DEFAULT_LIMIT: u32 = 100;

#[cfg(test)]
mod tests;
