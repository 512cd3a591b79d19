//! Real messages and mutations of them, where the corpora lie beside the
//! workspace (or `BGPLB_CORPORA` says where).

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use bgp_wire::{
    AsWidth, DecodeContext, Disposition, Family, HEADER_LEN, MaxMessageLen, MessageView, PathIds,
    RawMessage, SessionKind,
};
use bytes::BytesMut;
use serde_json::Value;

use crate::total::walk;
use crate::{context, hex};

/// Tells the reader of the test's output, who would not see what the test
/// harness captures.
pub(crate) fn say(line: &str) {
    let mut output = io::stderr();
    writeln!(output, "{line}").unwrap();
}

/// `None` after saying so if the corpora are not there.
pub(crate) fn corpora() -> Option<PathBuf> {
    let path = env::var_os("BGPLB_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora"),
        PathBuf::from,
    );
    if path.is_dir() {
        return Some(path);
    }
    say(&format!("skipped: no corpora at {}", path.display()));
    None
}

/// The JSON lines of `folder/name`, packed or not; none if it has no such.
pub(crate) fn lines(folder: &Path, name: &str) -> Vec<Value> {
    let packed = folder.join(format!("{name}.gz"));
    let text = if packed.exists() {
        let output = Command::new("gzip").arg("-dc").arg(&packed).output();
        let output = output.expect("gzip is needed to read the corpora");
        assert!(
            output.status.success(),
            "gzip fails on {}",
            packed.display()
        );
        String::from_utf8(output.stdout).unwrap()
    } else {
        fs::read_to_string(folder.join(name)).unwrap_or_default()
    };
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The first message in the octets; `None` if they can't be framed.
pub(crate) fn framed(octets: &[u8]) -> Option<RawMessage> {
    let mut buf = BytesMut::from(octets);
    RawMessage::split_from(&mut buf, MaxMessageLen::EXTENDED).ok()?
}

/// The outcome in the words of the verdicts.
fn outcome(octets: &[u8], ctx: DecodeContext) -> &'static str {
    let Some(raw) = framed(octets) else {
        return "reset";
    };
    let Ok(MessageView::Update(update)) = raw.view() else {
        return "reset";
    };
    match update.judge(ctx).disposition() {
        None => "ok",
        Some(Disposition::AttributeDiscard) => "discard",
        Some(Disposition::TreatAsWithdraw) => "withdraw",
        Some(_) => "reset",
    }
}

/// The width of AS numbers; both where nobody knows.
pub(crate) fn width(message: &Value) -> &'static [AsWidth] {
    match message["asn4"].as_bool() {
        Some(true) => &[AsWidth::Four],
        Some(false) => &[AsWidth::Two],
        None => &[AsWidth::Four, AsWidth::Two],
    }
}

/// The folders of the corpora in the order of their names.
pub(crate) fn folders(corpora: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(corpora).unwrap();
    let mut folders: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}

/// Sessions with path identifiers for messages that were made for one.
fn path_ids(message: &Value) -> PathIds {
    if text(message, "cmd").contains("path-information") || message["addpath"] == true {
        PathIds::from_iter([Family::IPV4_UNICAST, Family::IPV6_UNICAST])
    } else {
        PathIds::NONE
    }
}

#[derive(Default)]
struct Tally {
    records: usize,
    judged: usize,
    agreed: usize,
    ambiguous: usize,
    differences: HashMap<String, usize>,
}

impl Tally {
    /// Compares with what comes out in any of the contexts that may be meant.
    fn add(&mut self, expected: &str, got: &[&str], why: &str) {
        self.judged += 1;
        if got.contains(&expected) {
            self.agreed += 1;
        } else {
            let key = format!("{expected} expected, {} found: {why}", got.join(" or "));
            *self.differences.entry(key).or_default() += 1;
        }
    }

    fn report(&self, name: &str) {
        say(&format!(
            "{name}: {} records read, {} of {} verdicts agree, {} ambiguous ones not counted",
            self.records, self.agreed, self.judged, self.ambiguous
        ));
        let mut differences: Vec<_> = self.differences.iter().collect();
        differences.sort();
        for (difference, count) in differences {
            say(&format!("  {count} × {difference}"));
        }
    }
}

