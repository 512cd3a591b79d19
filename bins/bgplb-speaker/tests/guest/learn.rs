//! Two hosts whose containers are on ipvlan links in mode L3: each learns where the other's
//! network is, and packets go there as they are.

use std::io::Read as _;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use crate::speaker::Speaker;
use crate::world::{Space, await_some};

/// A host and one container on it.
struct Host {
    name: usize,
    space: Space,
    container: Space,
    dir: PathBuf,
}

impl Host {
    fn new(name: usize) -> Self {
        let (space, container) = (Space::new(), Space::new());
        let dir = std::env::temp_dir().join(space.name());
        std::fs::create_dir_all(&dir).unwrap();
        Self {
            name,
            space,
            container,
            dir,
        }
    }

    /// Has an address on the link between both, and gives the container its own.
    fn set_up(&self) {
        let Self { name, .. } = self;
        self.space
            .ip(&format!("addr add 192.0.2.{name}/24 dev eth0"));
        self.space
            .ip(&format!("addr add 2001:db8::{name}/64 dev eth0 nodad"));
        self.space.ip("link set eth0 up");
        self.space.ip(&format!(
            "link add inner link eth0 netns {} type ipvlan mode l3",
            self.container.name()
        ));
        self.container.ip("link set inner up");
        for address in self.addresses() {
            let length = if address.is_ipv4() { 24 } else { 64 };
            let more = if address.is_ipv4() { "" } else { "nodad" };
            self.container
                .ip(&format!("addr add {address}/{length} dev inner {more}"));
        }
        self.container.ip("route add default dev inner");
        self.container.ip("-6 route add default dev inner");
    }

    /// Those of the container.
    fn addresses(&self) -> [IpAddr; 2] {
        let Self { name, .. } = self;
        let texts = [format!("10.1.{name}.2"), format!("2001:db8:{name}::2")];
        texts.map(|it| it.parse().unwrap())
    }

    /// Tells the other of the network, and installs what the other tells.
    fn start(&self) -> Speaker {
        let Self { name, dir, .. } = self;
        let (dir, other) = (dir.display(), 3 - name);
        let config = format!(
            "[local]\nas = 65000\nrouter-id = \"192.0.2.{name}\"\nlisten = [\"0.0.0.0:179\"]\n\
             [[peers]]\naddress = \"192.0.2.{other}\"\nas = 65000\nimport = \"accept\"\n\
             connect-retry = 1\n\
             [[announce]]\nprefix = \"10.1.{name}.0/24\"\n\
             [[announce]]\nprefix = \"2001:db8:{name}::/64\"\n\
             [kernel]\ninstall = true\n[control]\nsocket = \"{dir}/speaker.sock\"\n"
        );
        Speaker::start(&self.space, &self.dir, &config)
    }

    fn routes(&self) -> String {
        let v4 = self.space.ip("route show proto bgp");
        let v6 = self.space.ip("-6 route show proto bgp");
        format!("{v4}\n{v6}")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// By which address `to` sees who connects from the container of `from`.
fn seen(from: &Host, to: &Host, family: usize) -> IpAddr {
    let at = SocketAddr::new(to.addresses()[family], 8080);
    let listener = to.container.within(|| TcpListener::bind(at).unwrap());
    let accepting = std::thread::spawn(move || listener.accept().unwrap().1.ip());
    from.container.within(|| {
        let mut stream = TcpStream::connect_timeout(&at, Duration::from_secs(10)).unwrap();
        // It closes once it has seen us.
        _ = stream.read(&mut [0]);
    });
    accepting.join().unwrap()
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn containers_on_ipvlan_links_of_two_hosts_reach_each_other_by_their_own_addresses() {
    let (one, two) = (Host::new(1), Host::new(2));
    let peer = two.space.name();
    one.space.ip(&format!(
        "link add eth0 type veth peer name eth0 netns {peer}"
    ));
    one.set_up();
    two.set_up();
    let speakers = (one.start(), two.start());
    for (host, theirs) in [
        (
            &one,
            [
                "10.1.2.0/24 via 192.0.2.2",
                "2001:db8:2::/64 via 2001:db8::2",
            ],
        ),
        (
            &two,
            [
                "10.1.1.0/24 via 192.0.2.1",
                "2001:db8:1::/64 via 2001:db8::1",
            ],
        ),
    ] {
        await_some("the other's networks to be learned", || {
            let routes = host.routes();
            theirs.iter().all(|it| routes.contains(it)).then_some(())
        });
    }
    for family in [0, 1] {
        assert_eq!(seen(&one, &two, family), one.addresses()[family]);
        assert_eq!(seen(&two, &one, family), two.addresses()[family]);
    }
    // A host that ends takes its networks along.
    speakers.1.terminate();
    speakers.1.end();
    await_some("its networks to be gone", || {
        one.routes().trim().is_empty().then_some(())
    });
    speakers.0.terminate();
    speakers.0.end();
}
