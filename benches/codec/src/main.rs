//! `cargo xtask bench codec`: bgp-wire beside other BGP codecs, on the same messages.

mod allocations;
mod bare;
mod contenders;
mod encode;
mod stream;
mod walk;

use std::hint::black_box;
use std::panic::{self, AssertUnwindSafe};
use std::time::Instant;

use anyhow::{Result, ensure};
use bytes::BytesMut;

use crate::contenders::Contender;
use crate::stream::Stream;
use crate::walk::Walk;

/// How often everybody decodes the whole stream; the median and the best count.
const ROUNDS: usize = 31;

fn main() -> Result<()> {
    let contenders = contenders::all();
    let stream = agreed(stream::load()?, &contenders);
    let count = stream.messages.len();
    ensure!(count > 0, "no message is decoded alike by all");
    println!(
        "stream: {}, {count} UPDATEs of {:.0} octets on average",
        stream.origin,
        stream.octets() as f64 / count as f64
    );
    decode(&stream, &contenders)?;
    encode(&stream)
}

/// Leaves out the messages that are not decoded by all to the same prefixes and AS numbers, and
/// says how many, and whose they are.
fn agreed(stream: Stream, contenders: &[Contender]) -> Stream {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let mut unwanted = Vec::new();
    let mut tallies = vec![Tally::default(); contenders.len()];
    for (place, message) in stream.messages.iter().enumerate() {
        let message = std::slice::from_ref(message);
        let mut expected = None;
        let mut agreed = true;
        for (contender, tally) in contenders.iter().zip(&mut tallies) {
            let walk = panic::catch_unwind(AssertUnwindSafe(|| (contender.decode)(message)));
            let ours = *expected.get_or_insert_with(|| walk.as_ref().ok().copied().flatten());
            match walk {
                Err(_) => tally.panics += 1,
                Ok(None) => tally.refused += 1,
                Ok(walk) if walk != ours => tally.different += 1,
                Ok(_) => continue,
            }
            agreed = false;
        }
        if !agreed {
            unwanted.push(place);
        }
    }
    panic::set_hook(hook);
    println!(
        "left out: {} UPDATEs that not all decode alike",
        unwanted.len()
    );
    for (contender, tally) in contenders.iter().zip(tallies) {
        let Tally {
            panics,
            refused,
            different,
        } = tally;
        if panics + refused + different > 0 {
            let name = contender.name;
            println!("  {name}: {refused} refused, {different} unlike bgp-wire, {panics} panics");
        }
    }
    stream.without(&unwanted)
}

#[derive(Clone, Copy, Default)]
struct Tally {
    panics: u64,
    refused: u64,
    different: u64,
}

fn decode(stream: &Stream, contenders: &[Contender]) -> Result<()> {
    let messages = &stream.messages[..];
    let count = messages.len() as f64;
    // One column of times for each.
    let mut times = vec![Vec::with_capacity(ROUNDS); contenders.len()];
    let mut bare_times = Vec::with_capacity(ROUNDS);
    let mut sum_times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        for (contender, times) in contenders.iter().zip(&mut times) {
            times.push(timed(|| (contender.decode)(black_box(messages))) / count);
        }
        bare_times.push(timed(|| bare::walk(black_box(messages))) / count);
        sum_times.push(timed(|| contenders::sum(black_box(messages))) / count);
    }
    println!("decode and walk, {ROUNDS} rounds:");
    println!(
        "{:>18}  {:>9}  {:>9}  {:>11}  {:>9}  {:>18}",
        "", "ns median", "ns best", "allocations", "prefixes", "check"
    );
    let expected = contenders.first().and_then(|ours| (ours.decode)(messages));
    for (contender, times) in contenders.iter().zip(&mut times) {
        let mut walk = None;
        let allocations = allocations::count(|| walk = (contender.decode)(messages));
        ensure!(
            walk == expected,
            "{} has walked something else",
            contender.name
        );
        let Walk {
            prefixes,
            check,
            asns,
        } = walk.unwrap_or_default();
        let (median, best) = median_and_best(times);
        let check = check ^ asns;
        println!(
            "{:>18}  {median:>9.1}  {best:>9.1}  {:>11.2}  {prefixes:>9}  {check:>18x}",
            contender.name,
            allocations as f64 / count
        );
    }
    ensure!(
        bare::walk(messages) == expected,
        "the bare loop has walked something else"
    );
    for (name, times) in [
        ("(bare loop)", &mut bare_times),
        ("(sum of octets)", &mut sum_times),
    ] {
        let (median, best) = median_and_best(times);
        println!("{name:>18}  {median:>9.1}  {best:>9.1}");
    }
    Ok(())
}

/// The UPDATEs that all can write, written from each library's own form of them.
fn encode(stream: &Stream) -> Result<()> {
    let wanted = stream.messages.iter().filter(|it| encode::is_wanted(it));
    let messages: Vec<_> = wanted.cloned().collect();
    let count = messages.len() as f64;
    let encoders = encode::all(&messages);
    println!("encode {count} of them that announce IPv4 routes, {ROUNDS} rounds:");
    println!(
        "{:>18}  {:>9}  {:>9}  {:>11}  {:>9}  {:>9}",
        "", "ns median", "ns best", "allocations", "octets", "wrong"
    );
    let mut buf = BytesMut::with_capacity(1 << 16);
    let mut times = vec![Vec::with_capacity(ROUNDS); encoders.len()];
    for _ in 0..ROUNDS {
        for (encoder, times) in encoders.iter().zip(&mut times) {
            times.push(timed(|| (encoder.encode)(&mut buf)) / count);
        }
    }
    for (encoder, times) in encoders.iter().zip(&mut times) {
        let name = encoder.name;
        let mut octets = None;
        let allocations = allocations::count(|| octets = (encoder.encode)(&mut buf));
        let wrong = (encoder.wrong)(&messages);
        let octets = octets.unwrap_or_default();
        let (median, best) = median_and_best(times);
        println!(
            "{name:>18}  {median:>9.1}  {best:>9.1}  {:>11.2}  {octets:>9}  {wrong:>9}",
            allocations as f64 / count,
        );
    }
    Ok(())
}

/// Nanoseconds that `work` takes.
fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_nanos() as f64
}

fn median_and_best(times: &mut [f64]) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    let at = |place: usize| times.get(place).copied().unwrap_or_default();
    (at(times.len() / 2), at(0))
}
