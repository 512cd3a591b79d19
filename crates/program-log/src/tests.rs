//! Lines as they are written, and settings that are refused.

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
    let style = Style {
        format,
        names_parts: false,
        has_colours: false,
    };
    let (to_out, to_err) = (Written::default(), Written::default());
    let (writers_out, writers_err) = (to_out.clone(), to_err.clone());
    let split = split(move || writers_out.clone(), move || writers_err.clone());
    let lines = lines(style, filter("").unwrap(), split);
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
        {"level":"INFO","message":"a \"container\" serves","network":"n1","reason":"serving","target":"program_log::tests"}
    "#]],
        expect![[r#"
        {"count":3,"level":"ERROR","message":"it failed","peer":"192.0.2.1","target":"program_log::tests","text":"a\nb"}
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
    let told = |setting, part, level: Level| filter(setting).unwrap().would_enable(part, &level);
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
    for (setting, part) in [
        ("loud", "loud"),
        ("info,bgp_speaker=loud", "bgp_speaker=loud"),
        ("bgp_speaker", "bgp_speaker"),
        ("info,", ""),
        ("info,=", "="),
    ] {
        let said = filter(setting).unwrap_err().to_string();
        let wanted = format!(
            "LOG_LEVEL={setting} can't be used ({part} has no level): give error, warn, info, debug or trace"
        );
        assert_eq!(said, wanted);
    }
    let sentence = format("xml").unwrap_err().to_string();
    assert!(sentence.starts_with("LOG_FORMAT=xml can't be used: give human, or json"));
    assert_eq!(format(" json ").unwrap(), Format::Json);
    assert_eq!(format("").unwrap(), Format::Human);
}

#[test]
fn a_line_on_a_terminal_names_the_part_that_tells_it_in_colours() {
    let written = Written::default();
    let writer = written.clone();
    let style = Style {
        format: Format::Human,
        names_parts: true,
        has_colours: true,
    };
    let lines = lines(style, filter("").unwrap(), move || writer.clone());
    tracing::subscriber::with_default(lines, || info!("told"));
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("\x1b[32m INFO\x1b[0m"), "{text:?}");
    assert!(text.contains("program_log::tests"), "{text:?}");
}
