//! Two sessions meet over a link that is then cut, in virtual time.
//!
//! ```sh
//! cargo run -p bfd --example pair
//! ```

use std::collections::VecDeque;
use std::error::Error;
use std::time::{Duration, Instant};

use bfd::{
    ControlPacket, Discriminator, Event, Input, Output, PacketError, SENT_TTL, Session,
    SessionConfig, Timing,
};

/// A packet on the link: when it arrives, at whom, and its octets.
type Flight = (Instant, usize, [u8; 24]);

struct Link {
    origin: Instant,
    flights: VecDeque<Flight>,
    cut: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let interval = Duration::from_millis(100);
    let timing = Timing::new(interval, interval, 3)?;
    let session = |number, seed| {
        let discriminator = Discriminator::new(number).ok_or("zero")?;
        let config = SessionConfig::new(discriminator).timing(timing);
        Ok::<_, &str>(Session::new(config, seed))
    };
    let mut sessions = [session(1, 42)?, session(2, 43)?];
    #[expect(clippy::disallowed_methods, reason = "some instant must be the first")]
    let origin = Instant::now();
    let mut link = Link {
        origin,
        flights: VecDeque::new(),
        cut: false,
    };
    for (index, session) in sessions.iter_mut().enumerate() {
        session.handle_input(origin, Input::Start);
        link.carry(origin, index, session);
    }
    let half_a_second = origin + Duration::from_millis(500);
    link.run(origin, half_a_second, &mut sessions)?;
    link.cut = true;
    let two_seconds = origin + Duration::from_secs(2);
    link.run(half_a_second, two_seconds, &mut sessions)?;
    Ok(())
}

impl Link {
    /// What any driver does, but that its clock and its sockets are made up.
    fn run(
        &mut self,
        mut now: Instant,
        end: Instant,
        sessions: &mut [Session; 2],
    ) -> Result<(), PacketError> {
        while now <= end {
            while let Some((_, to, octets)) = self.flights.pop_front_if(|(at, ..)| *at <= now) {
                let packet = ControlPacket::parse(&octets)?;
                let ttl = SENT_TTL;
                if let Some(session) = sessions.get_mut(to) {
                    session.handle_input(now, Input::Received { packet, ttl });
                    self.carry(now, to, session);
                }
            }
            for (index, session) in sessions.iter_mut().enumerate() {
                session.handle_input(now, Input::Timeout);
                self.carry(now, index, session);
            }
            let timers = sessions.iter().filter_map(Session::poll_timeout);
            let arrivals = self.flights.iter().map(|(at, ..)| *at);
            now = timers
                .map(|(at, _)| at)
                .chain(arrivals)
                .min()
                .unwrap_or(end);
        }
        Ok(())
    }

    /// Prints what a session says, and takes its packets.
    fn carry(&mut self, now: Instant, from: usize, session: &mut Session) {
        while let Some(output) = session.poll_output() {
            let what = match output {
                Output::Transmit(packet) => {
                    if !self.cut {
                        let arrival = now + Duration::from_millis(1);
                        self.flights.push_back((arrival, 1 - from, packet.encode()));
                    }
                    packet.to_string()
                }
                Output::Event(Event::Down(why)) => format!("*** down: {why}"),
                Output::Event(Event::Up) => "*** up".to_owned(),
                Output::Event(Event::ParametersChanged(now)) => format!("    {now}"),
                Output::Event(event) => format!("{event:?}"),
                other => format!("{other:?}"),
            };
            #[expect(clippy::print_stdout, reason = "showing it is what an example is for")]
            {
                let time = (now - self.origin).as_secs_f64();
                println!("{time:.3} session {} {what}", from + 1);
            }
        }
    }
}
