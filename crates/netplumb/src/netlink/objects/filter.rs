//! What the kernel need not even queue, as a classic BPF program.

use socket2::SockFilter;

use super::{
    RTM_DELLINK, RTM_DELNEIGH, RTM_DELROUTE, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNEIGH, RTM_NEWROUTE,
};

/// A program that takes every message but those
/// * that were caused by these ports (`nlmsg_pid`), unless they are about
///   links, which must be known whoever made them,
/// * about routes that are neither of full length nor of none: whoever
///   installs a whole table must not displace what matters,
/// * about neighbours that are gone, which says nothing of who did it,
/// * about addresses that have come,
/// * about entries of bridges' own tables, and links as their bridges see them.
pub(super) fn of_objects(ports: &[u32]) -> Vec<SockFilter> {
    let kind = |kind: u16, to: u8, or: u8| {
        // The program reads in network order what stands in the host's.
        SockFilter::new(JUMP_IF_EQUAL, to, or, kind.to_be().into())
    };
    let octet = |value: u32, to: u8| SockFilter::new(JUMP_IF_EQUAL, to, 0, value);
    let mut program = vec![
        load(HALF, NLMSG_TYPE),
        kind(RTM_NEWLINK, 1, 0),
        kind(RTM_DELLINK, 0, 4),
        load(OCTET, NLMSG_DATA),
        octet(AF_BRIDGE, 1),
        TAKE,
        DROP,
        load(WORD, NLMSG_PID),
    ];
    for port in ports {
        program.push(SockFilter::new(JUMP_IF_EQUAL, 0, 1, port.to_be()));
        program.push(DROP);
    }
    program.extend([
        load(HALF, NLMSG_TYPE),
        kind(RTM_NEWROUTE, 5, 0),
        kind(RTM_DELROUTE, 4, 0),
        kind(RTM_NEWNEIGH, 9, 0),
        kind(RTM_DELNEIGH, 11, 0),
        kind(RTM_NEWADDR, 10, 0),
        TAKE,
        // A route: its length.
        load(OCTET, NLMSG_DATA + 1),
        octet(32, 3),
        octet(128, 2),
        octet(0, 1),
        DROP,
        TAKE,
        // A neighbour: its family.
        load(OCTET, NLMSG_DATA),
        octet(AF_BRIDGE, 1),
        TAKE,
        DROP,
    ]);
    program
}

const fn load(size: u16, offset: u32) -> SockFilter {
    SockFilter::new(LOAD | size, 0, 0, offset)
}

const TAKE: SockFilter = SockFilter::new(RETURN, 0, 0, u32::MAX);
const DROP: SockFilter = SockFilter::new(RETURN, 0, 0, 0);

// linux/filter.h: `BPF_LD | BPF_ABS`, and the sizes.
const LOAD: u16 = 0x20;
const WORD: u16 = 0x00;
const HALF: u16 = 0x08;
const OCTET: u16 = 0x10;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
const JUMP_IF_EQUAL: u16 = 0x15;
/// `BPF_RET | BPF_K`.
const RETURN: u16 = 0x06;

// Offsets in `struct nlmsghdr`, and that of what follows it.
const NLMSG_TYPE: u32 = 4;
const NLMSG_PID: u32 = 12;
const NLMSG_DATA: u32 = 16;

const AF_BRIDGE: u32 = libc::AF_BRIDGE as u32;
