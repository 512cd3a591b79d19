//! One row of the table: a route, and how each router can be seen to have understood it.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use bgp_wire::{AsPath, Asn, AttributeCode, MessageView, NextHop, PathAttributes, RawMessage};
use ipnet::IpNet;
use serde_json::{Map, Value, json};

use super::sessions::{EXTERNAL_AS, OLD_AS, Sender};
use crate::lab::router::RouterKind;

/// The next hops, addresses of the neighbours' namespace.
const HOP_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 50);
pub(super) const HOP_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 8, 0, 0, 0, 0, 0x50);

/// One route: what is sent, and what each router shows.
pub(super) struct Row {
    /// The name of its case.
    pub(super) name: &'static str,
    /// Who announces it.
    pub(super) from: Sender,
    /// The route, as routers print it.
    pub(super) prefix: &'static str,
    pub(super) next_hop: NextHop,
    pub(super) attributes: PathAttributes,
    gobgp: Shown,
    bird: Shown,
    frr: Shown,
}

/// What one router has to do with the route.
#[derive(Default)]
pub(super) struct Shown {
    /// It shows at least this, in its own words; null stands for what it must not show.
    pub(super) value: Map<String, Value>,
    /// It passes this attribute on to another neighbour, because it does not show it (whole).
    pub(super) passed_on: Option<(AttributeCode, Vec<u8>)>,
    /// What can't be seen at all.
    pub(super) lack: Option<&'static str>,
}

impl Row {
    /// A route with nothing but what every route must have.
    pub(super) fn new(name: &'static str, from: Sender, prefix: &'static str) -> Self {
        let mut attributes = PathAttributes::originated();
        let path = match from {
            Sender::External => Some(EXTERNAL_AS),
            Sender::Internal => None,
            Sender::Old => Some(OLD_AS),
        };
        attributes.as_path = AsPath::sequence(path.map(Asn::new));
        let row = Self {
            name,
            from,
            prefix,
            next_hop: NextHop::V4(HOP_V4),
            attributes,
            gobgp: Shown::default(),
            bird: Shown::default(),
            frr: Shown::default(),
        };
        let next_hop = match prefix.contains(':') {
            true => NextHop::v6(HOP_V6),
            false => NextHop::V4(HOP_V4),
        };
        row.next_hop(next_hop)
    }

    /// Changes the attributes.
    pub(super) fn sends(mut self, change: impl FnOnce(&mut PathAttributes)) -> Self {
        change(&mut self.attributes);
        self
    }

    /// Adds to what GoBGP, BIRD and FRR have to show.
    pub(super) fn shows(mut self, gobgp: Value, bird: Value, frr: Value) -> Self {
        let columns = [&mut self.gobgp, &mut self.bird, &mut self.frr];
        for (column, value) in columns.into_iter().zip([gobgp, bird, frr]) {
            if let Value::Object(more) = value {
                column.value.extend(more);
            }
        }
        self
    }

    /// Sends another next hop, and has it shown together with what else belongs to the prefix.
    pub(super) fn next_hop(mut self, next_hop: NextHop) -> Self {
        self.next_hop = next_hop;
        let (global, link_local) = match next_hop {
            NextHop::V4(address) => (address.to_string(), None),
            NextHop::V6 { global, link_local } => (global.to_string(), link_local),
        };
        let v6 = self.prefix.contains(':');
        let in_field = matches!(next_hop, NextHop::V4(_));
        let gobgp = match in_field {
            true => json!({"3": {"nexthop": global}, "14": null}),
            false => json!({"3": null, "14": {
                "afi": if v6 { 2 } else { 1 },
                "safi": 1,
                "nexthop": global,
                "value": [{"prefix": self.prefix}],
            }}),
        };
        let afi = if in_field { "ipv4" } else { "ipv6" };
        let (bird, frr) = match link_local {
            None => (
                global.clone(),
                json!([{"ip": global, "afi": afi, "accessible": true, "used": true}]),
            ),
            Some(local) => (
                format!("{global} {local}"),
                json!([
                    {"ip": global, "afi": afi, "scope": "global"},
                    {"ip": local.to_string(), "afi": afi, "scope": "link-local", "used": true},
                ]),
            ),
        };
        self.shows(
            gobgp,
            json!({"BGP.next_hop": bird}),
            json!({"nexthops": frr, "valid": true}),
        )
    }

