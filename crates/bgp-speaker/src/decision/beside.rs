//! Which paths are used beside the best one.

use bgp_wire::SessionKind;

use super::Path;
use crate::{BesideBest, Multipath};

/// Whether `path` is as good as `best`, given that only identifiers and
/// addresses tell them apart: what RFC 4271 section 9.1.2.2 looks at before
/// those, the distance of the next hop among it, is the same.
pub(super) fn is_as_good(path: &Path, best: &Path, multipath: Multipath) -> bool {
    if best.session == SessionKind::Internal && !multipath.internal {
        return path.peer == best.peer;
    }
    match multipath.beside_best {
        BesideBest::SameLength => true,
        BesideBest::SamePath => path.attributes.as_path == best.attributes.as_path,
    }
}
