use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn timing(change: impl FnOnce(&mut Timing)) -> Timing {
    let mut timing = Timing::default();
    change(&mut timing);
    timing
}

/// A check and the time, which passes only when it is told to.
struct World {
    check: Check,
    start: Instant,
    now: Instant,
}

impl World {
    fn new(timing: Timing) -> Self {
        let start = some_instant();
        Self {
            check: Check::new(timing, start, 7).unwrap(),
            start,
            now: start,
        }
    }

    fn at(&self) -> u128 {
        (self.now - self.start).as_millis()
    }

    /// Goes to the time the next look is due and begins it.
    fn begin(&mut self) {
        self.now = self.now.max(self.check.due().unwrap());
        self.check.begin(self.now);
    }

    /// A whole look that takes no time.
    fn look(&mut self, succeeds: bool) -> Option<Transition> {
        self.begin();
        self.end(succeeds)
    }

    fn end(&mut self, succeeds: bool) -> Option<Transition> {
        self.check.finish(self.now, outcome(succeeds))
    }

    /// `s` succeeds and `f` fails: the time of each look and what is told then.
    fn looks(&mut self, results: &str) -> String {
        let mut told = Vec::new();
        for result in results.chars() {
            self.look(result == 's');
            told.push(format!("{} {}", self.at(), self.level().health));
        }
        told.join(", ")
    }

    fn level(&self) -> CheckLevel {
        self.check.level(self.now)
    }
}

fn outcome(succeeds: bool) -> Outcome {
    if succeeds {
        Ok(Success::default())
    } else {
        Err(Failure::new("no"))
    }
}

/// Only differences matter.
fn some_instant() -> Instant {
    Instant::now()
}

#[test]
fn it_rises_and_falls_by_results_in_a_row() {
    let mut world = World::new(Timing::default());
    assert_eq!(
        world.looks("sfssffsfffsfs"),
        "0 rising 1/2, 1000 down, 2000 rising 1/2, 3000 up, \
         4000 falling 1/3, 5000 falling 2/3, 6000 up, \
         7000 falling 1/3, 8000 falling 2/3, 9000 down, \
         10000 rising 1/2, 11000 down, 12000 rising 1/2"
    );
    let counts = world.level().counts;
    assert_eq!((counts.successes, counts.failures, counts.turns), (6, 7, 2));
}

#[test]
fn one_result_is_enough_where_one_is_asked_for() {
    let mut world = World::new(timing(|t| {
        t.rise = 1;
        t.fall = 1;
    }));
    assert_eq!(world.looks("sffs"), "0 up, 1000 down, 2000 down, 3000 up");
}

#[test]
fn a_start_is_what_is_assumed_and_no_proof() {
    for (start, result, before, after, proven) in [
        (StartState::Down, 's', "down", "0 rising 1/2", false),
        (StartState::Down, 'f', "down", "0 down", true),
        (StartState::Up, 's', "up", "0 up", true),
        (StartState::Up, 'f', "up", "0 falling 1/3", false),
        (StartState::Unknown, 's', "unknown", "0 up", true),
        (StartState::Unknown, 'f', "unknown", "0 down", true),
    ] {
        let mut world = World::new(timing(|t| t.start = start));
        assert_eq!(world.level().health.to_string(), before);
        assert!(!world.level().is_proven);
        assert_eq!(world.looks(&result.to_string()), after, "{start:?}");
        assert_eq!(world.level().is_proven, proven, "{start:?} {result}");
    }
}

#[test]
fn a_transition_tells_both_sides_and_silence_nothing() {
    let mut world = World::new(timing(|t| t.rise = 1));
    let transition = world.look(true).unwrap();
    assert_eq!((transition.from, transition.to), (Health::Down, Health::Up));
    assert_eq!(transition.at, world.now);
    assert_eq!(world.look(true), None);
}

#[test]
fn it_hurries_only_while_results_disagree_with_what_is_told() {
    let mut world = World::new(timing(|t| t.fast_interval = Some(ms(200))));
    assert_eq!(
        world.looks("ssssfsfff"),
        // Back in step with the seconds whenever it is settled.
        "0 rising 1/2, 200 up, 1000 up, 2000 up, 3000 falling 1/3, 3200 up, \
         4000 falling 1/3, 4200 falling 2/3, 4400 down"
    );
}

#[test]
fn looks_that_take_their_time_do_not_drift() {
    let mut world = World::new(Timing::default());
    for turn in 0..50 {
        world.begin();
        assert_eq!(world.at(), turn * 1000);
        world.now += ms(990);
        world.end(true);
    }
}

