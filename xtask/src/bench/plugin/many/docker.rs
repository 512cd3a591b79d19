//! What the plugin hears of an engine: lists of containers and networks, and events, over HTTP on a
//! unix socket. Each connection is asked one thing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::crowd::Member;
use crate::bench::sink;

/// The version of the API, that of Engine 20.10.
const VERSION: &str = "1.41";

/// Answers until it is dropped.
pub(super) struct FakeDocker {
    socket: PathBuf,
    world: Arc<Mutex<World>>,
}

#[derive(Default)]
struct World {
    containers: BTreeMap<String, Container>,
    /// Who follows the events.
    followers: Vec<UnixStream>,
    over: bool,
}

struct Container {
    member: Member,
    healthy: bool,
}

impl FakeDocker {
    /// An engine with nothing on it.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made.
    pub(super) fn start(socket: &Path) -> Result<Self> {
        let listener = UnixListener::bind(socket)
            .with_context(|| format!("listen on {}", socket.display()))?;
        let world = Arc::new(Mutex::new(World::default()));
        let docker = Self {
            socket: socket.to_owned(),
            world: Arc::clone(&world),
        };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(io::Result::ok) {
                if lock(&world).over {
                    return;
                }
                let world = Arc::clone(&world);
                // A client that goes away is none of an engine's business.
                thread::spawn(move || drop(answer(stream, &world)));
            }
        });
        Ok(docker)
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// From now on these are there, started and healthy.
    ///
    /// # Errors
    ///
    /// When nobody listens.
    pub(super) fn add(&self, members: &[Member]) -> Result<()> {
        let containers = members.iter().map(|member| {
            let member = member.clone();
            let container = member.container.clone();
            (
                container,
                Container {
                    member,
                    healthy: true,
                },
            )
        });
        let mut world = lock(&self.world);
        world.containers.extend(containers);
        for member in members {
            world.tell(&member.container, "start", sink::now())?;
        }
        Ok(())
    }

    /// Tells what a health check found; gives the time of the event in nanoseconds since 1970.
    ///
    /// # Errors
    ///
    /// When nobody listens.
    pub(super) fn tell_health(&self, container: &str, healthy: bool) -> Result<u128> {
        let mut world = lock(&self.world);
        if let Some(known) = world.containers.get_mut(container) {
            known.healthy = healthy;
        }
        let verdict = if healthy { "healthy" } else { "unhealthy" };
        let nanos = sink::now();
        world.tell(container, &format!("health_status: {verdict}"), nanos)?;
        Ok(nanos)
    }
}

impl Drop for FakeDocker {
    fn drop(&mut self) {
        let mut world = lock(&self.world);
        world.over = true;
        world.followers.clear();
        drop(world);
        // The thread that accepts looks at that when the next one comes.
        drop(UnixStream::connect(&self.socket));
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    // A thread that died has not left half a change.
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut stream: UnixStream, world: &Mutex<World>) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    // The other lines say nothing that matters, and there is no body.
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let target = decoded(first.split(' ').nth(1).unwrap_or_default());
    let target = target
        .strip_prefix("/v")
        .and_then(|rest| rest.split_once('/'))
        .map_or_else(|| target.trim_start_matches('/'), |(_, rest)| rest);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let body = match path {
        "_ping" => "OK".to_owned(),
        "containers/json" => lock(world).containers(query).to_string(),
        "networks" => lock(world).networks().to_string(),
        "events" => {
            write!(
                stream,
                "{}Transfer-Encoding: chunked\r\n\r\n",
                head("200 OK")
            )?;
            lock(world).followers.push(stream);
            return Ok(());
        }
        _ => {
            let body = r#"{"message":"page not found"}"#;
            let head = head("404 Not Found");
            return write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
        }
    };
    let head = format!("{}Content-Length: {}\r\n\r\n", head("200 OK"), body.len());
    stream.write_all((head + &body).as_bytes())
}

fn head(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nApi-Version: {VERSION}\r\nConnection: close\r\n")
}

