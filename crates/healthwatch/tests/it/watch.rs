//! Reconnects, stale lists, slow and truncated answers, overflows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use healthwatch::{DockerConfig, DockerWatch, Level, Observation, Reason};
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fake::{Answer, FakeDocker, container, deaf};

/// A watch under way; dropping it stops it.
struct Watching {
    observations: mpsc::Receiver<Observation>,
    _stop: DropGuard,
}

impl Watching {
    fn start(docker: &FakeDocker, adjust: impl FnOnce(&mut DockerConfig)) -> Self {
        let mut config = DockerConfig::new(docker.socket());
        // Nothing in a test should wait for a resync that it did not ask for.
        config.resync_interval = Duration::from_secs(3600);
        adjust(&mut config);
        let (watch, observations) = DockerWatch::new(config);
        let stop = CancellationToken::new();
        tokio::spawn(watch.run(stop.clone()));
        Self {
            observations,
            _stop: stop.drop_guard(),
        }
    }

    async fn next(&mut self) -> Observation {
        let next = timeout(Duration::from_secs(60), self.observations.recv());
        next.await
            .expect("an observation within a minute")
            .expect("a running watch")
    }

    /// Skips to the first observation in words that begin with `words`.
    async fn until(&mut self, words: &str) {
        while !in_words(&self.next().await).starts_with(words) {}
    }

    async fn says(&mut self, words: &str) {
        assert_eq!(in_words(&self.next().await), words);
    }
}

fn in_words(observation: &Observation) -> String {
    match observation {
        Observation::Listed {
            containers,
            networks,
        } => {
            let levels: Vec<_> = containers
                .iter()
                .map(|c| format!("{} {}", c.id, c.level))
                .collect();
            format!("all: {} and {} networks", levels.join(", "), networks.len())
        }
        Observation::Container(c) => format!("{} \"{}\" {}", c.id, c.name, c.level),
        Observation::ContainerGone(id) => format!("{id} gone"),
        Observation::Level {
            container, level, ..
        } => format!("{container} {level}"),
        Observation::Signal { container, signal } => format!("{container} signal {signal}"),
        Observation::Unreachable { error } => format!("unreachable: {error}"),
        other => format!("{other:?}"),
    }
}

const HEALTHY: &str = "Up 2 minutes (healthy)";

fn one(status: &str) -> FakeDocker {
    let docker = FakeDocker::start();
    docker.script().containers = vec![container("web", status)];
    docker
}

#[tokio::test]
async fn the_stream_is_opened_before_the_list_is_asked_for() {
    let docker = one(HEALTHY);
    let mut watching = Watching::start(&docker, |_| {});
    watching.says("all: web serving and 0 networks").await;
    let script = docker.script();
    let position = |part: &str| {
        script
            .requests
            .iter()
            .position(|r| r.contains(part))
            .unwrap()
    };
    assert!(position("/_ping") < position("/events"));
    assert!(position("/events") < position("/containers/json"));
    assert!(script.requests[position("/events")].contains("since="));
}

#[tokio::test]
async fn a_verdict_is_told_while_docker_answers_nothing() {
    let docker = one(HEALTHY);
    let mut watching = Watching::start(&docker, |_| {});
    watching.until("all").await;
    let before = docker.script().requests.len();
    docker.event("web", "health_status: unhealthy");
    let Observation::Level {
        container,
        level,
        event_time,
    } = watching.next().await
    else {
        panic!()
    };
    assert_eq!(
        (container.as_str(), level),
        ("web", Level::NotServing(Reason::Unhealthy))
    );
    assert!(event_time.is_some());
    assert_eq!(docker.script().requests.len(), before, "without a question");
    docker.event("web", "health_status: healthy");
    watching.says("web serving").await;
    docker.event("web", "die");
    watching.says("web not serving: exited").await;
}

#[tokio::test]
async fn a_start_and_an_unpause_are_looked_at() {
    let docker = one("Exited (0) 2 days ago");
    let mut watching = Watching::start(&docker, |_| {});
    watching
        .says("all: web not serving: exited and 0 networks")
        .await;
    docker.script().containers = vec![container("web", "Up 1 second")];
    docker.event("web", "start");
    watching.says("web not serving: starting").await;
    watching.says("web serving").await;
    docker.event("web", "pause");
    watching.says("web not serving: paused").await;
    docker.event("web", "unpause");
    watching.says("web serving").await;
}

