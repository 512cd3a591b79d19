//! The two programs, and what is seen of each feature between them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use super::feature::Feature;
use super::ours::Ours;
use super::peers::{Kind, Lack, Opponent, Seen, Sign};
use super::session::{
    Announced, GRACEFUL_SHUTDOWN, LINK, LINK_WITHOUT_V4, OUR_AS, OURS, Session, THEIR_AS, THEIRS,
};
use crate::e2e::route_log::RouteLog;
use crate::lab::two_nodes::{Medium, TwoNodes};
use crate::wait::{secs, until};

/// Both programs with their sessions.
pub(super) struct Bench {
    // Before the namespaces, whose end takes all processes with it.
    ours: Ours,
    theirs: Box<dyn Opponent>,
    nodes: TwoNodes,
}

/// Who shows a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Ours,
    Theirs,
}

impl Bench {
    pub(super) fn start(kind: Kind, program: &Path) -> Result<Self> {
        let ours = Session::ALL.map(|it| (it.link(), it.ours()));
        let theirs = Session::ALL.map(|it| (it.link(), it.theirs()));
        let nodes = TwoNodes::join(Medium::Cable, &[LINK, LINK_WITHOUT_V4], &ours, &theirs)?;
        let place = kind.place(&nodes.two, nodes.dir());
        let ours = Ours::new(nodes.one.clone(), nodes.dir(), program, &place.sessions);
        let mut bench = Self {
            ours,
            theirs: kind.opponent(place),
            nodes,
        };
        // Ours first: it tries again within a second.
        let started = bench.ours.start(false);
        started
            .and_then(|()| bench.theirs.start(false))
            .with_context(|| bench.logs())?;
        Ok(bench)
    }

    /// Tries one feature.
    pub(super) fn hold(&mut self, feature: Feature) -> Result<()> {
        match feature {
            Feature::V4OverV4 => self.exchange(Session::V4, OURS.v4, THEIRS.v4),
            Feature::V6OverV4 => self.exchange(Session::V4, OURS.v6, THEIRS.v6),
            Feature::BothOverV6 => {
                self.exchange(Session::V6, OURS.v4, THEIRS.v4)?;
                self.exchange(Session::V6, OURS.v6, THEIRS.v6)
            }
            Feature::ExtendedNextHop => {
                let session = Session::ExtendedNextHop;
                let v6 = |seen: &Seen| demand(seen.next_hop.is_some_and(|hop| hop.is_ipv6()));
                self.shown(Side::Theirs, session, OURS.v4, v6)?;
                self.shown(Side::Ours, session, THEIRS.v4, v6)
            }
            Feature::FourOctetAs => {
                self.shown(Side::Theirs, Session::V4, OURS.v4, |seen| {
                    demand(seen.as_path == [OUR_AS])
                })?;
                self.shown(Side::Ours, Session::V4, THEIRS.v4, |seen| {
                    demand(seen.as_path == [THEIR_AS])
                })
            }
            Feature::StandardCommunities => self.communities(|route| route.standard),
            Feature::ExtendedCommunities => self.communities(|route| route.extended),
            Feature::LargeCommunities => self.communities(|route| route.large),
            Feature::ShutdownSent => self.marked(Side::Theirs, OURS.shutting_down),
            Feature::ShutdownReceived => self.marked(Side::Ours, THEIRS.shutting_down),
            Feature::Password => self.passwords(),
            Feature::RefreshTheirs => self.their_refresh(),
            Feature::WeRestart => self.we_restart(),
            Feature::TheyRestart => self.they_restart(),
            Feature::RefreshOurs => self.our_refresh(),
            Feature::Bfd => self.bfd(),
            Feature::Unnumbered => self.settled(Session::LinkLocal),
        }
    }

    /// Sees that a program cannot do what is said that it cannot.
    pub(super) fn lacks(&mut self, lack: &Lack) -> Result<()> {
        match lack.sign {
            Sign::Capability(words) => {
                let offered = until("their capabilities", secs(15), || {
                    self.ours.capabilities(Session::V4)
                })?;
                let known = |it: &String| words.iter().all(|word| it.contains(word));
                ensure!(
                    !offered.iter().any(known),
                    "it offers {offered:?}, so the table is wrong"
                );
            }
            Sign::RefreshRefused(words) => {
                self.settled(Session::V4)?;
                self.ours.ask_refresh(Session::V4)?;
                until("their refusal in their log", secs(10), || {
                    let logs = self.theirs.logs();
                    let mut texts = logs.iter().map(fs::read_to_string);
                    let said = texts.any(|text| text.is_ok_and(|text| text.contains(words)));
                    ensure!(said, "it does not say so");
                    Ok(())
                })?;
            }
            Sign::Unseen => {}
            Sign::Fails => {
                ensure!(
                    self.hold(lack.feature).is_err(),
                    "it can do it, so the table is wrong"
                );
                // It may have been killed before that was seen.
                self.ours.start_if_killed()?;
            }
        }
        Ok(())
    }

