//! What the kernel would refuse, or take without effect.

use std::net::IpAddr;
use std::time::Duration;

use super::model::{
    DestinationKey, DestinationSpec, Forward, Protocol, Scheduler, SchedulerFlags, ServiceKey,
    ServiceSpec,
};

/// A service or a destination that can't work, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidService {
    /// IPVS balances no such protocol.
    #[error("service {0}: the protocol is none of tcp, udp and sctp")]
    Protocol(ServiceKey),
    /// Port 0.
    #[error("service {0}: the port is not from 1 to 65535")]
    Port(ServiceKey),
    /// Not one host's address.
    #[error("service {0}: the address is no unicast address")]
    Address(ServiceKey),
    /// A scheduler that is not known here.
    #[error("service {service}: the scheduler `{name}` is none of rr, wrr, lc, wlc, sh and mh")]
    Scheduler {
        /// The service.
        service: ServiceKey,
        /// The scheduler's name.
        name: String,
    },
    /// Flags of another scheduler.
    #[error(
        "service {service}: the flags `fallback` and `port` are for the schedulers sh and mh, not for {scheduler}"
    )]
    Flags {
        /// The service.
        service: ServiceKey,
        /// The scheduler.
        scheduler: Scheduler,
    },
    /// A persistence the kernel can't keep.
    #[error(
        "service {service}: the persistence of {timeout:?} is not whole seconds from 1 s to 31 days"
    )]
    Persistence {
        /// The service.
        service: ServiceKey,
        /// What was asked for.
        timeout: Duration,
    },
    /// One-packet scheduling of connections.
    #[error("service {0}: one-packet scheduling is for udp only")]
    OnePacket(ServiceKey),
    /// Port 0.
    #[error("destination {destination} of service {service}: the port is not from 1 to 65535")]
    DestinationPort {
        /// The service.
        service: ServiceKey,
        /// The destination.
        destination: DestinationKey,
    },
    /// Not one host's address.
    #[error("destination {destination} of service {service}: the address is no unicast address")]
    DestinationAddress {
        /// The service.
        service: ServiceKey,
        /// The destination.
        destination: DestinationKey,
    },
    /// The way there leaves the port as it is.
    #[error(
        "destination {destination} of service {service}: {forward} leaves the port as it is, so the destination's has to be {}; only masquerading changes it",
        service.port
    )]
    OtherPort {
        /// The service.
        service: ServiceKey,
        /// The destination.
        destination: DestinationKey,
        /// How packets would get there.
        forward: Forward,
    },
    /// The way there leaves the address family as it is.
    #[error(
        "destination {destination} of service {service}: {forward} can't lead to the other address family, only a tunnel can"
    )]
    OtherFamily {
        /// The service.
        service: ServiceKey,
        /// The destination.
        destination: DestinationKey,
        /// How packets would get there.
        forward: Forward,
    },
    /// A way that is not known here.
    #[error(
        "destination {destination} of service {service}: {forward} is none of masquerading, direct routing and a tunnel"
    )]
    Forward {
        /// The service.
        service: ServiceKey,
        /// The destination.
        destination: DestinationKey,
        /// How packets would get there.
        forward: Forward,
    },
    /// More than the kernel's signed number holds.
    #[error(
        "destination {destination} of service {service}: the weight {weight} is not from 0 to 2147483647"
    )]
    Weight {
        /// The service.
        service: ServiceKey,
        /// The destination.
        destination: DestinationKey,
        /// What was asked for.
        weight: u32,
    },
}

impl ServiceSpec {
    /// Whether the kernel would make of it what is meant.
    pub(crate) fn check(&self) -> Result<(), InvalidService> {
        let service = self.key;
        if let Protocol::Other(_) = service.protocol {
            return Err(InvalidService::Protocol(service));
        }
        if service.port == 0 {
            return Err(InvalidService::Port(service));
        }
        if !is_unicast(service.address) {
            return Err(InvalidService::Address(service));
        }
        if let Scheduler::Other(name) = &self.scheduler {
            let name = name.clone();
            return Err(InvalidService::Scheduler { service, name });
        }
        let hashes = matches!(self.scheduler, Scheduler::Sh | Scheduler::Mh);
        if !hashes && self.flags != SchedulerFlags::default() {
            let scheduler = self.scheduler.clone();
            return Err(InvalidService::Flags { service, scheduler });
        }
        if let Some(timeout) = self.persistence
            && (timeout.subsec_nanos() != 0
                || timeout < Duration::from_secs(1)
                || timeout > MAX_PERSISTENCE)
        {
            return Err(InvalidService::Persistence { service, timeout });
        }
        if self.one_packet && service.protocol != Protocol::Udp {
            return Err(InvalidService::OnePacket(service));
        }
        Ok(())
    }
}

impl DestinationSpec {
    /// Whether the kernel would make of it what is meant, behind this service.
    pub(crate) fn check(&self, service: &ServiceKey) -> Result<(), InvalidService> {
        let (service, destination, forward) = (*service, self.key, self.forward);
        if destination.port == 0 {
            return Err(InvalidService::DestinationPort {
                service,
                destination,
            });
        }
        if !is_unicast(destination.address) {
            return Err(InvalidService::DestinationAddress {
                service,
                destination,
            });
        }
        if let Forward::Other(_) = forward {
            return Err(InvalidService::Forward {
                service,
                destination,
                forward,
            });
        }
        if forward != Forward::Masquerade && destination.port != service.port {
            return Err(InvalidService::OtherPort {
                service,
                destination,
                forward,
            });
        }
        let crosses = destination.address.is_ipv6() != service.address.is_ipv6();
        if crosses && forward != Forward::Tunnel {
            return Err(InvalidService::OtherFamily {
                service,
                destination,
                forward,
            });
        }
        if i32::try_from(self.weight).is_err() {
            return Err(InvalidService::Weight {
                service,
                destination,
                weight: self.weight,
            });
        }
        Ok(())
    }
}

