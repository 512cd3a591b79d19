//! How a service is looked after: what is looked at, and what the looks mean.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use healthwatch::{
    DnsSpec, ExecSpec, FileSpec, GrpcSpec, HttpSpec, IcmpSpec, Probe, ProbeSpec, RecordType,
    StartState, SystemdSpec, TcpSpec, Timing, TlsSpec,
};
use toml::de::DeValue;

use super::kinds;
use super::reader::{Kind, Section};

/// One check of a service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CheckSettings {
    /// What is looked at.
    pub(crate) look: Look,
    /// When, and what the looks mean.
    pub(crate) timing: Timing,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Something that is asked again and again.
    Probe(ProbeSpec),
    /// A container of Docker's, by its name, which tells of itself.
    Container(String),
}

impl CheckSettings {
    /// What it looks at, as a person writes it.
    pub(crate) fn target(&self) -> String {
        match &self.look {
            Look::Container(name) => format!("docker {name}"),
            // It was made when the file was read, and is made so again.
            Look::Probe(spec) => match Probe::new(spec.clone()) {
                Ok(probe) => probe.target().to_owned(),
                Err(error) => error.to_string(),
            },
        }
    }
}

/// All checks of a service.
pub(super) fn checks(from: &Section<'_>) -> Vec<CheckSettings> {
    let mut checks = Vec::new();
    for section in from.sections("checks") {
        let timing = timing(&section);
        let look = look(&section);
        section.finish();
        if let (Some(look), Some(timing)) = (look, timing) {
            checks.push(CheckSettings { look, timing });
        }
    }
    checks
}

fn look(from: &Section<'_>) -> Option<Look> {
    let spec = match from.required("kind", KIND)? {
        What::Docker => return from.required("container", kinds::TEXT).map(Look::Container),
        What::Tcp => tcp(from),
        What::Http => http(from, false),
        What::Https => http(from, true),
        What::Icmp => icmp(from),
        What::Dns => dns(from),
        What::Grpc => grpc(from),
        What::Exec => exec(from),
        What::File => file(from),
        What::Systemd => from.required("unit", kinds::TEXT).map(|unit| {
            let spec = SystemdSpec::new(unit);
            ProbeSpec::Systemd(spec)
        }),
    }?;
    if let Err(error) = Probe::new(spec.clone()) {
        from.fault("kind", &error.to_string());
        return None;
    }
    Some(Look::Probe(spec))
}

fn tcp(from: &Section<'_>) -> Option<ProbeSpec> {
    let address = address(from);
    let port = from.required("port", kinds::PORT)?;
    let address = SocketAddr::new(address?, port);
    Some(ProbeSpec::Tcp(TcpSpec { address }))
}

fn http(from: &Section<'_>, secure: bool) -> Option<ProbeSpec> {
    let address = address(from);
    let port = from.optional("port", kinds::PORT);
    let port = port.unwrap_or(if secure { 443 } else { 80 });
    let mut spec = HttpSpec::new(address?, port);
    if let Some(path) = from.optional("path", kinds::TEXT) {
        spec.path = path;
    }
    if let Some(method) = from.optional("method", kinds::TEXT) {
        spec.method = method;
    }
    if let Some(status) = from.list("status", STATUS) {
        spec.status = status;
    }
    if let Some(redirects) = from.optional("redirects", REDIRECTS) {
        spec.redirects = redirects;
    }
    spec.host = from.optional("host", kinds::TEXT);
    spec.body = from.optional("body", kinds::TEXT);
    spec.headers = from.list("headers", HEADER).unwrap_or_default();
    spec.tls = tls(from, secure);
    Some(ProbeSpec::Http(spec))
}

/// What is said of TLS; not accepted where there is none.
fn tls(from: &Section<'_>, secure: bool) -> Option<TlsSpec> {
    if !secure {
        return None;
    }
    let mut spec = TlsSpec::default();
    spec.ca_file = from.optional("ca-file", kinds::PATH);
    spec.insecure = from.optional("insecure", kinds::YES_OR_NO) == Some(true);
    Some(spec)
}

fn icmp(from: &Section<'_>) -> Option<ProbeSpec> {
    let addresses = match from.has("addresses") {
        true => from.list("addresses", kinds::ADDRESS),
        false => from.required("address", kinds::ADDRESS).map(|it| vec![it]),
    };
    let addresses = addresses?;
    Some(ProbeSpec::Icmp(IcmpSpec { addresses }))
}

fn dns(from: &Section<'_>) -> Option<ProbeSpec> {
    let mut spec = DnsSpec::new(address(from)?);
    if let Some(port) = from.optional("port", kinds::PORT) {
        spec.port = port;
    }
    if let Some(name) = from.optional("name", kinds::TEXT) {
        spec.name = name;
    }
    if let Some(record_type) = from.optional("type", RECORD_TYPE) {
        spec.record_type = record_type;
    }
    spec.answer = from.optional("answer", kinds::ADDRESS);
    Some(ProbeSpec::Dns(spec))
}

fn grpc(from: &Section<'_>) -> Option<ProbeSpec> {
    let address = address(from);
    let port = from.required("port", kinds::PORT);
    let secure = from.optional("tls", kinds::YES_OR_NO) == Some(true);
    let mut spec = GrpcSpec::new(address?, port?);
    spec.service = from.optional("service", kinds::TEXT).unwrap_or_default();
    spec.host = from.optional("host", kinds::TEXT);
    spec.tls = tls(from, secure);
    Some(ProbeSpec::Grpc(spec))
}