    /// The end of every log.
    pub(super) fn logs(&self) -> String {
        let mut logs = self.theirs.logs();
        logs.push(self.ours.log());
        crate::cmd::tails(&logs)
    }

    /// What one side shows of a route that came by a session.
    fn look(&self, at: Side, session: Session, prefix: &str) -> Result<Option<Seen>> {
        let mut seen = match at {
            Side::Ours => self.ours.learned(prefix)?,
            Side::Theirs => self.theirs.learned(prefix)?,
        };
        Ok(seen.remove(&session))
    }

    /// Waits until one side shows a route as it should be.
    fn shown(
        &self,
        at: Side,
        session: Session,
        route: Announced,
        check: impl Fn(&Seen) -> Result<()>,
    ) -> Result<()> {
        let what = format!("{} over {} at {at:?}", route.prefix, session.name());
        until(&what, secs(15), || {
            let seen = self.look(at, session, route.prefix)?;
            let seen = seen.with_context(|| match self.ours.established(session) {
                Ok(()) => "it is not there, though the session is up".to_owned(),
                Err(error) => format!("it is not there: {error:#}"),
            })?;
            check(&seen).with_context(|| format!("it is shown as {seen:?}"))
        })
    }

    /// A route each way, with a next hop of its family that the other side can reach.
    fn exchange(&self, session: Session, ours: Announced, theirs: Announced) -> Result<()> {
        let ends = |own: fn(Session) -> std::net::IpAddr| {
            Session::ALL.map(own).into_iter().collect::<BTreeSet<_>>()
        };
        for (side, route, hops) in [
            (Side::Theirs, ours, ends(Session::ours)),
            (Side::Ours, theirs, ends(Session::theirs)),
        ] {
            self.shown(side, session, route, |seen| {
                let hop = seen.next_hop.context("there is no next hop")?;
                // Whether it may be IPv6 for an IPv4 prefix is another feature's question.
                let any = session.ours().is_ipv6() && !route.is_v6();
                ensure!(
                    any || hop.is_ipv6() == route.is_v6(),
                    "the next hop is of another family"
                );
                ensure!(hops.contains(&hop), "the next hop is somebody else's");
                Ok(())
            })?;
        }
        Ok(())
    }

