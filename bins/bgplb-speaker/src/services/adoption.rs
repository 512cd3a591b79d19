//! Whose a link is that has the name of a wanted dummy.

use netplumb::{LinkKindState, LinkState};

/// What a link that has the name of a wanted dummy is to us.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Ours, and up.
    Ready,
    /// Ours, and to be set up.
    Unfinished,
    /// A dummy that nobody has marked, which may be taken over.
    Orphan,
    /// Somebody else's, and why.
    Foreign(String),
}

/// Looks at a link; with `adopting` a dummy without any mark is one to take over.
pub(super) fn standing(link: &LinkState, mark: &str, adopting: bool) -> Standing {
    if link.alias == mark {
        return match link.up {
            true => Standing::Ready,
            false => Standing::Unfinished,
        };
    }
    if link.kind != LinkKindState::Dummy {
        let kind = match link.kind.name() {
            "" => "a device",
            kind => kind,
        };
        return Standing::Foreign(format!("of type {kind}, and is left alone"));
    }
    if !link.alias.is_empty() {
        let of = &link.alias;
        return Standing::Foreign(format!("marked by somebody else as {of:?}"));
    }
    match adopting {
        true => Standing::Orphan,
        false => Standing::Foreign("a dummy that was not made by this program".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &str = "bgplb-speaker:services:x";

    fn link(kind: LinkKindState, alias: &str, up: bool) -> LinkState {
        LinkState {
            index: 1,
            kind,
            up,
            master: None,
            mtu: 1500,
            alias: alias.to_owned(),
            mac: None,
        }
    }

    #[test]
    fn only_a_dummy_that_nobody_has_marked_is_taken_over() {
        let dummy = |alias, up| link(LinkKindState::Dummy, alias, up);
        let adopted = |link: &LinkState| standing(link, MARK, true);
        assert_eq!(adopted(&dummy("", false)), Standing::Orphan);
        assert_eq!(adopted(&dummy(MARK, true)), Standing::Ready);
        assert_eq!(adopted(&dummy(MARK, false)), Standing::Unfinished);
        let veth = link(LinkKindState::Veth { peer: None }, "", true);
        let hardware = link(LinkKindState::Other(String::new()), "", true);
        for (link, why) in [
            (
                dummy("bgplb-speaker:services:y", true),
                "marked by somebody else",
            ),
            (veth, "of type veth"),
            (hardware, "of type a device"),
        ] {
            let Standing::Foreign(said) = adopted(&link) else {
                panic!("{link:?}");
            };
            assert!(said.contains(why), "{said}");
        }
        let said = standing(&dummy("", true), MARK, false);
        assert!(matches!(said, Standing::Foreign(_)), "{said:?}");
    }
}
