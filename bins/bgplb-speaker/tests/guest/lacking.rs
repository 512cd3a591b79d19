//! Kernels that lack what services need.

use std::fs;
use std::path::Path;

use netplumb::ipvs::Protocol;

use crate::host::{DNS, DNS_PREFIX, Host, WEB, WEB_PREFIX, at, hears, port, service};
use crate::world::{ask, await_some, in_guest, run};

/// A kernel with dummy links and without IPVS that loads no modules, until this is
/// dropped.
struct Bare {
    loader: String,
}

impl Bare {
    fn new() -> Self {
        in_guest();
        let loader = fs::read_to_string(LOADER).unwrap().trim().to_owned();
        fs::write(LOADER, "/bin/false").unwrap();
        let bare = Self { loader };
        // Namespaces of earlier tests hold it until the kernel has cleared them away.
        await_some("the end of IPVS", || {
            let modules = fs::read_to_string("/proc/modules").unwrap();
            let names = modules.lines().filter_map(|line| line.split(' ').next());
            let mut ipvs: Vec<_> = names.filter(|it| it.starts_with("ip_vs")).collect();
            ipvs.sort_by_key(|name| *name == "ip_vs");
            for name in &ipvs {
                _ = std::process::Command::new("rmmod").arg(name).output();
            }
            ipvs.is_empty().then_some(())
        });
        bare.load("dummy");
        bare
    }

    fn load(&self, module: &str) {
        run(&self.loader, module);
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        fs::write(LOADER, &self.loader).unwrap();
        self.load("ip_vs");
    }
}

const LOADER: &str = "/proc/sys/kernel/modprobe";

fn web() -> String {
    service("web", WEB, &port("tcp", 80, &[8081]))
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn without_ipvs_only_what_needs_it_is_withheld_and_says_so() {
    let host = Host::new();
    let bare = Bare::new();
    let plain = service("dns", DNS, "");
    let speaker = host.start(&[&web(), &plain]);
    let mut session = host.router.accept();
    hears(&mut session, '+', &DNS_PREFIX);
    let why = "the kernel has no IPVS: `modprobe ip_vs` loads it";
    for prefix in WEB_PREFIX {
        let shown = speaker.service(prefix);
        assert_eq!(shown["reason"], "datapath-not-ready", "{shown}");
        assert_eq!(shown["explanation"], why, "{shown}");
    }
    let explained = speaker.said(&["explain", WEB[1]]);
    assert!(explained.contains(why), "{explained}");

    bare.load("ip_vs");
    bare.load("ip_vs_rr");
    hears(&mut session, '+', &WEB_PREFIX);
    let _server = host.server(Protocol::Tcp, 1, 8081, "one");
    assert_eq!(ask(&host.world, Protocol::Tcp, at(WEB[1], 80)), "one");
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn the_program_has_the_module_loaded_where_it_may() {
    let host = Host::new();
    let bare = Bare::new();
    // What it needs beside, the kernel asks for.
    let loader = Path::new(&bare.loader).parent().unwrap().display();
    let path = format!("{loader}:{}", std::env::var("PATH").unwrap());
    let speaker = host.start_with(&[&web()], &[("PATH", &path)]);
    let mut session = host.router.accept();
    await_some("the module to be loaded", || {
        speaker
            .log()
            .contains("the module ip_vs was loaded")
            .then_some(())
    });
    bare.load("ip_vs_rr");
    hears(&mut session, '+', &WEB_PREFIX);
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn a_scheduler_that_the_kernel_lacks_is_named() {
    let host = Host::new();
    let bare = Bare::new();
    bare.load("ip_vs");
    let with = web().replace("port = 80\n", "port = 80\nscheduler = \"mh\"\n");
    let speaker = host.start(&[&with]);
    let mut session = host.router.accept();
    let shown = await_some("the kernel to have refused it", || {
        let shown = speaker.service(WEB_PREFIX[0]);
        let explanation = shown["explanation"].as_str().unwrap().to_owned();
        (!explanation.contains("not got its addresses yet")).then_some(explanation)
    });
    assert!(
        shown.contains("the kernel lacks the scheduler `mh` (module `ip_vs_mh`)"),
        "{shown}"
    );
    bare.load("ip_vs_mh");
    hears(&mut session, '+', &WEB_PREFIX);
}
