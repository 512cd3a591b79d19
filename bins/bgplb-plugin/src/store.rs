//! What must outlive the process: networks and endpoints Docker told us of
//! once and will not tell again, and drains under way.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::instance::Instance;
use crate::numbers::Number;

const FILE: &str = "state.json";
/// The same once more, should somebody remove or damage the first.
const COPY: &str = "state.json.copy";
const VERSION: u32 = 1;

/// One network of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NetworkRecord {
    /// The service address, unless the network is IPv6-only.
    pub(crate) v4: Option<Ipv4Addr>,
    /// The service address, unless the network is IPv4-only.
    pub(crate) v6: Option<Ipv6Addr>,
    /// What its objects in the kernel are numbered by; `None` from a version
    /// that had no such objects.
    #[serde(default)]
    pub(crate) number: Option<Number>,
    /// The operator's options as they were given, `bgplb.…` only.
    #[serde(default)]
    pub(crate) options: BTreeMap<String, String>,
    /// An operator has it drained.
    #[serde(default)]
    pub(crate) drained: bool,
    /// The endpoints on it, by id.
    #[serde(default)]
    pub(crate) endpoints: BTreeMap<String, EndpointRecord>,
}

impl NetworkRecord {
    /// The service addresses as host prefixes.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = IpNet> + use<> {
        let v4 = self.v4.map(|address| IpNet::from(IpAddr::V4(address)));
        let v6 = self.v6.map(|address| IpNet::from(IpAddr::V6(address)));
        v4.into_iter().chain(v6)
    }
}

/// One container's connection to a network of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndpointRecord {
    /// It holds the network's IPv4 address.
    pub(crate) v4: bool,
    /// It holds the network's IPv6 address.
    pub(crate) v6: bool,
    /// The MAC address of the container's end.
    pub(crate) mac: [u8; 6],
    /// What its objects in the kernel are numbered by.
    #[serde(default)]
    pub(crate) number: Option<Number>,
    /// Its links were made and handed to Docker.
    #[serde(default)]
    pub(crate) attached: bool,
    /// It is being drained.
    #[serde(default)]
    pub(crate) draining: bool,
}

#[cfg(test)]
impl EndpointRecord {
    /// One that holds both addresses and has its links.
    pub(crate) const fn sample() -> Self {
        Self {
            v4: true,
            v6: true,
            mac: [2, 0, 0, 0, 0, 1],
            number: Some(Number::FIRST),
            attached: true,
            draining: false,
        }
    }
}

/// Everything remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    version: u32,
    /// Whose objects in the kernel these are; earlier versions had none.
    #[serde(default)]
    pub(crate) instance: Option<Instance>,
    /// By network id.
    pub(crate) networks: BTreeMap<String, NetworkRecord>,
    /// The whole host is being drained.
    #[serde(default)]
    pub(crate) drained: bool,
    /// Since when the whole host is in maintenance, in seconds since 1970.
    #[serde(default)]
    pub(crate) maintenance: Option<u64>,
    /// How often Docker asked for an address and has not given it back.
    #[serde(default)]
    pub(crate) requests: BTreeMap<IpAddr, u32>,
}

impl State {
    pub(crate) const fn new(
        instance: Option<Instance>,
        networks: BTreeMap<String, NetworkRecord>,
    ) -> Self {
        Self {
            version: VERSION,
            instance,
            networks,
            drained: false,
            maintenance: None,
            requests: BTreeMap::new(),
        }
    }

    /// The same with addresses that were asked for.
    pub(crate) fn with_requests(self, requests: BTreeMap<IpAddr, u32>) -> Self {
        Self { requests, ..self }
    }
}

/// Why nothing could be remembered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("state directory {} can't be used: {source}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("state file {} can't be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("state file {} is gone", path.display())]
    Missing { path: PathBuf },
    #[error("state file {} is not understood ({reason})", path.display())]
    Content { path: PathBuf, reason: String },
}

/// What an earlier run left.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) state: State,
    /// Why it comes from the copy, if it does.
    pub(crate) damage: Option<StoreError>,
}

/// Reads what an earlier run left, or its copy where that is missing or not
/// understood; nothing there is an empty state.
pub(crate) fn load(directory: &Path) -> Result<Loaded, StoreError> {
    fs::create_dir_all(directory).map_err(|source| StoreError::Directory {
        path: directory.to_owned(),
        source,
    })?;
    let path = directory.join(FILE);
    let damage = match read(&path) {
        Ok(Some(state)) => {
            return Ok(Loaded {
                state,
                damage: None,
            });
        }
        Ok(None) => StoreError::Missing { path },
        Err(error @ StoreError::Content { .. }) => error,
        Err(error) => return Err(error),
    };
    match (read(&directory.join(COPY)), damage) {
        (Ok(Some(state)), damage) => Ok(Loaded {
            state,
            damage: Some(damage),
        }),
        (_, StoreError::Missing { .. }) => Ok(Loaded {
            state: State::new(None, BTreeMap::new()),
            damage: None,
        }),
        (_, damage) => Err(damage),
    }
}

