use std::net::SocketAddr;

use healthwatch::{DnsSpec, ProbeSpec, RecordType};
use tokio::net::UdpSocket;

use crate::world::{V4, V6, complaint, refusal, seen};

/// Answers each query with what `reply` makes of it, in order.
async fn server(
    ip: std::net::IpAddr,
    reply: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
) -> SocketAddr {
    let socket = UdpSocket::bind((ip, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            for message in reply(&query[..length]) {
                let _ = socket.send_to(&message, from).await;
            }
        }
    });
    address
}

fn response(query: &[u8], code: u8, answer: Option<[u8; 4]>) -> Vec<u8> {
    let mut message = query.to_vec();
    message[2] |= 0x80;
    message[3] = code;
    if let Some(address) = answer {
        message[7] = 1;
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4]);
        message.extend(address);
    }
    message
}

fn spec(at: SocketAddr, change: impl FnOnce(&mut DnsSpec)) -> ProbeSpec {
    let mut spec = DnsSpec::new(at.ip());
    spec.port = at.port();
    change(&mut spec);
    ProbeSpec::Dns(spec)
}

#[tokio::test]
async fn an_answer_without_an_error_is_fine_in_both_families() {
    for ip in [V4, V6] {
        let at = server(ip, |query| vec![response(query, 0, None)]).await;
        seen(spec(at, |_| {})).await.unwrap();
    }
}

#[tokio::test]
async fn an_error_is_told_by_its_name() {
    for (code, name) in [(2, "SERVFAIL"), (5, "REFUSED"), (15, "RCODE 15")] {
        let at = server(V4, move |query| vec![response(query, code, None)]).await;
        assert_eq!(
            complaint(spec(at, |_| {}), at.port()).await,
            format!("dns 127.0.0.1:PORT . SOA: {name} (NOERROR accepted)")
        );
    }
}

#[tokio::test]
async fn the_address_that_is_asked_for_has_to_be_among_the_answers() {
    let at = server(V4, |query| vec![response(query, 0, Some([192, 0, 2, 7]))]).await;
    let wants = |address: &str| {
        let address = address.parse().unwrap();
        spec(at, |it| {
            it.name = "www.example".into();
            it.record_type = RecordType::A;
            it.answer = Some(address);
        })
    };
    seen(wants("192.0.2.7")).await.unwrap();
    assert_eq!(
        complaint(wants("192.0.2.8"), at.port()).await,
        "dns 127.0.0.1:PORT www.example A: 192.0.2.7 (192.0.2.8 accepted)"
    );
}

#[tokio::test]
async fn answers_to_other_questions_are_passed_over() {
    let at = server(V4, |query| {
        let mut other = response(query, 2, None);
        other[0] ^= 1;
        vec![other, vec![1], Vec::new(), response(query, 0, None)]
    })
    .await;
    seen(spec(at, |_| {})).await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_told_at_once() {
    let socket = UdpSocket::bind((V4, 0)).await.unwrap();
    let at = socket.local_addr().unwrap();
    drop(socket);
    assert_eq!(
        complaint(spec(at, |_| {}), at.port()).await,
        "dns 127.0.0.1:PORT . SOA: Connection refused"
    );
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    let at = SocketAddr::new(V4, 53);
    assert_eq!(
        refusal(spec(at, |it| it.name = "a..b".into())),
        "name is \"a..b\"; accepted are labels of 1 to 63 octets, 253 in all"
    );
    assert_eq!(
        refusal(spec(at, |it| it.answer = Some(V6))),
        "answer is ::1 for type SOA; accepted is type AAAA"
    );
}