    fn communities(&self, of: fn(&Announced) -> &'static [&'static str]) -> Result<()> {
        for (side, route) in [
            (Side::Theirs, OURS.with_communities),
            (Side::Ours, THEIRS.with_communities),
        ] {
            self.shown(side, Session::V4, route, |seen| {
                for community in of(&route) {
                    ensure!(
                        seen.communities.contains(*community),
                        "{community} is missing"
                    );
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn marked(&self, at: Side, route: Announced) -> Result<()> {
        self.shown(at, Session::V4, route, |seen| {
            demand(seen.communities.contains(GRACEFUL_SHUTDOWN))
        })
    }

    /// With one key routes go both ways; with two the kernel drops what comes.
    fn passwords(&self) -> Result<()> {
        self.exchange(Session::Password, OURS.v4, THEIRS.v4)?;
        until("a segment with a wrong signature", secs(10), || {
            let dropped = self.nodes.one.tcp_counter("TCPMD5Failure")?
                + self.nodes.two.tcp_counter("TCPMD5Failure")?;
            ensure!(dropped > 0, "the kernels counted none");
            Ok(())
        })?;
        for established in [
            self.ours.established(Session::OtherPassword),
            self.theirs.established(Session::OtherPassword),
        ] {
            ensure!(
                established.is_err(),
                "a session with two keys is established"
            );
        }
        Ok(())
    }

    /// Up is what each side calls it only once it has heard that the other side hears it.
    fn bfd(&self) -> Result<()> {
        until("their BFD session", secs(10), || {
            self.theirs.bfd_up(Session::Bfd)
        })?;
        self.exchange(Session::Bfd, OURS.v4, THEIRS.v4)
    }

    fn settled(&self, session: Session) -> Result<()> {
        self.exchange(session, OURS.v4, THEIRS.v4)?;
        self.exchange(session, OURS.v6, THEIRS.v6)
    }

    fn their_refresh(&self) -> Result<()> {
        self.settled(Session::V4)?;
        let before = self.theirs.received(Session::V4)?;
        self.theirs.ask_refresh(Session::V4)?;
        until("our routes again", secs(10), || {
            let now = self.theirs.received(Session::V4)?;
            // One UPDATE for each set of attributes and family is the least.
            ensure!(now >= before + 4, "{before} before, {now} now");
            Ok(())
        })?;
        self.ours.established(Session::V4)?;
        self.settled(Session::V4)
    }

    fn our_refresh(&self) -> Result<()> {
        self.settled(Session::V4)?;
        let before = self.theirs.sent(Session::V4)?;
        self.ours.ask_refresh(Session::V4)?;
        until("their routes again", secs(10), || {
            let now = self.theirs.sent(Session::V4)?;
            // Here too each set of attributes and family is an UPDATE of its own.
            ensure!(now >= before + 4, "{before} before, {now} now");
            Ok(())
        })?;
        self.theirs.established(Session::V4)?;
        self.settled(Session::V4)
    }

    /// SIGKILL to us: they keep what we announced until we say that we are through again, and
    /// packets go on by what we have installed.
    fn we_restart(&mut self) -> Result<()> {
        let kept = [OURS.v4, OURS.v6];
        self.settled(Session::V4)?;
        let installed = [THEIRS.v4, THEIRS.v6].map(|route| route.prefix);
        let routes = RouteLog::start(&self.nodes.one, self.nodes.dir())?;
        self.installed(&installed)?;
        for route in [OURS.v4_goes, OURS.v6_goes] {
            self.shown(Side::Theirs, Session::V4, route, |_| Ok(()))?;
        }
        self.ours.kill();
        until("their notice of our end", secs(10), || {
            for route in [OURS.v4, OURS.v6, OURS.v4_goes, OURS.v6_goes] {
                match self.look(Side::Theirs, Session::V4, route.prefix)? {
                    None => return Ok(Err(anyhow::anyhow!("{} was dropped", route.prefix))),
                    Some(seen) => ensure!(seen.stale, "{} is not stale", route.prefix),
                }
            }
            Ok(Ok(()))
        })??;
        self.installed(&installed)?;
        self.ours.start(true)?;
        self.refilled(Side::Theirs, &kept, &[OURS.v4_goes, OURS.v6_goes])?;
        self.settled(Session::V4)?;
        self.installed(&installed)?;
        routes.stayed(&installed)
    }

    /// Waits until our kernel has routes to these prefixes.
    fn installed(&self, prefixes: &[&str]) -> Result<()> {
        until("learned routes in our kernel", secs(5), || {
            for prefix in prefixes {
                let selector = format!("{prefix} proto bgp");
                let found = self.nodes.one.routes(prefix.contains(':'), &selector)?;
                ensure!(!found.is_empty(), "{prefix} is not there");
            }
            Ok(())
        })
    }

    /// SIGKILL to them: we keep what they announced until they are through again.
    fn they_restart(&mut self) -> Result<()> {
        let kept = [THEIRS.v4, THEIRS.v6];
        self.settled(Session::V4)?;
        for route in [THEIRS.v4_goes, THEIRS.v6_goes] {
            self.shown(Side::Ours, Session::V4, route, |_| Ok(()))?;
        }
        self.theirs.kill();
        until("our notice of their end", secs(10), || {
            ensure!(
                self.ours.established(Session::V4).is_err(),
                "the session is up"
            );
            Ok(())
        })?;
        for route in [THEIRS.v4, THEIRS.v6, THEIRS.v4_goes, THEIRS.v6_goes] {
            let seen = self.look(Side::Ours, Session::V4, route.prefix)?;
            let seen = seen.with_context(|| format!("{} was dropped", route.prefix))?;
            ensure!(seen.stale, "{} is not stale", route.prefix);
        }
        self.theirs.start(true)?;
        self.refilled(Side::Ours, &kept, &[THEIRS.v4_goes, THEIRS.v6_goes])
    }

    /// Waits for End-of-RIB after a restart: what is announced again was there all the time and is
    /// not stale any more, the rest goes.
    fn refilled(&self, at: Side, kept: &[Announced], gone: &[Announced]) -> Result<()> {
        until("End-of-RIB", secs(30), || {
            let mut stale = None;
            for route in kept {
                match self.look(at, Session::V4, route.prefix)? {
                    None => return Ok(Err(anyhow::anyhow!("{} went away", route.prefix))),
                    Some(seen) if seen.stale => stale = Some(route.prefix),
                    Some(_) => {}
                }
            }
            self.ours.established(Session::V4)?;
            if let Some(prefix) = stale {
                bail!("{prefix} is still stale");
            }
            for route in gone {
                let seen = self.look(at, Session::V4, route.prefix)?;
                ensure!(seen.is_none(), "{} is still there", route.prefix);
            }
            Ok(Ok(()))
        })?
    }
}

fn demand(held: bool) -> Result<()> {
    ensure!(held, "it should not be like that");
    Ok(())
}
