//! What somebody deletes by hand comes back.

use netplumb::ipvs::Protocol;

use crate::host::{Host, WEB, WEB_PREFIX, at, hears, port, service};
use crate::world::{ask, await_some};

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn what_somebody_deletes_or_changes_is_mended() {
    let host = Host::new();
    let mut kernel = host.kernel();
    let director = &host.world.director;
    let _servers: Vec<_> = (0..2)
        .map(|family| host.server(Protocol::Tcp, family, 8081, "one"))
        .collect();
    let web = service("web", WEB, &port("tcp", 80, &[8081]));
    let speaker = host.start(&[&web]);
    let mut session = host.router.accept();
    hears(&mut session, '+', &WEB_PREFIX);
    let is_served = || {
        for address in WEB {
            assert_eq!(ask(&host.world, Protocol::Tcp, at(address, 80)), "one");
        }
    };
    is_served();
    for change in [
        "link del bgplb",
        "link set bgplb down",
        "addr del 192.0.2.80/32 dev bgplb",
        "addr flush dev bgplb",
    ] {
        director.ip(change);
        await_some(change, || {
            let addresses = kernel.addresses("bgplb");
            let up = || director.ip("link show bgplb").contains(",UP");
            (addresses.is_some_and(|it| it == WEB_PREFIX) && up()).then_some(())
        });
        is_served();
    }
    let whole = host.ipvsadm();
    for change in [
        "-D -t 192.0.2.80:80",
        "-E -t [2001:db8:80::80]:80 -s lc",
        "-d -t 192.0.2.80:80 -r 10.1.0.1:8081",
        "-C",
    ] {
        director.run(&format!("ipvsadm {change}"));
        assert_ne!(host.ipvsadm(), whole);
        await_some(change, || (host.ipvsadm() == whole).then_some(()));
        is_served();
    }
    speaker.terminate();
    // It was there again before anybody had to be told.
    hears(&mut session, '-', &WEB_PREFIX);
    speaker.end();
    assert_eq!(kernel.addresses("bgplb"), None);
    assert!(kernel.services().is_empty());
}