fn exec(from: &Section<'_>) -> Option<ProbeSpec> {
    let Some(command) = from.list("command", kinds::TEXT) else {
        if !from.has("command") {
            from.required("command", kinds::TEXT);
        }
        return None;
    };
    Some(ProbeSpec::Exec(ExecSpec::new(command)))
}

fn file(from: &Section<'_>) -> Option<ProbeSpec> {
    let file = from.required("file", kinds::PATH);
    let present = from.optional("present", kinds::YES_OR_NO).unwrap_or(true);
    let content = from.optional("content", kinds::TEXT);
    Some(present_file(file?, present, content))
}

/// Finds out whether a file of maintenance is there.
pub(super) fn maintenance(from: &Section<'_>, file: PathBuf) -> Option<CheckSettings> {
    let spec = present_file(file, true, None);
    if let Err(error) = Probe::new(spec.clone()) {
        from.fault("maintenance-file", &error.to_string());
        return None;
    }
    let timing = Timing {
        rise: 1,
        fall: 1,
        start: StartState::Unknown,
        ..Timing::default()
    };
    let look = Look::Probe(spec);
    Some(CheckSettings { look, timing })
}

/// Looks whether a file is there, or is not.
const fn present_file(file: PathBuf, present: bool, content: Option<String>) -> ProbeSpec {
    ProbeSpec::File(FileSpec {
        file,
        present,
        content,
    })
}

/// Where it is, the host itself unless said otherwise.
fn address(from: &Section<'_>) -> Option<IpAddr> {
    match from.has("address") {
        true => from.required("address", kinds::ADDRESS),
        false => Some(IpAddr::from([127, 0, 0, 1])),
    }
}

fn timing(from: &Section<'_>) -> Option<Timing> {
    let mut timing = Timing::default();
    if let Some(interval) = from.optional("interval", TIME) {
        timing.interval = interval;
    }
    if let Some(timeout) = from.optional("timeout", TIME) {
        timing.timeout = timeout;
    }
    if let Some(rise) = from.optional("rise", kinds::COUNT) {
        timing.rise = rise;
    }
    if let Some(fall) = from.optional("fall", kinds::COUNT) {
        timing.fall = fall;
    }
    if let Some(jitter) = from.optional("jitter", SHARE) {
        timing.jitter = jitter;
    }
    if let Some(start) = from.optional("start", START) {
        timing.start = start;
    }
    timing.fast_interval = from.optional("fast-interval", TIME);
    if let Err(error) = timing.validate() {
        from.fault("interval", &error.to_string());
        return None;
    }
    Some(timing)
}

/// The kinds of checks.
#[derive(Clone, Copy)]
enum What {
    Tcp,
    Http,
    Https,
    Icmp,
    Dns,
    Grpc,
    Exec,
    File,
    Systemd,
    Docker,
}

const KIND: Kind<What> = Kind {
    accepted: "\"tcp\", \"http\", \"https\", \"icmp\", \"dns\", \"grpc\", \"exec\", \"file\", \
               \"systemd\" or \"docker\"",
    read: |value| {
        Some(match value.as_str()? {
            "tcp" => What::Tcp,
            "http" => What::Http,
            "https" => What::Https,
            "icmp" => What::Icmp,
            "dns" => What::Dns,
            "grpc" => What::Grpc,
            "exec" => What::Exec,
            "file" => What::File,
            "systemd" => What::Systemd,
            "docker" => What::Docker,
            _ => return None,
        })
    },
};

const STATUS: Kind<RangeInclusive<u16>> = Kind {
    accepted: "a status or a range of them in quotes, such as \"204\" or \"200-299\"",
    read: |value| {
        let text = value.as_str()?;
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        Some(low.parse().ok()?..=high.parse().ok()?)
    },
};

const HEADER: Kind<(String, String)> = Kind {
    accepted: "a header in quotes, such as \"X-Probe: 1\"",
    read: |value| {
        let (name, value) = value.as_str()?.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    },
};

const REDIRECTS: Kind<u8> = Kind {
    accepted: "how many redirections are followed, 0 to 10",
    read: |value| kinds::integer(value).filter(|it| *it <= 10),
};

const RECORD_TYPE: Kind<RecordType> = Kind {
    accepted: "the type of a record in quotes, such as \"SOA\" or \"AAAA\"",
    read: kinds::parsed,
};

const TIME: Kind<Duration> = Kind {
    accepted: "a number of seconds, such as 2 or 0.5",
    read: |value| Duration::try_from_secs_f64(decimal(value)?).ok(),
};

const SHARE: Kind<f32> = Kind {
    accepted: "a share, 0 to 0.5",
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a share needs no more digits"
    )]
    read: |value| decimal(value).map(|share| share as f32),
};

const START: Kind<StartState> = Kind {
    accepted: "\"down\", \"up\" or \"unknown\"",
    read: |value| match value.as_str()? {
        "down" => Some(StartState::Down),
        "up" => Some(StartState::Up),
        "unknown" => Some(StartState::Unknown),
        _ => None,
    },
};

fn decimal(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(number) => number.as_str().parse().ok(),
        _ => kinds::integer::<u32>(value).map(f64::from),
    }
}