#[tokio::test]
async fn a_list_that_is_older_than_an_event_does_not_undo_it() {
    let docker = one(HEALTHY);
    let mut watching = Watching::start(&docker, |_| {});
    watching.until("all: web serving").await;
    let gate = Arc::new(Semaphore::new(0));
    docker.answer("/containers/json", Answer::Held(Arc::clone(&gate)));
    docker.send("what makes the watch list everything again\n");
    while docker.requests("/containers/json") < 2 {
        tokio::task::yield_now().await;
    }
    // The daemon made up its mind before this event, and answers after it.
    docker.script().containers = vec![container("web", "Up 2 minutes (unhealthy)")];
    docker.event("web", "health_status: unhealthy");
    watching.says("web not serving: unhealthy").await;
    gate.add_permits(1);
    watching
        .says("all: web not serving: unhealthy and 0 networks")
        .await;
}

#[tokio::test]
async fn docker_gone_and_back_is_told_once_each_and_nothing_is_declared_gone() {
    let mut docker = one(HEALTHY);
    let mut watching = Watching::start(&docker, |config| {
        config.backoff_max = Duration::from_millis(100)
    });
    watching.until("all").await;
    docker.stop();
    watching.until("unreachable: connect to").await;
    docker.script().containers = vec![container("web", HEALTHY), container("two", "Up 1 second")];
    docker.resume();
    watching.says("Reachable").await;
    watching
        .says("all: two serving, web serving and 0 networks")
        .await;
    docker.event("two", "die");
    watching.says("two not serving: exited").await;
}

#[tokio::test]
async fn a_stream_that_ends_is_opened_again_without_a_word_of_alarm() {
    let docker = one(HEALTHY);
    let mut watching = Watching::start(&docker, |_| {});
    watching.until("all").await;
    docker.script().containers.clear();
    docker.end_streams();
    watching.says("all:  and 0 networks").await;
    assert_eq!(docker.requests("/events"), 2);
}

#[tokio::test]
async fn a_socket_where_nobody_listens_is_tried_again() {
    let mut docker = one(HEALTHY);
    docker.stop();
    deaf(&docker.socket());
    let mut watching = Watching::start(&docker, |config| {
        config.backoff_max = Duration::from_millis(100)
    });
    watching.until("unreachable: connect to").await;
    std::fs::remove_file(docker.socket()).unwrap();
    docker.resume();
    watching.says("Reachable").await;
    watching.until("all: web serving").await;
}

#[tokio::test]
async fn a_daemon_that_accepts_and_does_not_answer_is_unreachable() {
    let docker = one(HEALTHY);
    docker.answer("/_ping", Answer::Silence);
    let mut watching = Watching::start(&docker, |config| {
        config.request_timeout = Duration::from_millis(200)
    });
    watching
        .says("unreachable: GET /_ping: no answer within 0.2 s")
        .await;
    watching.says("Reachable").await;
    watching.until("all: web serving").await;
}

