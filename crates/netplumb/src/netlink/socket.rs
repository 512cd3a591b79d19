//! A netlink socket that asks and waits for the answer, with an end.

mod pipeline;

use std::thread;
use std::time::{Duration, Instant};

use neli::consts::nl::NlmF;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use socket2::SockRef;

use super::message::{Attrs, Frame, Frames, HEADER, Request, align, read_text, read_u32};
use crate::error::{Cause, Refusal};

/// One socket for requests. Not for multicast groups.
pub(super) struct Connection {
    socket: Socket,
    port: u32,
    seq: u32,
    buffer: Vec<u8>,
    /// How many tables were asked for.
    tables_read: u64,
}

impl Connection {
    /// Opens a socket in the network namespace of the calling thread.
    pub(super) fn open() -> Result<Self, Cause> {
        Self::open_for(NETLINK_ROUTE)
    }

    /// The same for another of netlink's families.
    pub(super) fn open_for(protocol: isize) -> Result<Self, Cause> {
        let mut socket = Socket::new(protocol)?;
        let port = socket.bind_auto()?.port_number();
        socket.connect(&SocketAddr::new(0, 0))?;
        // An older kernel without one of these still does the work.
        _ = socket.set_ext_ack(true);
        _ = socket.set_cap_ack(true);
        _ = socket.set_netlink_get_strict_chk(true);
        let options = SockRef::from(&socket);
        options.set_read_timeout(Some(PATIENCE))?;
        options.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            socket,
            port,
            seq: 0,
            buffer: Vec::with_capacity(BUFFER),
            tables_read: 0,
        })
    }

    pub(super) const fn tables_read(&self) -> u64 {
        self.tables_read
    }

    pub(super) const fn port(&self) -> u32 {
        self.port
    }

    /// Sends one change and waits for its acknowledgement.
    pub(super) fn change(&mut self, request: Request) -> Result<(), Cause> {
        self.batch(vec![request]).remove_first().map(|_| ())
    }

    /// Asks for one object; `None` when the kernel has none such.
    pub(super) fn get(&mut self, request: Request) -> Result<Option<Vec<u8>>, Cause> {
        match self.batch(vec![request]).remove_first() {
            Err(cause) if cause.is_errno(libc::ENODEV) || cause.is_errno(libc::ENOENT) => Ok(None),
            answer => answer,
        }
    }

    /// Sends several requests in one datagram, which the kernel works through
    /// within one system call: a process that is killed cannot stop between
    /// them. Yields an answer for each, in order.
    ///
    /// Each must ask for an acknowledgement; a request that yields an object
    /// has its payload in the answer.
    pub(super) fn batch(&mut self, requests: Vec<Request>) -> Answers {
        let first = self.seq.wrapping_add(1);
        let mut answers = Answers::new(requests.len());
        let mut datagram = Vec::new();
        for request in requests {
            self.seq = self.seq.wrapping_add(1);
            request.write(&mut datagram, self.seq, NlmF::empty());
        }
        if let Err(cause) = self.exchange(&datagram, first, &mut answers) {
            answers.fail(&cause);
        }
        answers
    }

    /// Sends one change between two messages that have it made as a
    /// transaction, and waits for its acknowledgement.
    pub(super) fn transact(
        &mut self,
        begin: Request,
        change: Request,
        end: Request,
    ) -> Result<(), Cause> {
        let mut datagram = Vec::new();
        let first = self.seq.wrapping_add(2);
        for request in [begin, change, end] {
            self.seq = self.seq.wrapping_add(1);
            request.write(&mut datagram, self.seq, NlmF::empty());
        }
        let mut answers = Answers::new(1);
        self.exchange(&datagram, first, &mut answers)?;
        answers.remove_first().map(drop)
    }

    /// Reads a whole table, again when it changed meanwhile.
    pub(super) fn dump<T>(
        &mut self,
        request: impl Fn() -> Result<Request, Cause>,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, Cause> {
        let mut objects = Vec::new();
        self.walk(request, |payload| match payload {
            Some(payload) => objects.extend(read(payload)),
            None => objects.clear(),
        })?;
        Ok(objects)
    }

    /// Shows `visit` the objects of a whole table one after the other, and
    /// `None` before the first one. When the table changed meanwhile, that is
    /// done again from the `None` on.
    pub(super) fn walk(
        &mut self,
        request: impl Fn() -> Result<Request, Cause>,
        mut visit: impl FnMut(Option<&[u8]>),
    ) -> Result<(), Cause> {
        for nth in 0..DUMPS {
            thread::sleep(pause(nth));
            visit(None);
            match self.dump_once(&request()?, |payload| visit(Some(payload))) {
                Ok(dump) if !dump.interrupted => return Ok(()),
                Ok(_) => {}
                // Answers were lost for want of space.
                Err(cause) if cause == Cause::Io(Some(libc::ENOBUFS)) => {}
                Err(cause) => return Err(cause),
            }
        }
        Err(Cause::Unsteady)
    }

    fn dump_once(
        &mut self,
        request: &Request,
        mut visit: impl FnMut(&[u8]),
    ) -> Result<Dump, Cause> {
        self.seq = self.seq.wrapping_add(1);
        self.tables_read += 1;
        let mut dump = Dump::new(self.seq, self.port);
        let mut datagram = Vec::new();
        request.write(&mut datagram, self.seq, NlmF::empty());
        self.send(&datagram)?;
        let deadline = Instant::now() + PATIENCE_DUMP;
        while !dump.complete {
            self.receive(deadline, 0)?;
            dump.take(&self.buffer, &mut visit)?;
        }
        Ok(dump)
    }

    fn exchange(
        &mut self,
        datagram: &[u8],
        first: u32,
        answers: &mut Answers,
    ) -> Result<(), Cause> {
        self.send(datagram)?;
        let deadline = Instant::now() + PATIENCE;
        while !answers.complete() {
            self.receive(deadline, 0)?;
            for frame in Frames(&self.buffer) {
                let frame = frame?;
                // What is late from a request given up is not for us.
                if frame.pid == self.port {
                    answers.take(frame.seq.wrapping_sub(first), &frame);
                }
            }
        }
        Ok(())
    }

    fn send(&self, datagram: &[u8]) -> Result<(), Cause> {
        loop {
            match self.socket.send(datagram, 0) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Receives one datagram of the kernel into the buffer.
    fn receive(&mut self, deadline: Instant, flags: libc::c_int) -> Result<(), Cause> {
        loop {
            if Instant::now() >= deadline {
                return Err(Cause::TimedOut);
            }
            self.buffer.clear();
            let flags = flags | libc::MSG_TRUNC;
            match self.socket.recv_from(&mut self.buffer, flags) {
                Ok((len, _)) if len > self.buffer.len() => {
                    // It is lost; the next of this size will fit.
                    self.buffer.reserve(len);
                    return Err(Cause::Io(Some(libc::ENOBUFS)));
                }
                Ok((_, sender)) if sender.port_number() == 0 => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A table as far as it was received.
struct Dump {
    seq: u32,
    port: u32,
    /// The table changed meanwhile, so that something may be missing.
    interrupted: bool,
    complete: bool,
}

impl Dump {
    const fn new(seq: u32, port: u32) -> Self {
        Self {
            seq,
            port,
            interrupted: false,
            complete: false,
        }
    }

    /// Takes one datagram. What answers another request is left out.
    fn take(&mut self, datagram: &[u8], mut visit: impl FnMut(&[u8])) -> Result<(), Cause> {
        for frame in Frames(datagram) {
            let frame = frame?;
            if self.complete || frame.seq != self.seq || frame.pid != self.port {
                continue;
            }
            self.interrupted |= has_flag(&frame, NlmF::DUMP_INTR);
            match i32::from(frame.kind) {
                libc::NLMSG_DONE | libc::NLMSG_ERROR => {
                    verdict(&frame)?;
                    self.complete = true;
                }
                libc::NLMSG_OVERRUN => return Err(Cause::Io(Some(libc::ENOBUFS))),
                libc::NLMSG_NOOP => {}
                _ => visit(frame.payload),
            }
        }
        Ok(())
    }
}

/// The answers to the requests of one datagram.
pub(super) struct Answers {
    objects: Vec<Option<Vec<u8>>>,
    verdicts: Vec<Option<Result<(), Cause>>>,
    /// Only refusals and the last request are answered.
    sparse: bool,
}

impl Answers {
    fn new(len: usize) -> Self {
        Self {
            objects: vec![None; len],
            verdicts: vec![None; len],
            sparse: false,
        }
    }

    fn of_pipeline(len: usize) -> Self {
        Self {
            sparse: true,
            ..Self::new(len)
        }
    }

    fn complete(&self) -> bool {
        match self.verdicts.last() {
            Some(last) if self.sparse => last.is_some(),
            _ => self.verdicts.iter().all(Option::is_some),
        }
    }

    fn take(&mut self, index: u32, frame: &Frame<'_>) {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let (Some(object), Some(answer)) =
            (self.objects.get_mut(index), self.verdicts.get_mut(index))
        else {
            return;
        };
        match i32::from(frame.kind) {
            libc::NLMSG_ERROR | libc::NLMSG_DONE => *answer = Some(verdict(frame)),
            libc::NLMSG_NOOP | libc::NLMSG_OVERRUN => {}
            _ => *object = Some(frame.payload.to_vec()),
        }
    }

    /// Gives every request without an answer this one.
    fn fail(&mut self, cause: &Cause) {
        for answer in &mut self.verdicts {
            answer.get_or_insert_with(|| Err(cause.clone()));
        }
    }

    /// The answer to the first request that has not been asked for yet: its
    /// object, if it had one.
    pub(super) fn remove_first(&mut self) -> Result<Option<Vec<u8>>, Cause> {
        if self.verdicts.is_empty() {
            return Err(Cause::Malformed("no answer"));
        }
        let object = self.objects.remove(0);
        self.verdicts
            .remove(0)
            .unwrap_or(Err(Cause::Malformed("no answer")))
            .map(|()| object)
    }
}

fn has_flag(frame: &Frame<'_>, flag: NlmF) -> bool {
    frame.flags & u16::from(flag) != 0
}

/// What an error or end-of-dump message says.
fn verdict(frame: &Frame<'_>) -> Result<(), Cause> {
    let code = read_u32(frame.payload, 0).map_or(0, u32::cast_signed);
    if code >= 0 {
        return Ok(());
    }
    let done = i32::from(frame.kind) == libc::NLMSG_DONE;
    // An error repeats the request's header, and unless capped all of it.
    let skip = if done {
        4
    } else if has_flag(frame, NlmF::CAPPED) {
        4 + HEADER
    } else {
        let request = read_u32(frame.payload, 4).unwrap_or_default();
        4_usize.saturating_add(align(usize::try_from(request).unwrap_or(usize::MAX)))
    };
    let mut refusal = Refusal {
        errno: code.saturating_neg(),
        ..Refusal::default()
    };
    if has_flag(frame, NlmF::ACK_TLVS) || done {
        for (kind, octets) in Attrs(frame.payload.get(skip..).unwrap_or_default()) {
            match kind {
                NLMSGERR_ATTR_MSG => refusal.message = Some(read_text(octets)),
                NLMSGERR_ATTR_OFFS => refusal.offset = read_u32(octets, 0),
                NLMSGERR_ATTR_MISS_TYPE => refusal.missing = read_u32(octets, 0),
                _ => {}
            }
        }
    }
    Err(Cause::Refused(Box::new(refusal)))
}

// linux/netlink.h, enum nlmsgerr_attrs.
const NLMSGERR_ATTR_MSG: u16 = 1;
const NLMSGERR_ATTR_OFFS: u16 = 2;
const NLMSGERR_ATTR_MISS_TYPE: u16 = 5;

/// How long one answer may take. The kernel works through a request before
/// the system call returns, so this is met only if an answer was lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a whole table may take.
const PATIENCE_DUMP: Duration = Duration::from_secs(60);

/// How often a table that changes is read: for about two seconds, in which who
/// makes many links at once comes to an end or to a rest.
const DUMPS: u32 = 16;

/// How long to wait before a table is read for the `nth` time. A change now and
/// then is gone the second time.
fn pause(nth: u32) -> Duration {
    match nth {
        0 | 1 => Duration::ZERO,
        _ => Duration::from_millis(1 << (nth - 2).min(8)),
    }
}

/// The kernel fills datagrams of a dump up to 32 KiB.
const BUFFER: usize = 64 * 1024;

#[cfg(test)]
mod tests;
