//! Looks once and tells what came of it:
//! `look tcp|http|https|grpc ADDRESS PORT`, `look icmp|dns ADDRESS`, `look exec PROGRAM…`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use healthwatch::{
    DnsSpec, ExecSpec, GrpcSpec, HttpSpec, IcmpSpec, Probe, ProbeSpec, TcpSpec, TlsSpec, look,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let probe = Probe::new(spec(&words)?)?;
    let since = Instant::now();
    let outcome = look(&probe, Duration::from_secs(5)).await;
    let took = since.elapsed();
    match outcome {
        Ok(_) => println!("{}: fine, in {took:?}", probe.target()),
        Err(failure) => println!("{failure}, in {took:?}"),
    }
    Ok(())
}

fn spec(words: &[&str]) -> Result<ProbeSpec, Box<dyn Error>> {
    Ok(match *words {
        ["exec", ref command @ ..] => ProbeSpec::Exec(ExecSpec::new(command.iter().copied())),
        ["icmp", address] => ProbeSpec::Icmp(IcmpSpec {
            addresses: vec![address.parse()?],
        }),
        ["dns", address] => ProbeSpec::Dns(DnsSpec::new(address.parse()?)),
        [kind, address, port] => {
            let (address, port): (IpAddr, u16) = (address.parse()?, port.parse()?);
            let mut http = HttpSpec::new(address, port);
            match kind {
                "tcp" => ProbeSpec::Tcp(TcpSpec {
                    address: SocketAddr::new(address, port),
                }),
                "grpc" => ProbeSpec::Grpc(GrpcSpec::new(address, port)),
                "http" => ProbeSpec::Http(http),
                "https" => {
                    http.tls = Some(TlsSpec::default());
                    ProbeSpec::Http(http)
                }
                _ => return Err("accepted are tcp, http, https and grpc".into()),
            }
        }
        _ => return Err("accepted are a kind and where to look".into()),
    })
}
