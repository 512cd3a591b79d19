use std::time::Duration;

use healthwatch::{Probe, ProbeSpec, TcpSpec, look};
use tokio::net::TcpListener;

use crate::world::{V4, V6, closed_port, complaint, refusal, seen};

#[tokio::test]
async fn a_port_that_listens_is_fine_in_both_families() {
    for ip in [V4, V6] {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        seen(ProbeSpec::Tcp(TcpSpec { address })).await.unwrap();
    }
}

#[tokio::test]
async fn a_port_that_is_closed_says_so() {
    let address = closed_port().await;
    assert_eq!(
        complaint(ProbeSpec::Tcp(TcpSpec { address }), address.port()).await,
        "tcp 127.0.0.1:PORT: connect: Connection refused"
    );
}

#[tokio::test]
async fn a_listener_that_takes_nobody_any_more_runs_into_the_time_limit() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&std::net::SocketAddr::new(V4, 0).into())
        .unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    // The kernel takes as many as fit, then none; how many depends on its version.
    let mut waiting = Vec::new();
    let limit = Duration::from_millis(200);
    while let Ok(Ok(stream)) =
        tokio::time::timeout(limit, tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(stream);
    }
    let probe = Probe::new(ProbeSpec::Tcp(TcpSpec { address })).unwrap();
    let failure = look(&probe, limit).await.unwrap_err();
    assert!(failure.is_timeout());
    assert_eq!(
        failure.to_string(),
        format!("tcp {address}: no answer within 0.2 s")
    );
}

#[test]
fn port_zero_is_refused() {
    let address = "127.0.0.1:0".parse().unwrap();
    assert_eq!(
        refusal(ProbeSpec::Tcp(TcpSpec { address })),
        "port is 0; accepted is 1 to 65535"
    );
}
