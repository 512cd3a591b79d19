//! The type-length-value grammars of OPEN, for nom with a unit error.

use alloc::vec::Vec;

use nom::bytes::complete::take;
use nom::combinator::all_consuming;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::preceded;
use nom::{IResult, Parser as _};

/// What a grammar here yields; why it fails is the caller's to say.
pub(crate) type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

/// A type and its value with a length of one octet: capabilities (RFC 5492)
/// and optional parameters (RFC 4271 section 4.2).
pub(crate) fn short(input: &[u8]) -> Parsed<'_, (u8, &[u8])> {
    (be_u8, length_data(be_u8)).parse(input)
}

/// The same with a length of two octets: optional parameters of the extended
/// form (RFC 9072).
pub(crate) fn long(input: &[u8]) -> Parsed<'_, (u8, &[u8])> {
    (be_u8, length_data(be_u16)).parse(input)
}

/// `afi (2) | reserved (1) | safi (1)` of the multiprotocol capability
/// (RFC 4760 section 8).
pub(crate) fn family_with_reserved(input: &[u8]) -> Parsed<'_, (u16, u8)> {
    (be_u16, preceded(take(1usize), be_u8)).parse(input)
}

/// `afi (2) | safi (1)` of the list capabilities.
pub(crate) fn family(input: &[u8]) -> Parsed<'_, (u16, u8)> {
    (be_u16, be_u8).parse(input)
}

/// Applies `grammar` to all of `input`, again and again, as far as a list
/// goes; `None` if something is left over.
pub(crate) fn list<'a, T>(
    mut input: &'a [u8],
    grammar: impl Fn(&'a [u8]) -> Parsed<'a, T>,
) -> Option<Vec<T>> {
    let mut items = Vec::new();
    while !input.is_empty() {
        let (rest, item) = grammar(input).ok()?;
        items.push(item);
        input = rest;
    }
    Some(items)
}

/// Applies `grammar` to all of `input` once; `None` if it does not take
/// exactly that.
pub(crate) fn whole<'a, T>(
    input: &'a [u8],
    grammar: impl Fn(&'a [u8]) -> Parsed<'a, T>,
) -> Option<T> {
    all_consuming(grammar)
        .parse(input)
        .ok()
        .map(|(_, value)| value)
}
