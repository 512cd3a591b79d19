//! Debian packages: a tree, a few control files, and `dpkg-deb`
//! (docs/decisions/0009-packages-without-a-packager.md).

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::tree::{FILE, PROGRAM, SECRET, Tree};
use super::{Release, bill_name, settings};
use crate::artifacts::workspace;
use crate::cmd::Cmd;
use crate::wait::secs;

/// What one package holds.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name, and its program's.
    pub(crate) name: &'static str,
    /// Where the program goes.
    folder: &'static str,
    /// The section of its manual.
    section: u8,
    /// The unit files of `packaging/systemd`.
    pub(crate) units: &'static [&'static str],
    /// The file to be edited.
    pub(crate) settings: &'static str,
}

/// Both.
pub(crate) const PACKAGES: [Package; 2] = [
    Package {
        name: "bgplb-plugin",
        folder: "usr/sbin",
        section: 8,
        units: &["bgplb-plugin.service", "bgplb-plugin.socket"],
        settings: "etc/bgplb/plugin.env",
    },
    Package {
        name: "bgplb-speaker",
        folder: "usr/bin",
        section: 1,
        units: &["bgplb-speaker.service"],
        settings: "etc/bgplb/speaker.toml",
    },
];

/// How long xz may take on a busy machine.
const PACKING_SECONDS: u64 = 300;

impl Package {
    /// The file name of the package.
    pub(crate) fn file(&self, release: &Release) -> String {
        let Release {
            version,
            architecture,
            ..
        } = release;
        format!("{}_{version}_{architecture}.deb", self.name)
    }

    /// Where the program is once it is installed.
    pub(crate) fn program(&self) -> String {
        format!("/{}/{}", self.folder, self.name)
    }
}

/// Builds a package in `out` and gives its file name. The program and its bill of materials are in
/// `out` already, its manual and the licences in `parts`.
///
/// # Errors
///
/// When a part is missing or `dpkg-deb` refuses.
pub(super) fn build(
    package: &Package,
    out: &Path,
    parts: &Path,
    release: &Release,
) -> Result<String> {
    let name = package.name;
    let tree = Tree::new(parts.join("tree"))?;
    tree.copy(&package.program()[1..], &out.join(name), PROGRAM)?;
    for unit in package.units {
        let from = workspace().join("packaging/systemd").join(unit);
        tree.copy(&format!("usr/lib/systemd/system/{unit}"), &from, FILE)?;
    }
    own_files(package, &tree, release)?;
    completions(name, &parts.join("manual"), &tree)?;
    pages(package, &parts.join("manual"), &tree)?;
    documentation(package, &tree, out, parts, release)?;
    // The sums are of what is installed, so what only describes the package comes after them.
    let (sums, size) = (tree.md5_sums()?, tree.kibibytes()?);
    tree.put("DEBIAN/md5sums", sums, FILE)?;
    tree.put("DEBIAN/control", control(package, size, release)?, FILE)?;
    tree.put("DEBIAN/conffiles", format!("/{}\n", package.settings), FILE)?;
    for script in ["postinst", "prerm", "postrm"] {
        let from = described(package).join(script);
        tree.copy(&format!("DEBIAN/{script}"), &from, PROGRAM)?;
    }
    let file = package.file(release);
    Cmd::new("env")
        .arg(format!("SOURCE_DATE_EPOCH={}", release.time))
        .args(["dpkg-deb", "--root-owner-group", "-Zxz", "-z9"])
        .args(["--threads-max=1", "--build"])
        .arg(tree.root())
        .arg(out.join(&file))
        .timeout(secs(PACKING_SECONDS))
        .run()?;
    Ok(file)
}

/// The folder of what is written by hand for a package.
fn described(package: &Package) -> PathBuf {
    workspace().join("packaging/debian").join(package.name)
}

/// What only one of the packages has.
fn own_files(package: &Package, tree: &Tree, release: &Release) -> Result<()> {
    if package.name == "bgplb-plugin" {
        tree.put(package.settings, settings::plugin_environment()?, SECRET)?;
        let page = settings::plugin_page(release)?;
        return tree.put_packed("usr/share/man/man5/bgplb-plugin.env.5", page);
    }
    let packaging = workspace().join("packaging");
    let file = packaging.join("bgplb-speaker/speaker.toml");
    tree.copy(package.settings, &file, FILE)?;
    let link = packaging.join("systemd/bgplb-speaker.conf");
    tree.copy("usr/lib/tmpfiles.d/bgplb-speaker.conf", &link, FILE)?;
    let example = workspace().join("docs/bgplb-speaker.toml");
    let examples = "usr/share/doc/bgplb-speaker/examples/bgplb-speaker.toml";
    tree.copy(examples, &example, FILE)?;
    let page = settings::speaker_page(release)?;
    tree.put_packed("usr/share/man/man5/bgplb-speaker.toml.5", page)
}

/// Where the shells of Debian look for completions.
fn completions(name: &str, manual: &Path, tree: &Tree) -> Result<()> {
    let shells = [
        (
            format!("{name}.bash"),
            format!("usr/share/bash-completion/completions/{name}"),
        ),
        (
            format!("_{name}"),
            format!("usr/share/zsh/vendor-completions/_{name}"),
        ),
        (
            format!("{name}.fish"),
            format!("usr/share/fish/vendor_completions.d/{name}.fish"),
        ),
    ];
    for (from, to) in shells {
        tree.copy(&to, &manual.join(from), FILE)?;
    }
    Ok(())
}

fn pages(package: &Package, manual: &Path, tree: &Tree) -> Result<()> {
    let section = package.section;
    let end = format!(".{section}");
    for entry in fs::read_dir(manual).with_context(|| format!("list {}", manual.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(&end) {
            let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            tree.put_packed(&format!("usr/share/man/man{section}/{name}"), text)?;
        }
    }
    Ok(())
}

fn documentation(
    package: &Package,
    tree: &Tree,
    out: &Path,
    parts: &Path,
    release: &Release,
) -> Result<()> {
    let name = package.name;
    let folder = format!("usr/share/doc/{name}");
    let copyright = workspace().join("packaging/debian/copyright");
    tree.copy(&format!("{folder}/copyright"), &copyright, FILE)?;
    tree.put_packed(&format!("{folder}/changelog"), changelog(name, release)?)?;
    let bill = bill_name(name);
    tree.put_packed(&format!("{folder}/{bill}"), fs::read(out.join(&bill))?)?;
    let licences = fs::read(parts.join("licences"))?;
    tree.put_packed(&format!("{folder}/licences"), licences)?;
    let overrides = described(package).join("lintian-overrides");
    tree.copy(
        &format!("usr/share/lintian/overrides/{name}"),
        &overrides,
        FILE,
    )
}

/// What is written by hand, and what is known only now.
fn control(package: &Package, kibibytes: u64, release: &Release) -> Result<String> {
    let file = described(package).join("control");
    let mut text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let Release {
        version,
        architecture,
        ..
    } = release;
    write!(
        text,
        "Version: {version}\nArchitecture: {architecture}\nInstalled-Size: {kibibytes}\n"
    )?;
    Ok(text)
}

fn changelog(name: &str, release: &Release) -> Result<String> {
    let (version, date) = (&release.version, release.date("+%a, %d %b %Y %T %z")?);
    Ok(format!(
        "{name} ({version}) unstable; urgency=medium\n\n  * Release {version}.\n\n \
         -- {MAINTAINER}  {date}\n"
    ))
}

/// As in the control files.
const MAINTAINER: &str = "The bgplb authors <bgplb@users.noreply.github.com>";
