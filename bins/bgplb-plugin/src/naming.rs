//! Names and addresses of the kernel objects the plugin makes.

use netplumb::LinkName;

/// `bgplb-` and the first nine characters of the network id, as operators of
/// docker-bgp-lb know it from their firewall rules.
pub(crate) fn bridge(network: &str) -> LinkName {
    link("bgplb-", network, 9)
}

/// `veth` and the first eight characters of the endpoint id.
pub(crate) fn veth_outside(endpoint: &str) -> LinkName {
    link("veth", endpoint, 8)
}

/// The container's end until Docker moves and renames it.
pub(crate) fn veth_inside(endpoint: &str) -> LinkName {
    link("vlb", endpoint, 8)
}

/// A MAC address that follows from the endpoint id, so that it can be known
/// again from the id alone: locally administered, unicast (IEEE 802 section
/// 8.2), FNV-1a over the id.
pub(crate) fn mac(endpoint: &str) -> [u8; 6] {
    let hash = endpoint
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        });
    let [a, b, c, d, e, ..] = hash.to_be_bytes();
    [0x02, a, b, c, d, e]
}

/// `prefix` and the first `count` characters of `id`; what the kernel takes in
/// no name becomes `-`.
fn link(prefix: &str, id: &str, count: usize) -> LinkName {
    let head = id
        .chars()
        .take(count)
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let name: String = prefix.chars().chain(head).collect();
    LinkName::new(&name).expect("at most 15 letters, digits and dashes are a link name")
}

#[cfg(test)]
mod tests {
    use super::{bridge, mac, veth_inside, veth_outside};

    const ID: &str = "1201b136aae33ee4925f2e7b1c4ac2258cb0a511546d71945cdfc11880b2a922";

    #[test]
    fn names_are_those_of_docker_bgp_lb() {
        assert_eq!(bridge(ID).as_str(), "bgplb-1201b136a");
        assert_eq!(veth_outside(ID).as_str(), "veth1201b136");
    }

    #[test]
    fn any_id_makes_a_name_the_kernel_takes() {
        for id in [ID, "120h8y1ngbf1esrj941453dm9", "short", "é/:%..", ""] {
            for name in [bridge(id), veth_outside(id), veth_inside(id)] {
                assert!(name.as_str().len() <= 15, "{name}");
            }
        }
    }

    #[test]
    fn a_mac_is_local_unicast_and_stable() {
        assert_eq!(mac(ID), mac(ID));
        assert_ne!(mac(ID), mac("other"));
        assert_eq!(mac(ID)[0] & 0b11, 0b10);
    }
}
