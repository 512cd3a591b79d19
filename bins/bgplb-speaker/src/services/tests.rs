//! Services in virtual time: what a run of looks makes of announcements.

use std::time::Duration;

use bgp_speaker::{LocalAddresses, Speaker};
use healthwatch::{Check, CheckId, Checks, ChecksConfig, Failure, Success};
use netplumb::Netlink;

use super::addresses::Addresses;
use super::datapath::{DatapathThread, datapath};
use super::*;
use crate::config::Config;

const SECOND: Duration = Duration::from_secs(1);

/// One service with one check; nobody runs anything but the test.
struct World {
    services: Services,
    announcing: Announcing,
    speaker: SpeakerHandle,
    check: Check,
    now: Instant,
    /// How often what peers are told has changed.
    changes: usize,
    _datapath: DatapathThread,
    _speaker: Speaker,
    _checks: Checks,
}

/// A file with services of one address, each with a check of its own.
fn config(services: &[(&str, &str)]) -> Config {
    let mut text = "[local]\nas = 64512\nrouter-id = \"192.0.2.1\"\n".to_owned();
    for (name, more) in services {
        text += &format!(
            "[[services]]\nname = \"{name}\"\naddresses = [\"203.0.113.1\"]\n\
             link = \"lo\"\n{more}\n[[services.checks]]\nkind = \"tcp\"\nport = 80\n\
             rise = 1\nfall = 1\n"
        );
    }
    Config::from_text(&text).unwrap()
}

impl World {
    async fn new(more: &str) -> Self {
        Self::of(&[("web", more)]).await
    }

    /// Services of one address, each with a check of its own.
    async fn of(services: &[(&str, &str)]) -> Self {
        let config = config(services);
        let (_, addresses) = tokio::sync::watch::channel(Arc::new(LocalAddresses::default()));
        let (running, speaker) = Speaker::new(config.speaker.clone(), addresses).unwrap();
        let (checks, handle, _) = Checks::new(ChecksConfig::default());
        let (_, kernel) = tokio::sync::watch::channel(());
        let ours = Addresses::new(Netlink::open().unwrap(), "test".to_owned(), false);
        let (datapath, thread) = datapath(ours, kernel, None);
        let now = Instant::now();
        let timing = config.services[0].checks[0].timing.clone();
        let mut world = Self {
            services: Services::new(datapath, handle, speaker.clone(), EventLog::default()),
            announcing: Announcing::new(speaker.clone(), Arc::from([]), false),
            speaker,
            check: Check::new(timing, now, 0).unwrap(),
            now,
            changes: 0,
            _datapath: thread,
            _speaker: running,
            _checks: checks,
        };
        let settings = &config.services;
        let services = &mut world.services;
        services
            .configure(settings, &mut world.announcing, now)
            .await;
        let found = Found {
            number: services.wanted.number,
            ..Found::default()
        };
        services.found(Arc::new(found), &mut world.announcing, now);
        world
    }

    /// A second later the service is looked at, and is well or is not.
    fn look(&mut self, well: bool) {
        self.pass(SECOND);
        let outcome = match well {
            true => Ok(Success::default()),
            false => Err(Failure::new("refused")),
        };
        self.check.begin(self.now);
        self.check.finish(self.now, outcome);
        let level = self.check.level(self.now);
        let (services, announcing) = (&mut self.services, &mut self.announcing);
        let before = self.speaker.version();
        services.looked(CheckId(1), &level, announcing, self.now);
        self.changes += usize::from(self.speaker.version() != before);
    }

    /// Another file is taken over.
    async fn reload(&mut self, config: &Config) {
        let (services, announcing) = (&mut self.services, &mut self.announcing);
        services
            .configure(&config.services, announcing, self.now)
            .await;
    }

    /// Another check says whether its service is well.
    fn told(&mut self, check: u64, well: bool) {
        let timing = self.check.timing().clone();
        let mut check_now = Check::new(timing, self.now, 0).unwrap();
        check_now.begin(self.now);
        let refused = Err(Failure::new("refused"));
        check_now.finish(
            self.now,
            if well {
                Ok(Success::default())
            } else {
                refused
            },
        );
        let level = check_now.level(self.now);
        let (services, announcing) = (&mut self.services, &mut self.announcing);
        services.looked(CheckId(check), &level, announcing, self.now);
    }

    /// Time goes by, with everything that is due in it.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.services.deadline().filter(|at| *at <= end) {
            self.now = due.max(self.now);
            let before = self.speaker.version();
            self.services.expire(&mut self.announcing, self.now);
            self.changes += usize::from(self.speaker.version() != before);
        }
        self.now = end;
    }

    fn is_announced(&self) -> bool {
        self.speaker.announced_prefixes() == 1
    }
}

