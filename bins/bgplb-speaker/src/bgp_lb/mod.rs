//! In bgp-lb's place: its flags, and its file byte for byte.

mod flags;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use tracing::warn;

pub(crate) use self::flags::{Flags, asked_for};
use crate::config::{Config, Unusable};
use crate::import::{Imported, Note, Switches, Wishes, import, text_of};

/// What the file of bgp-lb says. What is to be said of it goes to the log.
///
/// # Errors
///
/// Why it can't be used: everything that is wrong with it.
pub(crate) fn load(file: &Path, switches: &Switches) -> Result<Config, Unusable> {
    let name = file.display().to_string();
    let text = text_of(file).map_err(|error| Unusable::new([format!("{name}: {error}")]))?;
    let wishes = Wishes::of_bgp_lb(switches.clone());
    let Imported { text, notes } = import(&[(name, text)], &wishes);
    let Some(text) = text else {
        return Err(Unusable::new(notes.iter().map(Note::to_string)));
    };
    let no_files = |path: &Path| Err(format!("{} is not read", path.display()));
    let mut config = Config::parse(file, &text, &no_files)?;
    config.stands_for_bgp_lb = true;
    for note in &notes {
        warn!("{note}");
    }
    Ok(config)
}

/// An address as Go listens on it, `:8081` or `127.0.0.1:8081`, as
/// `[control] status-listen` has it: what bgp-lb serves, others may read.
///
/// # Errors
///
/// One sentence.
pub(crate) fn status_listen(address: &str) -> Result<String, String> {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let port = port
        .parse::<u16>()
        .map_err(|_| format!("{address:?} can't be listened on: accepted is [ADDRESS]:PORT"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let ip = match host {
        "" => everywhere(),
        "localhost" => Ipv4Addr::LOCALHOST.into(),
        host => host.parse().map_err(|_| {
            format!("{address:?} can't be listened on: no names are looked up, give an address")
        })?,
    };
    let at = SocketAddr::new(ip, port);
    match ip.is_loopback() {
        true => Ok(at.to_string()),
        false => Ok(format!("{at} exposed")),
    }
}

/// All addresses of both families, as far as the host has both.
fn everywhere() -> IpAddr {
    let both = IpAddr::from([0_u16; 8]);
    match TcpListener::bind((both, 0)) {
        Ok(_) => both,
        Err(_) => Ipv4Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_gos_is_one_that_others_may_read() {
        let listen = |text: &str| status_listen(text);
        assert_eq!(listen("127.0.0.1:8081").unwrap(), "127.0.0.1:8081");
        assert_eq!(listen("localhost:8081").unwrap(), "127.0.0.1:8081");
        assert_eq!(listen("[::1]:8081").unwrap(), "[::1]:8081");
        assert_eq!(listen("192.0.2.1:80").unwrap(), "192.0.2.1:80 exposed");
        let all = listen(":8081").unwrap();
        assert!(["[::]:8081 exposed", "0.0.0.0:8081 exposed"].contains(&all.as_str()));
        for text in ["", "8081", ":", ":http", "example.org:80", ":65536"] {
            assert!(listen(text).is_err(), "{text}");
        }
    }
}
