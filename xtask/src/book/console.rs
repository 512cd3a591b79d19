//! Commands in fenced blocks: where each runs, and what it has to say.
//!
//! A block of the language `console` is commands after a prompt, each with what it prints below
//! it; one of the language `sh` is a script of the host. A command goes on in the next line after
//! a backslash, or until the end of a here-document. A line of its output has to be seen in what
//! it prints, however many blanks are between the words, and `…` stands for anything. A comment
//! before the block, `<!-- test: skip: REASON -->`, leaves it out.

use anyhow::{Result, bail, ensure};

use super::markdown::{Block, Page};

/// Where a command is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On a Docker host: the prompts `# `, `$ `, `host# ` and, where there are two, `host1# `.
    Host,
    /// On the second of two Docker hosts: the prompt `host2# `.
    SecondHost,
    /// On the router: the prompt `router# `.
    Router,
    /// Behind the router: the prompt `client# `.
    Client,
}

/// One command of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) place: Place,
    /// For a shell.
    pub(crate) command: String,
    /// The lines it has to print, in this order, others between them.
    pub(crate) expected: Vec<String>,
    /// Where it is in the page.
    pub(crate) line: usize,
}

const PROMPTS: [(&str, Place); 7] = [
    ("host# ", Place::Host),
    ("host1# ", Place::Host),
    ("host2# ", Place::SecondHost),
    ("router# ", Place::Router),
    ("client# ", Place::Client),
    ("# ", Place::Host),
    ("$ ", Place::Host),
];

/// What a block's comment leaves out of the tests.
const SKIP: &str = "skip: ";

/// The commands of a page, in order, without those of blocks that are left out.
///
/// # Errors
///
/// When a block is not written as said above.
pub(crate) fn steps(page: &Page) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for block in page.blocks() {
        steps.extend(of_any_block(&block)?);
    }
    Ok(steps)
}

/// The commands of one block, none if it has another language or is left out.
///
/// # Errors
///
/// As [`steps`].
pub(crate) fn of_any_block(block: &Block) -> Result<Vec<Step>> {
    match block.directive.as_deref() {
        Some(words) if words.starts_with(SKIP) => return Ok(Vec::new()),
        _ => {}
    }
    Ok(match block.language.as_str() {
        "console" => of_block(block)?,
        "sh" => vec![Step {
            place: Place::Host,
            command: block.text.clone(),
            expected: Vec::new(),
            line: block.line,
        }],
        _ => Vec::new(),
    })
}

/// The commands of one `console` block.
///
/// # Errors
///
/// When a line is neither a command's nor below one.
pub(crate) fn of_block(block: &Block) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = (block.line..).zip(block.text.lines());
    while let Some((line, text)) = lines.next() {
        let prompt = PROMPTS
            .iter()
            .find_map(|(prompt, place)| Some((text.strip_prefix(prompt)?, *place)));
        let Some((first, place)) = prompt else {
            match steps.last_mut() {
                Some(step) => step.expected.push(text.to_owned()),
                None => bail!("line {line}: no command stands above {text:?}"),
            }
            continue;
        };
        let mut command = first.to_owned();
        let mut last = first;
        let here = here_document(first);
        loop {
            let whole = match here {
                Some(end) => last == end,
                None => !last.ends_with('\\'),
            };
            if whole {
                break;
            }
            let Some((_, next)) = lines.next() else {
                bail!("line {line}: the command has no end");
            };
            command.push('\n');
            command.push_str(next);
            last = next;
        }
        steps.push(Step {
            place,
            command,
            expected: Vec::new(),
            line,
        });
    }
    Ok(steps)
}

/// The word that ends the here-document which a command line begins, if it does.
fn here_document(line: &str) -> Option<&str> {
    line.rsplit_once("<<'")?.1.strip_suffix('\'')
}

/// The settings that a page gives the plugin in its block with the comment `test: settings`.
///
/// # Errors
///
/// When there is no such block, or a command in it sets nothing.
pub(crate) fn settings(page: &Page) -> Result<Vec<(String, String)>> {
    let blocks = page.blocks();
    let marked = |block: &&Block| block.directive.as_deref() == Some("settings");
    let Some(block) = blocks.iter().find(marked) else {
        bail!("no block is marked as settings");
    };
    let mut settings = Vec::new();
    for step in of_block(block)? {
        let Some(words) = step.command.strip_prefix("docker plugin set bgplb ") else {
            bail!("{:?} sets nothing", step.command);
        };
        settings.extend(assignments(words)?);
    }
    Ok(settings)
}

