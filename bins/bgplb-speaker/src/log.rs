//! The log: lines for people, or JSON.

use std::io::{self, IsTerminal as _};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Human,
    Json,
}

/// Begins the log, on standard error, as `LOG_LEVEL` and `LOG_FORMAT` say.
///
/// # Errors
///
/// A setting that can't be used, in one sentence.
pub(crate) fn start() -> Result<(), String> {
    let filter = EnvFilter::try_from_env("LOG_LEVEL").unwrap_or_else(|_| EnvFilter::new("info"));
    let format = format(&std::env::var("LOG_FORMAT").unwrap_or_default())?;
    lines(format, filter, io::stderr).init();
    Ok(())
}

fn lines<W>(format: Format, filter: EnvFilter, to: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(to);
    match format {
        Format::Human => Box::new(lines.with_ansi(io::stderr().is_terminal()).finish()),
        Format::Json => Box::new(lines.json().flatten_event(true).finish()),
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing::{debug, warn};

    use super::*;

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

    #[test]
    fn json_has_an_object_a_line_with_the_fields_as_members() {
        let written = Written::default();
        let writer = written.clone();
        let lines = lines(Format::Json, EnvFilter::new("info"), move || writer.clone());
        tracing::subscriber::with_default(lines, || {
            warn!(peer = %"192.0.2.1", count = 3, "no \"session\"\nwith it");
            debug!("not told");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let mut lines = text.lines();
        let mut line: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
        assert_eq!(lines.next(), None);
        let time = line.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
        let expected = serde_json::json!({
            "level": "WARN",
            "target": "bgplb_speaker::log::tests",
            "message": "no \"session\"\nwith it",
            "peer": "192.0.2.1",
            "count": 3,
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn a_format_that_there_is_not_is_refused_with_those_that_there_are() {
        let sentence = format("xml").unwrap_err();
        assert!(sentence.starts_with("LOG_FORMAT=xml can't be used: give human, or json"));
        assert_eq!(format(" json "), Ok(Format::Json));
        assert_eq!(format(""), Ok(Format::Human));
    }
}
