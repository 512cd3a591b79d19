//! What a reload takes away, and who does not notice.

use std::time::{Duration, Instant};

use netplumb::ipvs::Protocol;

use crate::host::{DNS, DNS_PREFIX, Host, WEB, WEB_PREFIX, at, hears, key, port, service};
use crate::world::{CLIENT, Talk, ask, await_some};

fn web(limit: &str, to: &[u16]) -> String {
    let limit = format!("drain-limit = {limit}\n");
    service("web", WEB, &(limit + &port("tcp", 80, to)))
}

fn dns() -> String {
    service("dns", DNS, &port("tcp", 53, &[8083]))
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn a_destination_that_goes_keeps_its_connections_until_they_end() {
    let host = Host::new();
    let mut kernel = host.kernel();
    let _servers: Vec<_> = (0..2)
        .flat_map(|family| [(8081, "one"), (8082, "two")].map(|it| (family, it)))
        .map(|(family, (port, name))| host.server(Protocol::Tcp, family, port, name))
        .collect();
    let speaker = host.start(&[&web("300", &[8081, 8082])]);
    let mut session = host.router.accept();
    hears(&mut session, '+', &WEB_PREFIX);
    for (address, from) in WEB.into_iter().zip(CLIENT) {
        let key = key(Protocol::Tcp, address, 80);
        let mut talks = [(); 2]
            .map(|()| Talk::begin(&host.world.client, Protocol::Tcp, from, at(address, 80)))
            .map(Result::unwrap);
        talks.sort_by(|a, b| a.name.cmp(&b.name));
        let [mut one, mut two] = talks;
        assert_eq!([&*one.name, &*two.name], ["one", "two"]);
        speaker.reload(&host.config(&[&web("300", &[8081])]));
        await_some("the destination to be drained", || {
            (kernel.destinations(&key) == [(8081, (1, 1)), (8082, (0, 1))].into()).then_some(())
        });
        for _ in 0..4 {
            assert_eq!(ask(&host.world, Protocol::Tcp, at(address, 80)), "one");
        }
        assert!(one.goes_on() && two.goes_on(), "what is established stays");
        drop(two);
        await_some("the destination to go with its last connection", || {
            (kernel.destinations(&key).len() == 1).then_some(())
        });
        assert!(one.goes_on());
        speaker.reload(&host.config(&[&web("300", &[8081, 8082])]));
        await_some("the destination to be back", || {
            (kernel.destinations(&key).get(&8082)?.0 == 1).then_some(())
        });
    }
    // All the while the router had nothing to hear.
    speaker.terminate();
    hears(&mut session, '-', &WEB_PREFIX);
    speaker.end();
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn a_destination_whose_connections_do_not_end_goes_at_its_limit() {
    let host = Host::new();
    let mut kernel = host.kernel();
    let _one = host.server(Protocol::Tcp, 0, 8081, "one");
    let _two = host.server(Protocol::Tcp, 0, 8082, "two");
    let speaker = host.start(&[&web("3", &[8082])]);
    hears(&mut host.router.accept(), '+', &WEB_PREFIX);
    let to = at(WEB[0], 80);
    let key = key(Protocol::Tcp, WEB[0], 80);
    let mut two = Talk::begin(&host.world.client, Protocol::Tcp, CLIENT[0], to).unwrap();
    assert_eq!(two.name, "two");
    let begun = Instant::now();
    speaker.reload(&host.config(&[&web("3", &[8081])]));
    await_some("the destination to be drained", || {
        (kernel.destinations(&key).get(&8082) == Some(&(0, 1))).then_some(())
    });
    assert!(two.goes_on());
    await_some("the destination to have had its time", || {
        (!kernel.destinations(&key).contains_key(&8082)).then_some(())
    });
    assert!(begun.elapsed() >= Duration::from_secs(3));
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn a_service_that_goes_is_withdrawn_first_and_another_one_notices_nothing() {
    let host = Host::new();
    let mut kernel = host.kernel();
    let _web: Vec<_> = (0..2)
        .map(|family| host.server(Protocol::Tcp, family, 8081, "web"))
        .collect();
    let _dns = host.server(Protocol::Tcp, 0, 8083, "dns");
    let speaker = host.start(&[&web("300", &[8081]), &dns()]);
    let mut session = host.router.accept();
    let all = [DNS_PREFIX, WEB_PREFIX].concat();
    hears(&mut session, '+', &all);
    let before = kernel.services();
    assert_eq!(before.len(), 4);
    let client = &host.world.client;
    let talk = |to| {
        Talk::begin(
            client,
            Protocol::Tcp,
            CLIENT[0],
            at(to, if to == DNS[0] { 53 } else { 80 }),
        )
        .unwrap()
    };
    let (mut other, mut last) = (talk(DNS[0]), talk(WEB[0]));
    speaker.reload(&host.config(&[&dns()]));
    hears(&mut session, '-', &WEB_PREFIX);
    // Packets that are under way arrive.
    let (addresses, services) = (kernel.addresses("bgplb"), kernel.services());
    assert_eq!(addresses.unwrap().len(), 4);
    assert!(services.keys().eq(before.keys()), "{services:?}");
    assert!(last.goes_on());
    // The family without a connection goes, the other one once it has none.
    let kept = [DNS_PREFIX[0], WEB_PREFIX[0], DNS_PREFIX[1]];
    await_some("what nobody uses to go", || {
        (kernel.addresses("bgplb").unwrap() == kept && kernel.services().len() == 3).then_some(())
    });
    let key = key(Protocol::Tcp, WEB[0], 80);
    assert_eq!(kernel.destinations(&key), [(8081, (0, 1))].into());
    assert!(last.goes_on());
    drop(last);
    await_some("the service to go with its last connection", || {
        (kernel.addresses("bgplb").unwrap() == DNS_PREFIX && kernel.services().len() == 2)
            .then_some(())
    });
    assert!(other.goes_on());
    assert_eq!(ask(&host.world, Protocol::Tcp, at(DNS[0], 53)), "dns");
    speaker.reload(&host.config(&[]));
    hears(&mut session, '-', &DNS_PREFIX);
}
