//! Conformance over TCP: a scripted peer does everything it should not, and a
//! table says what the speaker has to make of it.
//!
//! Each case has a neighbour of its own, and many run at once against one
//! speaker. Afterwards each opens a new session, which has to be accepted.
//! Beside them a neighbour without fault has a session from the beginning to the
//! end, which nothing may touch.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout
)]

mod cases;
mod harness;
mod hostile;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::cases::awaits;
use crate::harness::case::{Bench, Case};
use crate::harness::healthy::Healthy;
use crate::harness::speaker::{Neighbour, Speaker, address};

/// The fewest cases there may be: none gets lost on the way.
const AT_LEAST: usize = 399;

/// Each test has the machine for itself, since both measure times.
static ALONE: Mutex<()> = Mutex::new(());

/// How many cases run at once: most of a case is waiting for the speaker's pause
/// after a failure, which is about a second.
const AT_ONCE: usize = 64;

/// How long the speaker may take to say goodbye to everybody.
const TO_STOP: Duration = Duration::from_secs(4);

#[test]
fn every_fault_of_a_peer_has_its_answer_and_touches_nobody_else() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut cases = cases::all();
    let ids: BTreeSet<_> = cases.iter().map(|case| case.id).collect();
    assert_eq!(ids.len(), cases.len(), "an id is used twice");
    assert!(cases.len() >= AT_LEAST, "{} cases", cases.len());

    let listeners = open_listeners(&mut cases);
    // The first neighbour is the one without fault.
    let neighbours: Vec<_> = [Neighbour::EXTERNAL]
        .into_iter()
        .chain(cases.iter().map(|case| case.neighbour.clone()))
        .collect();
    let speaker = Speaker::start("table", &neighbours, 0);
    let healthy = Healthy::start(&speaker);

    let outcomes = run(&cases, listeners, &speaker);
    let failed = report(&cases, &outcomes);
    println!("memory at its most: {} kB", speaker.memory("VmHWM:"));
    ends_well(speaker, healthy, &failed);
}

/// After all that, the healthy neighbour was not touched, the program ends when it is told to,
/// and nothing has failed.
fn ends_well(speaker: Speaker, healthy: Healthy, failed: &[String]) {
    healthy.check(&speaker.control);
    let (status, time, log) = speaker.terminate();
    healthy.hears_the_end();
    println!("ended {time:?} after SIGTERM");
    assert!(status.success(), "{status}");
    assert!(time < TO_STOP, "{time:?} from SIGTERM to the end");
    let panics: Vec<_> = log
        .iter()
        .filter(|line| line.contains("panicked"))
        .collect();
    assert!(panics.is_empty(), "{panics:#?}");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Where the speaker connects to there has to be somebody.
fn open_listeners(cases: &mut [Case]) -> Vec<Option<TcpListener>> {
    let mut listeners = Vec::new();
    for (number, case) in cases.iter_mut().enumerate() {
        listeners.push(case.neighbour.port.is_some().then(|| {
            let listener = TcpListener::bind(SocketAddr::new(address(number + 1), 0)).unwrap();
            case.neighbour.port = Some(listener.local_addr().unwrap().port());
            listener
        }));
    }
    listeners
}

/// Runs the cases from the last to the first, so that those with timers, which
/// take longest, begin together at once.
fn run(
    cases: &[Case],
    listeners: Vec<Option<TcpListener>>,
    speaker: &Speaker,
) -> Vec<Result<(), String>> {
    let queue = Mutex::new(cases.iter().zip(listeners).enumerate());
    let outcomes = Mutex::new(vec![Err("did not run".to_owned()); cases.len()]);
    let work = || {
        loop {
            let Some((number, (case, listener))) = queue.lock().unwrap().next_back() else {
                return;
            };
            let bench = Bench {
                case,
                address: address(number + 1),
                speaker: speaker.address,
                control: &speaker.control,
                listener,
            };
            let outcome = bench
                .run()
                .and_then(|()| Healthy::untouched(&speaker.control));
            outcomes.lock().unwrap()[number] = outcome;
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    outcomes.into_inner().unwrap()
}

/// How many cases each RFC has.
fn print_by_rfc(cases: &[Case]) {
    let mut counts = BTreeMap::new();
    for case in cases {
        let rfc = case.clause.split(' ').nth(1).unwrap_or_default();
        *counts.entry(rfc.parse().unwrap_or(0)).or_insert(0) += 1;
    }
    let texts = counts
        .iter()
        .map(|(rfc, count): (&u32, &u32)| format!("{rfc}: {count}"));
    println!("cases by RFC: {}", Vec::from_iter(texts).join(", "));
}

/// Prints each case, and gives those whose outcome is not the one there should
/// be.
fn report(cases: &[Case], outcomes: &[Result<(), String>]) -> Vec<String> {
    let mut failed = Vec::new();
    let mut passed = 0;
    for (case, outcome) in cases.iter().zip(outcomes) {
        let Case {
            id, clause, what, ..
        } = case;
        let line = format!("{id:5} {clause:15} {what}");
        match (outcome, awaits(id)) {
            (Ok(()), false) => {
                passed += 1;
                println!("pass  {line}");
            }
            (Err(_), true) => println!("await {line}"),
            (Err(error), false) => {
                println!("FAIL  {line}: {error}");
                failed.push(format!("{line}: {error}"));
            }
            (Ok(()), true) => {
                println!("PASS  {line}");
                failed.push(format!("{line}: passes, take it off its list AWAITING"));
            }
        }
    }
    print_by_rfc(cases);
    let awaited = cases.iter().filter(|case| awaits(case.id)).count();
    println!(
        "{passed} of {} cases passed, {awaited} await their feature",
        cases.len()
    );
    failed
}
