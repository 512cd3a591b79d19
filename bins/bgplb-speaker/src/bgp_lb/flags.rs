//! The flags of bgp-lb, read as Go's package `flag` does.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use tracing::warn;

use crate::args::RunArgs;
use crate::import::Switches;

/// What bgp-lb is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) config: PathBuf,
    /// A word of ours.
    pub(crate) log_level: &'static str,
    pub(crate) network_setup: bool,
    pub(crate) ipvs_setup: bool,
    pub(crate) metrics_address: String,
    /// What stands behind the flags and means nothing.
    pub(crate) ignored: Vec<String>,
}

/// Why there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Somebody wants to know them.
    Help,
    /// Something is wrong, in a sentence.
    Wrong(String),
}

/// Whether the command line is one for bgp-lb: it begins with a flag that is not one
/// of ours, or the program is called so.
pub(crate) fn asked_for(arguments: &[OsString]) -> bool {
    let mut arguments = arguments.iter();
    let program = arguments.next().map(Path::new).and_then(Path::file_name);
    if program.is_some_and(|it| it == "bgp-lb") {
        return true;
    }
    let first = arguments.next().map(|it| it.to_string_lossy());
    let ours = ["-h", "--help", "-V", "--version"];
    first.is_some_and(|it| it.starts_with('-') && !ours.contains(&&*it))
}

impl Flags {
    /// Reads what follows the program's name.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or that somebody wants to know the flags.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Outcome> {
        let mut flags = Self::default();
        let mut level = "info".to_owned();
        let mut arguments = arguments
            .into_iter()
            .map(|it| it.to_string_lossy().into_owned());
        while let Some(argument) = arguments.next() {
            let Some(flag) = argument.strip_prefix('-').filter(|it| !it.is_empty()) else {
                flags.ignored.push(argument);
                break;
            };
            let flag = flag.strip_prefix('-').unwrap_or(flag);
            if flag.is_empty() {
                break;
            }
            if flag.starts_with(['-', '=']) {
                return Err(Outcome::Wrong(format!("bad flag syntax: {argument}")));
            }
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (flag, None),
            };
            let mut text = || {
                let value = value.clone().or_else(|| arguments.next());
                let missing = || Outcome::Wrong(format!("flag needs an argument: -{name}"));
                value.ok_or_else(missing)
            };
            match name {
                "config" => flags.config = text()?.into(),
                "log-level" => level = text()?,
                "metrics-address" => flags.metrics_address = text()?,
                "network-setup" => flags.network_setup = yes(name, value.as_deref())?,
                "ipvs-setup" => flags.ipvs_setup = yes(name, value.as_deref())?,
                "h" | "help" => return Err(Outcome::Help),
                _ => {
                    let what = format!("flag provided but not defined: -{name}");
                    return Err(Outcome::Wrong(what));
                }
            }
        }
        flags.ignored.extend(arguments);
        flags.log_level = level_of(&level)?;
        Ok(flags)
    }
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            config: "/etc/bgp-lb/config.json".into(),
            log_level: "info",
            network_setup: true,
            ipvs_setup: false,
            metrics_address: ":8081".to_owned(),
            ignored: Vec::new(),
        }
    }
}

impl Flags {
    /// How to run with them.
    ///
    /// # Errors
    ///
    /// One sentence on what can't be used.
    pub(crate) fn into_args(self) -> Result<RunArgs, String> {
        if !self.ignored.is_empty() {
            let ignored = self.ignored.join(" ");
            warn!("what follows the flags means nothing: {ignored}");
        }
        let listen = super::status_listen(&self.metrics_address);
        Ok(RunArgs {
            config: self.config,
            socket: None,
            bgp_lb: Some(Switches {
                network_setup: self.network_setup,
                ipvs_setup: self.ipvs_setup,
                status_listen: listen.map_err(|what| format!("-metrics-address: {what}"))?,
            }),
        })
    }
}

impl Outcome {
    /// What Go's programs end with.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Help => 0,
            Self::Wrong(_) => 2,
        }
    }
}

impl fmt::Display for Outcome {
    /// With the flags there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Wrong(what) = self {
            writeln!(f, "bgplb-speaker: {what}")?;
        }
        f.write_str(USAGE)
    }
}

