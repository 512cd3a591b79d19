//! Builds the programs as they are shipped: static binaries and the managed plugin's directory.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

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

/// Builds the plugin and lays out its directory in `out`; the speaker, which most laboratories do
/// not need, is left to [`build_speaker`].
///
/// # Errors
///
/// When the build fails or the directory cannot be written.
pub(crate) fn build(out: &Path) -> Result<Artifacts> {
    let plugin = compile("bgplb-plugin", PLUGIN_PROFILE)?;
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
    compile("bgplb-speaker", SPEAKER_PROFILE)
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
fn compile(package: &str, profile: &str) -> Result<PathBuf> {
    let triple = host_triple()?;
    println!("==> building {package} (static, {profile})");
    let manifest = workspace().join("Cargo.toml").display().to_string();
    let args = [
        "build",
        "--profile",
        profile,
        "--target",
        &triple,
        "--manifest-path",
        &manifest,
        "--package",
        package,
    ];
    // Naming the target keeps these flags away from build scripts and procedural macros.
    let mut flags = std::env::var_os("RUSTFLAGS").unwrap_or_default();
    flags.push(" -C target-feature=+crt-static");
    if !cargo(&args).show(&[("RUSTFLAGS", flags)])? {
        bail!("the build failed");
    }
    program(package, profile)
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

fn host_triple() -> Result<String> {
    let text = Cmd::new("rustc").arg("-vV").read()?;
    let triple = text.lines().find_map(|line| line.strip_prefix("host: "));
    let triple = triple.context("rustc does not name its host")?;
    ensure!(
        triple.ends_with("-linux-gnu"),
        "static builds need the gnu target, not {triple}"
    );
    Ok(triple.to_owned())
}
