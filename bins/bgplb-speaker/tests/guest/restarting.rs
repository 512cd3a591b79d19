//! A program that is killed, and the one that comes after it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use netplumb::ipvs::Protocol;

use crate::host::{
    DNS, DNS_PREFIX, Host, HostKernel, WEB, WEB_PREFIX, at, hears, key, port, service,
};
use crate::world::{CLIENT, Talk, World, await_some};

fn web() -> String {
    service("web", WEB, &port("tcp", 80, &[8081, 8082]))
}

fn dns() -> String {
    service("dns", DNS, &port("tcp", 53, &[8081]))
}

/// Connects again and again, as many times as it says, until it is told to end.
struct Client<'a> {
    world: &'a World,
    ends: AtomicBool,
    answered: AtomicU64,
}

impl Client<'_> {
    /// Yields what went wrong.
    fn run(&self) -> Vec<String> {
        let mut failures = Vec::new();
        while !self.ends.load(Ordering::Acquire) {
            for (address, from) in WEB.into_iter().zip(CLIENT) {
                let to = at(address, 80);
                match Talk::begin(&self.world.client, Protocol::Tcp, from, to) {
                    Ok(_) => _ = self.answered.fetch_add(1, Ordering::AcqRel),
                    Err(error) => failures.push(format!("{address}: {error}")),
                }
            }
        }
        failures
    }

    fn await_more(&self) {
        let wanted = self.answered.load(Ordering::Acquire) + 10;
        await_some("the client to be answered", || {
            (self.answered.load(Ordering::Acquire) >= wanted).then_some(())
        });
    }
}

/// How many connections to the first address the kernel has counted.
fn connections(kernel: &mut HostKernel) -> u64 {
    let services = kernel.services();
    services[&key(Protocol::Tcp, WEB[0], 80)]
        .statistics
        .connections
}

/// Has the client end, however the test does.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn clients_do_not_notice_that_the_program_was_killed_and_started_again() {
    let host = Host::new();
    let mut kernel = host.kernel();
    let _servers: Vec<_> = (0..2)
        .flat_map(|family| [(8081, "one"), (8082, "two")].map(|it| (family, it)))
        .map(|(family, (port, name))| host.server(Protocol::Tcp, family, port, name))
        .collect();
    let all = [DNS_PREFIX, WEB_PREFIX].concat();
    let speaker = host.start(&[&web(), &dns()]);
    hears(&mut host.router.accept(), '+', &all);
    let client = Client {
        world: &host.world,
        ends: AtomicBool::new(false),
        answered: AtomicU64::new(0),
    };
    let failures = std::thread::scope(|scope| {
        let ends = Ends(&client.ends);
        let running = scope.spawn(|| client.run());
        client.await_more();
        let before = host.ipvsadm();
        // By SIGKILL.
        drop(speaker);
        client.await_more();
        assert_eq!(host.ipvsadm(), before);
        let connections = await_some("connections to be counted", || {
            let counted = connections(&mut kernel);
            (counted > 0).then_some(counted)
        });
        let speaker = host.start(&[&web(), &dns()]);
        let mut session = host.router.accept();
        assert!(session.says_restarted());
        hears(&mut session, '+', &all);
        client.await_more();
        assert_eq!(host.ipvsadm(), before);
        assert_eq!(kernel.addresses("bgplb").unwrap().len(), 4);
        // It is still the same service; the kernel counts with a delay.
        assert!(self::connections(&mut kernel) >= connections);
        await_some("more connections to be counted", || {
            (self::connections(&mut kernel) > connections).then_some(())
        });
        drop(ends);
        drop(speaker);
        running.join().unwrap()
    });
    assert_eq!(failures, Vec::<String>::new());

    // What the file does not have any more goes.
    let speaker = host.start(&[&dns()]);
    let mut session = host.router.accept();
    hears(&mut session, '+', &DNS_PREFIX);
    await_some("what is not wanted any more to go", || {
        (kernel.addresses("bgplb").unwrap() == DNS_PREFIX && kernel.services().len() == 2)
            .then_some(())
    });
    drop(speaker);
    let _speaker = host.start(&[]);
    await_some("everything to go", || {
        (kernel.addresses("bgplb").is_none() && kernel.services().is_empty()).then_some(())
    });
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn connections_of_a_service_that_goes_with_a_restart_have_time_to_end() {
    let host = Host::new();
    let mut kernel = host.kernel();
    let _server = host.server(Protocol::Tcp, 1, 8081, "one");
    let speaker = host.start(&[&service("web", WEB, &port("tcp", 80, &[8081]))]);
    hears(&mut host.router.accept(), '+', &WEB_PREFIX);
    let to = at(WEB[1], 80);
    let mut talk = Talk::begin(&host.world.client, Protocol::Tcp, CLIENT[1], to).unwrap();
    drop(speaker);
    let _speaker = host.start(&[]);
    let key = key(Protocol::Tcp, WEB[1], 80);
    await_some("what nobody uses to go", || {
        let drained = kernel.destinations(&key) == [(8081, (0, 1))].into();
        let addresses = kernel.addresses("bgplb");
        (drained && addresses.is_some_and(|it| it == WEB_PREFIX[1..])).then_some(())
    });
    assert!(talk.goes_on());
    drop(talk);
    await_some("the rest to go with the last connection", || {
        (kernel.addresses("bgplb").is_none() && kernel.services().is_empty()).then_some(())
    });
}