fn is_unicast(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !address.is_unspecified() && !address.is_multicast() && !broadcast
}

/// What `ipvsadm` accepts, too; the kernel counts in ticks of 32 bits.
const MAX_PERSISTENCE: Duration = Duration::from_secs(31 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    fn service(protocol: Protocol) -> ServiceSpec {
        let key = ServiceKey {
            protocol,
            address: [192, 0, 2, 80].into(),
            port: 80,
        };
        ServiceSpec::new(key, Scheduler::Wrr)
    }

    fn refusal(spec: &ServiceSpec) -> String {
        spec.check().unwrap_err().to_string()
    }

    fn refused(destination: DestinationSpec) -> String {
        let service = service(Protocol::Tcp).key;
        destination.check(&service).unwrap_err().to_string()
    }

    fn to(address: &str, port: u16, forward: Forward) -> DestinationSpec {
        DestinationSpec::new(address.parse().unwrap(), port, forward)
    }

    #[test]
    fn a_service_without_effect_is_refused() {
        for protocol in [0, 1, 58, 6 << 8] {
            let text = refusal(&service(Protocol::from_number(protocol)));
            assert_eq!(
                text,
                format!(
                    "service protocol {protocol} 192.0.2.80:80: the protocol is none of tcp, udp and sctp"
                )
            );
        }
        let mut spec = service(Protocol::Tcp);
        spec.key.port = 0;
        assert!(refusal(&spec).contains("from 1 to 65535"));
        for address in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"] {
            let mut spec = service(Protocol::Tcp);
            spec.key.address = address.parse().unwrap();
            assert!(refusal(&spec).contains("no unicast address"), "{address}");
        }
    }

    #[test]
    fn a_scheduler_is_one_of_six_and_flags_are_for_two() {
        let mut spec = service(Protocol::Tcp);
        spec.scheduler = Scheduler::from_name("none");
        assert_eq!(
            refusal(&spec),
            "service tcp 192.0.2.80:80: the scheduler `none` is none of rr, wrr, lc, wlc, sh and mh"
        );
        let flags = SchedulerFlags {
            fallback: false,
            port: true,
        };
        for scheduler in Scheduler::ALL {
            let mut spec = service(Protocol::Tcp).with_flags(flags);
            let hashes = [Scheduler::Sh, Scheduler::Mh].contains(&scheduler);
            spec.scheduler = scheduler;
            assert_eq!(spec.check().is_ok(), hashes, "{spec:?}");
        }
    }

    #[test]
    fn persistence_is_whole_seconds() {
        for (millis, good) in [
            (0, false),
            (1, false),
            (999, false),
            (1000, true),
            (1500, false),
            (2_678_400_000, true),
            (2_678_401_000, false),
        ] {
            let timeout = Duration::from_millis(millis);
            let spec = service(Protocol::Tcp).with_persistence(timeout);
            assert_eq!(spec.check().is_ok(), good, "{timeout:?}");
        }
    }

    #[test]
    fn one_packet_scheduling_is_for_udp() {
        for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
            let spec = ServiceSpec {
                one_packet: true,
                ..service(protocol)
            };
            assert_eq!(spec.check().is_ok(), protocol == Protocol::Udp);
        }
    }

    #[test]
    fn only_masquerading_changes_the_port() {
        let service = service(Protocol::Tcp).key;
        to("10.0.0.7", 8080, Forward::Masquerade)
            .check(&service)
            .unwrap();
        for forward in [Forward::DirectRoute, Forward::Tunnel] {
            to("10.0.0.7", 80, forward).check(&service).unwrap();
        }
        assert_eq!(
            refused(to("10.0.0.7", 8080, Forward::DirectRoute)),
            "destination 10.0.0.7:8080 of service tcp 192.0.2.80:80: direct routing leaves the port as it is, so the destination's has to be 80; only masquerading changes it"
        );
        assert!(refused(to("10.0.0.7", 8080, Forward::Tunnel)).contains("a tunnel leaves"));
    }

    #[test]
    fn only_a_tunnel_leads_to_the_other_family() {
        let service = service(Protocol::Tcp).key;
        to("2001:db8::7", 80, Forward::Tunnel)
            .check(&service)
            .unwrap();
        assert_eq!(
            refused(to("2001:db8::7", 80, Forward::Masquerade)),
            "destination [2001:db8::7]:80 of service tcp 192.0.2.80:80: masquerading can't lead to the other address family, only a tunnel can"
        );
        assert!(refused(to("2001:db8::7", 80, Forward::DirectRoute)).contains("only a tunnel can"));
    }

    #[test]
    fn a_destination_is_a_host_with_a_port_and_a_weight() {
        let good = to("10.0.0.7", 80, Forward::Masquerade);
        assert!(refused(good.with_weight(1 << 31)).contains("2147483648 is not"));
        assert!(refused(to("10.0.0.7", 0, Forward::Masquerade)).contains("from 1 to 65535"));
        assert!(refused(to("0.0.0.0", 80, Forward::Masquerade)).contains("no unicast"));
        assert!(refused(to("10.0.0.7", 80, Forward::Other(1))).contains("forwarding method 1"));
    }
}
