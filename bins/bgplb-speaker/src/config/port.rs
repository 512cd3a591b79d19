//! The ports of a service that the kernel balances (IPVS).

use std::net::IpAddr;

use ipnet::IpNet;
use netplumb::ipvs::{
    DesiredService, DestinationSpec, Forward, Protocol, Scheduler, SchedulerFlags, ServiceKey,
    ServiceSpec,
};

use super::kinds;
use super::reader::{Kind, Section};

/// What the kernel is to balance for addresses of a service.
pub(super) fn ports(from: &Section<'_>, prefixes: &[IpNet]) -> Vec<DesiredService> {
    let mut balanced = Vec::new();
    for section in from.sections("ports") {
        balanced.extend(port(&section, prefixes).unwrap_or_default());
        section.finish();
    }
    balanced
}

fn port(from: &Section<'_>, prefixes: &[IpNet]) -> Option<Vec<DesiredService>> {
    let protocol = from.required("protocol", TRANSPORT);
    let port = from.required("port", kinds::PORT);
    let scheduler = from.optional("scheduler", SCHEDULER);
    let mut flags = SchedulerFlags::default();
    for flag in from.list("flags", FLAG).unwrap_or_default() {
        match flag {
            Flag::Fallback => flags.fallback = true,
            Flag::Port => flags.port = true,
        }
    }
    let persistence = from.optional("persistence", kinds::SECONDS);
    let forward = from.optional("forward", FORWARD);
    let forward = forward.unwrap_or(Forward::Masquerade);
    let destinations = destinations(from, port.unwrap_or(1), forward);
    let (protocol, port) = (protocol?, port?);
    let mut balanced = Vec::new();
    for prefix in prefixes {
        let address = prefix.addr();
        let key = ServiceKey {
            protocol,
            address,
            port,
        };
        let scheduler = scheduler.clone().unwrap_or(Scheduler::Rr);
        let mut spec = ServiceSpec::new(key, scheduler).with_flags(flags);
        if let Some(time) = persistence {
            spec = spec.with_persistence(time);
        }
        let service = DesiredService::new(spec);
        let Ok(mut service) = service.map_err(|error| from.fault("port", &error.to_string()))
        else {
            continue;
        };
        let fits = |it: &&DestinationSpec| {
            it.key.address.is_ipv4() == address.is_ipv4() || forward == Forward::Tunnel
        };
        let mut found = false;
        for destination in destinations.iter().filter(fits) {
            found = true;
            if let Err(error) = service.insert(*destination) {
                from.fault("destinations", &error.to_string());
            }
        }
        if !found {
            let what =
                format!("none of them can be reached for {address}, which is of another family");
            from.fault("destinations", &what);
        }
        balanced.push(service);
    }
    Some(balanced)
}

fn destinations(from: &Section<'_>, port: u16, forward: Forward) -> Vec<DestinationSpec> {
    let mut destinations = Vec::new();
    for section in from.sections("destinations") {
        let address = section.required("address", kinds::ADDRESS);
        let to = section.optional("port", kinds::PORT);
        let weight = section.optional("weight", WEIGHT);
        section.finish();
        if let Some(address) = address {
            let address: IpAddr = address;
            let spec = DestinationSpec::new(address, to.unwrap_or(port), forward);
            destinations.push(spec.with_weight(weight.unwrap_or(1)));
        }
    }
    if !from.has("destinations") {
        from.fault(
            "destinations",
            "missing; accepted are tables with address, port and weight",
        );
    }
    destinations
}

enum Flag {
    Fallback,
    Port,
}

const TRANSPORT: Kind<Protocol> = Kind {
    accepted: "\"tcp\", \"udp\" or \"sctp\"",
    read: |value| match value.as_str()? {
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        "sctp" => Some(Protocol::Sctp),
        _ => None,
    },
};

const SCHEDULER: Kind<Scheduler> = Kind {
    accepted: "\"rr\", \"wrr\", \"lc\", \"wlc\", \"sh\" or \"mh\"",
    read: |value| {
        let scheduler = Scheduler::from_name(value.as_str()?);
        Scheduler::ALL.contains(&scheduler).then_some(scheduler)
    },
};

const FLAG: Kind<Flag> = Kind {
    accepted: "\"fallback\" or \"port\", which sh and mh know",
    read: |value| match value.as_str()? {
        "fallback" => Some(Flag::Fallback),
        "port" => Some(Flag::Port),
        _ => None,
    },
};

const FORWARD: Kind<Forward> = Kind {
    accepted: "\"masquerade\", \"direct-routing\" or \"tunnel\"",
    read: |value| match value.as_str()? {
        "masquerade" => Some(Forward::Masquerade),
        "direct-routing" => Some(Forward::DirectRoute),
        "tunnel" => Some(Forward::Tunnel),
        _ => None,
    },
};

const WEIGHT: Kind<u32> = Kind {
    accepted: "a weight, 0 to 65535; 0 takes no new connections",
    read: |value| kinds::integer(value).filter(|weight| *weight <= 65_535),
};