#[test]
fn a_look_longer_than_the_interval_is_followed_at_once_by_one_other() {
    let mut world = World::new(Timing::default());
    world.begin();
    assert_eq!(world.check.due(), None, "never two at once");
    world.now += ms(3500);
    world.end(true);
    world.begin();
    assert_eq!(world.at(), 3500);
    world.end(true);
    assert_eq!(world.check.due(), Some(world.start + ms(4000)));
}

#[test]
fn an_hour_slept_through_is_one_look() {
    let mut world = World::new(Timing::default());
    world.looks("ss");
    world.now += Duration::from_secs(3600) + ms(300);
    world.look(true);
    assert_eq!(world.at(), 3_601_300);
    assert_eq!(world.check.due(), Some(world.start + ms(3_602_000)));
}

#[test]
fn a_service_that_hangs_is_down_within_fall_intervals_and_a_timeout() {
    for (interval, timeout) in [(1000, 1000), (1000, 300), (500, 1500)] {
        let mut world = World::new(timing(|t| {
            t.interval = ms(interval);
            t.timeout = ms(timeout);
        }));
        world.looks("sss");
        let hung = world.now;
        while world.level().is_serving() {
            world.begin();
            world.now += ms(timeout);
            // The timer of a busy host.
            world.now += ms(1);
            let before = world.level().counts.timeouts;
            world.check.timed_out(world.now);
            assert_eq!(world.level().counts.timeouts, before + 1);
        }
        let longest = 3 * interval.max(timeout) + timeout + 4;
        assert!(world.now - hung <= ms(longest), "{:?}", world.now - hung);
        assert!(world.level().last_failure.unwrap().is_timeout());
    }
}

#[test]
fn what_comes_without_a_look_is_left_out() {
    let mut world = World::new(timing(|t| t.rise = 1));
    assert_eq!(world.end(true), None);
    world.look(true);
    assert_eq!(world.end(false), None);
    assert_eq!(world.level().health, Health::Up);
}

#[test]
fn check_now_looks_at_once_and_after_the_look_under_way() {
    let mut world = World::new(Timing::default());
    world.looks("ss");
    world.now += ms(300);
    world.check.check_now(world.now);
    assert_eq!(world.looks("s"), "1300 up");
    world.begin();
    assert_eq!(world.at(), 2000);
    world.now += ms(100);
    world.check.check_now(world.now);
    world.check.check_now(world.now);
    world.now += ms(100);
    world.end(true);
    assert_eq!(world.looks("ss"), "2200 up, 3000 up");
}

#[test]
fn many_that_begin_together_look_first_within_one_interval() {
    let now = some_instant();
    let firsts = |timing: &Timing| {
        let first = |seed| {
            let check = Check::spread(timing.clone(), now, seed).unwrap();
            check.due().unwrap() - now
        };
        (0..1000).map(first).collect::<Vec<_>>()
    };
    let slow = firsts(&Timing::default());
    assert!(slow.iter().all(|first| *first <= ms(1000)));
    let quarter = |at: u64| {
        let range = ms(at)..ms(at + 250);
        slow.iter().filter(|first| range.contains(first)).count()
    };
    for at in [0, 250, 500, 750] {
        assert!((200..300).contains(&quarter(at)), "{}", quarter(at));
    }
    let fast = firsts(&timing(|t| t.fast_interval = Some(ms(100))));
    assert!(fast.iter().all(|first| *first <= ms(100)));
}

#[test]
fn a_service_that_comes_back_gets_its_share_little_by_little() {
    let mut world = World::new(timing(|t| {
        t.rise = 1;
        t.fall = 1;
        t.slow_start = Some(ms(10_000));
    }));
    world.look(true);
    assert_eq!(world.level().weight, 100, "not at the start");
    assert_eq!(world.check.weight_due(world.now), None);
    world.look(false);
    assert_eq!(world.level().weight, 0);
    world.look(true);
    let back = world.now;
    let mut steps = VecDeque::from([world.level().weight]);
    while let Some(at) = world.check.weight_due(world.now) {
        assert!(at > world.now);
        world.now = at;
        steps.push_back(world.level().weight);
    }
    let expected: Vec<u8> = (1..=20).map(|step| step * 5).collect();
    assert_eq!(steps, expected);
    assert_eq!((world.now - back).as_millis(), 9500);
}

#[test]
fn a_share_that_is_asked_for_is_given_but_never_none_of_it_by_rounding() {
    let mut world = World::new(timing(|t| {
        t.rise = 1;
        t.fall = 1;
        t.slow_start = Some(ms(1000));
    }));
    world.look(false);
    world.begin();
    world.check.finish(world.now, Ok(Success::weighing(10)));
    assert_eq!(world.level().weight, 1);
    world.now += ms(1000);
    assert_eq!(world.level().weight, 10);
    for (asked, given) in [(Some(0), 0), (Some(40), 40), (Some(200), 100), (None, 100)] {
        world.begin();
        world.check.finish(world.now, Ok(Success { weight: asked }));
        assert_eq!(world.level().weight, given);
        assert!(world.level().is_serving());
    }
}