fn read(path: &Path) -> Result<Option<State>, StoreError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            let path = path.to_owned();
            return Err(StoreError::Read { path, source });
        }
    };
    let not_understood = |reason: String| StoreError::Content {
        path: path.to_owned(),
        reason,
    };
    let state: State =
        serde_json::from_slice(&text).map_err(|error| not_understood(error.to_string()))?;
    if state.version == VERSION {
        Ok(Some(state))
    } else {
        let reason = format!("version {} instead of {VERSION}", state.version);
        Err(not_understood(reason))
    }
}

/// Moves a state file that is not understood out of the way, so that nothing
/// in it is lost, and says where to.
pub(crate) fn set_aside(directory: &Path) -> io::Result<PathBuf> {
    let from = directory.join(FILE);
    let free = (1u32..)
        .map(|n| directory.join(format!("{FILE}.unreadable-{n}")))
        .find(|path| !path.exists())
        .ok_or_else(|| io::Error::other("no free name"))?;
    fs::rename(from, &free)?;
    Ok(free)
}

type Request = (State, oneshot::Sender<io::Result<()>>);

/// Writes states on a thread of its own, the newest one for all who wait.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    requests: mpsc::Sender<Request>,
}

impl Store {
    /// Starts the thread; it ends when the last `Store` is dropped.
    pub(crate) fn start(directory: PathBuf) -> io::Result<Self> {
        Self::writing_by(move |state| write(&directory, state))
    }

    /// [`Self::start`] with another way to write.
    pub(crate) fn writing_by(
        write: impl Fn(&State) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (requests, queue) = mpsc::channel::<Request>();
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                while let Ok((mut state, waiter)) = queue.recv() {
                    let mut waiters = vec![waiter];
                    for (newer, waiter) in queue.try_iter() {
                        state = newer;
                        waiters.push(waiter);
                    }
                    let result = write(&state);
                    for waiter in waiters {
                        let answer = match &result {
                            Ok(()) => Ok(()),
                            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
                        };
                        // Whoever stopped waiting does not need the answer.
                        let _ = waiter.send(answer);
                    }
                }
            })?;
        Ok(Self { requests })
    }

    /// Hands over a state; the answer comes when it, or a newer one, is safe.
    pub(crate) fn save(&self, state: State) -> oneshot::Receiver<io::Result<()>> {
        let (waiter, answer) = oneshot::channel();
        // A dead thread drops the waiter, which the receiver sees.
        let _ = self.requests.send((state, waiter));
        answer
    }
}

/// Replaces the file whole: readers see the old state or the new one.
pub(crate) fn write(directory: &Path, state: &State) -> io::Result<()> {
    let text = serde_json::to_vec(state)?;
    replace(&directory.join(FILE), &text, File::sync_all)?;
    File::open(directory)?.sync_all()?;
    // The copy need not survive a loss of power, which spares the file; an old
    // one would be worse than none.
    let copy = directory.join(COPY);
    if replace(&copy, &text, |_| Ok(())).is_err() {
        drop(fs::remove_file(copy));
    }
    Ok(())
}

