//! A BGP speaker on tokio: sockets, peer tasks, RIB, UPDATE packing and ECMP selection.
