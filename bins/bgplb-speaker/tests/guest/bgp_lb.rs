//! In the place of bgp-lb on a host where it ran: its file, its flags, and what it has left.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use netplumb::ipvs::Protocol;
use serde_json::json;

use crate::host::{Host, WEB, WEB_PREFIX, at, hears};
use crate::router::Router;
use crate::web::Web;
use crate::world::{DIRECTOR, ask, await_some};

/// The program by bgp-lb's flags, killed at the end of the test.
struct BgpLb(Child);

impl BgpLb {
    fn start(host: &Host, settings: &serde_json::Value) -> Self {
        let name = format!("{}-bgp-lb.json", host.world.director.name());
        let file = std::env::temp_dir().join(name);
        fs::write(&file, settings.to_string()).unwrap();
        let mut child = host.world.director.within(|| {
            Command::new(env!("CARGO_BIN_EXE_bgplb-speaker"))
                .arg("-config")
                .arg(&file)
                .args(["-ipvs-setup=true", "-metrics-address=127.0.0.1:8089"])
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        });
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self(child)
    }
}

impl Drop for BgpLb {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn what_bgp_lb_has_left_is_taken_over_without_a_change_and_taken_away_in_the_end() {
    let host = Host::new();
    let mut kernel = host.kernel();
    let director = &host.world.director;
    // As bgp-lb sets it up, and leaves it.
    director.ip("link add web type dummy");
    director.ip(&format!("addr add {} dev web", WEB_PREFIX[0]));
    director.run(&format!("ipvsadm -A -t {}:80 -s rr", WEB[0]));
    let to = DIRECTOR[0];
    director.run(&format!("ipvsadm -a -t {}:80 -r {to}:8081 -m -w 1", WEB[0]));
    let before = host.ipvsadm();
    let router = director.within(|| Router::at_port(179));
    let web = director.within(|| Web::start(8082));
    let _server = host.server(Protocol::Tcp, 0, 8081, "one");

    let mut program = BgpLb::start(
        &host,
        &json!({
            "bgp": {
                "peers": [{"address": router.address(), "as": 64513}],
                "local": {"routerID": to, "as": 64512, "listenPort": -1},
            },
            "service": {
                "name": "web", "ip": WEB[0], "protocol": "tcp",
                "ports": [{"servicePort": 80, "targetLocalPort": 8081}],
                "httphealthcheck": {"path": "health", "port": 8082},
            },
        }),
    );
    let mut session = router.accept();
    hears(&mut session, '+', &WEB_PREFIX[..1]);
    assert_eq!(host.ipvsadm(), before);
    assert_eq!(kernel.addresses("web").unwrap(), WEB_PREFIX[..1]);
    assert_eq!(ask(&host.world, Protocol::Tcp, at(WEB[0], 80)), "one");
    // What fails is withdrawn, and goes on answering who comes all the same.
    web.set_well(false);
    hears(&mut session, '-', &WEB_PREFIX[..1]);
    assert_eq!(ask(&host.world, Protocol::Tcp, at(WEB[0], 80)), "one");
    web.set_well(true);
    hears(&mut session, '+', &WEB_PREFIX[..1]);
    let id = program.0.id().to_string();
    assert!(Command::new("kill").arg(id).status().unwrap().success());
    hears(&mut session, '-', &WEB_PREFIX[..1]);
    assert!(program.0.wait().unwrap().success());
    await_some("nothing to be left", || {
        let left = (kernel.addresses("web"), host.ipvsadm());
        (left == (None, Vec::new())).then_some(())
    });
}