fn replace(
    path: &Path,
    text: &[u8],
    settle: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = path.with_added_extension("new");
    // Whom a host serves is nobody else's business.
    let mut create = File::options();
    create.create(true).write(true).truncate(true).mode(0o600);
    let written = create
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(text)?;
            settle(&file)
        })
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // What was written of it may be the room that is lacking.
        drop(fs::remove_file(&temporary));
    }
    written
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::PathBuf;

    use super::{
        COPY, EndpointRecord, FILE, NetworkRecord, State, Store, StoreError, load, set_aside, write,
    };

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("bgplb-store-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn sample() -> State {
        let endpoint = EndpointRecord::sample();
        let network = NetworkRecord {
            v4: Some([10, 0, 0, 101].into()),
            v6: Some("2001:db8::101".parse().unwrap()),
            options: BTreeMap::from([("bgplb.med".to_owned(), "7".to_owned())]),
            number: None,
            drained: true,
            endpoints: BTreeMap::from([("e1".to_owned(), endpoint)]),
        };
        State::new(None, BTreeMap::from([("n1".to_owned(), network)])).with_requests(
            BTreeMap::from([
                ([10, 0, 0, 101].into(), 2),
                ("2001:db8::101".parse().unwrap(), 1),
            ]),
        )
    }

    #[tokio::test]
    async fn what_was_saved_is_loaded() {
        let directory = Directory::new("round-trip");
        let store = Store::start(directory.0.clone()).unwrap();
        store.save(sample()).await.unwrap().unwrap();
        assert_eq!(load(&directory.0).unwrap().state, sample());
        store
            .save(State::new(None, BTreeMap::new()))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(load(&directory.0).unwrap().state.networks.len(), 0);
    }

    #[test]
    fn nothing_there_is_an_empty_state_in_a_new_directory() {
        let directory = Directory::new("empty");
        let below = directory.0.join("a/b");
        assert_eq!(
            load(&below).unwrap().state,
            State::new(None, BTreeMap::new())
        );
        assert!(below.is_dir());
    }

    #[test]
    fn files_from_before_pools_are_understood() {
        let directory = Directory::new("older");
        let text =
            r#"{"version":1,"networks":{"n1":{"v4":"10.0.0.101","v6":null,"endpoints":{}}}}"#;
        fs::write(directory.0.join(FILE), text).unwrap();
        let state = load(&directory.0).unwrap().state;
        assert_eq!((state.networks.len(), state.requests.len()), (1, 0));
    }

    #[test]
    fn a_truncated_or_foreign_file_is_an_error_and_is_kept_aside() {
        let directory = Directory::new("bad");
        for text in [
            "",
            "{\"version\":1,\"netw",
            "{\"version\":99,\"networks\":{}}",
        ] {
            fs::write(directory.0.join(FILE), text).unwrap();
            let error = load(&directory.0).unwrap_err();
            assert!(matches!(error, StoreError::Content { .. }), "{error}");
            let kept = set_aside(&directory.0).unwrap();
            assert_eq!(fs::read_to_string(kept).unwrap(), text);
            assert!(load(&directory.0).is_ok());
        }
    }

    #[test]
    fn nobody_else_can_read_what_was_saved() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = Directory::new("mode");
        // From a version that let everybody.
        fs::write(directory.0.join(FILE), "").unwrap();
        write(&directory.0, &sample()).unwrap();
        for name in [FILE, COPY] {
            let mode = fs::metadata(directory.0.join(name)).unwrap();
            assert_eq!(mode.permissions().mode() & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn the_copy_stands_in_for_a_file_that_is_gone_or_damaged() {
        let directory = Directory::new("copy");
        write(&directory.0, &sample()).unwrap();
        assert!(load(&directory.0).unwrap().damage.is_none());
        fs::remove_file(directory.0.join(FILE)).unwrap();
        let loaded = load(&directory.0).unwrap();
        assert_eq!(loaded.state, sample());
        assert!(matches!(loaded.damage, Some(StoreError::Missing { .. })));
        fs::write(directory.0.join(FILE), "{").unwrap();
        let loaded = load(&directory.0).unwrap();
        assert_eq!(loaded.state, sample());
        assert!(matches!(loaded.damage, Some(StoreError::Content { .. })));
        fs::write(directory.0.join(COPY), "").unwrap();
        assert!(load(&directory.0).is_err(), "the first file is the news");
    }

    #[tokio::test]
    async fn a_directory_that_is_gone_is_reported_to_every_waiter() {
        let directory = Directory::new("gone");
        let store = Store::start(directory.0.clone()).unwrap();
        fs::remove_dir_all(&directory.0).unwrap();
        let (one, two) = (store.save(sample()), store.save(sample()));
        assert!(one.await.unwrap().is_err());
        assert!(two.await.unwrap().is_err());
    }

    #[test]
    fn the_file_of_an_earlier_version_is_loaded() {
        let directory = Directory::new("earlier");
        let text = r#"{"version":1,"networks":{"n1":{"v4":"10.0.0.101","v6":null,"endpoints":
            {"e1":{"v4":true,"v6":false,"mac":[2,0,0,0,0,1],"attached":true,"draining":false}}}}}"#;
        fs::write(directory.0.join(FILE), text).unwrap();
        let state = load(&directory.0).unwrap().state;
        let network = &state.networks["n1"];
        assert!(!state.drained && state.maintenance.is_none() && !network.drained);
        assert!(network.options.is_empty());
        assert_eq!(
            (network.number, network.endpoints["e1"].number),
            (None, None)
        );
    }

    #[test]
    fn prefixes_follow_the_families() {
        let network = &sample().networks["n1"];
        let texts: Vec<String> = network.prefixes().map(|p| p.to_string()).collect();
        assert_eq!(texts, ["10.0.0.101/32", "2001:db8::101/128"]);
    }
}
