//! Docker network and IPAM plugins: types, traits, router and unix socket server.
