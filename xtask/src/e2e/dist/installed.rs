//! The Debian packages in a fresh system.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};

use super::Made;
use super::fresh_root::FreshRoot;
use crate::cmd::Cmd;
use crate::dist::PACKAGES;
use crate::wait::secs;

/// What `systemd-analyze` may give the services, in tenths: well within what it calls "OK". An
/// ordinary service without any protection has 96.
const EXPOSURE: &str = "20";

/// How long installing may take: the index of manual pages is written anew.
const INSTALLING_SECONDS: u64 = 180;

fn install(made: &Made, root: &FreshRoot) -> Result<()> {
    let files = PACKAGES
        .iter()
        .map(|package| made.out.join(package.file(&made.release)));
    root.command(&["dpkg", "--install"])
        .args(files)
        .timeout(secs(INSTALLING_SECONDS))
        .run()
}

fn dpkg(root: &FreshRoot, what: &str) -> Result<()> {
    root.command(&["dpkg", what])
        .args(PACKAGES.iter().map(|package| package.name))
        .timeout(secs(INSTALLING_SECONDS))
        .run()
}

/// A system with both packages, to be changed.
pub(super) fn with_packages(made: &Made, name: &str) -> Result<FreshRoot> {
    let root = made.fresh_root(name)?;
    install(made, &root)?;
    Ok(root)
}

/// The same for those that only look.
fn to_look_at(made: &Made) -> Result<&FreshRoot> {
    if made.installed.get().is_none() {
        drop(made.installed.set(with_packages(made, "looked-at")?));
    }
    made.installed.get().context("a system was just made")
}

pub(super) fn comes_and_goes(made: &Made) -> Result<()> {
    let root = with_packages(made, "purged")?;
    for package in &PACKAGES {
        let version = root.command(&[&package.program(), "--version"]).read()?;
        ensure!(version.ends_with(&made.release.version), "{version}");
        ensure!(
            root.has(&format!("/{}", package.settings))?,
            "no {}",
            package.settings
        );
        for unit in package.units {
            let state = root.command(&["systemctl", "is-enabled", unit]).finish()?;
            ensure!(state.stdout.trim() == "disabled", "{unit} is {state:?}");
        }
    }
    let refused = root.command(&["bgplb-plugin", "--check"]).finish()?;
    ensure!(refused.code == Some(78), "without settings: {refused:?}");
    let file = ["bgplb-speaker", "check-config", "/etc/bgplb/speaker.toml"];
    let refused = root.command(&file).finish()?;
    ensure!(refused.code == Some(78), "without settings: {refused:?}");
    // As it is used: enabled, with a state, and with the link of systemd's.
    for unit in PACKAGES.iter().flat_map(|package| package.units) {
        root.command(&["systemctl", "--quiet", "enable", unit])
            .run()?;
    }
    for name in ["bgplb", "bgplb-speaker"] {
        let state = format!("/var/lib/private/{name}");
        root.command(&["mkdir", "-p", "-m", "0700", &state]).run()?;
        let file = format!("{state}/state.json");
        root.command(&["touch", &file]).run()?;
        let (to, link) = (format!("private/{name}"), format!("/var/lib/{name}"));
        root.command(&["ln", "-s", &to, &link]).run()?;
    }
    ensure!(!root.changed()?.is_empty(), "nothing was installed");
    dpkg(&root, "--purge")?;
    let mut left = root.changed()?;
    // The folder is systemd's.
    left.remove("var/lib/private");
    ensure!(left.is_empty(), "a purge leaves {left:?}");
    Ok(())
}

pub(super) fn settings_stay(made: &Made) -> Result<()> {
    let root = with_packages(made, "edited")?;
    let settings: BTreeSet<String> = PACKAGES
        .iter()
        .map(|package| package.settings.to_owned())
        .collect();
    for file in &settings {
        let edit = format!("echo '# edited' >> /{file}");
        root.command(&["sh", "-c", &edit]).run()?;
    }
    // The same packages once more: an upgrade leaves what was edited.
    install(made, &root)?;
    dpkg(&root, "--remove")?;
    for file in &settings {
        let text = root.command(&["cat", &format!("/{file}")]).read()?;
        ensure!(text.ends_with("# edited"), "{file} is {text}");
    }
    let mut left = root.changed()?;
    left.remove("etc/bgplb");
    ensure!(left == settings, "beside the settings {left:?}");
    Ok(())
}