/// A truth, as Go's `strconv.ParseBool` reads it.
fn yes(name: &str, value: Option<&str>) -> Result<bool, Outcome> {
    match value {
        None | Some("1" | "t" | "T" | "TRUE" | "true" | "True") => Ok(true),
        Some("0" | "f" | "F" | "FALSE" | "false" | "False") => Ok(false),
        Some(other) => {
            let what =
                format!("invalid boolean value {other:?} for -{name}: accepted is true or false");
            Err(Outcome::Wrong(what))
        }
    }
}

fn level_of(word: &str) -> Result<&'static str, Outcome> {
    match word {
        "debug" => Ok("debug"),
        "info" => Ok("info"),
        "warning" => Ok("warn"),
        "error" => Ok("error"),
        other => {
            let what = format!(
                "{other:?} is no level for -log-level: accepted is debug, info, warning or error"
            );
            Err(Outcome::Wrong(what))
        }
    }
}

const USAGE: &str = "\
Flags of bgp-lb; `bgplb-speaker --help` shows the commands that there are beside:
  -config string
        the configuration file, JSON (default \"/etc/bgp-lb/config.json\")
  -ipvs-setup
        balance the service's ports in the kernel, with network-setup
  -log-level string
        debug, info, warning or error (default \"info\")
  -metrics-address string
        where metrics are served (default \":8081\")
  -network-setup
        put the service's address on a dummy interface (default true)
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Flags, Outcome> {
        Flags::parse(line.split_whitespace().map(OsString::from))
    }

    fn wrong(line: &str) -> String {
        match parse(line).unwrap_err() {
            Outcome::Wrong(what) => what,
            Outcome::Help => panic!("{line}"),
        }
    }

    #[test]
    fn flags_have_one_hyphen_or_two_and_their_value_behind_a_blank_or_not() {
        let written = parse("-config=a.json --ipvs-setup -log-level warning --metrics-address=:1");
        let expected = Flags {
            config: "a.json".into(),
            log_level: "warn",
            ipvs_setup: true,
            metrics_address: ":1".to_owned(),
            ..Flags::default()
        };
        assert_eq!(written, Ok(expected));
        assert_eq!(parse(""), Ok(Flags::default()));
    }

    #[test]
    fn a_truth_has_its_value_only_behind_an_equals_sign() {
        assert!(!parse("-network-setup=false").unwrap().network_setup);
        assert!(!parse("-network-setup=F").unwrap().network_setup);
        let flags = parse("-network-setup false -config x").unwrap();
        assert!(flags.network_setup);
        assert_eq!(flags.ignored, ["false", "-config", "x"]);
        assert_eq!(parse("-- -config x").unwrap().ignored, ["-config", "x"]);
        let what = wrong("-ipvs-setup=maybe");
        assert!(
            what.starts_with("invalid boolean value \"maybe\" for -ipvs-setup"),
            "{what}"
        );
    }

    #[test]
    fn what_go_refuses_is_refused() {
        assert_eq!(wrong("-colour"), "flag provided but not defined: -colour");
        assert_eq!(wrong("-config"), "flag needs an argument: -config");
        assert_eq!(wrong("---config x"), "bad flag syntax: ---config");
        assert_eq!(wrong("-=x"), "bad flag syntax: -=x");
        assert!(wrong("-log-level loud").contains("\"loud\" is no level"));
        assert_eq!(parse("-help"), Err(Outcome::Help));
    }

    #[test]
    fn our_own_command_lines_are_not_taken_for_others() {
        let asked = |line: &str| {
            let all: Vec<_> = line.split(' ').map(OsString::from).collect();
            asked_for(&all)
        };
        for line in [
            "bgplb-speaker",
            "bgplb-speaker --help",
            "bgplb-speaker -V",
            "bgplb-speaker run --config x",
        ] {
            assert!(!asked(line), "{line}");
        }
        for line in [
            "bgplb-speaker -config x",
            "/usr/bin/bgp-lb",
            "./bgp-lb --help",
        ] {
            assert!(asked(line), "{line}");
        }
    }
}
