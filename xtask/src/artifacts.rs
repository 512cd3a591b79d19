//! Builds the programs as they are shipped: static binaries and the managed plugin's directory.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::cmd::Cmd;

/// Where the built programs are.
#[derive(Clone, Debug)]
pub(crate) struct Artifacts {
    /// Directory for `docker plugin create`: `config.json` and `rootfs/`.
    pub(crate) plugin_dir: PathBuf,
    /// The plugin's binary.
    pub(crate) plugin: PathBuf,
    /// The stand-alone speaker's binary.
    pub(crate) speaker: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
}

/// The workspace's root.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
}

/// A `cargo` command line; run it from anywhere.
pub(crate) fn cargo(args: &[&str]) -> Cmd {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Cmd::new(program).args(args)
}

/// The profile of each program in the workspace's manifest.
const PLUGIN_PROFILE: &str = "small";
const SPEAKER_PROFILE: &str = "release";

/// How long a build may take of which nothing is shown.
const BUILD: Duration = Duration::from_secs(900);

/// The profile a package's program is shipped in.
pub(crate) fn profile(package: &str) -> &'static str {
    match package {
        "bgplb-plugin" => PLUGIN_PROFILE,
        _ => SPEAKER_PROFILE,
    }
}

/// Builds the plugin and lays out its directory in `out`; the speaker, which most laboratories do
/// not need, is left to [`build_speaker`].
///
/// # Errors
///
/// When the build fails or the directory cannot be written.
pub(crate) fn build(out: &Path) -> Result<Artifacts> {
    let plugin = compile("bgplb-plugin")?;
    lay_out(&plugin, out)?;
    Ok(Artifacts {
        plugin_dir: out.to_owned(),
        plugin,
        speaker: program("bgplb-speaker", SPEAKER_PROFILE)?,
    })
}

/// Builds the speaker to where [`Artifacts::speaker`] points, and gives that.
///
/// # Errors
///
/// When the build fails.
pub(crate) fn build_speaker() -> Result<PathBuf> {
    compile("bgplb-speaker")
}

/// Builds the speaker as the tests beside its code do, which is quicker; gives its path.
///
/// # Errors
///
/// When the build fails.
pub(crate) fn build_unoptimized_speaker() -> Result<PathBuf> {
    let manifest = workspace().join("Cargo.toml").display().to_string();
    let args = [
        "build",
        "--manifest-path",
        &manifest,
        "--package",
        "bgplb-speaker",
    ];
    if !cargo(&args).show(&[])? {
        bail!("the build failed");
    }
    Ok(target_directory()?.join("debug/bgplb-speaker"))
}

/// Where the program of this name is when it was built with this profile.
fn program(name: &str, profile: &str) -> Result<PathBuf> {
    let directory = target_directory()?.join(host_triple()?);
    Ok(directory.join(profile).join(name))
}

/// Builds a package's program, static; gives its path.
fn compile(package: &str) -> Result<PathBuf> {
    let profile = profile(package);
    println!("==> building {package} (static, {profile})");
    if !build_command(package)?.show(&[])? {
        bail!("the build failed");
    }
    program(package, profile)
}

/// What cargo says of each crate of a package's program as it is shipped: messages in its JSON
/// format, one a line. What is built already is not built again.
///
/// # Errors
///
/// When the build fails.
pub(crate) fn build_messages(package: &str) -> Result<String> {
    let command = build_command(package)?.args(["--quiet", "--message-format", "json"]);
    command.timeout(BUILD).read()
}

fn build_command(package: &str) -> Result<Cmd> {
    // Naming the target keeps the flags away from build scripts and procedural macros.
    let mut flags = OsString::from("CARGO_ENCODED_RUSTFLAGS=");
    flags.push(compiler_flags()?);
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = workspace().join("Cargo.toml");
    let command = Cmd::new("env").arg(flags).arg(program);
    Ok(command
        .args(["build", "--profile", profile(package)])
        .args(["--target", &host_triple()?, "--package", package])
        .arg("--manifest-path")
        .arg(manifest))
}

/// The compiler's flags as cargo wants them in `CARGO_ENCODED_RUSTFLAGS`: those of the user, static
/// linking, and names for the folders of this machine, none of which gets into the program.
fn compiler_flags() -> Result<OsString> {
    let home = cargo_home().context("neither CARGO_HOME nor HOME is set")?;
    let folders = [
        (workspace().to_owned(), "/bgplb"),
        (target_directory()?, "/target"),
        (home, "/cargo"),
    ];
    let mut flags: Vec<OsString> = std::env::var("RUSTFLAGS")
        .unwrap_or_default()
        .split_whitespace()
        .map(OsString::from)
        .collect();
    flags.push("-Ctarget-feature=+crt-static".into());
    // A program that can be anywhere relocates itself at its start; each place takes two bits
    // so, and 24 octets otherwise (DT_RELR).
    flags.push("-Clink-arg=-Wl,-z,pack-relative-relocs".into());
    for (folder, name) in folders {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(folder);
        flag.push(format!("={name}"));
        flags.push(flag);
    }
    Ok(flags.join(OsStr::new("\u{1f}")))
}

/// Where cargo keeps what it has fetched and unpacked.
pub(crate) fn cargo_home() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"));
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(home)
}

fn lay_out(plugin: &Path, out: &Path) -> Result<()> {
    // Only what an earlier run wrote is replaced.
    let rootfs = out.join("rootfs");
    fs::create_dir_all(&rootfs).with_context(|| format!("make {}", rootfs.display()))?;
    let config = workspace().join("bins/bgplb-plugin/plugin/config.json");
    fs::copy(&config, out.join("config.json"))
        .with_context(|| format!("copy {}", config.display()))?;
    let binary = rootfs.join("bgplb-plugin");
    fs::copy(plugin, &binary).with_context(|| format!("copy {}", plugin.display()))?;
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// The target directory cargo uses here.
///
/// # Errors
///
/// When cargo does not say.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let manifest = workspace().join("Cargo.toml").display().to_string();
    let text = cargo(&[
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
        "--manifest-path",
        &manifest,
    ])
    .read()?;
    let metadata: Metadata = serde_json::from_str(&text).context("parse cargo metadata")?;
    Ok(metadata.target_directory)
}

/// The triple the programs are built for.
///
/// # Errors
///
/// When rustc does not say, or when it is none that static programs can be built for.
pub(crate) fn host_triple() -> Result<String> {
    let text = Cmd::new("rustc").arg("-vV").read()?;
    let triple = text.lines().find_map(|line| line.strip_prefix("host: "));
    let triple = triple.context("rustc does not name its host")?;
    ensure!(
        triple.ends_with("-linux-gnu"),
        "static builds need the gnu target, not {triple}"
    );
    Ok(triple.to_owned())
}
