//! A BFD peer made by hand, which does what a test says.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bfd::{
    ControlPacket, Discriminator, Input, Output, SENT_TTL, SINGLE_HOP_PORT, Session, SessionConfig,
    Timing,
};

/// What a peer may be told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// To send nothing any more.
    Silence,
    /// To take its session down as an operator would.
    AdminDown,
    End,
}

/// A peer on a thread of its own.
#[derive(Debug)]
pub(crate) struct BfdPeer {
    orders: mpsc::Sender<Order>,
    running: Option<JoinHandle<()>>,
}

impl BfdPeer {
    /// Receives at `address` and speaks to `speaker`; its packets leave with
    /// this TTL.
    pub(crate) fn start(address: IpAddr, speaker: IpAddr, timing: Timing, ttl: u8) -> Self {
        Self::start_as(config(timing), address, speaker, ttl)
    }

    /// As [`start`](Self::start), with the C bit set: it claims to outlive its
    /// control plane.
    pub(crate) fn start_independent(address: IpAddr, speaker: IpAddr, timing: Timing) -> Self {
        let config = config(timing).control_plane_independent();
        Self::start_as(config, address, speaker, SENT_TTL)
    }

    fn start_as(config: SessionConfig, address: IpAddr, speaker: IpAddr, ttl: u8) -> Self {
        let receiver = UdpSocket::bind((address, SINGLE_HOP_PORT)).unwrap();
        let sender = UdpSocket::bind((address, 0)).unwrap();
        socket2::SockRef::from(&sender)
            .set_ttl_v4(ttl.into())
            .unwrap();
        let to = SocketAddr::new(speaker, SINGLE_HOP_PORT);
        let (orders, inbox) = mpsc::channel();
        let run = move || speak(&receiver, &sender, to, config, &inbox);
        Self {
            orders,
            running: Some(std::thread::spawn(run)),
        }
    }

    pub(crate) fn order(&self, order: Order) {
        self.orders.send(order).unwrap();
    }
}

impl Drop for BfdPeer {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::End);
        if let Some(running) = self.running.take() {
            let _ = running.join();
        }
    }
}

fn config(timing: Timing) -> SessionConfig {
    SessionConfig::new(Discriminator::new(7).unwrap()).timing(timing)
}

fn speak(
    receiver: &UdpSocket,
    sender: &UdpSocket,
    to: SocketAddr,
    config: SessionConfig,
    inbox: &mpsc::Receiver<Order>,
) {
    let mut session = Session::new(config, 1);
    let mut silent = false;
    let mut input = Input::Start;
    loop {
        session.handle_input(Instant::now(), input);
        while let Some(output) = session.poll_output() {
            if let Output::Transmit(packet) = output
                && !silent
            {
                sender.send_to(&packet.encode(), to).unwrap();
            }
        }
        input = loop {
            match inbox.try_recv() {
                Ok(Order::Silence) => silent = true,
                Ok(Order::AdminDown) => break Input::AdminDown,
                Ok(Order::End) | Err(mpsc::TryRecvError::Disconnected) => return,
                Err(mpsc::TryRecvError::Empty) => {}
            }
            // Orders are looked for this often.
            let longest = Duration::from_millis(2);
            let deadline = session.poll_timeout().map(|(at, _)| at);
            let left = deadline.map_or(longest, |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break Input::Timeout;
            }
            receiver.set_read_timeout(Some(left.min(longest))).unwrap();
            let mut octets = [0; 64];
            match receiver.recv(&mut octets) {
                Ok(length) => {
                    let packet = ControlPacket::parse(&octets[..length]).unwrap();
                    let ttl = SENT_TTL;
                    break Input::Received { packet, ttl };
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        };
    }
}
