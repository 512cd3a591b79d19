//! Everything that four engines were recorded to send, through the whole
//! plugin in the order of the recording, where the recordings lie beside the
//! workspace (or `BGPLB_DOCKER_WIRE` says where).
//!
//! The recorded answers are those of a stand-in that granted nearly everything.
//! So Docker's part is played here: what it echoes of an answer is replaced by
//! what this plugin answered, and what the stand-in failed on purpose is taken
//! back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use expect_test::{Expect, expect};
use ipnet::IpNet;
use serde_json::{Value, json};

use super::{Directory, SharedKernel, World, instance, slow};

mod recording;

use recording::{GLOBAL, LOCAL, Recorded, address_spaces, ends_the_plugin, files, recordings};

/// Docker, as far as it is needed to repeat what it did.
struct Engine {
    world: Option<World>,
    /// By the name in the recording: what this plugin answered in its place.
    pools: BTreeMap<String, Value>,
    /// The stand-in's address spaces, and this plugin's only one.
    spaces: BTreeMap<String, Value>,
    /// The networks Docker believes in.
    networks: BTreeSet<String>,
    /// The pools and networks that it was granted and this plugin refused.
    refused: BTreeSet<String>,
    /// How often each sentence was answered.
    refusals: BTreeMap<String, usize>,
    requests: usize,
}

impl Engine {
    async fn new(name: &str, spaces: &BTreeSet<String>) -> Self {
        let world = World::new(name);
        let path = "IpamDriver.GetDefaultAddressSpaces";
        let ours = world.ok(path, json!({})).await;
        assert_eq!(ours[LOCAL], ours[GLOBAL], "Docker compares them");
        let ours = spaces
            .iter()
            .map(|name| (name.clone(), ours[LOCAL].clone()));
        Self {
            world: Some(world),
            pools: BTreeMap::new(),
            spaces: ours.collect(),
            networks: BTreeSet::new(),
            refused: BTreeSet::new(),
            refusals: BTreeMap::new(),
            requests: 0,
        }
    }

    fn world(&self) -> &World {
        self.world.as_ref().unwrap()
    }

    /// The plugin's process ends without notice and another one starts.
    fn restart_plugin(&mut self) {
        let old = self.world.take().unwrap();
        let (directory, kernel): (Arc<Directory>, SharedKernel) =
            (old.directory.clone(), old.kernel.clone());
        drop(old);
        self.world = Some(World::resume(directory, kernel, slow()));
    }

    async fn repeat(&mut self, recorded: &Recorded, about: &str) {
        self.requests += 1;
        let method = recorded.method.as_str();
        let mut body = serde_json::from_str(&recorded.body).unwrap_or(Value::Null);
        self.translate(&mut body);
        let text = match &body {
            Value::Null => recorded.body.clone(),
            body => body.to_string(),
        };
        let path = format!("/{method}");
        let answer = self.world().router.call("POST", &path, text).await;
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        let about = format!("{about}: {method} {body} answered {} {said}", answer.status);
        assert!(said.is_object(), "{about}");
        if answer.status == 200 {
            check_shape(method, &body, &said, &about);
        } else {
            self.check_refusal(method, &body, answer.status, &said, &about);
        }
        self.learn(recorded, &body, answer.status == 200, &said)
            .await;
    }

