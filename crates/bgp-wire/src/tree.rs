//! Any message as a tree, one fact a line.

use core::fmt;

use crate::attr::{AttributeCode, AttributeFlags, AttributeView};
use crate::error::DecodeError;
use crate::frame::MessageView;
use crate::judge::Examined;
use crate::notification::NotificationView;
use crate::open::OpenView;
use crate::path_id::Nlri;
use crate::route_refresh::RouteRefreshView;
use crate::update::{AsWidth, DecodeContext, UpdateView};

impl<'a> MessageView<'a> {
    /// Prints itself as a tree, as read on such a session: names of the RFCs,
    /// everything that is there, every fault where it is. Lines are indented
    /// by two spaces a level, and the last one has no line feed.
    #[must_use]
    pub const fn tree(self, ctx: DecodeContext) -> MessageTree<'a> {
        MessageTree { message: self, ctx }
    }
}

/// See [`MessageView::tree`].
#[derive(Clone, Copy, Debug)]
pub struct MessageTree<'a> {
    message: MessageView<'a>,
    ctx: DecodeContext,
}

impl fmt::Display for MessageTree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message {
            MessageView::Open(open) => fmt_open(f, open),
            MessageView::Update(update) => fmt_update(f, update, self.ctx),
            MessageView::Notification(notification) => fmt_notification(f, notification),
            MessageView::Keepalive => f.write_str("KEEPALIVE"),
            MessageView::RouteRefresh(refresh) => fmt_route_refresh(f, refresh),
        }
    }
}

fn fmt_open(f: &mut fmt::Formatter<'_>, open: OpenView<'_>) -> fmt::Result {
    write!(f, "OPEN")?;
    write!(f, "\n  version {}", open.version())?;
    write!(f, "\n  as {}", open.my_as())?;
    write!(f, "\n  hold-time {} s", open.hold_time_seconds())?;
    write!(f, "\n  identifier {}", open.identifier())?;
    let mut capabilities = open.capabilities().peekable();
    if capabilities.peek().is_some() {
        write!(f, "\n  capabilities")?;
    }
    capabilities.try_for_each(|capability| match capability {
        Ok(view) => match view.to_capability() {
            Ok(it) => write!(f, "\n    {it}"),
            Err(error) => write!(f, "\n    {error}: {}", Hex(view.value())),
        },
        Err(error) => write!(f, "\n    {error}"),
    })
}

fn fmt_notification(f: &mut fmt::Formatter<'_>, it: NotificationView<'_>) -> fmt::Result {
    write!(f, "NOTIFICATION\n  code {}", it.code())?;
    if let Some(text) = it.shutdown_communication() {
        // A peer's text: control characters must not reach a terminal.
        write!(f, "\n  communication {}", text.escape_debug())?;
    }
    if it.data().is_empty() {
        return Ok(());
    }
    write!(f, "\n  data {}", Hex(it.data()))
}

fn fmt_route_refresh(f: &mut fmt::Formatter<'_>, it: RouteRefreshView<'_>) -> fmt::Result {
    write!(f, "ROUTE-REFRESH")?;
    write!(f, "\n  subtype {}", it.subtype())?;
    write!(f, "\n  family {}", it.family())?;
    if it.rest().is_empty() {
        return Ok(());
    }
    write!(f, "\n  rest {}", Hex(it.rest()))
}

fn fmt_update(
    f: &mut fmt::Formatter<'_>,
    update: UpdateView<'_>,
    ctx: DecodeContext,
) -> fmt::Result {
    write!(f, "UPDATE")?;
    if let Some(family) = update.is_end_of_rib() {
        write!(f, "\n  end-of-rib {family}")?;
    }
    fmt_routes(
        f,
        "\n  withdrawn routes",
        "\n    ",
        update.withdrawn_nlri(ctx),
    )?;
    let mut attributes = update.examine(ctx).peekable();
    if attributes.peek().is_some() {
        write!(f, "\n  path attributes")?;
    }
    attributes.try_for_each(|it| fmt_attribute(f, it))?;
    fmt_routes(f, "\n  nlri", "\n    ", update.announced_nlri(ctx))?;
    let judgement = update.judge(ctx);
    let mut twins = update.path_attributes().flatten();
    if ctx.as_width == AsWidth::Two && twins.any(|it| it.code() == AttributeCode::AS4_PATH) {
        write!(f, "\n  merged path")?;
        fmt_one(f, judgement.attributes().as_path())?;
    }
    // Those of attributes are told there.
    let mut faults = update.faults(ctx).filter(|it| it.attribute.is_empty());
    faults.try_for_each(|it| write!(f, "\n  {}: {}", it.disposition, it.error))?;
    match judgement.disposition() {
        Some(disposition) => write!(f, "\n  outcome {disposition}"),
        None => Ok(()),
    }
}

