//! Answers as a kernel might give them, in any order and cut.

use neli::consts::nl::NlmF;
use neli::consts::rtnl::Rtm;
use proptest::prelude::*;
use socket2::SockRef;

use super::super::message::{Frame, Request, RequestWriter};
use super::pipeline::PIPELINE;
use super::{Answers, Connection, Dump, Frames, verdict};
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

fn no_object(payload: &[u8]) {
    panic!("an object: {payload:?}");
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
    let mut objects = Vec::new();
    let mut keep = |payload: &[u8]| objects.extend(payload.first().copied());
    let first = [
        message(OBJECT, NlmF::MULTI, 4, &[9]),
        message(OBJECT, NlmF::MULTI, 5, &[1]),
    ];
    dump.take(&first.concat(), &mut keep).unwrap();
    assert!(!dump.complete);
    let second = [
        message(OBJECT, NlmF::MULTI, 5, &[2]),
        message(DONE, NlmF::MULTI, 5, &[0; 4]),
        message(OBJECT, NlmF::MULTI, 5, &[3]),
    ];
    dump.take(&second.concat(), &mut keep).unwrap();
    assert!(dump.complete && !dump.interrupted);
    assert_eq!(objects, [1, 2]);
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
        dump.take(&octets.concat(), |_| {}).unwrap();
        assert!(dump.complete && dump.interrupted);
    }
}

#[test]
fn a_dump_that_fails_at_its_end_fails() {
    let mut dump = Dump::new(5, PORT);
    let end = message(DONE, NlmF::MULTI, 5, &(-libc::EINVAL).to_ne_bytes());
    let cause = dump.take(&end, no_object).unwrap_err();
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

#[test]
fn a_pipeline_is_complete_with_the_answer_to_its_last_request() {
    let mut answers = Answers::of_pipeline(3);
    let refused = message(ERROR, NlmF::CAPPED, 1, &refusal(libc::EEXIST, 0));
    let last = message(ERROR, NlmF::empty(), 2, &[0; 20]);
    for octets in [&refused, &last] {
        assert!(!answers.complete());
        let frame = Frames(octets).next().unwrap().unwrap();
        answers.take(frame.seq, &frame);
    }
    assert!(answers.complete());
    let refusals: Vec<_> = answers.verdicts.iter().map(Option::is_some).collect();
    assert_eq!(refusals, [false, true, true]);
}

/// The deletion of an address, on a link that nobody has: refused by every
/// kernel, for want of the link or of the right to ask.
fn refused() -> Request {
    let mut header = vec![2, 32, 0, 0];
    header.extend(u32::MAX.to_ne_bytes());
    let mut writer = RequestWriter::new(Rtm::Deladdr, NlmF::empty(), &header);
    writer.attr(libc::IFA_LOCAL, &[192, 0, 2, 7]).unwrap();
    writer.finish().unwrap()
}

/// NLMSG_NOOP, which every kernel grants.
fn granted() -> Request {
    let request = RequestWriter::new(Rtm::from(1), NlmF::empty(), &[]);
    request.finish().unwrap()
}

#[test]
fn every_refusal_of_a_pipeline_finds_its_request() {
    let (refused, granted) = (refused(), granted());
    for refusals in [0, 1, 2] {
        let requests: Vec<_> = (0..PIPELINE * 2 + 3)
            .map(|nth| {
                if nth % 2 < refusals {
                    &refused
                } else {
                    &granted
                }
            })
            .collect();
        let mut connection = Connection::open().unwrap();
        let verdicts = connection.pipeline(&requests);
        assert_eq!(verdicts.len(), requests.len());
        for (nth, verdict) in verdicts.iter().enumerate() {
            assert_eq!(verdict.is_err(), nth % 2 < refusals, "{nth}: {verdict:?}");
        }
    }
}

#[test]
fn refusals_that_the_socket_cannot_hold_are_not_lost() {
    let refused = refused();
    let mut connection = Connection::open().unwrap();
    // The kernel makes the least there is of it, a few answers.
    SockRef::from(&connection.socket)
        .set_recv_buffer_size(1)
        .unwrap();
    let requests = vec![&refused; PIPELINE];
    let verdicts = connection.pipeline(&requests);
    assert_eq!(verdicts.len(), PIPELINE);
    for verdict in verdicts {
        assert!(matches!(verdict, Err(Cause::Refused(_))), "{verdict:?}");
    }
    // It is of use afterwards.
    assert_eq!(connection.pipeline(&[&granted()]), [Ok(())]);
}

proptest! {
    #[test]
    fn any_datagram_is_survived(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut dump = Dump::new(0, PORT);
        _ = dump.take(&octets, |_| {});
        let mut answers = Answers::new(2);
        for frame in Frames(&octets).flatten() {
            answers.take(frame.seq, &frame);
        }
    }
}
