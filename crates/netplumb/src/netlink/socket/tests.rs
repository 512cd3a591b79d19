//! Answers as a kernel might give them, in any order and cut.

use neli::consts::nl::NlmF;
use proptest::prelude::*;

use super::super::message::Frame;
use super::{Answers, Dump, Frames, verdict};
use crate::error::Cause;

const PORT: u32 = 77;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const OBJECT: u16 = 16;

fn message(kind: u16, flags: NlmF, seq: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(16 + payload.len()).unwrap();
    let mut octets = len.to_ne_bytes().to_vec();
    octets.extend(kind.to_ne_bytes());
    octets.extend(u16::from(flags).to_ne_bytes());
    octets.extend(seq.to_ne_bytes());
    octets.extend(PORT.to_ne_bytes());
    octets.extend(payload);
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}

fn read_first(payload: &[u8]) -> Option<u8> {
    payload.first().copied()
}

/// The payload of an error that carries the kernel's text "no".
fn refusal(errno: i32, echoed: usize) -> Vec<u8> {
    let mut payload = (-errno).to_ne_bytes().to_vec();
    payload.extend(60_u32.to_ne_bytes());
    payload.resize(4 + 16 + echoed, 0);
    payload.extend([7_u16.to_ne_bytes(), 1_u16.to_ne_bytes()].concat());
    payload.extend(*b"no\0\0");
    payload
}

fn text(result: Result<(), Cause>) -> Option<String> {
    match result {
        Err(Cause::Refused(refusal)) => refusal.message,
        _ => None,
    }
}

fn error_frame(flags: NlmF, payload: &[u8]) -> Frame<'_> {
    Frame {
        kind: ERROR,
        flags: flags.into(),
        seq: 1,
        pid: PORT,
        payload,
    }
}

#[test]
fn the_kernels_text_is_found_behind_a_capped_and_a_whole_request() {
    let capped = refusal(libc::EINVAL, 0);
    let flags = NlmF::CAPPED | NlmF::ACK_TLVS;
    assert_eq!(
        text(verdict(&error_frame(flags, &capped))).as_deref(),
        Some("no")
    );
    let whole = refusal(libc::EINVAL, 44);
    assert_eq!(
        text(verdict(&error_frame(NlmF::ACK_TLVS, &whole))).as_deref(),
        Some("no")
    );
}

#[test]
fn an_acknowledgement_is_success() {
    assert_eq!(verdict(&error_frame(NlmF::empty(), &[0; 20])), Ok(()));
}

#[test]
fn the_smallest_error_number_does_not_overflow() {
    let payload = i32::MIN.to_ne_bytes();
    assert!(verdict(&error_frame(NlmF::empty(), &payload)).is_err());
}

#[test]
fn a_dump_is_complete_with_its_end_and_takes_only_its_own() {
    let mut dump = Dump::new(5, PORT);
    let first = [
        message(OBJECT, NlmF::MULTI, 4, &[9]),
        message(OBJECT, NlmF::MULTI, 5, &[1]),
    ];
    dump.take(&first.concat(), read_first).unwrap();
    assert!(!dump.complete);
    let second = [
        message(OBJECT, NlmF::MULTI, 5, &[2]),
        message(DONE, NlmF::MULTI, 5, &[0; 4]),
        message(OBJECT, NlmF::MULTI, 5, &[3]),
    ];
    dump.take(&second.concat(), read_first).unwrap();
    assert!(dump.complete && !dump.interrupted);
    assert_eq!(dump.objects, [1, 2]);
}

#[test]
fn a_dump_of_a_table_that_changed_says_so() {
    for octets in [
        [
            message(OBJECT, NlmF::MULTI | NlmF::DUMP_INTR, 5, &[1]),
            message(DONE, NlmF::MULTI, 5, &[0; 4]),
        ],
        [
            message(OBJECT, NlmF::MULTI, 5, &[1]),
            message(DONE, NlmF::MULTI | NlmF::DUMP_INTR, 5, &[0; 4]),
        ],
    ] {
        let mut dump = Dump::new(5, PORT);
        dump.take(&octets.concat(), read_first).unwrap();
        assert!(dump.complete && dump.interrupted);
    }
}

#[test]
fn a_dump_that_fails_at_its_end_fails() {
    let mut dump = Dump::<u8>::new(5, PORT);
    let end = message(DONE, NlmF::MULTI, 5, &(-libc::EINVAL).to_ne_bytes());
    let cause = dump.take(&end, read_first).unwrap_err();
    assert!(cause.is_errno(libc::EINVAL));
}

#[test]
fn the_answers_of_a_batch_find_their_requests() {
    let octets = [
        message(OBJECT, NlmF::empty(), 12, &[7]),
        message(ERROR, NlmF::empty(), 12, &[0; 20]),
        message(
            ERROR,
            NlmF::CAPPED | NlmF::ACK_TLVS,
            11,
            &refusal(libc::EEXIST, 0),
        ),
        message(ERROR, NlmF::empty(), 9, &[0; 20]),
        message(ERROR, NlmF::empty(), 10, &[0; 20]),
    ]
    .concat();
    let mut answers = Answers::new(3);
    for (nth, frame) in Frames(&octets).enumerate() {
        assert!(!answers.complete(), "before message {nth}");
        let frame = frame.unwrap();
        answers.take(frame.seq.wrapping_sub(10), &frame);
    }
    assert!(answers.complete());
    assert_eq!(answers.remove_first(), Ok(None));
    assert!(answers.remove_first().unwrap_err().is_errno(libc::EEXIST));
    assert_eq!(
        answers.remove_first().map(|object| object.unwrap()[0]),
        Ok(7)
    );
}

#[test]
fn requests_without_an_answer_fail_with_the_sockets_error() {
    let mut answers = Answers::new(2);
    let ack = message(ERROR, NlmF::empty(), 0, &[0; 20]);
    answers.take(0, &Frames(&ack).next().unwrap().unwrap());
    answers.fail(&Cause::TimedOut);
    assert_eq!(answers.remove_first(), Ok(None));
    assert_eq!(answers.remove_first(), Err(Cause::TimedOut));
}

proptest! {
    #[test]
    fn any_datagram_is_survived(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut dump = Dump::new(0, PORT);
        _ = dump.take(&octets, read_first);
        let mut answers = Answers::new(2);
        for frame in Frames(&octets).flatten() {
            answers.take(frame.seq, &frame);
        }
    }
}