    /// Puts this plugin's names in place of the stand-in's.
    fn translate(&self, body: &mut Value) {
        let replace = |value: &mut Value, by: &BTreeMap<String, Value>| {
            if let Some(ours) = value.as_str().and_then(|name| by.get(name)) {
                *value = ours.clone();
            }
        };
        let Value::Object(fields) = body else { return };
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("PoolID", value) => replace(value, &self.pools),
                ("AddressSpace", value) => replace(value, &self.spaces),
                ("IPv4Data" | "IPv6Data", Value::Array(data)) => {
                    for entry in data {
                        replace(&mut entry["AddressSpace"], &self.spaces);
                    }
                }
                _ => {}
            }
        }
    }

    /// A refusal has its status, says the same under both names, and is one of
    /// those the snapshot lists; whatever hangs on a refused network is unknown.
    fn check_refusal(
        &mut self,
        method: &str,
        body: &Value,
        status: u16,
        said: &Value,
        about: &str,
    ) {
        assert!(matches!(status, 400 | 404 | 409), "{about}");
        assert_eq!(said["Err"], said["Error"], "{about}");
        let sentence = said["Err"].as_str().unwrap();
        if method != "NetworkDriver.CreateNetwork" {
            let refused = |name: &&str| self.refused.contains(*name);
            let on = [&body["NetworkID"], &body["PoolID"]];
            if let Some(on) = on.into_iter().filter_map(Value::as_str).find(refused) {
                assert_eq!(status, 404, "{about}");
                assert!(sentence.contains(on), "{about}");
                return;
            }
        }
        assert_ne!(status, 404, "{about}");
        let line = format!("{method} {status}: {}", without_ids(sentence));
        *self.refusals.entry(line).or_default() += 1;
    }

    /// Remembers what Docker would, and takes back what it never heard of.
    async fn learn(&mut self, recorded: &Recorded, body: &Value, granted: bool, said: &Value) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        match recorded.method.as_str() {
            "IpamDriver.RequestPool" if recorded.answer["PoolID"].is_string() => {
                let id = text(&recorded.answer["PoolID"]);
                if granted {
                    self.refused.remove(&id);
                    self.pools.insert(id, said["PoolID"].clone());
                } else {
                    self.pools.remove(&id);
                    self.refused.insert(id);
                }
            }
            "NetworkDriver.CreateNetwork" => {
                let id = text(&body["NetworkID"]);
                if !recorded.granted {
                    let gone = json!({"NetworkID": id});
                    self.world().ok("NetworkDriver.DeleteNetwork", gone).await;
                    return;
                }
                if granted {
                    self.refused.remove(&id);
                } else {
                    self.refused.insert(id.clone());
                }
                self.networks.insert(id);
            }
            "NetworkDriver.DeleteNetwork" => {
                self.networks.remove(&text(&body["NetworkID"]));
            }
            "NetworkDriver.CreateEndpoint" if granted && !recorded.granted => {
                self.world()
                    .ok("NetworkDriver.DeleteEndpoint", body.clone())
                    .await;
            }
            _ => {}
        }
    }

    /// What is on the disk and in the kernel is what Docker believes in; no
    /// container is left.
    fn check_end(&self, about: &str) {
        let wanted: BTreeSet<String> = self.networks.difference(&self.refused).cloned().collect();
        let remembered = self.world().remembered().networks;
        let known: BTreeSet<String> = remembered.keys().cloned().collect();
        assert_eq!(known, wanted, "{about}");
        let bridges = wanted
            .iter()
            .map(|id| instance().bridge_alias(id))
            .collect();
        assert_eq!(self.world().kernel.links(), bridges, "{about}");
    }
}

/// What Docker needs of an answer that grants.
fn check_shape(method: &str, body: &Value, said: &Value, about: &str) {
    let prefix = |value: &Value| -> IpNet { value.as_str().expect(about).parse().expect(about) };
    assert!(
        said.get("Err").is_none() && said.get("Error").is_none(),
        "{about}"
    );
    match method {
        "Plugin.Activate" => {
            assert_eq!(said["Implements"], json!(["NetworkDriver", "IpamDriver"]));
        }
        "NetworkDriver.GetCapabilities" => assert_eq!(said["Scope"], "local", "{about}"),
        "IpamDriver.RequestPool" => {
            let pool = prefix(&said["Pool"]);
            assert_eq!(pool.prefix_len(), pool.max_prefix_len(), "{about}");
            assert_eq!(pool.addr().is_ipv6(), body["V6"] == true, "{about}");
            assert!(!said["PoolID"].as_str().unwrap().is_empty(), "{about}");
            if body["Pool"] != "" {
                assert_eq!(pool, prefix(&body["Pool"]), "{about}");
            }
        }
        "IpamDriver.RequestAddress" => {
            let address = prefix(&said["Address"]);
            let pool = body["PoolID"].as_str().unwrap();
            assert!(pool.ends_with(&address.to_string()), "{about}");
        }
        "NetworkDriver.CreateEndpoint" => {
            // Docker refuses an answer that repeats what it gave.
            let given = &body["Interface"]["MacAddress"];
            let made = said["Interface"].get("MacAddress");
            let is_given = given.as_str().is_some_and(|mac| !mac.is_empty());
            let is_made = made.is_some_and(|mac| mac != "");
            assert_ne!(is_given, is_made, "{about}");
            for family in ["Address", "AddressIPv6"] {
                let repeated = said["Interface"].get(family);
                assert!(repeated.is_none_or(|address| address == ""), "{about}");
            }
        }
        "NetworkDriver.Join" => {
            let source = said["InterfaceName"]["SrcName"].as_str().expect(about);
            // IFNAMSIZ of linux/if.h, without the end of the text.
            assert!((1..=15).contains(&source.len()), "{about}");
            assert_eq!(said["InterfaceName"]["DstPrefix"], "eth", "{about}");
        }
        "NetworkDriver.EndpointOperInfo" => assert!(said["Value"].is_object(), "{about}"),
        _ => {}
    }
}