/// Reads a record of any kind as all that it might be.
fn read(message: &Value, octets: &[u8]) {
    framed(octets).iter().for_each(walk);
    if text(message, "kind") == "message" {
        return;
    }
    let length = |part: &[u8]| u16::try_from(part.len()).unwrap().to_be_bytes();
    let update = |body: &[u8]| {
        let total = u16::try_from(HEADER_LEN + body.len())
            .unwrap()
            .to_be_bytes();
        let octets = [&[0xff; 16][..], &total, &[2], body].concat();
        framed(&octets).iter().for_each(walk);
    };
    update(octets);
    update(&[&[0, 0], &length(octets)[..], octets].concat());
    update(&[&[0, 0, 0, 0][..], octets].concat());
    if let Some(at) = octets.windows(16).position(|it| it == [0xff; 16]) {
        framed(&octets[at..]).iter().for_each(walk);
    }
}

/// Compares every unambiguous verdict of a folder with ours.
fn tally(folder: &Path) -> Tally {
    let verdicts: HashMap<String, Value> = lines(folder, "verdicts.jsonl")
        .into_iter()
        .map(|verdict| (text(&verdict, "sha").to_owned(), verdict))
        .collect();
    let mut tally = Tally::default();
    for message in lines(folder, "messages.jsonl") {
        tally.records += 1;
        let octets = hex(text(&message, "hex"));
        read(&message, &octets);
        let Some(verdict) = verdicts.get(text(&message, "sha")) else {
            continue;
        };
        if verdict["amb"] == true {
            tally.ambiguous += 1;
            continue;
        }
        for (key, notes, session) in [
            ("ebgp", "notes", SessionKind::External),
            ("ibgp", "notes_ibgp", SessionKind::Internal),
        ] {
            // What can't be framed has one verdict for all sessions.
            let expected = match text(verdict, key) {
                "" => text(verdict, "verdict"),
                expected => expected,
            };
            let ctx =
                |as_width: &AsWidth| context(*as_width, session).with_path_ids(path_ids(&message));
            let contexts = width(&message).iter().map(ctx);
            let got: Vec<_> = contexts.map(|ctx| outcome(&octets, ctx)).collect();
            if !expected.is_empty() {
                tally.add(expected, &got, &verdict[notes].to_string());
            }
        }
    }
    tally
}

#[test]
fn real_messages_of_the_internet_are_read_as_the_oracle_reads_them() {
    let Some(corpora) = corpora() else { return };
    for name in ["ripe-ris-legacy", "bgpipe"] {
        let tally = tally(&corpora.join(name));
        tally.report(name);
        assert!(tally.judged > 400, "{name} holds verdicts");
        // A message the oracle accepts never ends a session here.
        let broken = |it: &&String| it.starts_with("ok expected, reset");
        assert_eq!(tally.differences.keys().filter(broken).count(), 0, "{name}");
        assert_eq!(tally.agreed, tally.judged, "{name}");
    }
}

#[test]
fn other_implementations_messages_are_read_as_the_oracle_reads_them() {
    let Some(corpora) = corpora() else { return };
    for folder in folders(&corpora) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if matches!(&*name, "ripe-ris-legacy" | "bgpipe" | "mutated-shared") {
            continue;
        }
        let tally = tally(&folder);
        tally.report(&name);
        assert!(tally.records > 0, "{name}");
        assert_eq!(tally.agreed, tally.judged, "{name}");
    }
}

#[test]
fn mutations_come_out_as_their_rfcs_say() {
    let Some(corpora) = corpora() else { return };
    let mut tally = Tally::default();
    for message in lines(&corpora.join("mutated-shared"), "messages.jsonl") {
        tally.records += 1;
        let octets = hex(text(&message, "hex"));
        read(&message, &octets);
        if message["oracle_ambiguous"] == true {
            tally.ambiguous += 1;
            continue;
        }
        let session = match text(&message, "peer") {
            "ibgp" => SessionKind::Internal,
            _ => SessionKind::External,
        };
        let contexts = width(&message).iter().map(|it| context(*it, session));
        let got: Vec<_> = contexts.map(|ctx| outcome(&octets, ctx)).collect();
        let why = format!("{} {}", text(&message, "mutator"), message["notes"]);
        tally.add(text(&message, "oracle"), &got, &why);
    }
    tally.report("mutated-shared");
    assert!(tally.judged > 4000);
    assert_eq!(tally.agreed, tally.judged);
}