/// A target without its percent signs.
fn decoded(target: &str) -> String {
    let mut parts = target.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let coded = part.split_at_checked(2);
        let octet = coded.and_then(|(code, rest)| Some((u8::from_str_radix(code, 16).ok()?, rest)));
        match octet {
            Some((octet, rest)) => _ = write!(text, "{}{rest}", char::from(octet)),
            None => _ = write!(text, "%{part}"),
        }
    }
    text
}

impl World {
    /// Writes an event to all who follow.
    fn tell(&mut self, container: &str, action: &str, nanos: u128) -> Result<()> {
        let event = json!({"status": action, "id": container, "from": "web",
            "Type": "container", "Action": action,
            "Actor": {"ID": container, "Attributes": {"image": "web", "name": "web"}},
            "scope": "local", "time": u64::try_from(nanos / 1_000_000_000)?,
            "timeNano": u64::try_from(nanos)?});
        let line = format!("{event}\n");
        let chunk = format!("{:x}\r\n{line}\r\n", line.len());
        let told = |mut follower: &UnixStream| follower.write_all(chunk.as_bytes()).is_ok();
        self.followers.retain(|follower| told(follower));
        ensure!(!self.followers.is_empty(), "nobody follows the events");
        Ok(())
    }

    /// `GET /containers/json`, of all or of those whose identifiers are in the query.
    fn containers(&self, query: &str) -> Value {
        let all = self.containers.values();
        let wanted =
            |it: &&Container| !query.contains("filters=") || query.contains(&it.member.container);
        all.filter(wanted).map(Container::listed).collect()
    }

    /// `GET /networks`.
    fn networks(&self) -> Value {
        let all = self.containers.values();
        all.map(|it| {
            let pools = it.member.addresses.map(|address| {
                let length = if address.is_ipv6() { 128 } else { 32 };
                json!({"Subnet": format!("{address}/{length}")})
            });
            json!({"Name": it.name(), "Id": it.member.network, "Driver": "bgplb:latest",
                "Created": "2026-11-21T12:00:00.000000000Z", "Scope": "local", "EnableIPv6": true,
                "IPAM": {"Driver": "bgplb:latest", "Options": {}, "Config": pools},
                "Internal": false, "Attachable": false, "Ingress": false,
                "ConfigFrom": {"Network": ""}, "ConfigOnly": false, "Containers": {},
                "Options": {}, "Labels": {}})
        })
        .collect()
    }
}

impl Container {
    fn name(&self) -> String {
        format!("web{}", self.member.network.get(..8).unwrap_or_default())
    }

    fn listed(&self) -> Value {
        let verdict = if self.healthy { "healthy" } else { "unhealthy" };
        let Member {
            network,
            endpoint,
            container,
            addresses: [v4, v6],
            ..
        } = &self.member;
        let attached = json!({"IPAMConfig": null, "Links": null, "Aliases": null,
            "NetworkID": network, "EndpointID": endpoint, "Gateway": "", "IPAddress": v4,
            "IPPrefixLen": 32, "IPv6Gateway": "", "GlobalIPv6Address": v6,
            "GlobalIPv6PrefixLen": 128, "MacAddress": "02:42:0a:40:00:01", "DriverOpts": null});
        json!({"Id": container, "Names": [format!("/{}", self.name())], "Image": "web",
            "ImageID": format!("sha256:{container}"), "Command": "/init", "Created": 1_795_246_154,
            "Ports": [], "Labels": {}, "State": "running",
            "Status": format!("Up 5 minutes ({verdict})"),
            "HostConfig": {"NetworkMode": self.name()},
            "NetworkSettings": {"Networks": {self.name(): attached}}, "Mounts": []})
    }
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn percent_signs_are_undone() {
        assert_eq!(decoded("/a?f=%7B%22id%22%3A1%7D"), r#"/a?f={"id":1}"#);
        assert_eq!(decoded("/a%2"), "/a%2");
    }
}
