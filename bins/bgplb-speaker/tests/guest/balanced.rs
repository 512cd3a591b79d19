//! Services that are announced, balanced and counted, from their start to their end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use netplumb::ipvs::Protocol;

use crate::host::{Host, WEB, WEB_PREFIX, at, hears, port, service};
use crate::world::{ask, await_some};

/// Two ports of both families, each balanced to two destinations.
fn web() -> String {
    let ports = port("tcp", 80, &[8081, 8082]) + &port("udp", 53, &[8083, 8084]);
    service("web", WEB, &("drain-limit = 1\n".to_owned() + &ports))
}

#[test]
#[ignore = "needs a kernel of its own: cargo xtask guest"]
fn both_families_and_protocols_are_balanced_and_counted_and_end_after_the_withdrawal() {
    let host = Host::new();
    let mut kernel = host.kernel();
    let _servers: Vec<_> = (0..2)
        .flat_map(|family| {
            [
                (Protocol::Tcp, 8081, "one"),
                (Protocol::Tcp, 8082, "two"),
                (Protocol::Udp, 8083, "three"),
                (Protocol::Udp, 8084, "four"),
            ]
            .map(|(protocol, port, name)| host.server(protocol, family, port, name))
        })
        .collect();
    let speaker = host.start(&[&web()]);
    let mut session = host.router.accept();
    hears(&mut session, '+', &WEB_PREFIX);
    // Whoever is told of it can be served.
    assert_eq!(kernel.addresses("bgplb").unwrap(), WEB_PREFIX);
    assert_eq!(kernel.services().len(), 4);
    for address in WEB {
        for (protocol, port, names) in [
            (Protocol::Tcp, 80, ["one", "two"]),
            (Protocol::Udp, 53, ["four", "three"]),
        ] {
            let answer = |_| ask(&host.world, protocol, at(address, port));
            let mut answers: Vec<_> = (0..4).map(answer).collect();
            answers.sort();
            let [a, b] = names;
            assert_eq!(answers, [a, a, b, b], "{protocol} {address}");
        }
    }
    for prefix in WEB_PREFIX {
        await_some("what the kernel has counted to be shown", || {
            let shown = speaker.service(prefix);
            let ports = shown["ports"].as_array().unwrap();
            let counted = ports.iter().all(|it| {
                let count = |what| it["counted"][what].as_u64().unwrap();
                count("connections") == 4 && count("packets_in") >= 4 && count("packets_out") >= 4
            });
            (ports.len() == 2 && counted).then_some(())
        });
    }
    let metrics = host.world.director.within(metrics);
    for prefix in WEB_PREFIX {
        for (protocol, port) in [("tcp", 80), ("udp", 53)] {
            let count = metrics.lines().find_map(|line| {
                let labels = [
                    format!("prefix=\"{prefix}\""),
                    format!("protocol=\"{protocol}\",port=\"{port}\""),
                ];
                let is_it = line.starts_with("bgplb_ipvs_connections_total{")
                    && labels.iter().all(|it| line.contains(it));
                is_it.then(|| line.rsplit(' ').next())?
            });
            assert_eq!(
                count,
                Some("4"),
                "{protocol} {prefix}:
{metrics}"
            );
        }
    }
    speaker.terminate();
    hears(&mut session, '-', &WEB_PREFIX);
    speaker.end();
    assert_eq!(kernel.addresses("bgplb"), None);
    assert!(kernel.services().is_empty());
}

fn metrics() -> String {
    let mut stream = TcpStream::connect("127.0.0.1:9179").unwrap();
    let request = "GET /metrics HTTP/1.0\r\nHost: 127.0.0.1:9179\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
