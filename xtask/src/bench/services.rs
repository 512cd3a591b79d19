//! `cargo xtask bench services`: what services with checks take on one host.
//!
//! Each service has an address of its own on the loopback link, and a TCP check every second. One of
//! them looks for a file instead, a hundred times a second, so that a change of health can be made
//! and timed from the outside.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::plugin::figures::{Figures, between, megabytes};
use super::plugin::process::{processor_time, resident};
use super::sink::{News, Sink, now};
use crate::cmd::{Daemon, tail};
use crate::lab::ROUTER_V4;
use crate::lab::router::ROUTER_AS;
use crate::lab::two_nodes::{Medium, TwoNodes};
use crate::wait::{secs, until};
use crate::{artifacts, packages, sys};

/// The link of both nodes, and their addresses on it.
const LINK: &str = "eth0";
const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 40);

/// How long the program is left alone while its processor time is counted.
const IDLE: Duration = Duration::from_secs(20);

/// Measures with few services and with so many.
///
/// # Errors
///
/// When something does not come up, or a route does not come or go.
pub(crate) fn run(services: u16, turns: u32) -> Result<()> {
    ensure!(
        cfg!(target_os = "linux") && sys::is_root(),
        "the benchmark needs Linux and root"
    );
    ensure!(
        (2..=60_000).contains(&services) && turns > 0,
        "from 2 to 60000 services and at least one turn are needed"
    );
    packages::ensure(&packages::BASE)?;
    let speaker = artifacts::build_speaker()?;
    println!(
        "| services | start to all announced | memory | time of one core | unhealthy to withdrawal | healthy to announcement |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    for count in [10, services] {
        let scene = Scene::start(&speaker, count)?;
        let measured = scene.measure(turns);
        let row = measured.map_err(|error| error.context(tail(scene.speaker.log(), 20)))?;
        println!("| {count} | {row}");
    }
    println!(
        "the check whose health changes looks every 10 ms and takes one look; the others are TCP \
         checks every second"
    );
    Ok(())
}

/// The program with its services, and the router that notes what it is told.
struct Scene {
    // Programs end before their namespaces do.
    speaker: Daemon,
    _server: Daemon,
    sink: Sink,
    began: u128,
    count: u16,
    pair: TwoNodes,
}

impl Scene {
    fn start(program: &Path, count: u16) -> Result<Self> {
        let pair = TwoNodes::join(
            Medium::Cable,
            &[LINK],
            &[(LINK, IpAddr::V4(HOST))],
            &[(LINK, IpAddr::V4(ROUTER_V4))],
        )?;
        let sink = Sink::start(&pair.two)?;
        pair.one.ip("link set lo up")?;
        let busybox = packages::busybox().display().to_string();
        let server = pair
            .one
            .command(&busybox)
            .args([
                "httpd",
                "-f",
                "-p",
                "127.0.0.1:8080",
                "-h",
                &pair.dir().display().to_string(),
            ])
            .spawn(&pair.dir().join("httpd.log"))?;
        // Who is refused tries again a second later, which is not what is measured.
        until("the router", secs(5), || {
            let listens = pair.two.command("ss").args(["-Hltn", "sport", "=", ":179"]);
            ensure!(!listens.read()?.trim().is_empty(), "it does not listen");
            Ok(())
        })?;
        let well = pair.dir().join("well");
        fs::write(&well, "")?;
        until("the server of checks", secs(5), || {
            let words = [
                "wget",
                "-q",
                "-O",
                "/dev/null",
                "http://127.0.0.1:8080/well",
            ];
            pair.one.command(&busybox).args(words).run()
        })?;
        let config = pair.dir().join("speaker.toml");
        fs::write(&config, configuration(count, &well, pair.dir()))?;
        let began = now();
        let speaker = pair
            .one
            .command(&program.display().to_string())
            .args(["run", "--config"])
            .arg(&config)
            .spawn(&pair.dir().join("speaker.log"))?;
        Ok(Self {
            speaker,
            _server: server,
            sink,
            began,
            count,
            pair,
        })
    }

    fn measure(&self, turns: u32) -> Result<String> {
        let all = (0..self.count).map(|n| News::Announced(address(n).into()));
        let last = self.sink.wait_all(HOST, all, secs(60))?;
        let started = between(self.began, last)?;
        let pid = self.speaker.pid();
        let before = processor_time(pid)?;
        let from = Instant::now();
        std::thread::sleep(IDLE);
        let spent = Duration::from_nanos(processor_time(pid)? - before);
        let share = spent.as_secs_f64() / from.elapsed().as_secs_f64() * 100.0;
        let memory = megabytes(resident(pid)?)?;
        let (mut gone, mut back) = (Vec::new(), Vec::new());
        let well = self.pair.dir().join("well");
        let first = IpAddr::from(address(0));
        for _ in 0..turns {
            self.sink.forget();
            let from = now();
            fs::remove_file(&well)?;
            let at = self
                .sink
                .wait_all(HOST, [News::Withdrawn(first)], secs(10))?;
            gone.push(between(from, at)?);
            let from = now();
            fs::write(&well, "")?;
            let at = self
                .sink
                .wait_all(HOST, [News::Announced(first)], secs(10))?;
            back.push(between(from, at)?);
        }
        let gone = Figures::new(gone, "ms");
        let back = Figures::new(back, "ms");
        Ok(format!(
            "{started:.0} ms | {memory:.1} MB | {share:.1} % | {gone} | {back} |"
        ))
    }
}

fn configuration(count: u16, well: &Path, dir: &Path) -> String {
    let mut text = format!(
        "[local]\nas = 64512\nrouter-id = \"{HOST}\"\n[control]\nsocket = \"{}\"\n\
         [[peers]]\naddress = \"{ROUTER_V4}\"\nas = {ROUTER_AS}\n",
        dir.join("speaker.sock").display()
    );
    for n in 0..count {
        let check = match n {
            0 => format!(
                "kind = \"file\"\nfile = \"{}\"\ninterval = 0.01\nrise = 1\nfall = 1\n",
                well.display()
            ),
            _ => "kind = \"tcp\"\nport = 8080\nstart = \"unknown\"\n".to_owned(),
        };
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "[[services]]\nname = \"s{n}\"\naddresses = [\"{}\"]\nlink = \"lo\"\n\
             [[services.checks]]\n{check}",
            address(n)
        );
    }
    text
}

const fn address(n: u16) -> Ipv4Addr {
    let [high, low] = n.to_be_bytes();
    Ipv4Addr::new(10, 77, high, low)
}
