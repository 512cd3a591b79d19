//! IPVS as far as any kernel has it; all else is in `tests/guest`.

use netplumb::ipvs::{Ipvs, IpvsKernel as _};

use crate::world::in_namespace;

#[test]
fn a_kernel_without_ipvs_is_told_from_one_that_refuses() {
    in_namespace(|| match Ipvs::open() {
        Ok(mut ipvs) => assert!(ipvs.services().unwrap().is_empty()),
        Err(error) => assert!(error.is_missing(), "{error}"),
    });
}
