//! Recorded BGP messages in the form each fuzz target reads.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::artifacts::workspace;
use crate::cmd::Cmd;

/// A recorded message with its header.
#[derive(Debug)]
pub(super) struct Message {
    octets: Vec<u8>,
    four_octets: bool,
}

#[derive(Deserialize)]
struct Line {
    hex: String,
    kind: Option<String>,
    asn4: Option<bool>,
}

/// Octets of the header of a BGP message, and where its type is.
const HEADER_LEN: usize = 19;
const TYPE: usize = 18;

/// What makes a seed more interesting to libFuzzer than a smaller one is soon found.
const LONGEST: usize = 1024;

/// How many seeds are worth their time at each start.
const MOST: usize = 4000;

/// The messages of the corpora beside the workspace, or where `BGPLB_CORPORA` says; none, after
/// saying so, where there are no corpora.
pub(super) fn messages() -> Result<Vec<Message>> {
    let folder = env::var_os("BGPLB_CORPORA")
        .map_or_else(|| workspace().join("../shared/corpora"), PathBuf::from);
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("no corpora at {}: without recorded seeds", folder.display());
        return Ok(Vec::new());
    };
    let mut messages = Vec::new();
    for entry in entries {
        let folder = entry.context("list the corpora")?.path();
        let text = match folder.join("messages.jsonl.gz") {
            packed if packed.exists() => Cmd::new("gzip").arg("-dc").arg(&packed).read()?,
            _ => fs::read_to_string(folder.join("messages.jsonl")).unwrap_or_default(),
        };
        let lines = text.lines().filter_map(|it| serde_json::from_str(it).ok());
        messages.extend(lines.filter_map(message));
    }
    Ok(messages)
}

fn message(line: Line) -> Option<Message> {
    let whole = line.kind.is_none_or(|kind| kind == "message");
    let digits = line.hex.as_bytes().chunks(2);
    let octets: Option<Vec<u8>> = digits
        .map(|it| u8::from_str_radix(str::from_utf8(it).ok()?, 16).ok())
        .collect();
    let octets = octets.filter(|it| whole && (HEADER_LEN..=LONGEST).contains(&it.len()))?;
    Some(Message {
        octets,
        four_octets: line.asn4 != Some(false),
    })
}

/// Writes them as `target` reads them, and returns how many; none for targets that read something
/// else.
pub(super) fn write(target: &str, messages: &[Message], corpus: &Path) -> Result<usize> {
    let step = messages.len().div_ceil(MOST).max(1);
    let mut count = 0;
    for message in messages.iter().step_by(step) {
        for seed in forms(target, message) {
            let path = corpus.join(format!("recorded-{count:05}"));
            fs::write(&path, seed).with_context(|| format!("write {}", path.display()))?;
            count += 1;
        }
    }
    Ok(count)
}

/// The forms that the documentation of `fuzz/src` describes.
fn forms(target: &str, message: &Message) -> Vec<Vec<u8>> {
    let Some((header, body)) = message.octets.split_at_checked(HEADER_LEN) else {
        return Vec::new();
    };
    let message_type = header.get(TYPE).copied().unwrap_or_default();
    let choice = (message_type & 7) | (u8::from(message.four_octets) << 3);
    match target {
        "message" | "round_trip" => vec![[&[choice], body].concat()],
        "frame_stream" => vec![[&[7], &*message.octets].concat()],
        "attribute" if message_type == 2 => attributes(body)
            .into_iter()
            .map(|it| [&[choice], it.as_slice()].concat())
            .collect(),
        _ => Vec::new(),
    }
}

/// Flags, code and value of each attribute of an UPDATE; those that can be told.
fn attributes(body: &[u8]) -> Vec<Vec<u8>> {
    fn field(octets: &[u8]) -> Option<(&[u8], &[u8])> {
        let (length, rest) = octets.split_first_chunk()?;
        rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
    }
    let attributes = field(body).and_then(|(_, rest)| field(rest));
    let mut rest = attributes.map(|(it, _)| it).unwrap_or_default();
    let mut found = Vec::new();
    while let [flags, code, more @ ..] = rest {
        let parted = if flags & 0x10 != 0 {
            field(more)
        } else {
            more.split_first()
                .and_then(|(length, more)| more.split_at_checked(usize::from(*length)))
        };
        let Some((value, more)) = parted else {
            break;
        };
        found.push([&[*flags, *code], value].concat());
        rest = more;
    }
    found
}