/// The sentence with every id of Docker's replaced: they differ by recording.
fn without_ids(sentence: &str) -> String {
    let is_id = |word: &str| word.len() >= 12 && word.chars().all(|c| c.is_ascii_alphanumeric());
    let word = |word: &str| {
        let bare = word.trim_end_matches([':', ',', ';']);
        if is_id(bare) && bare.chars().any(|c| c.is_ascii_digit()) {
            format!("<id>{}", &word[bare.len()..])
        } else {
            word.to_owned()
        }
    };
    sentence.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Repeats all recordings of one engine: how many requests, and what was
/// refused how often.
async fn replay(version: &str) -> Option<(usize, String)> {
    let files = files(&recordings()?.join(version));
    assert!(!files.is_empty(), "no recordings of {version}");
    let read = |path: &PathBuf| -> Vec<Value> {
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let contents: Vec<Vec<Value>> = files.iter().map(read).collect();
    let spaces = address_spaces(&contents);
    let (mut requests, mut refusals) = (0, BTreeMap::<String, usize>::new());
    for (path, lines) in files.iter().zip(&contents) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let mut engine = Engine::new(&format!("replay-{version}-{name}"), &spaces).await;
        for (number, line) in lines.iter().enumerate() {
            let about = format!("{version} {name}:{}", number + 1);
            match Recorded::read(&lines[number..]) {
                Some(recorded) => engine.repeat(&recorded, &about).await,
                None if ends_the_plugin(line) => engine.restart_plugin(),
                None => {}
            }
        }
        engine.check_end(name);
        requests += engine.requests;
        for (line, count) in engine.refusals {
            *refusals.entry(line).or_default() += count;
        }
    }
    let lines = refusals
        .iter()
        .map(|(line, count)| format!("{count} × {line}\n"));
    Some((requests, lines.collect()))
}

/// How many requests of an engine there are, and which of them are refused.
async fn check(version: &str, requests: usize, refusals: Expect) {
    let Some((sent, refused)) = replay(version).await else {
        return;
    };
    assert_eq!(sent, requests, "{version}: the recordings are others");
    refusals.assert_eq(&refused);
}

#[tokio::test]
async fn what_docker_20_10_was_recorded_to_send_is_answered() {
    check("20.10.24", 727, expect![[r#"
        2 × IpamDriver.RequestPool 400: --ip-range is not supported: a service owns a single address
        1 × IpamDriver.RequestPool 400: IPv6 subnet is required: add --ipam-opt v6subnet=<address>/128, or --ipam-opt pool=<name>
        1 × IpamDriver.RequestPool 400: only subnet mask /32 is supported, not 10.0.0.101/24: a service owns a single address, such as 10.0.0.101/32
        1 × NetworkDriver.CreateNetwork 400: 0.0.0.0/0 was given out by another IPAM driver: name this plugin with --ipam-driver too
        1 × NetworkDriver.CreateNetwork 400: 10.0.0.0/24 was given out by another IPAM driver: name this plugin with --ipam-driver too
        1 × NetworkDriver.CreateNetwork 400: 2 IPv4 subnets given: a network is one service and owns one address a family
        1 × NetworkDriver.CreateNetwork 400: only subnet mask /32 is supported, not 10.0.0.0/24: a service owns a single address, such as 10.0.0.0/32
        1 × NetworkDriver.CreateNetwork 400: only subnet mask /32 is supported, not 10.0.0.101/24: a service owns a single address, such as 10.0.0.101/32
        1 × NetworkDriver.CreateNetwork 400: the network has no address: give --subnet <IPv4 address>/32, --ipam-opt v6subnet=<IPv6 address>/128, or both, or --ipam-opt pool=<name>
        2 × NetworkDriver.CreateNetwork 409: 10.0.0.101/32 belongs to network <id> already: remove that network or choose another address
    "#]]).await;
}

#[tokio::test]
async fn what_docker_26_1_was_recorded_to_send_is_answered() {
    check("26.1.5", 748, expect![[r#"
        2 × IpamDriver.RequestPool 400: --ip-range is not supported: a service owns a single address
        1 × IpamDriver.RequestPool 400: IPv6 subnet is required: add --ipam-opt v6subnet=<address>/128, or --ipam-opt pool=<name>
        1 × NetworkDriver.CreateNetwork 400: 0.0.0.0/0 was given out by another IPAM driver: name this plugin with --ipam-driver too
        1 × NetworkDriver.CreateNetwork 400: 10.0.0.0/24 was given out by another IPAM driver: name this plugin with --ipam-driver too
        2 × NetworkDriver.CreateNetwork 400: 10.0.0.101/32 was given out by another IPAM driver: name this plugin with --ipam-driver too
        1 × NetworkDriver.CreateNetwork 400: 2 IPv4 subnets given: a network is one service and owns one address a family
        1 × NetworkDriver.CreateNetwork 400: only subnet mask /32 is supported, not 10.0.0.0/24: a service owns a single address, such as 10.0.0.0/32
        1 × NetworkDriver.CreateNetwork 400: the network has no address: give --subnet <IPv4 address>/32, --ipam-opt v6subnet=<IPv6 address>/128, or both, or --ipam-opt pool=<name>
        2 × NetworkDriver.CreateNetwork 409: 10.0.0.101/32 belongs to network <id> already: remove that network or choose another address
    "#]]).await;
}

#[tokio::test]
async fn what_docker_28_5_was_recorded_to_send_is_answered() {
    check("28.5.2", 871, expect![[r#"
        2 × IpamDriver.RequestPool 400: --ip-range is not supported: a service owns a single address
        1 × IpamDriver.RequestPool 400: IPv6 subnet is required: add --ipam-opt v6subnet=<address>/128, or --ipam-opt pool=<name>
        1 × NetworkDriver.CreateNetwork 400: 0.0.0.0/0 was given out by another IPAM driver: name this plugin with --ipam-driver too
        1 × NetworkDriver.CreateNetwork 400: 10.0.0.0/24 was given out by another IPAM driver: name this plugin with --ipam-driver too
        2 × NetworkDriver.CreateNetwork 400: 10.0.0.101/32 was given out by another IPAM driver: name this plugin with --ipam-driver too
        1 × NetworkDriver.CreateNetwork 400: 2 IPv4 subnets given: a network is one service and owns one address a family
        1 × NetworkDriver.CreateNetwork 400: only subnet mask /32 is supported, not 10.0.0.0/24: a service owns a single address, such as 10.0.0.0/32
        1 × NetworkDriver.CreateNetwork 400: the network has no address: give --subnet <IPv4 address>/32, --ipam-opt v6subnet=<IPv6 address>/128, or both, or --ipam-opt pool=<name>
        2 × NetworkDriver.CreateNetwork 409: 10.0.0.101/32 belongs to network <id> already: remove that network or choose another address
    "#]]).await;
}

#[tokio::test]
async fn what_docker_29_7_was_recorded_to_send_is_answered() {
    check("29.7.2", 874, expect![[r#"
        2 × IpamDriver.RequestPool 400: --ip-range is not supported: a service owns a single address
        1 × IpamDriver.RequestPool 400: IPv6 subnet is required: add --ipam-opt v6subnet=<address>/128, or --ipam-opt pool=<name>
        1 × NetworkDriver.CreateNetwork 400: 0.0.0.0/0 was given out by another IPAM driver: name this plugin with --ipam-driver too
        1 × NetworkDriver.CreateNetwork 400: 10.0.0.0/24 was given out by another IPAM driver: name this plugin with --ipam-driver too
        2 × NetworkDriver.CreateNetwork 400: 10.0.0.101/32 was given out by another IPAM driver: name this plugin with --ipam-driver too
        1 × NetworkDriver.CreateNetwork 400: 2 IPv4 subnets given: a network is one service and owns one address a family
        1 × NetworkDriver.CreateNetwork 400: only subnet mask /32 is supported, not 10.0.0.0/24: a service owns a single address, such as 10.0.0.0/32
        1 × NetworkDriver.CreateNetwork 400: the network has no address: give --subnet <IPv4 address>/32, --ipam-opt v6subnet=<IPv6 address>/128, or both, or --ipam-opt pool=<name>
        2 × NetworkDriver.CreateNetwork 409: 10.0.0.101/32 belongs to network <id> already: remove that network or choose another address
    "#]]).await;
}