#[tokio::test]
async fn a_service_that_flaps_is_told_a_bounded_number_of_times_and_ends_as_it_is() {
    let mut world = World::new("hold-down = { times = 3, within = 60, hold = 300 }").await;
    for turn in 0..3600 {
        world.look(turn % 2 == 0);
    }
    // In an hour it is held down for 300 s after each third going: three comings and
    // goings in about 305 s.
    assert!((60..=80).contains(&world.changes), "{}", world.changes);
    world.look(true);
    world.pass(300 * SECOND);
    assert!(world.is_announced());
    let so_far = world.changes;
    for _ in 0..1000 {
        world.look(true);
    }
    assert_eq!(world.changes, so_far);
    world.look(false);
    assert!(!world.is_announced());
}

#[tokio::test]
async fn a_service_that_comes_back_is_announced_when_it_was_well_for_long_enough() {
    let mut world = World::new("min-healthy-time = 10").await;
    // At the start of the program it may have been well for long.
    world.look(true);
    assert!(world.is_announced());
    world.look(false);
    assert!(!world.is_announced());
    for _ in 0..5 {
        world.look(true);
        assert!(!world.is_announced());
    }
    // What fails once begins anew.
    world.look(false);
    for _ in 0..10 {
        world.look(true);
        assert!(!world.is_announced());
    }
    world.look(true);
    assert!(world.is_announced());
}

#[tokio::test]
async fn a_drain_marks_then_withdraws_and_no_look_brings_the_service_back() {
    let mut world = World::new("drain-time = 5").await;
    world.look(true);
    let (services, announcing) = (&mut world.services, &mut world.announcing);
    services.drain("web", true, None, announcing, world.now);
    world.pass(4 * SECOND);
    assert!(world.is_announced());
    world.pass(SECOND);
    assert!(!world.is_announced());
    world.look(true);
    world.look(false);
    world.look(true);
    assert!(!world.is_announced());
    let (services, announcing) = (&mut world.services, &mut world.announcing);
    services.drain("web", false, None, announcing, world.now);
    assert!(world.is_announced());
}

#[tokio::test]
async fn an_address_of_two_services_is_announced_for_one_of_them_or_only_for_both() {
    for (policy, one_is_enough) in [("any", true), ("all", false)] {
        let more = format!("policy = \"{policy}\"");
        let mut world = World::of(&[("dns", &more), ("web", &more)]).await;
        assert!(!world.is_announced());
        for well in [1, 2] {
            world.told(well, true);
            assert_eq!(world.is_announced(), one_is_enough || well == 2, "{policy}");
        }
        for ill in [1, 2] {
            world.told(ill, false);
            assert_eq!(world.is_announced(), one_is_enough && ill == 1, "{policy}");
        }
        world.told(2, true);
        assert_eq!(world.is_announced(), one_is_enough, "{policy}");
        world.told(1, true);
        assert!(world.is_announced(), "{policy}");
    }
}

#[tokio::test]
async fn the_weight_of_a_service_that_recovers_grows_in_its_link_bandwidth() {
    let mut world = World::new("link-bandwidth = 1000\nslow-start = 100").await;
    let rate = |world: &World| {
        let service = &world.services.services["web"];
        let attributes = service.attributes(Announce::Yes);
        let community = attributes.extended_communities[0];
        community.to_string()
    };
    world.look(true);
    let whole = rate(&world);
    world.look(false);
    world.look(true);
    let first = rate(&world);
    assert_ne!(first, whole, "all of it at once");
    for _ in 0..50 {
        world.look(true);
    }
    let later = rate(&world);
    assert!(
        later != first && later != whole,
        "{first}, {later}, {whole}"
    );
    for _ in 0..100 {
        world.look(true);
    }
    assert_eq!(rate(&world), whole);
}

#[tokio::test]
async fn a_reload_frees_an_address_of_who_was_not_well_and_holds_it_for_who_comes() {
    let both = config(&[("dns", "policy = \"all\""), ("web", "policy = \"all\"")]);
    let dns = config(&[("dns", "policy = \"all\"")]);
    let mut world = World::of(&[("dns", "policy = \"all\""), ("web", "policy = \"all\"")]).await;
    world.told(1, true);
    world.told(2, false);
    assert!(!world.is_announced());
    world.reload(&dns).await;
    assert!(world.is_announced());
    world.reload(&both).await;
    assert!(!world.is_announced());
}