#[tokio::test]
async fn lists_that_fail_in_any_way_are_asked_for_again() {
    let docker = one(HEALTHY);
    docker.answer("/containers/json", Answer::Truncated("[{\"Id\":\"we"));
    docker.answer(
        "/containers/json",
        Answer::Status(500, r#"{"message":"out of luck"}"#),
    );
    docker.answer("/containers/json", Answer::Truncated("[]"));
    docker.answer("/containers/json", Answer::Status(200, "[{]"));
    docker.answer(
        "/containers/json",
        Answer::Late("[", Arc::new(Semaphore::new(0))),
    );
    docker.answer("/networks", Answer::Status(404, "no such thing"));
    let mut watching = Watching::start(&docker, |config| {
        config.request_timeout = Duration::from_millis(300);
        config.backoff_max = Duration::from_millis(50);
    });
    watching.until("unreachable: GET /v1.41/").await;
    watching.says("Reachable").await;
    watching.says("all: web serving and 0 networks").await;
    assert_eq!(
        docker.requests("/events"),
        1,
        "the stream is kept meanwhile"
    );
}

#[tokio::test]
async fn an_endless_list_is_cut_off() {
    let docker = one(HEALTHY);
    static PIECE: [u8; 1 << 20] = [b' '; 1 << 20];
    docker.answer(
        "/containers/json",
        Answer::Endless(std::str::from_utf8(&PIECE).unwrap()),
    );
    // A busy machine may take longer than usual to read so much.
    let mut watching = Watching::start(&docker, |config| {
        config.request_timeout = Duration::from_secs(60);
    });
    watching
        .says("unreachable: GET /v1.41/containers/json: the answer is longer than 67108864 octets")
        .await;
    watching.says("Reachable").await;
    watching.until("all: web serving").await;
}

#[tokio::test]
async fn garbled_and_endless_events_lead_to_a_new_list() {
    let docker = one(HEALTHY);
    let mut watching = Watching::start(&docker, |_| {});
    watching.until("all").await;
    docker.script().containers[0] = container("web", "Up 3 minutes (unhealthy)");
    docker.send("{\"Type\":\"container\",\"Action\"\n");
    watching
        .says("all: web not serving: unhealthy and 0 networks")
        .await;
    for _ in 0..40 {
        docker.send(vec![b'x'; 100_000]);
    }
    docker.send("\n");
    watching
        .says("all: web not serving: unhealthy and 0 networks")
        .await;
    docker.event("web", "health_status: healthy");
    watching.says("web serving").await;
}

#[tokio::test]
async fn events_cut_anywhere_are_put_together() {
    let docker = one(HEALTHY);
    let mut watching = Watching::start(&docker, |_| {});
    watching.until("all").await;
    for octet in
        "{\"Type\":\"container\",\"Action\":\"pause\",\"Actor\":{\"ID\":\"web\"}}\n".bytes()
    {
        docker.send(vec![octet]);
    }
    watching.says("web not serving: paused").await;
}

#[tokio::test]
async fn a_reader_that_is_too_slow_gets_the_whole_truth_and_every_signal() {
    let docker = one(HEALTHY);
    let mut watching = Watching::start(&docker, |config| config.queue = 2);
    watching.until("all").await;
    for _ in 0..50 {
        docker.event("web", "health_status: unhealthy");
        docker.event("web", "health_status: healthy");
    }
    docker.event_with("web", "kill", json!({"signal": "12"}));
    docker.event("web", "health_status: unhealthy");
    docker.script().containers[0] = container("web", "Up 3 minutes (unhealthy)");
    // The overflow makes the watch ask for everything, which proves that it
    // read the events although nobody read its observations.
    while docker.requests("/networks") < 2 {
        tokio::task::yield_now().await;
    }
    let mut level = Level::Serving;
    let (mut signals, mut seen) = (0, 0);
    while signals == 0 || level.is_serving() {
        seen += 1;
        match watching.next().await {
            Observation::Listed { containers, .. } => level = containers[0].level,
            Observation::Level { level: new, .. } => level = new,
            Observation::Signal { signal: 12, .. } => signals += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(level, Level::NotServing(Reason::Unhealthy));
    assert!(seen < 50, "{seen} observations for a slow reader");
}

#[tokio::test]
async fn everything_is_listed_again_from_time_to_time() {
    let docker = one(HEALTHY);
    let mut watching = Watching::start(&docker, |config| {
        config.resync_interval = Duration::from_millis(50)
    });
    watching.until("all: web serving").await;
    docker.script().containers.clear();
    watching.until("all:  and 0 networks").await;
}

#[tokio::test]
async fn a_dropped_receiver_or_a_cancelled_token_ends_the_watch() {
    let docker = one(HEALTHY);
    let (watch, observations) = DockerWatch::new(DockerConfig::new(docker.socket()));
    let running = tokio::spawn(watch.run(CancellationToken::new()));
    drop(observations);
    timeout(Duration::from_secs(10), running)
        .await
        .unwrap()
        .unwrap();

    let (watch, _observations) = DockerWatch::new(DockerConfig::new(docker.socket()));
    let cancel = CancellationToken::new();
    let running = tokio::spawn(watch.run(cancel.clone()));
    cancel.cancel();
    timeout(Duration::from_secs(10), running)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_thousand_verdicts_are_told_in_order_and_quickly() {
    let docker = one(HEALTHY);
    let mut watching = Watching::start(&docker, |_| {});
    watching.until("all").await;
    let mut times = Vec::new();
    for n in 0..1000 {
        let health = if n % 2 == 0 { "unhealthy" } else { "healthy" };
        // Lists know a verdict before its event. One is asked for while this runs, and tells the
        // level if the event finds it told.
        docker.script().containers[0] = container("web", &format!("Up 2 minutes ({health})"));
        let start = Instant::now();
        docker.event("web", &format!("health_status: {health}"));
        loop {
            let level = match watching.next().await {
                Observation::Level { level, .. } => level,
                Observation::Listed { containers, .. } => containers[0].level,
                other => panic!("{other:?}"),
            };
            if level.is_serving() == (n % 2 == 1) {
                break;
            }
        }
        times.push(start.elapsed());
    }
    times.sort();
    println!(
        "from the daemon's write to the reader: median {:?}, 99 of 100 {:?}",
        times[500], times[990]
    );
    // Generous for a debug build on a busy machine; what is looked for is a
    // question to Docker or a settling time on this path.
    assert!(times[500] < Duration::from_millis(5), "{:?}", times[500]);
}
