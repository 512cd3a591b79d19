//! The ways to the next hops of learned routes, as far as others made them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bgp_speaker::{Gateway, ReachableNextHops};
use netplumb::{LinkName, NextHopSpec, NextHops, RouteSpec};

/// The next hops that can be reached, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ways(BTreeMap<IpAddr, Way>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Way {
    metric: u32,
    /// The routers on the way to a next hop that is not on a link of ours; the
    /// kernel takes none other for a gateway.
    by: Vec<NextHopSpec>,
}

impl Ways {
    /// Takes the kernel's answer for one next hop, given the next hops of that
    /// route if it is our `own`, and what was known before.
    ///
    /// A way by a route of our own proves nothing: it may be there because the
    /// next hop was reachable once. The one exception is a route that leads to
    /// the next hop by the next hop itself, as when a router announces its own
    /// address: it hides the way it was made by, and the kernel takes it away
    /// with the link. So the next hop can be reached as it was before, or, if
    /// an earlier run made that route, at no distance.
    pub(crate) fn take(
        &mut self,
        next_hop: IpAddr,
        answer: Option<&RouteSpec>,
        own: Option<&NextHops>,
        before: &Self,
    ) {
        let Some(route) = answer else {
            return;
        };
        let Some(own) = own else {
            let routers = route.next_hops.iter().filter(|hop| hop.gateway.is_some());
            let way = Way {
                metric: route.metric,
                by: routers.cloned().collect(),
            };
            self.0.insert(next_hop, way);
            return;
        };
        let earlier = before.0.get(&next_hop);
        let direct = |way: &Way| way.by.is_empty();
        let itself = own.iter().any(|it| it.gateway == Some(next_hop));
        if itself && earlier.is_none_or(direct) {
            let (metric, by) = (earlier.map_or(0, |way| way.metric), Vec::new());
            self.0.insert(next_hop, Way { metric, by });
        }
    }

    /// Keeps what was known of a next hop.
    pub(crate) fn keep(&mut self, next_hop: IpAddr, before: &Self) {
        self.0
            .extend(before.0.get(&next_hop).map(|way| (next_hop, way.clone())));
    }

    /// What the decision process has to know.
    pub(crate) fn reachable(&self) -> ReachableNextHops {
        let ways = self.0.iter();
        ways.map(|(hop, way)| (*hop, way.metric)).collect()
    }

    /// The same without the next hops to which other routers lead now.
    pub(crate) fn reachable_as_before(&self, before: &Self) -> ReachableNextHops {
        let mut reachable = self.reachable();
        let rerouted = |hop: &IpAddr| match (self.0.get(hop), before.0.get(hop)) {
            (Some(now), Some(before)) => now.by != before.by,
            _ => false,
        };
        reachable.retain(|hop, _| !rerouted(hop));
        reachable
    }

    /// How the kernel is told of one next hop.
    pub(crate) fn gateways(&self, hop: &Gateway) -> Vec<NextHopSpec> {
        let link = hop
            .interface
            .as_deref()
            .and_then(|name| LinkName::new(name).ok());
        let itself = NextHopSpec {
            link,
            ..NextHopSpec::via(hop.address)
        };
        let routers = match self.0.get(&hop.address) {
            Some(way) if !way.by.is_empty() => way.by.clone(),
            _ => vec![itself],
        };
        let weight = hop.weight;
        let weighted = routers
            .into_iter()
            .map(|router| NextHopSpec { weight, ..router });
        weighted.collect()
    }
}

#[cfg(test)]
mod tests {
    use netplumb::Desired;

    use super::*;

    const HOP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn route(dst: &str, gateway: &str) -> RouteSpec {
        let via = NextHopSpec::via(gateway.parse().unwrap());
        RouteSpec::new(dst.parse().unwrap(), vec![via]).with_metric(30)
    }

    fn connected() -> RouteSpec {
        RouteSpec::on_link("192.0.2.0/24".parse().unwrap(), "eth0".parse().unwrap()).with_metric(7)
    }

    fn answered(answer: Option<RouteSpec>, ours: &Desired, before: &Ways) -> Ways {
        let mut ways = Ways::default();
        let own = answer.as_ref().and_then(|it| ours.routes.get(&it.key()));
        let own = own.map(|route| &route.next_hops);
        ways.take(HOP, answer.as_ref(), own, before);
        ways
    }

    fn metric(ways: &Ways) -> Option<u32> {
        ways.reachable().get(&HOP).copied()
    }

    #[test]
    fn a_way_of_others_counts_with_its_metric() {
        let (ours, before) = (Desired::default(), Ways::default());
        let ways = answered(Some(connected()), &ours, &before);
        assert_eq!(metric(&ways), Some(7));
        assert_eq!(metric(&answered(None, &ours, &before)), None);
    }

    #[test]
    fn a_way_of_our_own_counts_only_if_it_hides_what_was_there() {
        let mut ours = Desired::default();
        let default = route("0.0.0.0/0", "198.51.100.1");
        let itself = route("192.0.2.1/32", "192.0.2.1");
        ours.insert_route(default.clone());
        ours.insert_route(itself.clone());
        let never = Ways::default();
        let before = answered(Some(connected()), &Desired::default(), &never);
        assert_eq!(metric(&answered(Some(default), &ours, &before)), None);
        let hidden = answered(Some(itself.clone()), &ours, &before);
        assert_eq!(metric(&hidden), Some(7));
        assert_eq!(metric(&answered(Some(itself), &ours, &never)), Some(0));
    }

    #[test]
    fn a_next_hop_behind_routers_is_reached_by_them() {
        let (ours, never) = (Desired::default(), Ways::default());
        let mut hop = Gateway::new(HOP);
        hop.weight = 3;
        let said = |ways: &Ways| {
            let gateways = ways.gateways(&hop);
            let [only] = gateways.as_slice() else {
                panic!("{gateways:?}")
            };
            (only.gateway.unwrap().to_string(), only.weight)
        };
        let direct = answered(Some(connected()), &ours, &never);
        assert_eq!(said(&direct), ("192.0.2.1".to_owned(), 3));
        let behind = answered(Some(route("192.0.2.0/24", "10.0.0.1")), &ours, &direct);
        assert_eq!(said(&behind), ("10.0.0.1".to_owned(), 3));
        // Routes by it are told anew when the routers change, and only then.
        assert!(behind.reachable_as_before(&direct).is_empty());
        assert_eq!(behind.reachable_as_before(&behind), behind.reachable());
        assert_eq!(behind.reachable_as_before(&never), behind.reachable());
    }
}
