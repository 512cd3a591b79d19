//! What is said of the settings: of the plugin's from its `config.json`, which Docker reads too,
//! of the speaker's from the commented file in `docs/`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::Release;
use crate::artifacts::workspace;

/// The part of `config.json` that is about settings.
#[derive(Deserialize)]
struct Config {
    env: Vec<Setting>,
}

#[derive(Deserialize)]
struct Setting {
    name: String,
    description: String,
    value: String,
}

/// A section 5 page: how to write it comes from the file, the rest is the same for both.
struct Page<'a> {
    name: &'a str,
    about: &'a str,
    program: &'a str,
    body: String,
}

/// `/etc/bgplb/plugin.env`: every setting, behind a comment sign.
///
/// # Errors
///
/// When `config.json` cannot be read.
pub(super) fn plugin_environment() -> Result<String> {
    let mut text = String::from(
        "# Settings of bgplb-plugin.service, one NAME=value a line; bgplb-plugin.env(5).\n\
         # With those marked as required set:\n\
         #     systemctl enable --now bgplb-plugin.socket bgplb-plugin.service\n",
    );
    for Setting {
        name,
        description,
        value,
    } in plugin_settings()?
    {
        write!(text, "\n# {description}\n#{name}={value}\n")?;
    }
    Ok(text)
}

/// The page `bgplb-plugin.env(5)`.
///
/// # Errors
///
/// As [`plugin_environment`].
pub(super) fn plugin_page(release: &Release) -> Result<String> {
    let mut body = String::from(
        ".PP\nThe environment of\n.BR bgplb\\-plugin (8)\nas\n.I bgplb\\-plugin.service\n\
         has it: one NAME=value a line, lines that begin with # are comments. A managed plugin gets\n\
         the same settings by\n.BR \"docker plugin set\" .\n.SH SETTINGS\n",
    );
    for Setting {
        name,
        description,
        value,
    } in plugin_settings()?
    {
        let (name, description) = (escaped(&name), escaped(&description));
        write!(body, ".TP\n.B {name}\n{description}")?;
        if !value.is_empty() {
            write!(body, " (default: {})", escaped(&value))?;
        }
        body.push('\n');
    }
    page(
        &Page {
            name: "bgplb-plugin.env",
            about: "settings of the bgplb network plugin for Docker",
            program: "bgplb-plugin(8)",
            body,
        },
        release,
    )
}

/// The page `bgplb-speaker.toml(5)`.
///
/// # Errors
///
/// When the commented file cannot be read.
pub(super) fn speaker_page(release: &Release) -> Result<String> {
    let example = read(&workspace().join("docs/bgplb-speaker.toml"))?;
    let mut body = String::from(
        ".PP\nA TOML file, read by\n.B bgplb\\-speaker run\nand tried by\n\
         .BR \"bgplb\\-speaker check\\-config\" .\nBelow is every key there is.\n\
         .SH KEYS\n.nf\n",
    );
    for line in example.lines() {
        writeln!(body, "{}", escaped(line))?;
    }
    body.push_str(".fi\n");
    page(
        &Page {
            name: "bgplb-speaker.toml",
            about: "configuration of bgplb-speaker",
            program: "bgplb-speaker(1)",
            body,
        },
        release,
    )
}

/// Lines are not adjusted: some hold a list that is as long as they are.
fn page(page: &Page<'_>, release: &Release) -> Result<String> {
    let Page {
        name,
        about,
        program,
        body,
    } = page;
    let version = &release.version;
    let date = release.date("+%Y-%m-%d")?;
    let name = escaped(name);
    let (program, section) = program.split_once('(').context("a page has a section")?;
    let program = escaped(program);
    Ok(format!(
        ".TH {name} 5 {date} \"bgplb {version}\"\n.ad l\n\
         .SH NAME\n{name} \\- {about}\n.SH DESCRIPTION\n{body}\
         .SH SEE ALSO\n.BR {program} ({section}\n"
    ))
}

fn plugin_settings() -> Result<Vec<Setting>> {
    let text = read(&workspace().join("bins/bgplb-plugin/plugin/config.json"))?;
    let config: Config = serde_json::from_str(&text).context("parse config.json")?;
    Ok(config.env)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

/// A line as groff prints it unchanged (groff(7)): backslashes, hyphens and quotes have meanings,
/// and so have dots and apostrophes at the beginning. Lists without a space may go on in the next
/// line.
fn escaped(line: &str) -> String {
    let text = line
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
        .replace('…', "...")
        .replace(',', ",\\:")
        .replace(';', ";\\:");
    if text.starts_with('.') {
        format!("\\&{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_groff_is_escaped() {
        assert_eq!(escaped(r"a\b-c"), r"a\eb\-c");
        assert_eq!(escaped(".TH"), r"\&.TH");
        assert_eq!(escaped("a,b;c"), r"a,\:b;\:c");
        assert_eq!(escaped("'s"), r"\(aqs");
    }

    #[test]
    fn the_file_of_settings_sets_none_and_names_all() {
        let text = plugin_environment().unwrap();
        let settings = plugin_settings().unwrap();
        assert!(
            text.lines()
                .all(|line| line.is_empty() || line.starts_with('#'))
        );
        for Setting { name, .. } in settings {
            assert!(text.contains(&format!("\n#{name}=")), "{name} is missing");
        }
    }
}
