//! The file as a window of octets that grows by what is there, not by what
//! lengths claim.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::{Failure, Fault};

/// A file read from front to back.
pub(super) struct Input {
    name: String,
    file: Box<dyn Read>,
    /// What was read and not consumed.
    window: Vec<u8>,
    /// How many octets of `window` are consumed.
    consumed: usize,
    /// The octet of the file where the unconsumed part begins.
    position: u64,
}

impl Input {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Ok(Self::new("standard input", Box::new(io::stdin().lock())));
        }
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => Ok(Self::new(name, Box::new(file))),
            Err(error) => Err(Failure::Read { file: name, error }),
        }
    }

    pub(super) fn new(name: impl Into<String>, file: Box<dyn Read>) -> Self {
        Self {
            name: name.into(),
            file,
            window: Vec::new(),
            consumed: 0,
            position: 0,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where the unconsumed octets begin.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// The octets at hand.
    pub(super) fn octets(&self) -> &[u8] {
        self.window.get(self.consumed..).unwrap_or_default()
    }

    /// Reads until `count` octets are at hand or the file ends.
    pub(super) fn fill(&mut self, count: usize) -> Result<(), Failure> {
        while self.octets().len() < count {
            if self.consumed > 0 {
                self.window.drain(..self.consumed);
                self.consumed = 0;
            }
            // What is there is taken as it comes: the rest may be a long time.
            let before = self.window.len();
            self.window.resize(before + PIECE, 0);
            let room = self.window.get_mut(before..).unwrap_or_default();
            let read = self.file.read(room);
            let length = read.as_ref().map_or(0, |length| *length);
            self.window.truncate(before + length);
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    let file = self.name.clone();
                    return Err(Failure::Read { file, error });
                }
            }
        }
        Ok(())
    }

    /// The next `count` octets if the file holds as many.
    pub(super) fn peek(&mut self, count: usize) -> Result<Option<&[u8]>, Failure> {
        self.fill(count)?;
        Ok(self.octets().get(..count))
    }

    /// The next octets up to `count` of them, or to the end of the file.
    pub(super) fn some(&mut self, count: usize) -> Result<&[u8], Failure> {
        self.fill(count)?;
        let octets = self.octets();
        Ok(octets.get(..count).unwrap_or(octets))
    }

    /// Goes on behind the next `count` octets, which are at hand.
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.octets().len());
        self.consumed += count;
        self.position += count as u64;
    }

    /// The next `length` octets, which are one record.
    pub(super) fn record(&mut self, length: u64) -> Result<&[u8], Failure> {
        let at = self.position;
        if length > MAX_RECORD {
            return Err(self.fault(Fault::TooLong { at, length }));
        }
        // No longer than `MAX_RECORD`.
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.fill(length)?;
        if self.octets().len() < length {
            return Err(self.fault(Fault::Truncated(at)));
        }
        Ok(self.octets().get(..length).unwrap_or_default())
    }

    pub(super) fn fault(&self, fault: Fault) -> Failure {
        let file = self.name.clone();
        Failure::Data { file, fault }
    }
}

/// Octets read at once.
const PIECE: usize = 64 * 1024;

/// Far above every real record or packet, and what one may cost.
const MAX_RECORD: u64 = 64 * 1024 * 1024;
