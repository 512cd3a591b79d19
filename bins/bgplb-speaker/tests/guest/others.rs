//! What others have made in the kernel.

use crate::host::{DNS, Host, WEB, WEB_PREFIX, hears, port, service};
use crate::world::await_some;

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn what_others_have_made_stays_and_what_it_is_in_the_way_of_is_withheld() {
    let host = Host::new();
    let mut kernel = host.kernel();
    let director = &host.world.director;
    for args in [
        "-A -t 192.0.2.80:80 -s lc",
        "-a -t 192.0.2.80:80 -r 10.1.0.2:80 -m -w 3",
        "-A -t 192.0.2.99:80 -s dh",
        "-a -t 192.0.2.99:80 -r 10.1.0.2:80 -m",
    ] {
        director.run(&format!("ipvsadm {args}"));
    }
    for (link, address) in [("taken", "192.0.2.98/32"), ("other", "192.0.2.99/32")] {
        director.ip(&format!("link add {link} type dummy"));
        director.ip(&format!("addr add {address} dev {link}"));
    }
    let others = host.ipvsadm();
    let web = service("web", WEB, &port("tcp", 80, &[8081]));
    let dns = service("dns", DNS, "").replace("\"bgplb\"", "\"taken\"");
    let speaker = host.start(&[&web, &dns]);
    let mut session = host.router.accept();
    // Of the other family nothing is in the way.
    hears(&mut session, '+', &WEB_PREFIX[1..]);

    let shown = speaker.service(WEB_PREFIX[0]);
    assert_eq!(shown["state"], "undelivered", "{shown}");
    assert_eq!(shown["reason"], "datapath-not-ready", "{shown}");
    let in_the_way = "service tcp 192.0.2.80:80: there is one with another scheduler, it is not ours and is left alone";
    assert_eq!(shown["explanation"], in_the_way);
    assert_eq!(shown["ports"][0]["failure"], in_the_way);
    let explained = speaker.said(&["explain", WEB[0]]);
    assert!(explained.contains(in_the_way), "{explained}");
    let explained = speaker.said(&["explain", DNS[0]]);
    assert!(explained.contains("taken"), "{explained}");
    let shown = speaker.service("192.0.2.53/32");
    assert_eq!(shown["state"], "undelivered", "{shown}");
    assert_eq!(shown["reason"], "datapath-not-ready", "{shown}");
    let theirs = |kernel: &mut crate::host::HostKernel| {
        assert_eq!(kernel.addresses("taken").unwrap(), ["192.0.2.98/32"]);
        assert_eq!(kernel.addresses("other").unwrap(), ["192.0.2.99/32"]);
    };
    theirs(&mut kernel);
    let ipvs = host.ipvsadm();
    assert!(others.iter().all(|it| ipvs.contains(it)), "{ipvs:?}");

    // What is not in the way any more is no longer withheld.
    director.run("ipvsadm -D -t 192.0.2.80:80");
    hears(&mut session, '+', &WEB_PREFIX[..1]);
    let ours = "-a -t 192.0.2.80:80 -r 10.1.0.1:8081 -m -w 1";
    assert!(host.ipvsadm().iter().any(|it| it == ours));
    director.ip("link del taken");
    hears(&mut session, '+', &["192.0.2.53/32", "2001:db8:80::53/128"]);

    speaker.terminate();
    speaker.end();
    let rest: Vec<_> = others.iter().filter(|it| it.contains(".99:")).collect();
    assert_eq!(host.ipvsadm().iter().collect::<Vec<_>>(), rest);
    assert_eq!(kernel.addresses("other").unwrap(), ["192.0.2.99/32"]);
    assert_eq!(kernel.addresses("bgplb"), None);
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn a_killed_program_whose_way_was_blocked_takes_nothing_over_from_others() {
    let host = Host::new();
    let director = &host.world.director;
    director.run("ipvsadm -A -t 192.0.2.80:80 -s lc");
    let others = host.ipvsadm();
    let web = service("web", WEB, &port("tcp", 80, &[8081]));
    let speaker = host.start(&[&web]);
    hears(&mut host.router.accept(), '+', &WEB_PREFIX[1..]);
    drop(speaker);
    let speaker = host.start(&[]);
    let _session = host.router.accept();
    await_some("what is ours to go", || {
        (host.ipvsadm() == others).then_some(())
    });
    speaker.terminate();
    speaker.end();
    assert_eq!(host.ipvsadm(), others);
}