    /// One router does not show this attribute, or not whole, but another neighbour gets it.
    pub(super) fn passed_on(
        mut self,
        by: RouterKind,
        code: AttributeCode,
        value: impl Into<Vec<u8>>,
    ) -> Self {
        self.column(by).passed_on = Some((code, value.into()));
        self
    }

    /// One router gives no sign of an attribute, for this reason.
    pub(super) fn unseen(mut self, at: RouterKind, reason: &'static str) -> Self {
        self.column(at).lack = Some(reason);
        self
    }

    fn column(&mut self, kind: RouterKind) -> &mut Shown {
        match kind {
            RouterKind::Gobgp => &mut self.gobgp,
            RouterKind::Bird => &mut self.bird,
            RouterKind::Frr => &mut self.frr,
            RouterKind::Speaker => unreachable!("the table has no column for the speaker"),
        }
    }

    /// What this router has to do.
    ///
    /// # Panics
    ///
    /// For our own speaker, which is not asked.
    pub(super) fn shown_by(&self, kind: RouterKind) -> &Shown {
        match kind {
            RouterKind::Gobgp => &self.gobgp,
            RouterKind::Bird => &self.bird,
            RouterKind::Frr => &self.frr,
            RouterKind::Speaker => unreachable!("the table has no column for the speaker"),
        }
    }
}

impl Shown {
    /// Whether a message to another neighbour holds the attribute that is to be passed on.
    pub(super) fn is_passed_on_by(&self, message: &RawMessage, prefix: &str) -> bool {
        let Some((code, value)) = &self.passed_on else {
            return false;
        };
        let Ok(MessageView::Update(update)) = message.view() else {
            return false;
        };
        let judgement = update.judge(Sender::External.context());
        let reach = judgement.attributes().mp_reach();
        let v6 = reach.into_iter().flat_map(|reach| reach.prefixes());
        let mut prefixes = update.nlri().map(|it| it.map(IpNet::V4)).chain(v6);
        let mut attributes = update.path_attributes().filter_map(Result::ok);
        prefixes.any(|it| it.is_ok_and(|it| it.to_string() == prefix))
            && attributes.any(|it| it.code() == *code && it.value() == value.as_slice())
    }

    /// What the router does not show, in words.
    pub(super) fn remarks(&self) -> Vec<String> {
        let passed_on = self.passed_on.iter().map(|(code, _)| {
            format!("does not show all of {code}, but was seen to pass it on unchanged")
        });
        passed_on.chain(self.lack.map(str::to_owned)).collect()
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", json!(self.value))?;
        match &self.passed_on {
            Some((code, value)) => write!(f, ", {code} {value:?} passed on"),
            None => Ok(()),
        }
    }
}

/// Whether `have` holds all of `want`: objects may hold more, and null stands for what must not
/// be there.
pub(super) fn contains(have: &Value, want: &Value) -> bool {
    match (want, have) {
        (Value::Object(wanted), Value::Object(_)) => wanted
            .iter()
            .all(|(key, value)| contains(&have[key], value)),
        (Value::Array(wanted), Value::Array(items)) => {
            wanted.len() == items.len()
                && items
                    .iter()
                    .zip(wanted)
                    .all(|(have, want)| contains(have, want))
        }
        _ => have == want,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wanted_value_must_be_there_and_a_wanted_absence_too() {
        let have = json!({"med": 7, "community": {"string": "1:2"}, "hops": [{"a": 1, "b": 2}]});
        assert!(contains(&have, &json!({"med": 7})));
        assert!(contains(&have, &json!({"community": {"string": "1:2"}})));
        assert!(contains(&have, &json!({"hops": [{"b": 2}]})));
        assert!(contains(&have, &json!({"locPrf": null})));
        assert!(!contains(&have, &json!({"med": 8})));
        assert!(!contains(&have, &json!({"med": null})));
        assert!(!contains(&have, &json!({"hops": []})));
        assert!(!contains(&have, &json!({"hops": [{"b": 3}]})));
        assert!(!contains(&have, &json!({"community": {"string": "1:3"}})));
        assert!(!contains(&have, &json!({"origin": "IGP"})));
        assert!(!contains(&json!({}), &json!({"6": {}})));
    }
}
