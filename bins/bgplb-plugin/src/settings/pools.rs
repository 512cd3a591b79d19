//! `POOLS` and the file of `POOLS_FILE`: where automatic addresses come from.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;

use lb_plan::{AddressPool, AddressRange, Pools};
use serde::Deserialize;

use super::SettingsError;

const INLINE: &str = "POOLS";
const FILE: &str = "POOLS_FILE";

/// Leaves out what old equipment takes for networks and broadcasts.
const AVOID: &str = "avoid-buggy-ips";

/// No file of pools is longer, in octets.
const FILE_LIMIT: u64 = 1 << 20;

/// The file, exactly.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    pools: BTreeMap<String, RawPool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawPool {
    addresses: Vec<String>,
    #[serde(default)]
    avoid_buggy_ips: bool,
}

/// The pools of both settings together.
pub(super) fn read(inline: Option<&str>, file: Option<&str>) -> Result<Pools, SettingsError> {
    let mut pools = inline.map_or_else(|| Ok(Vec::new()), parse_inline)?;
    if let Some(path) = file {
        pools.extend(parse_file(path)?);
    }
    let name = if inline.is_some() { INLINE } else { FILE };
    Pools::new(pools).map_err(|error| refused(name, &error))
}

/// Refuses pools that hold an address of the settings: the first one given out
/// would cut the session.
pub(super) fn check_apart(
    pools: &Pools,
    addresses: impl IntoIterator<Item = (&'static str, IpAddr)>,
) -> Result<(), SettingsError> {
    for (setting, address) in addresses {
        if let Some(pool) = pools.holding(address) {
            let pool = pool.name();
            let reason = format!(
                "pool {pool} holds {address}, which is {setting}: give ranges that leave it out"
            );
            return Err(refused(INLINE, &reason));
        }
    }
    Ok(())
}

/// `web=192.168.0.30-192.168.0.49,2001:db8::/120;db=10.9.0.0/24,avoid-buggy-ips`
fn parse_inline(text: &str) -> Result<Vec<AddressPool>, SettingsError> {
    let parts = text
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, items) = part.split_once('=').ok_or_else(|| {
                let reason =
                    format!("{part:?} is no pool: give NAME=RANGE,RANGE and put ';' between pools");
                refused(INLINE, &reason)
            })?;
            let items: Vec<&str> = items.split(',').map(str::trim).collect();
            let addresses = items
                .iter()
                .filter(|item| **item != AVOID && !item.is_empty());
            pool(
                INLINE,
                name.trim(),
                addresses.copied(),
                items.contains(&AVOID),
            )
        })
        .collect()
}

fn parse_file(path: &str) -> Result<Vec<AddressPool>, SettingsError> {
    let text = slurp(Path::new(path)).map_err(|error| {
        let reason = format!("{path} can't be read ({error}): give a text file of at most 1 MiB");
        refused(FILE, &reason)
    })?;
    let raw: RawFile = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| {
            1 + text.as_bytes()[..span.start.min(text.len())]
                .iter()
                .filter(|octet| **octet == b'\n')
                .count()
        });
        let reason = format!(
            "{path} line {line}: {}: give [pools.NAME] tables with addresses and {AVOID}",
            error.message().lines().collect::<Vec<_>>().join(", ")
        );
        refused(FILE, &reason)
    })?;
    let pools = raw.pools.iter();
    pools
        .map(|(name, raw)| {
            let addresses = raw.addresses.iter().map(String::as_str);
            pool(FILE, name, addresses, raw.avoid_buggy_ips)
        })
        .collect()
}

fn slurp(path: &Path) -> std::io::Result<String> {
    // Before it is opened: that waits for the other end of a pipe.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let mut text = String::new();
    if File::open(path)?
        .take(FILE_LIMIT + 1)
        .read_to_string(&mut text)? as u64
        > FILE_LIMIT
    {
        return Err(std::io::Error::other("too long"));
    }
    Ok(text)
}

fn pool<'a>(
    setting: &'static str,
    name: &str,
    addresses: impl Iterator<Item = &'a str>,
    avoid_buggy: bool,
) -> Result<AddressPool, SettingsError> {
    let ranges = addresses
        .map(|text| {
            let range = text.parse::<AddressRange>();
            range.map_err(|error| refused(setting, &format!("pool {name}: {error}")))
        })
        .collect::<Result<_, _>>()?;
    AddressPool::new(name, ranges, avoid_buggy).map_err(|error| refused(setting, &error))
}

