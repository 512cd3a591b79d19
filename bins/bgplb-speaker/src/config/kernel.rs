//! What becomes of learned routes in the kernel.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::kinds;
use super::reader::Section;

/// The mark and place of the routes we install.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KernelTable {
    pub(crate) table: u32,
    pub(crate) metric: u32,
    pub(crate) protocol: u8,
    /// The address that packets of this host leave with by these routes, of each
    /// family; `None` for the kernel's choice.
    pub(crate) source_v4: Option<Ipv4Addr>,
    pub(crate) source_v6: Option<Ipv6Addr>,
}

/// Reads `[kernel]`; `None` where nothing is installed.
pub(super) fn kernel(root: &Section<'_>) -> Option<KernelTable> {
    let section = root.section("kernel")?;
    let install = section.optional("install", kinds::YES_OR_NO);
    let table = KernelTable {
        table: section.optional("table", kinds::COUNT).unwrap_or(254),
        metric: section.optional("metric", kinds::METRIC).unwrap_or(30),
        protocol: section.optional("protocol", kinds::PROTOCOL).unwrap_or(186),
        source_v4: section.optional("source", kinds::ADDRESS_V4),
        source_v6: section.optional("source-v6", kinds::ADDRESS_V6),
    };
    section.finish();
    (install == Some(true)).then_some(table)
}
