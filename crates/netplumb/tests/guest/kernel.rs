//! A kernel that has IPVS, has it not, and has it under another number.

use std::fs;

use netplumb::ipvs::{Ipvs, IpvsKernel as _, Op, Protocol, Scheduler, ServiceKey, ServiceSpec};

use crate::world::{Space, await_some, run};

const LOADER: &str = "/proc/sys/kernel/modprobe";

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn ipvs_may_go_and_come_under_another_number() {
    let space = Space::new();
    let loader = fs::read_to_string(LOADER).unwrap();
    let loader = loader.trim();
    space.within(|| {
        let mut ipvs = Ipvs::open().unwrap();
        assert!(ipvs.services().unwrap().is_empty());
        // Some kernels load the module when they are asked for the family.
        fs::write(LOADER, "/bin/false").unwrap();
        unload();
        let gone = ipvs.services().unwrap_err();
        assert!(gone.is_missing());
        assert_eq!(
            gone.to_string(),
            "list services: the kernel has no IPVS, is the module `ip_vs` loaded?"
        );
        assert!(Ipvs::open().unwrap_err().is_missing());

        run(loader, "ip_vs");
        assert!(ipvs.services().unwrap().is_empty());
        let key = ServiceKey {
            protocol: Protocol::Tcp,
            address: [192, 0, 2, 80].into(),
            port: 80,
        };
        let mh = Op::CreateService(ServiceSpec::new(key, Scheduler::Mh));
        let lacking = ipvs.apply(&mh);
        fs::write(LOADER, loader).unwrap();
        assert_eq!(
            lacking.unwrap_err().to_string(),
            "create service tcp 192.0.2.80:80 with scheduler mh: No such file or directory (ENOENT): the kernel lacks the scheduler `mh` (module `ip_vs_mh`)"
        );
        ipvs.apply(&mh).unwrap();
        assert!(ipvs.service(&key).unwrap().is_some());
    });
}

/// Takes IPVS out of the kernel, schedulers first. Namespaces of earlier tests
/// hold it until the kernel has cleared them away.
fn unload() {
    await_some("the end of IPVS", || {
        let modules = fs::read_to_string("/proc/modules").unwrap();
        let names = modules.lines().filter_map(|line| line.split(' ').next());
        let mut ours: Vec<_> = names.filter(|name| name.starts_with("ip_vs")).collect();
        ours.sort_by_key(|name| *name == "ip_vs");
        for name in &ours {
            _ = std::process::Command::new("rmmod").arg(name).output();
        }
        ours.is_empty().then_some(())
    });
}