fn refused(name: &'static str, reason: &dyn std::fmt::Display) -> SettingsError {
    SettingsError::Pools {
        name,
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use lb_plan::{AddressFamily, AddressPool, Pools};

    use super::read;

    fn inline(text: &str) -> Result<Pools, String> {
        read(Some(text), None).map_err(|error| error.to_string())
    }

    /// A file of the test's own, gone with it.
    struct TextFile(std::path::PathBuf);

    impl TextFile {
        fn new(name: &str, text: &str) -> Self {
            let name = format!("bgplb-pools-{name}-{}.toml", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::write(&path, text).unwrap();
            Self(path)
        }

        fn read(&self, inline: Option<&str>) -> Result<Pools, String> {
            read(inline, self.0.to_str()).map_err(|error| error.to_string())
        }
    }

    impl Drop for TextFile {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn pools_fit_into_one_setting() {
        let pools = inline(
            "web=192.168.0.30-192.168.0.49,2001:db8:0:1000::/120; db = 10.9.0.0/24, avoid-buggy-ips;",
        )
        .unwrap();
        let names: Vec<&str> = pools.iter().map(AddressPool::name).collect();
        assert_eq!(names, ["db", "web"]);
        let sizes: Vec<u128> = pools.iter().map(|p| p.size(AddressFamily::V4)).collect();
        assert_eq!(sizes, [256, 20]);
        assert_eq!(read(None, None), Ok(Pools::default()));
    }

    #[test]
    fn a_file_says_the_same_at_length() {
        let file = TextFile::new(
            "same",
            "[pools.web]\naddresses = [\n  \"192.168.0.30-192.168.0.49\",\n  \"2001:db8:0:1000::/120\",\n]\n\n[pools.db]\naddresses = [\"10.9.0.0/24\"]\navoid-buggy-ips = true\n",
        );
        let text =
            "web=192.168.0.30-192.168.0.49,2001:db8:0:1000::/120;db=10.9.0.0/24,avoid-buggy-ips";
        assert_eq!(file.read(None), inline(text));
        let more = file.read(Some("more=10.10.0.0/24")).unwrap();
        assert_eq!(more.iter().count(), 3);
        let twice = file.read(Some("db=10.10.0.0/24")).unwrap_err();
        assert!(twice.contains("pool db is there twice"), "{twice}");
    }

    #[test]
    fn mistakes_name_the_pool_the_value_and_what_is_accepted() {
        for (text, words) in [
            ("web", "\"web\" is no pool: give NAME=RANGE"),
            ("web=", "pool web has no addresses: give"),
            ("web=avoid-buggy-ips", "pool web has no addresses"),
            ("web=10.9.0.0/33", "pool web: \"10.9.0.0/33\" is no range"),
            (
                "web=10.9.0.1/24",
                "pool web: 10.9.0.1/24 has host bits: give 10.9.0.0/24",
            ),
            (
                "web=10.9.0.9-10.9.0.1",
                "pool web: 10.9.0.9-10.9.0.1 is empty: give",
            ),
            (
                "web=127.0.0.0/24",
                "pool web: 127.0.0.0/24 holds addresses that can't be used",
            ),
            (
                "web=2001:db8::/48",
                "pool web: 2001:db8::/48 is too large: give",
            ),
            (
                "my pool=10.9.0.0/24",
                "\"my pool\" can't be called so: give",
            ),
            (
                "web=10.9.0.0/24;web=10.8.0.0/24",
                "pool web is there twice: give",
            ),
            (
                "web=10.9.0.0/24;db=10.9.0.7",
                "pool db: 10.9.0.7 shares addresses with 10.9.0.0/24 of pool web: give",
            ),
        ] {
            let error = inline(text).unwrap_err();
            assert!(
                error.starts_with("POOLS: ") && error.contains(words),
                "{error}"
            );
        }
        for (text, words) in [
            ("[pools.web\n", "line 1"),
            (
                "\n[pools.web]\nadresses = []\n",
                "line 3: unknown field `adresses`",
            ),
            ("[web]\naddresses = []\n", "unknown field `web`"),
            (
                "[pools.web]\naddresses = [\"x\"]\n",
                "pool web: \"x\" is no range",
            ),
        ] {
            let error = TextFile::new("bad", text).read(None).unwrap_err();
            assert!(
                error.starts_with("POOLS_FILE: ") && error.contains(words),
                "{error}"
            );
            assert!(error.contains("give ") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_missing_no_file_or_endless_is_refused() {
        for path in ["/nowhere/pools.toml", "/tmp", "/dev/zero"] {
            let error = read(None, Some(path)).unwrap_err().to_string();
            assert!(error.contains(path), "{error}");
        }
        let long = TextFile::new("long", &"#".repeat((1 << 20) + 1));
        assert!(long.read(None).unwrap_err().contains("too long"));
    }
}
