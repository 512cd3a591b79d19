//! Any message as one line.

use core::fmt;

use crate::attr::AttributeView;
use crate::error::DecodeError;
use crate::frame::MessageView;
use crate::judge::{Attributes, Judgement};
use crate::open::OpenView;
use crate::path_id::Nlri;
use crate::route_refresh::RouteRefreshView;
use crate::update::{AsWidth, DecodeContext, SessionKind, UpdateView};

/// One line, with the names of the RFCs.
///
/// An UPDATE is read with AS numbers of four octets, as of an internal
/// session; [`UpdateView::display`] takes the session's own context.
impl fmt::Display for MessageView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(view) => view.fmt(f),
            Self::Update(view) => view
                .display(DecodeContext::new(AsWidth::Four, SessionKind::Internal))
                .fmt(f),
            Self::Notification(view) => write!(f, "NOTIFICATION {view}"),
            Self::Keepalive => f.write_str("KEEPALIVE"),
            Self::RouteRefresh(view) => view.fmt(f),
        }
    }
}

impl fmt::Display for OpenView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "OPEN as {} hold-time {} identifier {}",
            self.my_as(),
            self.hold_time_seconds(),
            self.identifier()
        )?;
        let mut capabilities = self.capabilities().enumerate();
        capabilities.try_for_each(|(n, capability)| {
            f.write_str(if n == 0 { " capabilities " } else { ", " })?;
            match capability.and_then(|it| it.to_capability()) {
                Ok(capability) => write!(f, "{capability}"),
                Err(error) => write!(f, "<{error}>"),
            }
        })
    }
}

impl fmt::Display for RouteRefreshView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ROUTE-REFRESH {} {}", self.subtype(), self.family())
    }
}

impl<'a> UpdateView<'a> {
    /// Prints itself as one line, as read on such a session. Long lists of
    /// prefixes end with how many more there are.
    #[must_use]
    pub const fn display(self, ctx: DecodeContext) -> UpdateDisplay<'a> {
        UpdateDisplay { update: self, ctx }
    }
}

/// See [`UpdateView::display`].
#[derive(Clone, Copy, Debug)]
pub struct UpdateDisplay<'a> {
    update: UpdateView<'a>,
    ctx: DecodeContext,
}

impl fmt::Display for UpdateDisplay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let judgement = self.update.judge(self.ctx);
        f.write_str("UPDATE")?;
        if let Some(family) = self.update.is_end_of_rib() {
            write!(f, " end-of-rib {family}")?;
        }
        let attributes = judgement.attributes();
        fmt_routes(f, "withdraw", self.update.withdrawn_nlri(self.ctx))?;
        if let Some(unreach) = attributes.mp_unreach() {
            let label = format_args!("withdraw {}", unreach.family());
            fmt_routes(f, label, unreach.nlri())?;
        }
        fmt_routes(f, "announce", self.update.announced_nlri(self.ctx))?;
        if let Some(reach) = attributes.mp_reach() {
            let label = format_args!("announce {}", reach.family());
            fmt_routes(f, label, reach.nlri())?;
        }
        fmt_attributes(f, attributes)?;
        let mut unknown = self.update.path_attributes().filter_map(Result::ok);
        unknown.try_for_each(|it| fmt_unknown(f, it))?;
        fmt_fault(f, &judgement)
    }
}

fn fmt_attributes(f: &mut fmt::Formatter<'_>, attributes: &Attributes<'_>) -> fmt::Result {
    if let Some(next_hop) = attributes.next_hop() {
        write!(f, " next-hop {next_hop}")?;
    }
    if let Some(next_hop) = attributes.mp_reach().and_then(|it| it.next_hop()) {
        write!(f, " next-hop {next_hop}")?;
    }
    if let Some(origin) = attributes.origin() {
        write!(f, " origin {origin}")?;
    }
    if let Some(path) = attributes.as_path() {
        write!(f, " as-path [{path}]")?;
    }
    if let Some(med) = attributes.med() {
        write!(f, " med {med}")?;
    }
    if let Some(preference) = attributes.local_pref() {
        write!(f, " local-pref {preference}")?;
    }
    if attributes.atomic_aggregate() {
        f.write_str(" atomic-aggregate")?;
    }
    if let Some(it) = attributes.aggregator() {
        write!(f, " aggregator {} {}", it.asn, it.identifier)?;
    }
    fmt_items(f, "communities", attributes.communities())?;
    fmt_items(f, "extended-communities", attributes.extended_communities())?;
    fmt_items(f, "large-communities", attributes.large_communities())?;
    if let Some(originator) = attributes.originator_id() {
        write!(f, " originator-id {originator}")?;
    }
    fmt_items(f, "cluster-list", attributes.cluster_list())?;
    if let Some(asn) = attributes.only_to_customer() {
        write!(f, " only-to-customer {asn}")?;
    }
    Ok(())
}

fn fmt_unknown(f: &mut fmt::Formatter<'_>, attribute: AttributeView<'_>) -> fmt::Result {
    match attribute.code().name() {
        Some(_) => Ok(()),
        None => write!(
            f,
            " {} ({} octets)",
            attribute.code(),
            attribute.value().len()
        ),
    }
}

fn fmt_fault(f: &mut fmt::Formatter<'_>, judgement: &Judgement<'_>) -> fmt::Result {
    match judgement.fault() {
        Some(fault) => write!(f, "; {}: {}", fault.disposition, fault.error),
        None => Ok(()),
    }
}

fn fmt_items(
    f: &mut fmt::Formatter<'_>,
    label: &str,
    items: impl Iterator<Item: fmt::Display>,
) -> fmt::Result {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return Ok(());
    }
    write!(f, " {label} [")?;
    for (n, item) in items.enumerate() {
        let separator = if n == 0 { "" } else { " " };
        write!(f, "{separator}{item}")?;
    }
    f.write_str("]")
}

fn fmt_routes<P: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    label: impl fmt::Display,
    routes: impl Iterator<Item = Result<Nlri<P>, DecodeError>>,
) -> fmt::Result {
    let mut count = 0usize;
    for route in routes {
        if count == 0 {
            write!(f, " {label}")?;
        }
        count += 1;
        match route {
            Ok(_) if count > ROUTES_SHOWN => {}
            Ok(route) => write!(f, " {route}")?,
            Err(error) => write!(f, " <{error}>")?,
        }
    }
    match count.checked_sub(ROUTES_SHOWN) {
        Some(more @ 1..) => write!(f, " and {more} more"),
        _ => Ok(()),
    }
}

/// Enough for a log line.
const ROUTES_SHOWN: usize = 16;