/// `A=b C="d e"` as pairs.
fn assignments(words: &str) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut rest = words.trim();
    while let Some((key, value)) = rest.split_once('=') {
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => value.split_once(' ').unwrap_or((value, "")),
        };
        pairs.push((key.to_owned(), value.to_owned()));
        rest = after.trim_start();
    }
    ensure!(rest.is_empty(), "{rest:?} is no assignment");
    Ok(pairs)
}

/// Whether all expected lines are in what a command printed.
///
/// # Errors
///
/// With the first line that is not.
pub(crate) fn seen(expected: &[String], output: &str) -> Result<()> {
    let mut lines = output.lines();
    for wanted in expected {
        let found = lines.any(|line| matches(wanted, line));
        ensure!(found, "{wanted:?} is not in {output:?}");
    }
    Ok(())
}

/// Whether a printed line is as it should be. `…` at an end may stand for nothing.
fn matches(wanted: &str, line: &str) -> bool {
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts: Vec<&str> = wanted.split('…').map(str::trim).collect();
    let [only] = parts.as_slice() else {
        let (first, last) = (parts[0], parts[parts.len() - 1]);
        if !line.starts_with(first) || !line.ends_with(last) {
            return false;
        }
        let mut rest = line.as_str();
        return parts.iter().all(|part| match rest.split_once(part) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => part.is_empty(),
        });
    };
    line == only.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<Step>> {
        steps(&Page::of(text))
    }

    #[test]
    fn commands_go_on_and_have_their_output_below_them() {
        let text =
            "```console\nhost# a \\\n    b\nrouter# cat > f <<'END'\n# c\nEND\nsaid…\n$ d\n```\n";
        let steps = of(text).unwrap();
        let commands: Vec<&str> = steps.iter().map(|step| step.command.as_str()).collect();
        assert_eq!(commands, ["a \\\n    b", "cat > f <<'END'\n# c\nEND", "d"]);
        assert_eq!(steps[1].place, Place::Router);
        assert_eq!(steps[1].expected, ["said…"]);
        assert_eq!((steps[0].line, steps[2].line), (2, 8));
    }

    #[test]
    fn each_prompt_says_where_its_command_belongs() {
        let text = "```console\nhost1# a\nhost2# b\nrouter# c\nclient# d\n```\n";
        let places: Vec<Place> = of(text).unwrap().iter().map(|step| step.place).collect();
        let wanted = [Place::Host, Place::SecondHost, Place::Router, Place::Client];
        assert_eq!(places, wanted);
    }

    #[test]
    fn a_block_that_is_left_out_and_other_languages_are_no_commands() {
        let text =
            "<!-- test: skip: no -->\n```console\n# a\n```\n```toml\nb = 1\n```\n```sh\nc\n```\n";
        let steps = of(text).unwrap();
        assert_eq!(steps.len(), 1);
        assert_eq!(steps[0].command, "c\n");
    }

    #[test]
    fn output_without_a_command_and_a_command_without_an_end_are_refused() {
        assert!(of("```console\na\n```\n").is_err());
        assert!(of("```console\n# a \\\n```\n").is_err());
        assert!(of("```console\n# a <<'END'\n```\n").is_err());
    }

    #[test]
    fn printed_lines_are_compared_word_by_word() {
        assert!(matches("a b", "  a   b "));
        assert!(!matches("a b", "a b c"));
        assert!(matches("a … c", "a b c"));
        assert!(matches("a … c…", "a b c"));
        assert!(!matches("a … c", "a b c d"));
        assert!(!matches("a … b … c", "a c"));
        assert!(seen(&["b".to_owned(), "a".to_owned()], "a\nb\n").is_err());
    }

    #[test]
    fn settings_are_read_with_their_quotes() {
        let text = "<!-- test: settings -->\n```console\nhost# docker plugin set bgplb A=1 B=\"c d\"\nhost# docker plugin set bgplb E=f\n```\n";
        let read = settings(&Page::of(text)).unwrap();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(read, [pair("A", "1"), pair("B", "c d"), pair("E", "f")]);
        assert!(settings(&Page::of("")).is_err());
    }
}
