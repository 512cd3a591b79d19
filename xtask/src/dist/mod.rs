//! `cargo xtask dist`: everything a user installs; the same octets from the same commit.
//!
//! ```text
//! bgplb-plugin, bgplb-speaker            the programs
//! plugin/                                directory for `docker plugin create`
//! bgplb-plugin-VERSION-linux-ARCH.tar.xz the same, packed
//! bgplb-plugin_VERSION_ARCH.deb          Debian packages
//! bgplb-speaker_VERSION_ARCH.deb
//! Containerfile                          for an image of bgplb-speaker
//! PROGRAM.cdx.json                       what is linked in (CycloneDX)
//! SHA256SUMS                             of all files above
//! ```

mod archive;
mod debian;
mod licences;
mod manual;
mod sbom;
mod settings;
mod tree;
mod verify;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

pub(crate) use self::debian::PACKAGES;
pub(crate) use self::sbom::Linked;
use crate::artifacts::{self, Artifacts, workspace};
use crate::cmd::Cmd;
use crate::packages;

/// The programs, by the names of their packages.
pub(crate) const PROGRAMS: [&str; 2] = ["bgplb-plugin", "bgplb-speaker"];

/// The file with the sums of the others.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// How to make a distribution.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to put it [default: dist in the target directory].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Build it all a second time, from a clone in another folder, and compare.
    #[arg(long)]
    verify: bool,
}

/// What everything that is made from one commit has in common.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    /// The workspace's version.
    pub(crate) version: String,
    /// Seconds since 1970: when the commit was made, or what `SOURCE_DATE_EPOCH` says.
    pub(crate) time: u64,
    /// The processor, as Debian calls it.
    pub(crate) architecture: String,
}

impl Release {
    /// The release that the workspace is at.
    ///
    /// # Errors
    ///
    /// When git or dpkg does not answer.
    pub(crate) fn of_workspace() -> Result<Self> {
        let time = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(time) => time,
            Err(_) => git(workspace(), &["log", "-1", "--format=%ct"])?,
        };
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            time: time
                .trim()
                .parse()
                .with_context(|| format!("the commit's time, or SOURCE_DATE_EPOCH, is {time:?}"))?,
            architecture: Cmd::new("dpkg").arg("--print-architecture").read()?,
        })
    }

    /// The file name of the plugin's archive.
    pub(crate) fn plugin_archive(&self) -> String {
        format!("{}.tar.xz", self.plugin_folder())
    }

    /// The folder in it.
    pub(crate) fn plugin_folder(&self) -> String {
        format!("bgplb-plugin-{}-linux-{}", self.version, self.architecture)
    }

    /// This release's time in a format of `date`, in UTC.
    fn date(&self, format: &str) -> Result<String> {
        let time = format!("--date=@{}", self.time);
        Cmd::new("env")
            .args(["LC_ALL=C", "date", "--utc", &time, format])
            .read()
    }
}

/// Runs git in a folder and gives what it prints.
fn git(folder: &Path, args: &[&str]) -> Result<String> {
    Cmd::new("git").arg("-C").arg(folder).args(args).read()
}

/// Makes a distribution and says what is in it; gives whether a second build is the same, if one
/// was asked for.
///
/// # Errors
///
/// When a part cannot be built.
pub(crate) fn run(args: &Args) -> Result<bool> {
    packages::ensure(&packages::DISTRIBUTION)?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => artifacts::target_directory()?.join("dist"),
    };
    if args.verify {
        verify::ensure_committed()?;
    }
    let mut built = artifacts::build(&out.join("plugin"))?;
    built.speaker = artifacts::build_speaker()?;
    make(&out, &built, &Release::of_workspace()?)?;
    for line in listing(&out)? {
        println!("{line}");
    }
    if args.verify {
        return verify::same_from_a_clone(&out);
    }
    Ok(true)
}

/// Makes a distribution of programs that were built, and of a plugin's directory that was laid out.
/// Of what is in `out`, only files of the same names are replaced.
///
/// # Errors
///
/// When a part cannot be made.
pub(crate) fn make(out: &Path, built: &Artifacts, release: &Release) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("make {}", out.display()))?;
    let work = out.join(".work");
    tree::remove(&work)?;
    let mut files = Vec::new();
    for (name, program) in PROGRAMS.iter().zip([&built.plugin, &built.speaker]) {
        fs::copy(program, out.join(name)).with_context(|| format!("copy {}", program.display()))?;
        files.push((*name).to_owned());
        println!("==> {name}: what is linked in, completions, manual");
        let bill = bill_name(name);
        let linked = Linked::in_package(name)?;
        fs::write(out.join(&bill), linked.bill_of_materials(release)?)?;
        fs::write(
            work_folder(&work, name)?.join("licences"),
            licences::text(&linked)?,
        )?;
        files.push(bill);
        manual::write(name, &work_folder(&work, name)?.join("manual"))?;
    }
    println!("==> archives and packages");
    let archive = release.plugin_archive();
    let folder = release.plugin_folder();
    archive::pack(
        &built.plugin_dir,
        &folder,
        &out.join(&archive),
        release.time,
    )?;
    files.push(archive);
    for package in &PACKAGES {
        let parts = work_folder(&work, package.name)?;
        files.push(debian::build(package, out, &parts, release)?);
    }
    let container = workspace().join("packaging/Containerfile");
    fs::copy(&container, out.join("Containerfile"))
        .with_context(|| format!("copy {}", container.display()))?;
    files.push("Containerfile".to_owned());
    files.sort();
    let sums = Cmd::new("env").args(["-C"]).arg(out);
    let sums = sums.arg("sha256sum").args(&files).read()?;
    fs::write(out.join(SUMS), sums + "\n")?;
    tree::remove(&work)
}

/// The file name of a program's bill of materials.
pub(crate) fn bill_name(program: &str) -> String {
    format!("{program}.cdx.json")
}

/// A folder for the parts of one package.
fn work_folder(work: &Path, package: &str) -> Result<PathBuf> {
    let folder = work.join(package);
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder)
}

/// One line for each file of a distribution: its size in octets and its sum.
fn listing(out: &Path) -> Result<Vec<String>> {
    let sums = fs::read_to_string(out.join(SUMS))?;
    let lines = sums.lines().map(|line| {
        let (sum, name) = line.split_once("  ").context("a line of sha256sum")?;
        let octets = fs::metadata(out.join(name))?.len();
        Ok(format!("{octets:>9}  {sum}  {name}"))
    });
    lines.collect()
}
