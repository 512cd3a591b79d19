//! Hexadecimal digits of messages.

use std::io::Write;

use super::input::Input;
use super::report::Report;
use super::stream::Stream;
use super::{Failure, Fault};

/// White space and colons between the digits are for the reader, as is all
/// from `#` to the end of a line.
pub(super) fn walk(mut input: Input, report: &mut Report<impl Write>) -> Result<(), Failure> {
    let ctx = report.default_context();
    let (mut digits, mut stream) = (Digits::default(), Stream::default());
    loop {
        let text = input.some(PIECE)?;
        if text.is_empty() {
            break;
        }
        let mut octets = Vec::with_capacity(text.len() / 2);
        let read = digits.read(text, &mut octets);
        let length = text.len();
        stream.push(&octets);
        stream.print(report, "", |_| ctx)?;
        if let Err(fault) = read {
            return Err(input.fault(fault));
        }
        input.consume(length);
    }
    stream.end(report, "")?;
    match digits.high {
        Some(_) => Err(input.fault(Fault::HalfAnOctet)),
        None => Ok(()),
    }
}

/// Text on its way to octets.
struct Digits {
    line: usize,
    in_comment: bool,
    /// The first digit of an octet.
    high: Option<u8>,
}

impl Default for Digits {
    fn default() -> Self {
        Self {
            line: 1,
            in_comment: false,
            high: None,
        }
    }
}

impl Digits {
    fn read(&mut self, text: &[u8], octets: &mut Vec<u8>) -> Result<(), Fault> {
        for &character in text {
            match character {
                b'\n' => {
                    self.line += 1;
                    self.in_comment = false;
                }
                _ if self.in_comment => {}
                b'#' => self.in_comment = true,
                b' ' | b'\t' | b'\r' | b':' => {}
                _ => {
                    let digit = digit(character).ok_or(Fault::NotHex(self.line))?;
                    match self.high.take() {
                        Some(high) => octets.push(high << 4 | digit),
                        None => self.high = Some(digit),
                    }
                }
            }
        }
        Ok(())
    }
}

const fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    }
}

/// Characters read at once.
const PIECE: usize = 64 * 1024;
