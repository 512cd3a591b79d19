use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use healthwatch::{HttpSpec, Probe, ProbeSpec, look};

use crate::world::{V4, V6, answer, closed_port, complaint, refusal, seen, server};

fn spec(address: SocketAddr, change: impl FnOnce(&mut HttpSpec)) -> ProbeSpec {
    let mut spec = HttpSpec::new(address.ip(), address.port());
    spec.path = "/health".into();
    change(&mut spec);
    ProbeSpec::Http(spec)
}

#[tokio::test]
async fn any_2xx_is_fine_in_both_families() {
    for ip in [V4, V6] {
        for status in ["200 OK", "204 No Content", "299 Fine"] {
            let at = server(ip, move |_| answer(status, "", "")).await;
            seen(spec(at, |_| {})).await.unwrap();
        }
    }
}

#[tokio::test]
async fn another_status_is_told_with_what_is_accepted() {
    let at = server(V4, |_| answer("503 Service Unavailable", "", "no")).await;
    assert_eq!(
        complaint(spec(at, |_| {}), at.port()).await,
        "http://127.0.0.1:PORT/health: 503 Service Unavailable (200-299 accepted)"
    );
    let other = spec(at, |it| it.status = vec![200..=204, 503..=503]);
    seen(other).await.unwrap();
    let other = spec(at, |it| it.status = vec![200..=204, 404..=404]);
    assert_eq!(
        complaint(other, at.port()).await,
        "http://127.0.0.1:PORT/health: 503 Service Unavailable (200-204, 404 accepted)"
    );
}

#[tokio::test]
async fn the_request_is_what_the_specification_says() {
    let heard = Arc::new(Mutex::new(String::new()));
    let hear = Arc::clone(&heard);
    let at = server(V4, move |head| {
        *hear.lock().unwrap() = head.to_owned();
        answer("200 OK", "", "")
    })
    .await;
    let asked = spec(at, |it| {
        it.method = "HEAD".into();
        it.path = "no/slash?q=1".into();
        it.host = Some("web.example".into());
        it.headers = vec![
            ("x-a".into(), "1".into()),
            ("user-agent".into(), "me".into()),
        ];
    });
    seen(asked).await.unwrap();
    let heard = heard
        .lock()
        .unwrap()
        .replace(&at.port().to_string(), "PORT");
    assert_eq!(
        heard,
        "HEAD /no/slash?q=1 HTTP/1.1\r\nhost: web.example:PORT\r\nuser-agent: me\r\n\
         accept: */*\r\nconnection: close\r\nx-a: 1\r\n\r\n"
    );
}

#[tokio::test]
async fn the_body_is_searched_up_to_its_limit() {
    let at = server(V4, |_| {
        answer("200 OK", "", &format!("{}status: ok\n", "x".repeat(1000)))
    })
    .await;
    let wants = |text: &str, limit| {
        let text = Some(text.to_owned());
        spec(at, |it| {
            it.body = text;
            it.body_limit = limit;
        })
    };
    seen(wants("status: ok", 1010)).await.unwrap();
    assert_eq!(
        complaint(wants("status: ok", 1009), at.port()).await,
        format!(
            "http://127.0.0.1:PORT/health: \"status: ok\" is not in the body, which begins with \"{}\"",
            "x".repeat(40)
        )
    );
    assert!(seen(wants("status: bad", 64 * 1024)).await.is_err());
}

