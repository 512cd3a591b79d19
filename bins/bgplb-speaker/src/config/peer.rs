//! One peer, or the template of dynamic ones, as the file has it.

use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use bgp_speaker::{
    BfdSettings, Export, GracefulRestart, IdleHold, Import, Initiation, NextHops, PeerSettings,
    PrefixRange, RemoteAs, Secret, Ttl,
};
use toml::de::DeValue;

use super::kinds::{self, AnyCommunity};
use super::reader::{Kind, Section};

/// Reads the text of a file, or says why not.
pub(crate) type ReadFile<'a> = &'a dyn Fn(&Path) -> Result<String, String>;

/// A peer with an address of its own, or whoever is on an interface.
pub(super) fn peer(from: &Section<'_>, read_file: ReadFile<'_>) -> Option<PeerSettings> {
    let interface = from.optional("interface", kinds::INTERFACE);
    let address = match from.has("address") || !from.has("interface") {
        true => from.required("address", kinds::ADDRESS),
        false => {
            // Known here all the same.
            from.optional("address", kinds::ADDRESS);
            Some(Ipv6Addr::UNSPECIFIED.into())
        }
    };
    let port = from.optional("port", kinds::PORT);
    let passive = from.optional("passive", kinds::YES_OR_NO);
    let nobody = IpAddr::from([0, 0, 0, 0]);
    // Read on without an address, so that everything wrong is found at once.
    let mut settings = common(from, address.unwrap_or(nobody), read_file)?;
    settings.interface = interface;
    settings.port = port.unwrap_or(settings.port);
    if passive == Some(true) {
        settings.initiation = Initiation::Passive;
    }
    address.map(|_| settings)
}

/// What peers and templates have in common.
pub(super) fn common(
    from: &Section<'_>,
    address: IpAddr,
    read_file: ReadFile<'_>,
) -> Option<PeerSettings> {
    let remote_as = from.required("as", kinds::REMOTE_AS);
    let defaults = PeerSettings::new(address, remote_as.unwrap_or(RemoteAs::External));
    let settings = PeerSettings {
        name: from.optional("name", kinds::TEXT),
        local_as: from.optional("local-as", kinds::ASN),
        local_address: from.optional("local-address", kinds::ADDRESS),
        password: password(from, read_file),
        hold_time: from
            .optional("hold-time", kinds::HOLD_TIME)
            .unwrap_or(defaults.hold_time),
        keepalive: from.optional("keepalive", kinds::SECONDS),
        connect_retry: from.optional("connect-retry", kinds::SECONDS),
        idle_hold: idle_hold(from),
        delay_open: from.optional("delay-open", kinds::SECONDS_OR_NONE),
        send_hold: from.optional("send-hold", kinds::SECONDS_OR_NONE),
        families: from
            .list("families", kinds::FAMILY)
            .unwrap_or_else(|| defaults.families.clone()),
        next_hops: NextHops {
            v4: from.optional("next-hop-v4", kinds::ADDRESS_V4),
            v6: from.optional("next-hop-v6", kinds::ADDRESS_V6),
        },
        export: export(from),
        ttl: ttl(from),
        import: import(from),
        import_preference: from.optional("import-local-pref", kinds::NUMBER),
        max_prefixes: from
            .optional("max-prefixes", kinds::COUNT)
            .unwrap_or(defaults.max_prefixes),
        max_prefixes_pause: from
            .optional("max-prefixes-pause", kinds::SECONDS)
            .unwrap_or(defaults.max_prefixes_pause),
        graceful_restart: graceful_restart(from),
        role: from.optional("role", kinds::ROLE),
        role_strict: from.optional("role-strict", kinds::YES_OR_NO) == Some(true),
        bfd: bfd(from),
        ..defaults
    };
    remote_as.map(|_| settings)
}

fn password(from: &Section<'_>, read_file: ReadFile<'_>) -> Option<Secret> {
    let text = from.optional("password", kinds::PASSWORD);
    let path = from.optional("password-file", kinds::PATH);
    if from.has("password") && from.has("password-file") {
        from.fault("password-file", "there is a password beside it, use one");
        return None;
    }
    let Some(path) = path else {
        return text.map(Secret::from);
    };
    let text = match read_file(&path) {
        Ok(text) => text,
        Err(error) => {
            from.fault("password-file", &error);
            return None;
        }
    };
    // Editors end files with a newline; a key never does.
    let key = text.trim_end_matches(['\r', '\n']);
    if !(1..=80).contains(&key.len()) {
        let what = format!(
            "{} holds {} octets: accepted are 1 to 80",
            path.display(),
            key.len()
        );
        from.fault("password-file", &what);
        return None;
    }
    Some(Secret::from(key))
}

fn idle_hold(from: &Section<'_>) -> Option<IdleHold> {
    let first = from.optional("idle-hold", kinds::SECONDS);
    let longest = from.optional("idle-hold-max", kinds::SECONDS);
    if first.is_none() && longest.is_none() {
        return None;
    }
    let hold = IdleHold {
        first: first.unwrap_or(IdleHold::DEFAULT.first),
        longest: longest.unwrap_or(IdleHold::DEFAULT.longest),
    };
    if hold.longest < hold.first {
        let key = match longest {
            Some(_) => "idle-hold-max",
            None => "idle-hold",
        };
        let what = format!(
            "the longest pause, {} s, is shorter than the first, {} s",
            hold.longest.as_secs(),
            hold.first.as_secs()
        );
        from.fault(key, &what);
    }
    Some(hold)
}

