//! In virtual time, which stands still while a file is looked at.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use healthwatch::{
    CheckId, CheckLevel, CheckNews, CheckSpec, Checks, ChecksConfig, ChecksHandle, FileSpec,
    HttpSpec, ProbeSpec, Timing,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::world::{Directory, V4, server};

struct World {
    directory: Directory,
    handle: ChecksHandle,
    news: mpsc::Receiver<CheckNews>,
    running: JoinHandle<()>,
    stop: CancellationToken,
}

impl World {
    fn new(change: impl FnOnce(&mut ChecksConfig)) -> Self {
        let mut config = ChecksConfig::default();
        change(&mut config);
        let (checks, handle, news) = Checks::new(config);
        let stop = CancellationToken::new();
        Self {
            directory: Directory::new(),
            running: tokio::spawn(checks.run(stop.clone())),
            handle,
            news,
            stop,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path(name)
    }

    fn touch(&self, name: &str) {
        std::fs::write(self.file(name), "").unwrap();
    }

    fn spec(&self, name: &str, timing: Timing) -> CheckSpec {
        CheckSpec {
            probe: ProbeSpec::File(FileSpec {
                file: self.file(name),
                present: true,
                content: None,
            }),
            timing,
        }
    }

    async fn set(&self, id: u64, name: &str) {
        let spec = self.spec(name, Timing::default());
        self.handle.set(CheckId(id), spec).await.unwrap();
    }

    /// Waits for the level of `id` to be so, news by news.
    async fn until(&mut self, id: u64, is_so: impl Fn(&CheckLevel) -> bool) -> CheckLevel {
        loop {
            let level = self.level(id).await;
            if is_so(&level) {
                return level;
            }
            self.news.recv().await.unwrap();
        }
    }

    async fn level(&self, id: u64) -> CheckLevel {
        let levels = self.handle.levels().await.unwrap();
        let found = levels.into_iter().find(|news| news.id == CheckId(id));
        found.unwrap().level
    }
}

/// Runs a test with a clock that goes on only when nothing else does, for some hours at most.
fn virtually(test: impl Future<Output = ()>) {
    let limit = Duration::from_secs(5 * 60 * 60);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(async { tokio::time::timeout(limit, test).await })
        .unwrap();
}

/// Never fast and never again, unless it is asked to.
fn once_a_day() -> Timing {
    Timing {
        interval: Duration::from_secs(24 * 60 * 60),
        rise: 1,
        fall: 1,
        ..Timing::default()
    }
}

#[test]
fn a_check_tells_what_is_assumed_and_then_what_is_found() {
    virtually(async {
        let mut world = World::new(|_| {});
        world.touch("a");
        world.set(1, "a").await;
        let mut told = Vec::new();
        loop {
            let level = world.news.recv().await.unwrap().level;
            told.push(level.health.to_string());
            if level.is_serving() {
                break;
            }
        }
        assert_eq!(told, ["down", "rising 1/2", "up"]);
        std::fs::remove_file(world.file("a")).unwrap();
        let down = world.until(1, |level| !level.is_serving()).await;
        let name = world.file("a").display().to_string();
        assert_eq!(
            down.last_failure.unwrap().to_string(),
            format!("file {name}: is not there")
        );
        assert_eq!(down.counts.failures, 3);
    });
}

#[test]
fn an_equal_specification_keeps_the_state_and_so_does_another_timing() {
    virtually(async {
        let mut world = World::new(|_| {});
        world.touch("a");
        world.touch("b");
        world.set(1, "a").await;
        world.set(2, "b").await;
        let up = world.until(1, CheckLevel::is_serving).await;
        let other = world.until(2, CheckLevel::is_serving).await;
        world.set(1, "a").await;
        assert_eq!(world.level(1).await.since, up.since);
        let slower = Timing {
            interval: Duration::from_secs(7),
            ..Timing::default()
        };
        let slower = world.spec("a", slower);
        world.handle.set(CheckId(1), slower).await.unwrap();
        assert_eq!(world.level(1).await.since, up.since);
        // Another file is another check.
        world.set(1, "c").await;
        let anew = world.level(1).await;
        assert!(!anew.is_serving() && !anew.is_proven);
        assert_eq!(anew.counts.successes, 0);
        let still = world.level(2).await;
        assert_eq!(still.since, other.since);
        assert!(still.is_serving());
    });
}

#[test]
fn what_is_not_accepted_leaves_the_check_that_was_there() {
    virtually(async {
        let world = World::new(|_| {});
        world.touch("a");
        world.set(1, "a").await;
        let mut wrong = world.spec("a", Timing::default());
        wrong.timing.rise = 0;
        let error = world.handle.set(CheckId(1), wrong).await.unwrap_err();
        assert_eq!(error.to_string(), "rise is 0; accepted is 1 to 10000");
        let mut wrong = world.spec("a", Timing::default());
        wrong.probe = ProbeSpec::File(FileSpec {
            file: "a".into(),
            present: true,
            content: None,
        });
        let error = world.handle.set(CheckId(1), wrong).await.unwrap_err();
        assert_eq!(error.to_string(), "file is a; accepted is an absolute path");
        assert_eq!(world.handle.load().await.unwrap().checks, 1);
    });
}

#[test]
fn a_check_that_is_removed_says_no_more() {
    virtually(async {
        let mut world = World::new(|_| {});
        world.touch("a");
        world.set(1, "a").await;
        world.set(2, "a").await;
        world.until(1, CheckLevel::is_serving).await;
        world.until(2, CheckLevel::is_serving).await;
        world.handle.remove(CheckId(1)).await.unwrap();
        world.handle.remove(CheckId(9)).await.unwrap();
        assert_eq!(world.handle.levels().await.unwrap().len(), 1);
        while world.news.try_recv().is_ok() {}
        std::fs::remove_file(world.file("a")).unwrap();
        loop {
            let news = world.news.recv().await.unwrap();
            assert_eq!(news.id, CheckId(2));
            if !news.level.is_serving() {
                break;
            }
        }
    });
}

#[test]
fn check_now_does_not_wait_for_the_interval() {
    virtually(async {
        let mut world = World::new(|_| {});
        world.touch("a");
        let spec = world.spec("a", once_a_day());
        world.handle.set(CheckId(1), spec).await.unwrap();
        world.until(1, CheckLevel::is_serving).await;
        std::fs::remove_file(world.file("a")).unwrap();
        let before = tokio::time::Instant::now();
        world.handle.check_now(CheckId(1)).await.unwrap();
        let down = world.until(1, |level| !level.is_serving()).await;
        assert_eq!(down.counts.failures, 1);
        assert!(before.elapsed() < Duration::from_secs(1));
    });
}

#[test]
fn the_first_looks_of_a_thousand_checks_are_within_their_interval() {
    virtually(async {
        let mut world = World::new(|_| {});
        world.touch("a");
        let before = tokio::time::Instant::now();
        for id in 0..1000 {
            world.set(id, "a").await;
        }
        let mut proven = BTreeMap::new();
        while proven.len() < 1000 {
            let news = world.news.recv().await.unwrap();
            if news.level.is_proven {
                proven.insert(news.id, before.elapsed());
            }
        }
        // Two looks each.
        let last = proven.values().max().unwrap();
        assert!(*last <= Duration::from_millis(2100), "{last:?}");
    });
}

#[test]
fn a_slow_reader_gets_the_last_level_of_every_check() {
    virtually(async {
        let mut world = World::new(|config| config.queue = 1);
        world.touch("a");
        for id in 0..20 {
            let spec = world.spec("a", once_a_day());
            world.handle.set(CheckId(id), spec).await.unwrap();
        }
        for turn in 0..5 {
            if turn % 2 == 0 {
                std::fs::remove_file(world.file("a")).unwrap();
            } else {
                world.touch("a");
            }
            for id in 0..20 {
                world.handle.check_now(CheckId(id)).await.unwrap();
            }
            while world.handle.load().await.unwrap().in_flight > 0
                || world.handle.load().await.unwrap().waiting > 0
            {
                tokio::task::yield_now().await;
            }
        }
        let expected: BTreeMap<_, _> = (world.handle.levels().await.unwrap().into_iter())
            .map(|news| (news.id, news.level))
            .collect();
        let mut last = BTreeMap::new();
        let mut heard = 0;
        while last != expected {
            let news = world.news.recv().await.unwrap();
            last.insert(news.id, news.level);
            heard += 1;
        }
        assert!(heard <= 21, "{heard} news for 20 checks");
    });
}

#[test]
fn more_than_may_run_at_once_wait_in_order_and_that_is_told() {
    virtually(async {
        let at = server(V4, |_| Vec::new()).await;
        let mut world = World::new(|config| config.max_in_flight = 2);
        let mut hangs = CheckSpec {
            probe: ProbeSpec::Http(HttpSpec::new(at.ip(), at.port())),
            timing: once_a_day(),
        };
        hangs.timing.timeout = Duration::from_secs(10);
        for id in 0..6 {
            world.handle.set(CheckId(id), hangs.clone()).await.unwrap();
            // The first is looked at in any case.
            if id > 0 {
                world.handle.check_now(CheckId(id)).await.unwrap();
            }
        }
        let load = world.handle.load().await.unwrap();
        assert_eq!(
            (load.checks, load.in_flight, load.waiting, load.late),
            (6, 2, 4, 0)
        );
        let mut order = Vec::new();
        while order.len() < 6 {
            let news = world.news.recv().await.unwrap();
            assert!(world.handle.load().await.unwrap().in_flight <= 2);
            if let Some(failure) = &news.level.last_failure {
                assert!(failure.is_timeout());
                order.push(news.id.0);
            }
        }
        order[..2].sort_unstable();
        order[2..4].sort_unstable();
        order[4..].sort_unstable();
        assert_eq!(order, [0, 1, 2, 3, 4, 5]);
        assert_eq!(world.handle.load().await.unwrap().late, 4);
    });
}

#[test]
fn a_look_at_what_is_not_checked_any_more_is_given_up() {
    virtually(async {
        let at = server(V4, |_| Vec::new()).await;
        let mut world = World::new(|config| config.max_in_flight = 1);
        let mut hangs = CheckSpec {
            probe: ProbeSpec::Http(HttpSpec::new(at.ip(), at.port())),
            timing: once_a_day(),
        };
        hangs.timing.timeout = Duration::from_secs(3600);
        world.handle.set(CheckId(1), hangs).await.unwrap();
        world.touch("a");
        let spec = world.spec("a", once_a_day());
        world.handle.set(CheckId(2), spec).await.unwrap();
        world.handle.check_now(CheckId(2)).await.unwrap();
        assert_eq!(world.handle.load().await.unwrap().in_flight, 1);
        let before = tokio::time::Instant::now();
        world.handle.remove(CheckId(1)).await.unwrap();
        world.until(2, CheckLevel::is_serving).await;
        assert!(before.elapsed() < Duration::from_secs(3600));
    });
}

#[test]
fn it_ends_when_it_is_told_to_or_nobody_listens() {
    virtually(async {
        let world = World::new(|_| {});
        world.stop.cancel();
        world.running.await.unwrap();
        assert!(world.handle.levels().await.is_err());
        let world = World::new(|_| {});
        drop(world.news);
        world.running.await.unwrap();
        // Without anybody who could change anything, the checks go on.
        let mut world = World::new(|_| {});
        world.touch("a");
        world.set(1, "a").await;
        let (_, nobody, _) = Checks::new(ChecksConfig::default());
        world.handle = nobody;
        while !world.news.recv().await.unwrap().level.is_serving() {}
    });
}