#[tokio::test]
async fn text_in_two_pieces_is_found_without_waiting_for_the_end() {
    let at = server(V4, |_| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}3\r\nabc\r\n3\r\ndef\r\n").into_bytes()
    })
    .await;
    for text in ["bcde", "abcdef", "ef"] {
        seen(spec(at, |it| it.body = Some(text.into())))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_body_without_end_is_not_waited_for() {
    let at = server(V4, |_| {
        let mut text = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n".to_vec();
        text.extend([b'x'; 5000]);
        text
    })
    .await;
    seen(spec(at, |_| {})).await.unwrap();
    let limited = spec(at, |it| {
        it.body = Some("y".into());
        it.body_limit = 4000;
    });
    let failure = seen(limited).await.unwrap_err();
    assert!(!failure.is_timeout(), "{failure}");
}

#[tokio::test]
async fn what_is_no_http_is_told() {
    let at = server(V4, |_| b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()).await;
    assert_eq!(
        complaint(spec(at, |_| {}), at.port()).await,
        "http://127.0.0.1:PORT/health: invalid HTTP version parsed"
    );
    let at = server(V4, |_| b"HTTP/1.1 200".to_vec()).await;
    assert_eq!(
        complaint(spec(at, |_| {}), at.port()).await,
        "http://127.0.0.1:PORT/health: connection closed before message completed"
    );
    let at = closed_port().await;
    assert_eq!(
        complaint(spec(at, |_| {}), at.port()).await,
        "http://127.0.0.1:PORT/health: connect: Connection refused"
    );
}

#[tokio::test]
async fn a_head_without_end_is_given_up() {
    let at = server(V4, |_| {
        let mut text = b"HTTP/1.1 200 OK\r\n".to_vec();
        text.extend("X-Long: 0123456789\r\n".repeat(50_000).bytes());
        text
    })
    .await;
    let failure = seen(spec(at, |_| {})).await.unwrap_err();
    assert!(!failure.is_timeout(), "{failure}");
}

#[tokio::test]
async fn a_server_that_says_nothing_runs_into_the_time_limit() {
    let at = server(V4, |_| Vec::new()).await;
    let probe = Probe::new(spec(at, |_| {})).unwrap();
    let failure = look(&probe, Duration::from_millis(100)).await.unwrap_err();
    assert!(failure.is_timeout());
    assert_eq!(
        failure.to_string(),
        format!("http://{at}/health: no answer within 0.1 s")
    );
}

/// Leads from `/0` over `/1` and so on to `/5`, which is fine.
async fn staircase() -> SocketAddr {
    server(V4, |head| {
        let path = head.split(' ').nth(1).unwrap();
        let step: u32 = path.trim_start_matches('/').parse().unwrap();
        if step == 5 {
            return answer("200 OK", "", "");
        }
        let location = format!("Location: {}\r\n", step + 1);
        answer("302 Found", &location, "")
    })
    .await
}

#[tokio::test]
async fn redirections_are_followed_as_often_as_is_allowed() {
    let at = staircase().await;
    let from = |redirects| {
        spec(at, |it| {
            it.path = "/0".into();
            it.redirects = redirects;
        })
    };
    seen(from(5)).await.unwrap();
    assert_eq!(
        complaint(from(4), at.port()).await,
        "http://127.0.0.1:PORT/0: more than 4 redirections, now to http://127.0.0.1:PORT/5"
    );
    assert_eq!(
        complaint(from(0), at.port()).await,
        "http://127.0.0.1:PORT/0: 302 Found (200-299 accepted)"
    );
}

#[tokio::test]
async fn headers_stay_with_their_server_when_a_redirection_leaves_it() {
    let heard = Arc::new(Mutex::new(String::new()));
    let hear = Arc::clone(&heard);
    let other = server(V4, move |head| {
        *hear.lock().unwrap() = head.to_owned();
        answer("200 OK", "", "")
    })
    .await;
    let at = server(V4, move |head| {
        assert!(head.contains("authorization: secret"));
        let location = format!("Location: http://{other}/there\r\n");
        answer("307 Temporary Redirect", &location, "")
    })
    .await;
    let asked = spec(at, |it| {
        it.redirects = 1;
        it.headers = vec![("authorization".into(), "secret".into())];
    });
    seen(asked).await.unwrap();
    let heard = heard.lock().unwrap();
    assert!(heard.starts_with("GET /there HTTP/1.1\r\n"), "{heard}");
    assert!(!heard.contains("secret"));
}

#[tokio::test]
async fn a_redirection_to_a_name_is_told() {
    let at = server(V4, |_| {
        answer(
            "301 Moved Permanently",
            "Location: http://else.example/\r\n",
            "",
        )
    })
    .await;
    assert_eq!(
        complaint(spec(at, |it| it.redirects = 1), at.port()).await,
        "http://127.0.0.1:PORT/health: redirects to \"http://else.example/\"; \
         followed are addresses and the check's host"
    );
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    let at = SocketAddr::new(V4, 80);
    for (change, sentence) in [
        (
            (|it| it.status = vec![600..=700]) as fn(&mut HttpSpec),
            "status is \"600-700\"; accepted are ranges within 100-599",
        ),
        (
            |it| it.method = "GET IT".into(),
            "method is \"GET IT\"; accepted is GET, HEAD and the like",
        ),
        (
            |it| it.host = Some("a:80".into()),
            "host is \"a:80\"; accepted is a name or an address, without a port",
        ),
        (
            |it| it.headers = vec![("x".into(), "a\nb".into())],
            "header x is \"a\\nb\"; accepted is text on one line",
        ),
        (
            |it| it.redirects = 11,
            "redirects is 11; accepted is 0 to 10",
        ),
        (
            |it| it.path = "a b".into(),
            "path is \"/a b\"; accepted is a path of a URL",
        ),
    ] {
        assert_eq!(refusal(spec(at, change)), sentence);
    }
}
