//! Slow, silent and garrulous clients, on a virtual clock.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::Instant,
};

use super::*;
use crate::{
    AddressResponse, AddressSpaces, IpamDriver, PluginError, PoolResponse, ReleaseAddressRequest,
    ReleasePoolRequest, RequestAddressRequest, RequestPoolRequest, ipam_router,
};

const BOUND: Duration = Duration::from_secs(10);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);
const WHOLE: &str = "POST /IpamDriver.ReleasePool HTTP/1.1\r\nHost: \r\nContent-Length: 14\r\n\r\n{\"PoolID\":\"p\"}";

struct Silent;

impl IpamDriver for Silent {
    fn default_address_spaces(&self) -> AddressSpaces {
        AddressSpaces::single("test")
    }

    async fn request_pool(&self, _: RequestPoolRequest) -> Result<PoolResponse, PluginError> {
        Err(PluginError::unavailable("no pools"))
    }

    async fn release_pool(&self, _: ReleasePoolRequest) -> Result<(), PluginError> {
        Ok(())
    }

    async fn request_address(
        &self,
        _: RequestAddressRequest,
    ) -> Result<AddressResponse, PluginError> {
        // Longer than it takes to lose patience with a client, to tell the two apart.
        sleep(BOUND * 2).await;
        Err(PluginError::unavailable("no addresses"))
    }

    async fn release_address(&self, _: ReleaseAddressRequest) -> Result<(), PluginError> {
        Ok(())
    }
}

fn open(buffer: usize) -> (DuplexStream, JoinHandle<()>) {
    let (client, server) = duplex(buffer);
    let limits = Limits {
        transfer: BOUND,
        handler: BOUND * 3,
        ..Limits::default()
    };
    let service = ipam_router(Arc::new(Silent)).with_limits(limits).service();
    let shutdown = CancellationToken::new();
    (
        client,
        tokio::spawn(connection(server, service, BOUND, shutdown)),
    )
}

/// Reads until `count` answers are there.
async fn answers(client: &mut DuplexStream, count: usize) -> String {
    let mut received = Vec::new();
    while received.windows(2).filter(|octets| octets == b"{}").count() < count {
        assert_ne!(client.read_buf(&mut received).await.unwrap(), 0, "closed");
    }
    String::from_utf8(received).unwrap()
}

async fn assert_ends_after(task: JoinHandle<()>, start: Instant, bound: Duration) {
    timeout(MONTH, task)
        .await
        .expect("the connection ends")
        .unwrap();
    let took = start.elapsed();
    assert!(
        took >= bound && took < bound + Duration::from_secs(1),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_never_finished_ends_the_connection() {
    for sent in [1, 10, 40, WHOLE.find("\r\n\r\n").unwrap() + 3] {
        let (mut client, task) = open(4096);
        let start = Instant::now();
        client.write_all(&WHOLE.as_bytes()[..sent]).await.unwrap();
        assert_ends_after(task, start, BOUND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_ends_the_connection() {
    let (mut client, task) = open(4096);
    let start = Instant::now();
    let trickle = tokio::spawn(async move {
        for octet in WHOLE.bytes() {
            if client.write_all(&[octet]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(900)).await;
        }
    });
    assert_ends_after(task, start, BOUND).await;
    trickle.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_never_finished_is_answered_and_ends_the_connection() {
    let (mut client, task) = open(4096);
    let start = Instant::now();
    client
        .write_all(&WHOLE.as_bytes()[..WHOLE.len() - 1])
        .await
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let message = "request body took longer than 10s to arrive";
    assert!(
        answer.ends_with(&format!(r#"{{"Err":"{message}","Error":"{message}"}}"#)),
        "{answer}"
    );
    assert_ends_after(task, start, BOUND).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_at_rest_stays_open() {
    let (mut client, task) = open(4096);
    // Go's client keeps connections in reserve that it has never used.
    sleep(MONTH).await;
    for _ in 0..3 {
        client.write_all(WHOLE.as_bytes()).await.unwrap();
        answers(&mut client, 1).await;
        sleep(MONTH).await;
    }
    assert!(!task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_connection_at_rest_stays_open_after_requests_sent_ahead_in_pieces_or_in_chunks() {
    let chunked = "POST /IpamDriver.ReleasePool HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
                   e\r\n{\"PoolID\":\"p\"}\r\n0\r\n\r\n";
    let pieces = [
        format!("{WHOLE}{WHOLE}"),
        WHOLE.replace(": ", ":"),
        chunked.to_owned(),
    ];
    let (mut client, task) = open(4096);
    for (octets, count) in pieces.iter().zip([2, 1, 1]) {
        client.write_all(octets.as_bytes()).await.unwrap();
        answers(&mut client, count).await;
        sleep(MONTH).await;
    }
    for piece in WHOLE.as_bytes().chunks(7) {
        client.write_all(piece).await.unwrap();
        sleep(Duration::from_millis(10)).await;
    }
    answers(&mut client, 1).await;
    sleep(MONTH).await;
    assert!(!task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn half_a_request_behind_a_whole_one_is_not_waited_for_either() {
    for half in [1, 30, 60] {
        let (mut client, task) = open(4096);
        let start = Instant::now();
        client
            .write_all(format!("{WHOLE}{}", &WHOLE[..half]).as_bytes())
            .await
            .unwrap();
        answers(&mut client, 1).await;
        assert_ends_after(task, start, BOUND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_for_a_head_begins_anew_with_each_request() {
    let (mut client, task) = open(4096);
    let (early, late) = WHOLE.split_at(20);
    for _ in 0..5 {
        client.write_all(early.as_bytes()).await.unwrap();
        sleep(BOUND - Duration::from_millis(500)).await;
        client.write_all(late.as_bytes()).await.unwrap();
        answers(&mut client, 1).await;
    }
    assert!(!task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn the_time_a_driver_takes_is_not_the_client_s() {
    let (mut client, task) = open(4096);
    let start = Instant::now();
    client
        .write_all(WHOLE.replace("ReleasePool", "RequestAddress").as_bytes())
        .await
        .unwrap();
    let mut answer = vec![0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 503");
    assert!(start.elapsed() >= BOUND * 2);
    assert!(!task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_no_answers_is_ended() {
    let (mut client, task) = open(64);
    let start = Instant::now();
    let sending =
        tokio::spawn(async move { while client.write_all(WHOLE.as_bytes()).await.is_ok() {} });
    assert_ends_after(task, start, BOUND).await;
    sending.await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 128,
        ..ProptestConfig::default()
    })]

    /// Pieces of requests and of anything else, in any order: the connection ends by itself.
    #[test]
    fn any_octets_are_survived(
        pieces in vec(prop_oneof![
            vec(any::<u8>(), 0..64),
            (0..WHOLE.len()).prop_map(|end| WHOLE.as_bytes()[..end].to_vec()),
            Just(WHOLE.as_bytes().to_vec()),
        ], 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (client, task) = open(1 << 16);
            let (mut reading, mut writing) = tokio::io::split(client);
            let reading = tokio::spawn(async move {
                let mut answers = Vec::new();
                let _ = reading.read_to_end(&mut answers).await;
            });
            for piece in pieces {
                let _ = writing.write_all(&piece).await;
                sleep(Duration::from_secs(1)).await;
            }
            let _ = writing.shutdown().await;
            timeout(BOUND * 4, task).await.unwrap().unwrap();
            reading.await.unwrap();
        });
    }
}