fn fmt_attribute(f: &mut fmt::Formatter<'_>, examined: Examined<'_>) -> fmt::Result {
    let Ok(attribute) = examined.attribute else {
        // It belongs to no attribute, so it is told with those of the message.
        return Ok(());
    };
    let (code, value) = (attribute.code(), attribute.value());
    write!(f, "\n    {code} {}", Flags(attribute.flags()))?;
    fmt_value(f, attribute, &examined)?;
    if let Some(fault) = examined.fault {
        let what = fault.disposition;
        write!(f, "\n      {what}: {}: {}", fault.error, Hex(value))?;
    }
    Ok(())
}

/// Appends what the attribute says, on its line where that is one fact.
fn fmt_value(
    f: &mut fmt::Formatter<'_>,
    attribute: AttributeView<'_>,
    Examined {
        says, twins, fault, ..
    }: &Examined<'_>,
) -> fmt::Result {
    match attribute.code() {
        AttributeCode::ORIGIN => fmt_one(f, says.origin()),
        AttributeCode::AS_PATH => match says.as_path() {
            Some(path) if path.is_empty() => f.write_str(": empty"),
            path => fmt_one(f, path),
        },
        AttributeCode::NEXT_HOP => fmt_one(f, says.next_hop()),
        AttributeCode::MULTI_EXIT_DISC => fmt_one(f, says.med()),
        AttributeCode::LOCAL_PREF => fmt_one(f, says.local_pref()),
        AttributeCode::ATOMIC_AGGREGATE => Ok(()),
        AttributeCode::AGGREGATOR | AttributeCode::AS4_AGGREGATOR => {
            let aggregator = says.aggregator().or(twins.as4_aggregator);
            aggregator.map_or(Ok(()), |it| write!(f, ": {} {}", it.asn, it.identifier))
        }
        AttributeCode::COMMUNITIES => fmt_list(f, says.communities()),
        AttributeCode::ORIGINATOR_ID => fmt_one(f, says.originator_id()),
        AttributeCode::CLUSTER_LIST => fmt_list(f, says.cluster_list()),
        AttributeCode::EXTENDED_COMMUNITIES => fmt_list(f, says.extended_communities()),
        AttributeCode::AS4_PATH => fmt_one(f, twins.as4_path),
        AttributeCode::LARGE_COMMUNITIES => fmt_list(f, says.large_communities()),
        AttributeCode::ONLY_TO_CUSTOMER => fmt_one(f, says.only_to_customer()),
        AttributeCode::MP_REACH_NLRI => match says.mp_reach() {
            None => Ok(()),
            Some(reach) => {
                write!(f, "\n      family {}", reach.family())?;
                match reach.next_hop() {
                    Some(next_hop) => write!(f, "\n      next-hop {next_hop}")?,
                    None => write!(f, "\n      next-hop {}", Hex(reach.next_hop_octets()))?,
                }
                fmt_routes(f, "", "\n      ", reach.nlri())?;
                fmt_foreign(f, reach.nlri().next().is_none(), reach.nlri_octets())
            }
        },
        AttributeCode::MP_UNREACH_NLRI => match says.mp_unreach() {
            None => Ok(()),
            Some(unreach) => {
                write!(f, "\n      family {}", unreach.family())?;
                fmt_routes(f, "", "\n      ", unreach.nlri())?;
                fmt_foreign(f, unreach.nlri().next().is_none(), unreach.nlri_octets())
            }
        },
        // A fault shows the octets itself.
        _ if fault.is_some() => Ok(()),
        _ => write!(f, ": {}", Hex(attribute.value())),
    }
}

fn fmt_one(f: &mut fmt::Formatter<'_>, fact: Option<impl fmt::Display>) -> fmt::Result {
    fact.map_or(Ok(()), |it| write!(f, ": {it}"))
}

fn fmt_list(
    f: &mut fmt::Formatter<'_>,
    mut items: impl Iterator<Item: fmt::Display>,
) -> fmt::Result {
    items.try_for_each(|it| write!(f, "\n      {it}"))
}

/// Routes of a family this crate does not read.
fn fmt_foreign(f: &mut fmt::Formatter<'_>, unread: bool, octets: &[u8]) -> fmt::Result {
    if unread && !octets.is_empty() {
        write!(f, "\n      nlri {}", Hex(octets))?;
    }
    Ok(())
}

fn fmt_routes<P: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    label: &str,
    indent: &str,
    routes: impl Iterator<Item = Result<Nlri<P>, DecodeError>>,
) -> fmt::Result {
    for (n, route) in routes.enumerate() {
        f.write_str(if n == 0 { label } else { "" })?;
        match route {
            Ok(route) => write!(f, "{indent}{route}")?,
            Err(error) => write!(f, "{indent}{error}")?,
        }
    }
    Ok(())
}

/// `(well-known)`, `(optional transitive partial)`.
struct Flags(AttributeFlags);

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.0;
        f.write_str(match (flags.is_optional(), flags.is_transitive()) {
            (false, true) => "(well-known",
            (false, false) => "(well-known non-transitive",
            (true, true) => "(optional transitive",
            (true, false) => "(optional non-transitive",
        })?;
        f.write_str(if flags.is_partial() { " partial)" } else { ")" })
    }
}

/// Hexadecimal digits without separators.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}
