//! Reading UPDATEs allocates nothing. It is a binary of its own because an
//! allocator is for a whole binary.
#![allow(missing_docs, clippy::unwrap_used)]
#![expect(unsafe_code, reason = "an allocator that counts has no other form")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use bgp_wire::{
    Aggregator, AsPath, AsWidth, Asn, Community, DecodeContext, ExtendedCommunity, Family,
    LargeCommunity, MaxMessageLen, MessageView, NextHop, PathAttributes, RawMessage, SessionKind,
    UpdateView, UpdateWriter,
};
use bytes::BytesMut;
use ipnet::IpNet;

thread_local! {
    /// The harness allocates in other threads, which is no concern of ours.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the contract is the same and the caller keeps it.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

const CONTEXTS: [DecodeContext; 3] = [
    DecodeContext::new(AsWidth::Four, SessionKind::External),
    DecodeContext::new(AsWidth::Four, SessionKind::Internal),
    DecodeContext::new(AsWidth::Two, SessionKind::External),
];

/// UPDATEs with every attribute we write, of both IP versions and directions.
fn stream() -> BytesMut {
    let mut attributes = PathAttributes::originated();
    attributes.as_path = AsPath::sequence([64512, 4_200_000_000, 64513].map(Asn::new));
    attributes.med = Some(7);
    attributes.local_pref = Some(100);
    attributes.atomic_aggregate = true;
    attributes.aggregator = Some(Aggregator {
        asn: Asn::new(64512),
        identifier: [192, 0, 2, 1].into(),
    });
    attributes.communities = vec![Community(0xfc00_0001), Community::NO_EXPORT];
    attributes.extended_communities = vec![ExtendedCommunity([0, 2, 0xfc, 0, 0, 0, 0, 1])];
    attributes.large_communities = vec![LargeCommunity {
        global: 64512,
        local_1: 1,
        local_2: 2,
    }];
    let next_hops = [
        (Family::IPV4_UNICAST, NextHop::V4([192, 0, 2, 1].into())),
        (
            Family::IPV6_UNICAST,
            NextHop::v6("2001:db8::1".parse().unwrap()),
        ),
    ];
    let mut buf = BytesMut::new();
    for (family, next_hop) in next_hops {
        let max = MaxMessageLen::STANDARD;
        for ctx in CONTEXTS {
            let mut writer =
                UpdateWriter::announce(&mut buf, max, family, &next_hop, &attributes, ctx).unwrap();
            prefixes(family).for_each(|it| writer.push(it).unwrap());
            writer.finish();
            let mut writer = UpdateWriter::withdraw(&mut buf, max, family, ctx).unwrap();
            prefixes(family).for_each(|it| writer.push(it).unwrap());
            writer.finish();
        }
    }
    buf
}

fn prefixes(family: Family) -> impl Iterator<Item = IpNet> {
    let texts: [&str; 3] = match family {
        Family::IPV4_UNICAST => ["10.0.0.0/8", "192.0.2.0/24", "198.51.100.7/32"],
        _ => ["2001:db8::/32", "2001:db8:1::/48", "2001:db8::7/128"],
    };
    texts.into_iter().map(|it| it.parse().unwrap())
}

/// Keeps the compiler from leaving out what nobody looks at.
fn see<T>(value: T) {
    black_box(value);
}

/// Asks for everything there is; how many routes were seen.
fn walk(update: UpdateView<'_>) -> usize {
    let mut routes = 0;
    for ctx in CONTEXTS {
        let judgement = update.judge(ctx);
        see((judgement.disposition(), judgement.fault()));
        let attributes = judgement.attributes();
        if let Some(path) = attributes.as_path() {
            see((path.path_len(), path.first(), path.contains(Asn::new(1))));
            path.asns().for_each(see);
        }
        see((attributes.origin(), attributes.next_hop(), attributes.med()));
        attributes.communities().for_each(see);
        attributes.extended_communities().for_each(see);
        attributes.large_communities().for_each(see);
        attributes.cluster_list().for_each(see);
        let reach = attributes.mp_reach().into_iter();
        let unreach = attributes.mp_unreach().into_iter();
        routes += update.withdrawn_nlri(ctx).count() + update.announced_nlri(ctx).count();
        routes += reach.flat_map(|it| it.prefixes()).count();
        routes += unreach.flat_map(|it| it.prefixes()).count();
    }
    update.path_attributes().for_each(see);
    see(update.is_end_of_rib());
    routes
}

fn walk_all(mut octets: &[u8]) -> usize {
    let mut routes = 0;
    while let Ok(Some(view)) = MessageView::split_from(&mut octets, MaxMessageLen::STANDARD) {
        if let MessageView::Update(update) = view {
            routes += walk(update);
        }
    }
    routes
}

#[test]
fn decoding_and_judging_a_stream_allocates_nothing() {
    let stream = stream();
    let mut routes = 0;
    assert_eq!(allocations(|| routes = walk_all(&stream)), 0);
    // Two families, three contexts of writing, two directions, three of
    // reading and three prefixes.
    assert_eq!(routes, 2 * 3 * 2 * 3 * 3);
}

#[test]
fn malformed_updates_allocate_nothing_either() {
    let mut stream = stream();
    for place in 0..stream.len() {
        for wrong in [0, 0xff, stream[place] ^ 1, stream[place] ^ 0x40] {
            let right = std::mem::replace(&mut stream[place], wrong);
            let count = allocations(|| see(walk_all(&stream)));
            assert_eq!(count, 0, "octet {place} is {wrong}");
            stream[place] = right;
        }
    }
}

#[test]
fn messages_share_the_buffer_they_are_cut_from() {
    let mut stream = stream();
    let mut messages = 0;
    let count = allocations(|| {
        while let Ok(Some(raw)) = RawMessage::split_from(&mut stream, MaxMessageLen::STANDARD) {
            let Ok(MessageView::Update(update)) = raw.view() else {
                return;
            };
            see(walk(update));
            messages += 1;
        }
    });
    assert_eq!(messages, 12);
    // The buffer's reference count.
    assert!(count <= 1, "{count} allocations");
}

#[test]
fn the_allocator_counts() {
    assert_eq!(allocations(|| see(vec![1u8; 100])), 1);
}