fn export(from: &Section<'_>) -> Export {
    let mut export = Export::default();
    export.prepend = from.optional("prepend", kinds::PREPEND).unwrap_or(0);
    export.med = from.optional("med", kinds::NUMBER);
    export.local_pref = from.optional("local-pref", kinds::NUMBER);
    for community in from
        .list("communities", kinds::COMMUNITY)
        .unwrap_or_default()
    {
        match community {
            AnyCommunity::Plain(it) => export.communities.push(it),
            AnyCommunity::Large(it) => export.large_communities.push(it),
            AnyCommunity::Extended(it) => export.extended_communities.push(it),
        }
    }
    export
}

fn ttl(from: &Section<'_>) -> Ttl {
    let hops = from.optional("ttl", kinds::TTL);
    let distance = from.optional("ttl-security", kinds::DISTANCE);
    if from.has("ttl") && from.has("ttl-security") {
        let what = "the TTL is 255 then: leave ttl out, and say here how far away the peer may be";
        from.fault("ttl-security", what);
    }
    match (hops, distance) {
        (_, Some(hops)) => Ttl::Security { hops },
        (Some(hops), None) => Ttl::Hops(hops),
        (None, None) => Ttl::Automatic,
    }
}

/// `graceful-restart`, which is offered with or without it.
fn graceful_restart(from: &Section<'_>) -> Option<GracefulRestart> {
    let mut restart = GracefulRestart::default();
    let Some(section) = from.section("graceful-restart") else {
        return Some(restart);
    };
    let enabled = section.optional("enabled", kinds::YES_OR_NO);
    if let Some(time) = section.optional("restart-time", kinds::RESTART_TIME) {
        restart.restart_time = time;
    }
    if let Some(time) = section.optional("stale-time", kinds::SECONDS) {
        restart.stale_time = time;
    }
    if let Some(counts) = section.optional("notifications", kinds::YES_OR_NO) {
        restart.notification = counts;
    }
    section.finish();
    (enabled != Some(false)).then_some(restart)
}

/// `bfd`, its times in milliseconds.
fn bfd(from: &Section<'_>) -> Option<BfdSettings> {
    let section = from.section("bfd")?;
    let mut bfd = BfdSettings::default();
    if let Some(time) = section.optional("min-tx", kinds::MILLISECONDS) {
        bfd.min_tx = time;
    }
    if let Some(time) = section.optional("min-rx", kinds::MILLISECONDS) {
        bfd.min_rx = time;
    }
    if let Some(multiplier) = section.optional("multiplier", kinds::MULTIPLIER) {
        bfd.multiplier = multiplier;
    }
    bfd.multihop = section.optional("multihop", kinds::YES_OR_NO) == Some(true);
    if let Some(ttl) = section.optional("min-ttl", kinds::MIN_TTL) {
        bfd.min_ttl = ttl;
        if !bfd.multihop {
            let what = "packets of a peer on the link arrive with 255 or are not believed: \
                leave it out, or say multihop = true";
            section.fault("min-ttl", what);
        }
    }
    section.finish();
    Some(bfd)
}

const IMPORT: &str = "\"accept\", \"reject\", or a list of prefixes";

fn import(from: &Section<'_>) -> Import {
    let Some((path, value)) = from.any("import") else {
        return Import::Reject;
    };
    match value.get_ref() {
        DeValue::String(text) if *text == "accept" => return Import::Accept,
        DeValue::String(text) if *text == "reject" => return Import::Reject,
        DeValue::Array(items) => {
            let ranges = items.iter().enumerate().filter_map(|(n, item)| {
                let path = format!("{path}[{n}]");
                match item.get_ref() {
                    DeValue::Table(_) => range(from.table_of(path, item)?),
                    _ => from.read(&path, item, RANGE),
                }
            });
            return Import::Listed(ranges.collect());
        }
        _ => {}
    }
    from.refuse(&path, value, IMPORT);
    Import::Reject
}

const RANGE: Kind<PrefixRange> = Kind {
    accepted: "a prefix in quotes, or a table { prefix = \"…\", ge = …, le = … }",
    read: |value| (kinds::PREFIX.read)(value).map(PrefixRange::exactly),
};

/// A prefix with the least and the greatest length of what is within it;
/// without both it is the prefix alone.
fn range(from: Section<'_>) -> Option<PrefixRange> {
    let prefix = from.required("prefix", kinds::PREFIX);
    let shortest = from.optional("ge", kinds::PREFIX_LENGTH);
    let longest = from.optional("le", kinds::PREFIX_LENGTH);
    let range = prefix.and_then(|prefix| {
        let range = match (shortest, longest) {
            (None, None) => Some(PrefixRange::exactly(prefix)),
            _ => PrefixRange::within(
                prefix,
                shortest.unwrap_or_else(|| prefix.prefix_len()),
                longest.unwrap_or_else(|| prefix.max_prefix_len()),
            ),
        };
        if range.is_none() {
            let (least, most) = (prefix.prefix_len(), prefix.max_prefix_len());
            let what = format!(
                "no prefix within it has such a length: accepted is {least} <= ge <= le <= {most}"
            );
            from.fault("prefix", &what);
        }
        range
    });
    from.finish();
    range
}
