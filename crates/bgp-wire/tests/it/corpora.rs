//! Real messages and mutations of them, where the corpora lie beside the
//! workspace (or `BGPLB_CORPORA` says where).

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use bgp_wire::{
    AsWidth, DecodeContext, Disposition, MaxMessageLen, MessageView, RawMessage, SessionKind,
};
use bytes::BytesMut;
use serde_json::Value;

use crate::total::walk;
use crate::{context, hex};

/// Tells the reader of the test's output, who would not see what the test
/// harness captures.
fn say(line: &str) {
    let mut output = io::stderr();
    writeln!(output, "{line}").unwrap();
}

/// `None` after saying so if the corpora are not there.
fn corpora() -> Option<PathBuf> {
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
fn lines(folder: &Path, name: &str) -> Vec<Value> {
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

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The first message in the octets; `None` if they can't be framed.
fn framed(octets: &[u8]) -> Option<RawMessage> {
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

fn width(message: &Value) -> Option<AsWidth> {
    message["asn4"].as_bool().map(|four| match four {
        true => AsWidth::Four,
        false => AsWidth::Two,
    })
}

#[derive(Default)]
struct Tally {
    messages: usize,
    judged: usize,
    agreed: usize,
    differences: HashMap<String, usize>,
}

impl Tally {
    fn add(&mut self, expected: &str, got: &str, why: &str) {
        self.judged += 1;
        if expected == got {
            self.agreed += 1;
        } else {
            let key = format!("{expected} expected, {got} found: {why}");
            *self.differences.entry(key).or_default() += 1;
        }
    }

    fn report(&self, name: &str) {
        say(&format!(
            "{name}: {} messages, {} of {} verdicts agree",
            self.messages, self.agreed, self.judged
        ));
        let mut differences: Vec<_> = self.differences.iter().collect();
        differences.sort();
        for (difference, count) in differences {
            say(&format!("  {count} × {difference}"));
        }
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
        if text(&message, "kind") != "message" {
            continue;
        }
        tally.messages += 1;
        let octets = hex(text(&message, "hex"));
        framed(&octets).iter().for_each(walk);
        let (Some(verdict), Some(as_width)) =
            (verdicts.get(text(&message, "sha")), width(&message))
        else {
            continue;
        };
        if verdict["amb"] == true || message["addpath"] == true {
            continue;
        }
        for (key, notes, session) in [
            ("ebgp", "notes", SessionKind::External),
            ("ibgp", "notes_ibgp", SessionKind::Internal),
        ] {
            let got = outcome(&octets, context(as_width, session));
            tally.add(text(verdict, key), got, &verdict[notes].to_string());
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
        assert!(tally.agreed * 1000 >= tally.judged * 999, "{name}");
    }
}

#[test]
fn other_implementations_messages_are_walked() {
    let Some(corpora) = corpora() else { return };
    let mut folders: Vec<_> = fs::read_dir(corpora)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if matches!(&*name, "ripe-ris-legacy" | "bgpipe" | "mutated-shared") {
            continue;
        }
        tally(&folder).report(&name);
    }
}

#[test]
fn mutations_come_out_as_their_rfcs_say() {
    let Some(corpora) = corpora() else { return };
    let mut tally = Tally::default();
    for message in lines(&corpora.join("mutated-shared"), "messages.jsonl") {
        tally.messages += 1;
        let octets = hex(text(&message, "hex"));
        framed(&octets).iter().for_each(walk);
        let Some(as_width) = width(&message) else {
            continue;
        };
        if message["oracle_ambiguous"] == true {
            continue;
        }
        let session = match text(&message, "peer") {
            "ibgp" => SessionKind::Internal,
            _ => SessionKind::External,
        };
        let got = outcome(&octets, context(as_width, session));
        let why = format!("{} {}", text(&message, "mutator"), message["notes"]);
        tally.add(text(&message, "oracle"), got, &why);
    }
    tally.report("mutated-shared");
    assert!(tally.judged > 4000);
    assert!(tally.agreed * 1000 >= tally.judged * 999);
}
