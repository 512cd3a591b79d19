//! RFC 6793 section 4.2.3: what AS4_PATH and AS4_AGGREGATOR restore.

use bgp_wire::{AsPath, AttributeCode, UpdateView};

use crate::{OLD, hex};

/// Path and aggregator of an UPDATE from a speaker of two octets, as printed.
fn read(attributes: &str) -> (String, Option<String>) {
    let attributes = hex(&format!("40 01 01 00 {attributes} 40 03 04 c0000201"));
    let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
    let body = [&[0, 0][..], &length, &attributes, &hex("08 0a")].concat();
    let judgement = UpdateView::parse(&body).unwrap().judge(OLD);
    assert_eq!(judgement.fault(), None);
    let read = judgement.attributes();
    let path = read.as_path().unwrap();
    let owned: AsPath = path.to_as_path();
    assert_eq!(owned.path_len(), path.path_len());
    assert!(owned.to_string() == path.to_string());
    let aggregator = read.aggregator().map(|it| it.asn.to_string());
    (path.to_string(), aggregator)
}

fn path(attributes: &str) -> String {
    read(attributes).0
}

/// 64500 AS_TRANS AS_TRANS.
const TWO: &str = "40 02 08 02 03 fbf4 5ba0 5ba0";

#[test]
fn a_path_without_its_twin_is_as_it_came() {
    assert_eq!(path(TWO), "64500 23456 23456");
}

#[test]
fn a_twin_of_the_same_length_replaces_the_path() {
    let four = "c0 11 0e 02 03 0000fbf4 00010001 00010002";
    assert_eq!(path(&format!("{TWO} {four}")), "64500 65537 65538");
}

#[test]
fn a_shorter_twin_comes_behind_the_front_of_the_path() {
    let four = "c0 11 0a 02 02 00010001 00010002";
    assert_eq!(path(&format!("{TWO} {four}")), "64500 65537 65538");
}

#[test]
fn the_seam_leaves_one_sequence() {
    let body = hex(&format!(
        "0000 0023 40 01 01 00 {TWO} c0 11 0a 02 02 00010001 00010002 40 03 04 c0000201 08 0a"
    ));
    let judgement = UpdateView::parse(&body).unwrap().judge(OLD);
    let path = judgement.attributes().as_path().unwrap();
    assert_eq!(path.segments().count(), 2);
    assert_eq!(path.to_as_path().segments.len(), 1);
    assert!(path.contains(bgp_wire::Asn::new(65538)));
    assert!(!path.contains(bgp_wire::Asn::TRANS));
    assert_eq!(path.first(), Some(bgp_wire::Asn::new(64500)));
}

#[test]
fn a_longer_twin_is_ignored() {
    let four = "c0 11 12 02 04 00010001 00010002 00010003 00010004";
    assert_eq!(path(&format!("{TWO} {four}")), "64500 23456 23456");
}

#[test]
fn a_set_counts_one_and_is_taken_whole() {
    // {1 2} 64500 | the twin covers the last one.
    let two = "40 02 0a 01 02 0001 0002 02 01 5ba0";
    let four = "c0 11 06 02 01 00010001";
    assert_eq!(path(&format!("{two} {four}")), "{1,2} 65537");
}

#[test]
fn confederation_segments_in_the_twin_are_left_out() {
    let four = "c0 11 10 03 01 0000fde8 02 02 00010001 00010002";
    assert_eq!(path(&format!("{TWO} {four}")), "64500 65537 65538");
}

#[test]
fn confederation_segments_next_to_the_front_stay() {
    let internal = crate::context(bgp_wire::AsWidth::Two, bgp_wire::SessionKind::Internal);
    for (two, four, expected) in [
        // Leading, with all the rest from the twin.
        (
            "40 02 0a 03 01 fde8 02 02 5ba0 5ba0",
            "c0 11 0a 02 02 00010001 00010002",
            "(65000) 65537 65538",
        ),
        // Behind a sequence that is taken whole.
        (
            "40 02 0c 02 01 fbf4 03 01 fde8 02 01 5ba0",
            "c0 11 06 02 01 00010001",
            "64500 (65000) 65537",
        ),
        // Behind a sequence that is cut.
        (
            "40 02 0a 02 02 fbf4 5ba0 03 01 fde8",
            "c0 11 06 02 01 00010001",
            "64500 65537",
        ),
    ] {
        let attributes = hex(&format!("{two} {four}"));
        let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
        let body = [&[0, 0][..], &length, &attributes].concat();
        let judgement = UpdateView::parse(&body).unwrap().judge(internal);
        let path = judgement.attributes().as_path().unwrap();
        assert_eq!(path.to_string(), expected);
    }
}

#[test]
fn the_aggregator_is_restored() {
    let aggregator = "c0 07 06 5ba0 c0000201  c0 12 08 00010001 c0000202";
    let (path, aggregator) = read(&format!("{TWO} {aggregator}"));
    assert_eq!(path, "64500 23456 23456");
    assert_eq!(aggregator.as_deref(), Some("65537"));
}

#[test]
fn an_aggregator_of_two_octets_disowns_both_twins() {
    let attributes = "c0 07 06 fbf4 c0000201  c0 12 08 00010001 c0000202
        c0 11 0a 02 02 00010001 00010002";
    let (path, aggregator) = read(&format!("{TWO} {attributes}"));
    assert_eq!(path, "64500 23456 23456");
    assert_eq!(aggregator.as_deref(), Some("64500"));
}

#[test]
fn a_lone_as4_aggregator_tells_nothing() {
    let (_, aggregator) = read(&format!("{TWO} c0 12 08 00010001 c0000202"));
    assert_eq!(aggregator, None);
}

#[test]
fn the_attributes_themselves_stay_as_they_came() {
    let body = hex("0000 0009 c0 11 06 02 01 00010001");
    let update = UpdateView::parse(&body).unwrap();
    let first = update.path_attributes().next().unwrap().unwrap();
    assert_eq!(first.code(), AttributeCode::AS4_PATH);
    assert_eq!(first.value(), hex("02 01 00010001"));
}
