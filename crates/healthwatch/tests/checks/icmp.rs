use std::net::IpAddr;
use std::time::Duration;

use healthwatch::{IcmpSpec, Probe, ProbeSpec, look};

use crate::world::{V4, V6, refusal, seen};

fn spec(addresses: &[IpAddr]) -> ProbeSpec {
    ProbeSpec::Icmp(IcmpSpec {
        addresses: addresses.to_vec(),
    })
}

/// An address for documentation, which nothing has.
const NOBODY: &str = "2001:db8::1";

/// Whether the kernel gives this process such a socket; where it does not, what
/// is said instead is what is tested.
fn is_permitted() -> bool {
    use socket2::{Domain, Protocol, Socket, Type};
    let open = |kind| Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4)).is_ok();
    open(Type::DGRAM) || open(Type::RAW)
}

#[tokio::test]
async fn an_address_of_ours_answers_in_both_families() {
    for addresses in [&[V4][..], &[V6], &[V6, V4]] {
        let outcome = seen(spec(addresses)).await;
        if is_permitted() {
            outcome.unwrap();
        } else {
            let told = outcome.unwrap_err().to_string();
            assert!(told.contains("ping_group_range, or CAP_NET_RAW"), "{told}");
        }
    }
}

#[tokio::test]
async fn any_address_that_answers_is_enough() {
    if is_permitted() {
        let addresses = [NOBODY.parse().unwrap(), V4];
        seen(spec(&addresses)).await.unwrap();
    }
}

#[tokio::test]
async fn silence_is_no_answer() {
    let probe = Probe::new(spec(&[NOBODY.parse().unwrap()])).unwrap();
    let failure = look(&probe, Duration::from_millis(100)).await.unwrap_err();
    assert!(
        failure.to_string().starts_with("icmp 2001:db8::1: "),
        "{failure}"
    );
}

#[tokio::test]
async fn looks_at_the_same_time_do_not_take_each_others_answers() {
    let probe = std::sync::Arc::new(Probe::new(spec(&[V4])).unwrap());
    let mut looks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let probe = std::sync::Arc::clone(&probe);
        looks.spawn(async move { look(&probe, crate::world::PATIENCE).await });
    }
    for outcome in looks.join_all().await {
        assert_eq!(outcome.is_ok(), is_permitted());
    }
}

#[test]
fn no_address_is_refused() {
    assert_eq!(refusal(spec(&[])), "addresses are 0; accepted are 1 to 16");
    assert_eq!(
        refusal(spec(&[V4; 17])),
        "addresses are 17; accepted are 1 to 16"
    );
}