pub(super) fn units(made: &Made) -> Result<()> {
    let root = to_look_at(made)?;
    let path = |unit: &str| format!("/usr/lib/systemd/system/{unit}");
    for unit in PACKAGES.iter().flat_map(|package| package.units) {
        let verified = root
            .command(&["systemd-analyze", "verify", &path(unit)])
            .finish()?;
        let said = verified.stderr.trim();
        ensure!(
            verified.code == Some(0) && said.is_empty(),
            "{unit}: {said}"
        );
        if unit.ends_with(".service") {
            root.command(&["systemd-analyze", "security", "--offline=true"])
                .args(["--threshold", EXPOSURE, &path(unit)])
                .run()?;
        }
    }
    Ok(())
}

pub(super) fn manual(made: &Made) -> Result<()> {
    let root = to_look_at(made)?;
    let complaint = |page: &str| {
        let shown = root.command(&["env", "MANWIDTH=80", "man", "--warnings"]);
        let shown = shown.args(["--local-file", page]).finish()?;
        ensure!(
            shown.code == Some(0),
            "{page} is not shown: {}",
            shown.complaint()
        );
        anyhow::Ok(shown.stderr.trim().to_owned())
    };
    let list = root.command(&[
        "sh",
        "-c",
        "dpkg --listfiles \"$@\" | grep '/man/.*\\.gz$'",
        "sh",
    ]);
    let list = list
        .args(PACKAGES.iter().map(|package| package.name))
        .read()?;
    let pages: Vec<&str> = list.lines().collect();
    for page in &pages {
        let said = complaint(page)?;
        ensure!(said.is_empty(), "{page}: {said}");
    }
    for wanted in [
        "bgplb-plugin.8",
        "bgplb-plugin.env.5",
        "bgplb-speaker.1",
        "bgplb-speaker-run.1",
        "bgplb-speaker.toml.5",
    ] {
        let wanted = format!("/{wanted}.gz");
        ensure!(
            pages.iter().any(|page| page.ends_with(&wanted)),
            "no {wanted} in {pages:?}"
        );
    }
    // And it can warn.
    let bad = "printf '.TH bad 1\\n.nonsense\\n' > /tmp/bad.1";
    root.command(&["sh", "-c", bad]).run()?;
    ensure!(!complaint("/tmp/bad.1")?.is_empty(), "man warns of nothing");
    Ok(())
}

/// Each shell completes "pe", which only one command of the speaker begins with. That of zsh needs
/// a terminal: there the completed command is run and says its name.
pub(super) fn completions(made: &Made) -> Result<()> {
    let root = to_look_at(made)?;
    for (shell, words) in [
        ("bash", ["bash", "--norc", "-c", BASH]),
        ("zsh", ["zsh", "-f", "-c", ZSH]),
        ("fish", ["fish", "--private", "-c", FISH]),
    ] {
        let said = root.command(&words).read()?;
        let words: Vec<&str> = said.split_whitespace().collect();
        ensure!(words.contains(&"peers"), "{shell} says {said:?}");
        let option = words.iter().any(|word| word.starts_with("--state-dir"));
        ensure!(option, "{shell} says {said:?}");
    }
    Ok(())
}

const BASH: &str = r#"
ask() {
    . /usr/share/bash-completion/completions/$1
    function=$(complete -p $1 | sed 's/.* -F \([^ ]*\) .*/\1/')
    COMP_WORDS=($1 $2) COMP_CWORD=1
    $function $1 $2 $1
    echo "${COMPREPLY[@]}"
}
ask bgplb-speaker pe
ask bgplb-plugin --st
"#;

const ZSH: &str = r#"
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner 'unsetopt prompt_cr; autoload -U compinit; compinit -u -D; PS1=; echo be''gin'
zpty -r inner seen '*begin*'
for line in $'bgplb-speaker pe\t--help' $'bgplb-plugin --st\t/ --help'; do
    zpty -w inner "$line"
    zpty -r inner seen '*Usage: *'
    print -r -- $seen
done
"#;

const FISH: &str = "
complete --do-complete 'bgplb-speaker pe'
complete --do-complete 'bgplb-plugin --st'
";

/// What is overridden is in `packaging/debian`, with the reason.
pub(super) fn lintian(made: &Made) -> Result<()> {
    let files = PACKAGES
        .iter()
        .map(|package| made.out.join(package.file(&made.release)));
    let judged = Cmd::new("lintian")
        .args(["--no-cfg", "--allow-root", "--fail-on", "error,warning"])
        .args(files)
        .timeout(secs(INSTALLING_SECONDS))
        .finish()?;
    ensure!(judged.code == Some(0), "{}{}", judged.stdout, judged.stderr);
    Ok(())
}
