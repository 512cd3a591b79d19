//! Versions, refusals and the ways to end a container.

use std::sync::Arc;
use std::time::Duration;

use healthwatch::{ApiVersion, ContainerId, DockerClient, DockerError};
use tokio::sync::Semaphore;

use crate::fake::{Answer, FakeDocker, container};

fn client(docker: &FakeDocker) -> DockerClient {
    DockerClient::new(docker.socket(), Duration::from_secs(5))
}

fn web() -> ContainerId {
    ContainerId::new("web").unwrap()
}

/// What was asked, without the questions for the version.
fn asked(docker: &FakeDocker) -> Vec<String> {
    let script = docker.script();
    script
        .requests
        .iter()
        .filter(|request| !request.contains("_ping"))
        .cloned()
        .collect()
}

#[tokio::test]
async fn the_newest_version_both_know_is_used() {
    for (daemon, minimum, agreed) in [
        ("1.41", 12, 41),
        ("1.51", 24, 51),
        ("1.52", 44, 52),
        ("1.55", 40, 52),
    ] {
        let docker = FakeDocker::start();
        docker.script().version = daemon.to_owned();
        docker.script().minimum = minimum;
        docker.script().containers = vec![container("web", "Up 1 second")];
        let client = client(&docker);
        assert_eq!(client.ping().await.unwrap(), ApiVersion { minor: agreed });
        assert_eq!(client.containers().await.unwrap().len(), 1, "{daemon}");
        assert!(client.networks().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_daemon_replaced_by_an_older_or_a_much_newer_one_is_followed() {
    let docker = FakeDocker::start();
    docker.script().version = "1.51".to_owned();
    let client = client(&docker);
    client.containers().await.unwrap();
    docker.script().version = "1.41".to_owned();
    client.containers().await.unwrap();
    docker.script().version = "1.99".to_owned();
    docker.script().minimum = 90;
    client.containers().await.unwrap();
}

#[tokio::test]
async fn refusals_carry_dockers_words() {
    let docker = FakeDocker::start();
    docker.answer(
        "/containers/web/json",
        Answer::Status(404, r#"{"message":"No such container: web"}"#),
    );
    let error = client(&docker).inspect(&web()).await.unwrap_err();
    assert!(error.is_not_found());
    assert_eq!(
        error.to_string(),
        "GET /v1.41/containers/web/json: 404: No such container: web"
    );
}

#[tokio::test]
async fn a_missing_socket_is_named() {
    let client = DockerClient::new("/nonexistent/docker.sock", Duration::from_secs(1));
    let error = client.ping().await.unwrap_err();
    assert!(matches!(error, DockerError::Connect { .. }));
    assert!(
        error
            .to_string()
            .starts_with("connect to /nonexistent/docker.sock: "),
        "{error}"
    );
}

#[tokio::test]
async fn a_signal_of_any_length_and_kind_is_an_error_and_not_a_panic() {
    let docker = FakeDocker::start();
    let client = client(&docker);
    let long = "x".repeat(100_000);
    assert!(matches!(
        client.kill_container(&web(), &long).await,
        Err(DockerError::RequestTooLong { .. })
    ));
    docker.answer(
        "/kill",
        Answer::Status(400, r#"{"message":"Invalid signal: a b&t=1\n"}"#),
    );
    assert!(client.kill_container(&web(), "a b&t=1\n").await.is_err());
    assert_eq!(
        asked(&docker),
        ["POST /containers/web/kill?signal=a%20b%26t%3D1%0A"]
    );
}

const DETAILS: &str =
    r#"{"State":{"Running":true},"Config":{"StopSignal":"SIGUSR2","StopTimeout":0}}"#;

#[tokio::test]
async fn terminate_is_one_stop_where_a_stop_takes_a_signal() {
    let docker = FakeDocker::start();
    docker.script().version = "1.42".to_owned();
    docker.answer("/web/json", Answer::Status(200, DETAILS));
    docker.answer("/stop", Answer::Status(204, ""));
    client(&docker).terminate(&web()).await.unwrap();
    assert_eq!(
        asked(&docker),
        [
            "GET /containers/web/json",
            "POST /containers/web/stop?signal=SIGTERM"
        ]
    );
}

#[tokio::test]
async fn terminate_on_an_old_docker_never_sends_the_containers_own_stop_signal() {
    let docker = FakeDocker::start();
    docker.answer("/web/json", Answer::Status(200, DETAILS));
    docker.answer("/kill", Answer::Status(204, ""));
    // It does not end by SIGTERM; with a stop timeout of 0 nothing is waited.
    docker.answer("/wait", Answer::Late("{}", Arc::new(Semaphore::new(0))));
    docker.answer("/kill", Answer::Status(204, ""));
    docker.answer("/wait", Answer::Status(200, r#"{"StatusCode":137}"#));
    docker.answer("/stop", Answer::Status(304, ""));
    client(&docker).terminate(&web()).await.unwrap();
    let asked: Vec<_> = asked(&docker)
        .into_iter()
        .filter(|request| request.contains("/kill"))
        .collect();
    assert_eq!(
        asked,
        [
            "POST /containers/web/kill?signal=SIGTERM",
            "POST /containers/web/kill?signal=SIGKILL"
        ]
    );
}

#[tokio::test]
async fn terminate_waits_for_a_container_that_obeys() {
    let docker = FakeDocker::start();
    let obeys = Arc::new(Semaphore::new(0));
    docker.answer("/web/json", Answer::Status(200, r#"{"Config":{}}"#));
    docker.answer("/kill", Answer::Status(204, ""));
    docker.answer(
        "/wait",
        Answer::Late(r#"{"StatusCode":0}"#, Arc::clone(&obeys)),
    );
    obeys.add_permits(1);
    docker.answer("/stop", Answer::Status(304, ""));
    client(&docker).terminate(&web()).await.unwrap();
    let asked = asked(&docker);
    let expected = [
        "GET /containers/web/json",
        "POST /containers/web/kill?signal=SIGTERM",
        "POST /containers/web/wait?condition=not-running",
        "POST /containers/web/stop?t=0",
    ];
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn a_container_that_is_gone_or_stopped_is_terminated_already() {
    for status in [404, 409] {
        let docker = FakeDocker::start();
        docker.answer("/web/json", Answer::Status(200, DETAILS));
        docker.answer(
            "/kill",
            Answer::Status(status, r#"{"message":"not there"}"#),
        );
        client(&docker).terminate(&web()).await.unwrap();
    }
    let docker = FakeDocker::start();
    docker.script().version = "1.51".to_owned();
    docker.answer("/stop", Answer::Status(304, ""));
    client(&docker)
        .stop_container(&web(), None, Some(Duration::from_secs(3)))
        .await
        .unwrap();
    assert_eq!(asked(&docker), ["POST /containers/web/stop?t=3"]);
}

#[tokio::test]
async fn a_stop_with_a_signal_is_refused_where_docker_would_ignore_the_signal() {
    let docker = FakeDocker::start();
    let error = client(&docker)
        .stop_container(&web(), Some("SIGTERM"), None)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "stopping a container with a chosen signal needs Docker API 1.42 or later"
    );
}
