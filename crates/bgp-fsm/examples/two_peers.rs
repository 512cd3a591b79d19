//! Two peers meet, talk for a day and part, in virtual time.
//!
//! ```sh
//! cargo run -p bgp-fsm --example two_peers
//! ```

use std::net::Ipv4Addr;
use std::time::Duration;

use bgp_fsm::{ConfigError, PeerConfig};
use bgp_sim::Sim;
use bgp_wire::Asn;

fn main() -> Result<(), ConfigError> {
    let config = |host, local, peer| {
        let identifier = Ipv4Addr::new(192, 0, 2, host).into();
        PeerConfig::new(Asn::new(local), identifier, Asn::new(peer))
    };
    let mut sim = Sim::new();
    let (host, router) = sim.pair(
        ("host  ", config(1, 65001, 65000)?),
        ("router", config(254, 65000, 65001)?.passive()),
    );
    sim.transcript().hide_keepalives();

    // The router starts later than the host.
    sim.start(host);
    sim.run_for(Duration::from_secs(3));
    sim.start(router);

    sim.run_for(Duration::from_secs(86_400));
    sim.stop(host, Some("maintenance"));
    sim.run_for(Duration::from_secs(1));

    #[expect(clippy::print_stdout, reason = "showing it is what an example is for")]
    {
        print!("{}", sim.transcript());
    }
    Ok(())
}
