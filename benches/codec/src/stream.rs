//! The UPDATEs that are decoded.

use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, Result};
use bgp_wire::{
    AsPath, AsWidth, Asn, Community, DecodeContext, Disposition, Family, MaxMessageLen,
    MessageView, NextHop, PathAttributes, RawMessage, SessionKind, UpdateWriter,
};
use bytes::{Bytes, BytesMut};
use flate2::read::GzDecoder;
use ipnet::{IpNet, Ipv4Net};
use serde_json::Value;

/// One whole message with its header.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// A part of the one buffer that holds all messages.
    pub(crate) octets: Bytes,
    /// Whether AS numbers have four octets.
    pub(crate) four_octets: bool,
}

impl Message {
    pub(crate) fn context(&self) -> DecodeContext {
        context(self.four_octets)
    }
}

fn context(four_octets: bool) -> DecodeContext {
    let as_width = if four_octets {
        AsWidth::Four
    } else {
        AsWidth::Two
    };
    // The routes were collected by EBGP sessions, of which some show LOCAL_PREF.
    DecodeContext::new(as_width, SessionKind::Internal)
}

/// Messages one behind the other in one buffer.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) origin: String,
    pub(crate) messages: Vec<Message>,
}

impl Stream {
    fn new(origin: String, messages: impl Iterator<Item = (Vec<u8>, bool)>) -> Self {
        let mut buffer = Vec::new();
        let mut places: Vec<(Range<usize>, bool)> = Vec::new();
        for (octets, four_octets) in messages {
            places.push((buffer.len()..buffer.len() + octets.len(), four_octets));
            buffer.extend(octets);
        }
        let buffer = Bytes::from(buffer);
        let messages = places.into_iter().map(|(place, four_octets)| Message {
            octets: buffer.slice(place),
            four_octets,
        });
        Self {
            origin,
            messages: messages.collect(),
        }
    }

    /// The same stream without the messages at these places.
    pub(crate) fn without(self, unwanted: &[usize]) -> Self {
        let kept = self.messages.iter().enumerate();
        let kept = kept.filter(|(place, _)| unwanted.binary_search(place).is_err());
        Self::new(
            self.origin.clone(),
            kept.map(|(_, it)| (it.octets.to_vec(), it.four_octets)),
        )
    }

    pub(crate) fn octets(&self) -> usize {
        self.messages.iter().map(|it| it.octets.len()).sum()
    }
}

/// The recorded stream where it is there, and a generated one otherwise.
pub(crate) fn load() -> Result<Stream> {
    let corpora = env::var_os("BGPLB_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora"),
        PathBuf::from,
    );
    let file = corpora.join("ripe-ris-legacy/messages.jsonl.gz");
    if file.exists() {
        return recorded(&file);
    }
    println!(
        "skipped: no {}; a generated stream takes its place",
        file.display()
    );
    generated()
}

/// The UPDATEs with a known width of AS numbers and no fault.
///
/// A malformed message shows how a codec handles errors, not how fast it is. It would also end
/// the run: zettabgp 0.6.0 takes all memory on an AS_PATH with an octet too many.
fn recorded(file: &Path) -> Result<Stream> {
    let packed = fs::File::open(file).with_context(|| format!("open {}", file.display()))?;
    let mut text = String::new();
    GzDecoder::new(packed)
        .read_to_string(&mut text)
        .with_context(|| format!("read {}", file.display()))?;
    let mut messages = Vec::new();
    let (mut others, mut malformed) = (0, 0);
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).context("read a message")?;
        let (Some(2), Some(four_octets), "message") = (
            line["type"].as_u64(),
            line["asn4"].as_bool(),
            line["kind"].as_str().unwrap_or_default(),
        ) else {
            others += 1;
            continue;
        };
        let octets = unhex(line["hex"].as_str().unwrap_or_default()).context("read hex")?;
        if is_sound(&octets, four_octets) {
            messages.push((octets, four_octets));
        } else {
            malformed += 1;
        }
    }
    println!(
        "left out: {malformed} malformed UPDATEs, {others} other messages or of unknown AS width"
    );
    let origin = "RIPE RIS, 1999 to 2010".to_owned();
    Ok(Stream::new(origin, messages.into_iter()))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// Whether the octets are one UPDATE that RFC 7606 has nothing against.
fn is_sound(octets: &[u8], four_octets: bool) -> bool {
    let mut buffer = BytesMut::from(octets);
    let Ok(Some(message)) = RawMessage::split_from(&mut buffer, MaxMessageLen::STANDARD) else {
        return false;
    };
    let Ok(MessageView::Update(update)) = message.view() else {
        return false;
    };
    let disposition: Option<Disposition> = update.judge(context(four_octets)).disposition();
    buffer.is_empty() && disposition.is_none()
}

/// As many UPDATEs as the recorded stream has, of its mean length and much its variety.
fn generated() -> Result<Stream> {
    const MESSAGES: usize = 50_000;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut messages = Vec::with_capacity(MESSAGES);
    let mut buffer = BytesMut::new();
    for _ in 0..MESSAGES {
        let prefixes = 1 + random.below(4);
        if random.below(8) == 0 {
            let mut writer = UpdateWriter::withdraw(
                &mut buffer,
                MaxMessageLen::STANDARD,
                Family::IPV4_UNICAST,
                context(false),
            )?;
            (0..prefixes).try_for_each(|_| writer.push(random.prefix()))?;
            writer.finish();
        } else {
            let mut attributes = PathAttributes::originated();
            let path = (0..2 + random.below(5)).map(|_| Asn::new(1 + random.below(64_000)));
            attributes.as_path = AsPath::sequence(path.collect::<Vec<_>>());
            attributes.med = (random.below(3) == 0).then(|| random.below(1000));
            attributes.communities = (0..random.below(8))
                .map(|_| Community(0x0d1d_0000 | random.below(0xffff)))
                .collect();
            let mut writer = UpdateWriter::announce(
                &mut buffer,
                MaxMessageLen::STANDARD,
                Family::IPV4_UNICAST,
                &NextHop::V4([193, 0, 0, 56].into()),
                &attributes,
                context(false),
            )?;
            (0..prefixes).try_for_each(|_| writer.push(random.prefix()))?;
            writer.finish();
        }
        messages.push((buffer.split().to_vec(), false));
    }
    Ok(Stream::new("generated".to_owned(), messages.into_iter()))
}

/// Numbers that are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) % u64::from(bound)) as u32
    }

    fn prefix(&mut self) -> IpNet {
        let length = 16 + self.below(9) as u8;
        let address = (1 + self.below(222)) << 24 | self.below(1 << 24);
        IpNet::V4(Ipv4Net::new_assert(address.into(), length).trunc())
    }
}