#[test]
fn another_timing_keeps_what_was_found() {
    let mut world = World::new(Timing::default());
    world.looks("sss");
    let since = world.level().since;
    world.now += ms(100);
    let shorter = timing(|t| {
        t.interval = ms(200);
        t.fall = 2;
    });
    world.check.retime(shorter, world.now).unwrap();
    assert_eq!(world.level().since, since);
    assert_eq!(world.looks("sf"), "2200 up, 2400 falling 1/2");
    world
        .check
        .retime(timing(|t| t.fall = 1), world.now)
        .unwrap();
    assert_eq!(
        world.level().health,
        Health::Up,
        "no verdict without a look"
    );
    assert_eq!(world.looks("f"), "2600 down");
    let wrong = timing(|t| t.rise = 0);
    assert!(world.check.retime(wrong, world.now).is_err());
    assert_eq!(world.check.timing().rise, 2);
}

#[derive(Clone, Debug)]
enum Operation {
    Wait(u64),
    Look { takes: u64, succeeds: bool },
    Now,
    Retime(Timing),
}

fn timings() -> impl Strategy<Value = Timing> {
    let start = prop_oneof![
        Just(StartState::Down),
        Just(StartState::Up),
        Just(StartState::Unknown)
    ];
    (
        (10_u64..3000, 1_u64..3000, 1_u32..5, 1_u32..5),
        (prop::option::of(0.01_f64..1.0), 0.0_f32..=0.5),
        (start, prop::option::of(10_u64..5000)),
    )
        .prop_map(
            |((interval, timeout, rise, fall), (fast, jitter), (start, slow_start))| Timing {
                interval: ms(interval),
                timeout: ms(timeout),
                rise,
                fall,
                fast_interval: fast.map(|share| ms(interval).mul_f64(share).max(ms(10))),
                jitter,
                start,
                slow_start: slow_start.map(ms),
            },
        )
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let operation = prop_oneof![
        1 => (0_u64..10_000).prop_map(Operation::Wait),
        8 => (0_u64..4000, any::<bool>())
            .prop_map(|(takes, succeeds)| Operation::Look { takes, succeeds }),
        1 => Just(Operation::Now),
        1 => timings().prop_map(Operation::Retime),
    ];
    prop::collection::vec(operation, 1..60)
}

proptest! {
    #[test]
    fn whatever_happens_health_and_weight_agree(first in timings(), operations in operations()) {
        let mut world = World::new(first);
        for operation in operations {
            match operation {
                Operation::Wait(wait) => world.now += ms(wait),
                Operation::Look { takes, succeeds } => {
                    world.begin();
                    prop_assert_eq!(world.check.due(), None);
                    world.now += ms(takes);
                    let before = world.level().health;
                    let told = world.end(succeeds);
                    prop_assert_eq!(told.is_some(), before != world.level().health);
                }
                Operation::Now => {
                    world.check.check_now(world.now);
                    prop_assert!(world.check.due().unwrap() <= world.now);
                }
                Operation::Retime(timing) => world.check.retime(timing, world.now).unwrap(),
            }
            let level = world.level();
            prop_assert_eq!(level.weight > 0, level.is_serving());
            prop_assert!(level.weight <= 100);
            if let Health::Rising { done, of } | Health::Falling { done, of } = level.health {
                prop_assert!(0 < done && done < of, "{}/{}", done, of);
            }
            let timing = world.check.timing();
            // The next look is never further away than an interval and its jitter.
            let due = world.check.due().unwrap();
            let longest = timing.interval + timing.interval.mul_f32(timing.jitter) + ms(1);
            prop_assert!(due <= world.now + longest);
            if let Some(at) = world.check.weight_due(world.now) {
                prop_assert!(at > world.now && timing.slow_start.is_some());
            }
        }
    }

    #[test]
    fn a_thousand_turns_of_a_service_that_does_not_change_are_a_thousand_intervals(
        mut timing in timings(), seed in any::<u64>(),
    ) {
        timing.start = StartState::Up;
        let start = some_instant();
        let mut check = Check::new(timing.clone(), start, seed).unwrap();
        let mut last = start;
        for turn in 0..1000 {
            let due = check.due().unwrap();
            prop_assert!(turn == 0 || due > last);
            last = due;
            check.begin(due);
            check.finish(due, outcome(true));
        }
        let drift = start + timing.interval * 999 - last;
        prop_assert!(drift <= timing.interval.mul_f32(timing.jitter) + ms(1), "{drift:?}");
    }
}
