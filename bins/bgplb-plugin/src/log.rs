//! The log: lines for people, or JSON.

use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::MakeWriterExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Human,
    Json,
}

/// Begins the log as `LOG_LEVEL` and `LOG_FORMAT` say. Errors go to stderr,
/// which Docker shows as errors; the rest to stdout.
///
/// # Errors
///
/// A setting that can't be used, in one sentence.
pub(crate) fn start() -> Result<(), String> {
    let setting = |name| std::env::var(name).unwrap_or_default();
    let filter = filter(&setting("LOG_LEVEL"))?;
    let format = format(&setting("LOG_FORMAT"))?;
    lines(format, filter, split(std::io::stdout, std::io::stderr)).init();
    Ok(())
}

/// What is written where.
fn split<O, E>(out: O, err: E) -> impl for<'a> MakeWriter<'a>
where
    O: for<'a> MakeWriter<'a>,
    E: for<'a> MakeWriter<'a>,
{
    err.with_max_level(Level::ERROR).or_else(out)
}

fn lines<W>(format: Format, filter: Targets, to: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(to);
    let all = tracing_subscriber::registry().with(filter);
    match format {
        Format::Human => Box::new(all.with(lines.with_ansi(false).with_target(false))),
        Format::Json => Box::new(all.with(lines.json().flatten_event(true))),
    }
}

fn format(setting: &str) -> Result<Format, String> {
    match setting.trim() {
        "" | "human" => Ok(Format::Human),
        "json" => Ok(Format::Json),
        other => Err(format!(
            "LOG_FORMAT={other} can't be used: give human, or json for an object a line"
        )),
    }
}

/// What LOG_LEVEL asks for: a level, or levels by parts of the program.
fn filter(setting: &str) -> Result<Targets, String> {
    let setting = match setting.trim() {
        "" => "info",
        setting => setting,
    };
    setting.parse().map_err(|error| {
        format!(
            "LOG_LEVEL={setting} can't be used ({error}): give error, warn, info, debug or trace"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use expect_test::{Expect, expect};
    use tracing::{Level, debug, error, info};

    use super::*;

    /// What was written.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        /// Without the times.
        fn text(&self) -> String {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let without_time = |line: &str| match serde_json::from_str(line) {
                Ok(serde_json::Value::Object(mut object)) => {
                    let time = object.remove("timestamp").unwrap();
                    assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
                    serde_json::to_string(&object).unwrap()
                }
                _ => line.split_once('Z').unwrap().1.trim_start().to_owned(),
            };
            let lines = text.lines().map(without_time);
            lines.map(|line| format!("{line}\n")).collect()
        }
    }

    fn check(format: Format, out: Expect, err: Expect) {
        let (to_out, to_err) = (Written::default(), Written::default());
        let (writers_out, writers_err) = (to_out.clone(), to_err.clone());
        let split = split(move || writers_out.clone(), move || writers_err.clone());
        let lines = lines(format, filter("").unwrap(), split);
        tracing::subscriber::with_default(lines, || {
            info!(network = "n1", reason = "serving", "a \"container\" serves");
            debug!("not told");
            error!(peer = %"192.0.2.1", count = 3, text = "a\nb", "it failed");
        });
        out.assert_eq(&to_out.text());
        err.assert_eq(&to_err.text());
    }

    #[test]
    fn json_has_an_object_a_line_with_the_fields_as_members() {
        check(
            Format::Json,
            expect![[r#"
            {"level":"INFO","message":"a \"container\" serves","network":"n1","reason":"serving","target":"bgplb_plugin::log::tests"}
        "#]],
            expect![[r#"
            {"count":3,"level":"ERROR","message":"it failed","peer":"192.0.2.1","target":"bgplb_plugin::log::tests","text":"a\nb"}
        "#]],
        );
    }

    #[test]
    fn errors_alone_go_to_stderr() {
        check(
            Format::Human,
            expect![[r#"
                INFO a "container" serves network="n1" reason="serving"
            "#]],
            expect![[r#"
                ERROR it failed peer=192.0.2.1 count=3 text="a\nb"
            "#]],
        );
    }

    #[test]
    fn the_log_has_one_level_or_several_by_parts_of_the_program() {
        let told =
            |setting, part, level: Level| filter(setting).unwrap().would_enable(part, &level);
        assert!(told("", "bgp_speaker", Level::INFO));
        assert!(!told("", "bgp_speaker", Level::DEBUG));
        assert!(told(" DEBUG ", "bgp_speaker", Level::DEBUG));
        let several = "info,bgp_speaker=trace";
        assert!(told(several, "bgp_speaker::session", Level::TRACE));
        assert!(!told(several, "netplumb", Level::DEBUG));
        assert!(told(several, "netplumb", Level::INFO));
    }

    #[test]
    fn what_there_is_not_is_refused_with_what_there_is() {
        let sentence = filter("bgp_speaker=loud").unwrap_err();
        assert!(sentence.starts_with("LOG_LEVEL=bgp_speaker=loud can't be used"));
        assert!(sentence.ends_with("give error, warn, info, debug or trace"));
        let sentence = format("xml").unwrap_err();
        assert!(sentence.starts_with("LOG_FORMAT=xml can't be used: give human, or json"));
        assert_eq!(format(" json "), Ok(Format::Json));
        assert_eq!(format(""), Ok(Format::Human));
    }
}
