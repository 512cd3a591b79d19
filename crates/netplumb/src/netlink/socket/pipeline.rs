//! Many changes in few system calls.

use std::time::Instant;

use neli::consts::nl::NlmF;

use super::super::message::{Frames, Request};
use super::{Answers, Connection, PATIENCE};
use crate::error::Cause;

impl Connection {
    /// Has the kernel work through many changes, in order, and yields what
    /// became of each.
    ///
    /// None may ask for an acknowledgement: the kernel answers those that it
    /// refuses and the last of each datagram, and has carried out the others
    /// when that answer is there. Should there be more refusals than the
    /// socket holds, the changes whose answers are lost are made once more,
    /// one by one, so each must bear repetition.
    pub(in crate::netlink) fn pipeline(&mut self, requests: &[&Request]) -> Vec<Result<(), Cause>> {
        let mut verdicts = Vec::with_capacity(requests.len());
        for piece in requests.chunks(PIPELINE) {
            self.pipeline_piece(piece, &mut verdicts);
        }
        verdicts
    }

    fn pipeline_piece(&mut self, piece: &[&Request], verdicts: &mut Vec<Result<(), Cause>>) {
        let first = self.seq.wrapping_add(1);
        let mut answers = Answers::of_pipeline(piece.len());
        let mut datagram = Vec::with_capacity(piece.iter().map(|it| it.len()).sum());
        for (left, request) in (0..piece.len()).rev().zip(piece) {
            self.seq = self.seq.wrapping_add(1);
            let flag = if left == 0 { NlmF::ACK } else { NlmF::empty() };
            request.write(&mut datagram, self.seq, flag);
        }
        let lost = match self.exchange(&datagram, first, &mut answers) {
            Ok(()) => false,
            Err(Cause::Io(Some(libc::ENOBUFS))) => {
                self.take_waiting(first, &mut answers);
                true
            }
            Err(cause) => {
                answers.fail(&cause);
                false
            }
        };
        for (request, verdict) in piece.iter().zip(answers.verdicts) {
            verdicts.push(match verdict {
                Some(verdict) => verdict,
                None if lost => self.change((*request).clone().acknowledged()),
                None => Ok(()),
            });
        }
    }

    /// Takes the answers that are there already. As long as any is, the
    /// kernel adds none to a socket that has overflowed.
    fn take_waiting(&mut self, first: u32, answers: &mut Answers) {
        let deadline = Instant::now() + PATIENCE;
        while self.receive(deadline, libc::MSG_DONTWAIT).is_ok() {
            for frame in Frames(&self.buffer).map_while(Result::ok) {
                if frame.pid == self.port {
                    answers.take(frame.seq.wrapping_sub(first), &frame);
                }
            }
        }
    }
}

/// How many changes are in one datagram of a pipeline: so many refusals fit
/// into a socket of the kernel's usual size (`net.core.rmem_default`).
pub(super) const PIPELINE: usize = 128;
