//! Docker's JSON made small as it arrives.
//!
//! What a container's image says of itself goes into every list and every
//! event of the container: labels, exposed ports, environment. None of it has a
//! bound in Docker, so it gets one here, before it is kept anywhere: long texts
//! lose their ends, and what holds too much loses its last members. What is
//! left is JSON as before.

use bytes::BytesMut;

/// The name of the member that tells, in what [`Squeeze`] has shortened, that
/// others were left out.
pub(crate) const OMITTED: &str = "…";

/// Shortens one text, or one text a line.
#[derive(Debug)]
pub(crate) struct Squeeze {
    /// A line end begins a new text.
    by_line: bool,
    /// How many objects and arrays are open.
    depth: usize,
    string: Option<Text>,
    /// The beginning of the last text, which may be the key of what follows.
    last: Head,
    /// How many octets what is open at [`PARTS`] may still have.
    room: usize,
    /// The rest of what is open at this depth is left out.
    omitting: Option<usize>,
}

/// How far a text between quotes has come.
#[derive(Debug, Default)]
struct Text {
    length: usize,
    escape: Escape,
    /// It was an escaped half of a character; the other half has to follow.
    is_half: bool,
    /// It has been long enough.
    cut: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum Escape {
    #[default]
    None,
    /// After the backslash.
    Begun,
    /// In the number of a character: digits to come, and what they say so far.
    Number { left: u8, value: u16 },
}

/// Enough of a text to know a key by.
#[derive(Debug, Default)]
struct Head {
    octets: [u8; KEY.len() + 1],
    length: usize,
}

impl Squeeze {
    /// For the body of one answer.
    pub(crate) fn whole() -> Self {
        Self {
            by_line: false,
            depth: 0,
            string: None,
            last: Head::default(),
            room: usize::MAX,
            omitting: None,
        }
    }

    /// For a stream of texts, each on a line of its own. One that is no JSON
    /// does the next no harm.
    pub(crate) fn by_line() -> Self {
        Self {
            by_line: true,
            ..Self::whole()
        }
    }

    /// Appends to `out` what is left of `octets`: never more than them and
    /// [`MARK`].
    pub(crate) fn pass(&mut self, octets: &[u8], out: &mut BytesMut) {
        out.reserve(octets.len().min(MOST_AT_ONCE));
        let mut rest = octets;
        loop {
            rest = &rest[self.plain(rest, out)..];
            let Some((&octet, after)) = rest.split_first() else {
                return;
            };
            rest = after;
            if self.by_line && octet == b'\n' {
                *self = Self::by_line();
                out.extend_from_slice(&[octet]);
            } else if let Some(mut text) = self.string.take() {
                let (keep, ended) = text.take(octet);
                if keep {
                    self.keep(&[octet], out);
                }
                if !ended {
                    self.last.push(&[octet]);
                    self.string = Some(text);
                }
            } else {
                self.between(octet, out);
            }
        }
    }

    /// Takes at once what comes first and changes nothing but lengths; says how
    /// many octets that was.
    fn plain(&mut self, octets: &[u8], out: &mut BytesMut) -> usize {
        let ends = |run: &[u8], marks: &Marks| {
            let end = run.iter().position(|octet| marks[usize::from(*octet)]);
            end.unwrap_or(run.len())
        };
        let Some(text) = &mut self.string else {
            let count = ends(octets, &BETWEEN);
            self.keep(&octets[..count], out);
            return count;
        };
        if text.is_half || !matches!(text.escape, Escape::None) {
            return 0;
        }
        let cut = text.cut;
        let most = match cut {
            true => octets.len(),
            false => octets.len().min(LONGEST_TEXT.saturating_sub(text.length)),
        };
        let count = ends(&octets[..most], &WITHIN);
        let run = &octets[..count];
        text.length = text.length.saturating_add(count);
        self.last.push(run);
        if !cut {
            self.keep(run, out);
        }
        count
    }

    /// Takes an octet outside of texts.
    fn between(&mut self, octet: u8, out: &mut BytesMut) {
        match octet {
            b'"' => {
                self.string = Some(Text::default());
                self.last = Head::default();
            }
            b'{' | b'[' => {
                self.depth = self.depth.saturating_add(1);
                if self.depth == PARTS {
                    self.room = match self.last.octets() {
                        KEY => MOST_OF_NETWORKS,
                        _ => MOST_OF_A_PART,
                    };
                }
            }
            b'}' | b']' => {
                if self.omitting.is_some_and(|depth| self.depth <= depth) {
                    self.omitting = None;
                    if octet == b'}' && self.depth == PARTS {
                        out.extend_from_slice(MARK);
                    }
                }
                self.depth = self.depth.saturating_sub(1);
                if self.depth < PARTS {
                    self.room = usize::MAX;
                }
            }
            b',' if self.room == 0 && self.omitting.is_none() => {
                self.omitting = Some(self.depth);
            }
            _ => {}
        }
        self.keep(&[octet], out);
    }

    fn keep(&mut self, octets: &[u8], out: &mut BytesMut) {
        if self.omitting.is_none() {
            out.extend_from_slice(octets);
            if self.room < usize::MAX {
                self.room = self.room.saturating_sub(octets.len());
            }
        }
    }
}

impl Text {
    /// Whether this octet of the text is kept, and whether it ends the text.
    fn take(&mut self, octet: u8) -> (bool, bool) {
        match self.escape {
            Escape::None => {
                if octet == b'"' {
                    return (true, true);
                }
                // Only between two characters, so that both stay what they are.
                let begins = octet & 0b1100_0000 != 0b1000_0000;
                self.cut |= begins && !self.is_half && self.length >= LONGEST_TEXT;
                if octet == b'\\' {
                    self.escape = Escape::Begun;
                } else {
                    self.is_half = false;
                }
            }
            Escape::Begun if octet == b'u' => {
                self.escape = Escape::Number { left: 4, value: 0 };
            }
            Escape::Begun => {
                self.escape = Escape::None;
                self.is_half = false;
            }
            Escape::Number { left, value } => {
                let digit = char::from(octet).to_digit(16).unwrap_or_default();
                let value = value << 4 | u16::try_from(digit).unwrap_or_default();
                self.escape = match left {
                    0 | 1 => {
                        // The first half of a character beyond U+FFFF.
                        self.is_half = value & 0xfc00 == 0xd800;
                        Escape::None
                    }
                    _ => Escape::Number {
                        left: left - 1,
                        value,
                    },
                };
            }
        }
        self.length = self.length.saturating_add(1);
        (!self.cut, false)
    }
}

impl Head {
    fn push(&mut self, octets: &[u8]) {
        let places = self.octets.iter_mut().skip(self.length);
        for (place, octet) in places.zip(octets) {
            *place = *octet;
            self.length += 1;
        }
    }

    fn octets(&self) -> &[u8] {
        &self.octets[..self.length]
    }
}

/// At this depth lie the parts of containers, networks and events that have no
/// bound: in a list below the array and the object, in an event below the event
/// and its actor.
const PARTS: usize = 3;

/// Where a container's networks are in a list: what matters most.
const KEY: &[u8] = b"NetworkSettings";

/// How many octets of a text are kept, give or take a character. Identifiers
/// and addresses are far shorter; so are the names one may give.
const LONGEST_TEXT: usize = 4096;

/// After how many octets a part gets no further member.
const MOST_OF_A_PART: usize = 16 * 1024;

/// The same for a container's networks: some hundreds of them.
const MOST_OF_NETWORKS: usize = 1024 * 1024;

/// Stands for the members that were left out of an object.
const MARK: &[u8] = ",\"…\":\"\"".as_bytes();

/// Which octets change more than lengths.
type Marks = [bool; 256];

/// Those between texts, and those within one.
const BETWEEN: Marks = marks(b"\"{}[],\n");
const WITHIN: Marks = marks(b"\"\\\n");

const fn marks(octets: &[u8]) -> Marks {
    let mut marks = [false; 256];
    let mut rest = octets;
    while let [octet, after @ ..] = rest {
        marks[*octet as usize] = true;
        rest = after;
    }
    marks
}

/// How much room is made ahead.
const MOST_AT_ONCE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{LONGEST_TEXT, MARK, MOST_OF_A_PART, MOST_OF_NETWORKS, OMITTED, Squeeze};

    /// Passed on in pieces of this size.
    fn squeezed(mut squeeze: Squeeze, text: &[u8], size: usize) -> Vec<u8> {
        let mut out = BytesMut::new();
        for piece in text.chunks(size.max(1)) {
            squeeze.pass(piece, &mut out);
        }
        out.to_vec()
    }

    fn value(text: &str, size: usize) -> Value {
        let left = squeezed(Squeeze::whole(), text.as_bytes(), size);
        serde_json::from_slice(&left).expect("what is left is JSON")
    }

    #[test]
    fn what_is_small_passes_unchanged() {
        let text = r#" [ {"Id":"a","Labels":{"k":"v \" \\ \u00e9 \ud83d\ude00"},"Ports":[{"P":1},2.5e3,null,true]} ]"#;
        for size in 1..text.len() {
            let left = squeezed(Squeeze::whole(), text.as_bytes(), size);
            assert_eq!(left, text.as_bytes());
        }
    }

    #[test]
    fn long_texts_lose_their_ends_between_two_characters() {
        for (character, octets) in [
            ("x", 1),
            ("é", 2),
            ("😀", 4),
            (r"\u003c", 6),
            (r"\ud83d\ude00", 12),
            (r"\\", 2),
            (r#"\""#, 2),
        ] {
            for shift in ["", "y", "yy", "yyyyy"] {
                let text = format!(r#"["{shift}{}","end"]"#, character.repeat(LONGEST_TEXT));
                let left = value(&text, 1000);
                assert_eq!(left[1], "end", "{character}");
                let kept = left[0].as_str().unwrap().chars().count() - shift.len();
                let bound = LONGEST_TEXT / octets;
                assert!(
                    (bound - 6..=bound + 1).contains(&kept),
                    "{character} {kept}"
                );
            }
        }
    }

    #[test]
    fn labels_beyond_all_measure_are_left_out_and_that_is_told() {
        let labels: serde_json::Map<String, Value> = (0..10_000)
            .map(|n| (format!("a{n:05}"), json!("x".repeat(n % 50))))
            .chain([("signal".to_owned(), json!("12"))])
            .collect();
        let text = json!([{"Labels": labels, "Id": "web"}, {"Id": "db", "Labels": {"k": "v"}}]);
        let left = value(&text.to_string(), 777);
        let kept = left[0]["Labels"].as_object().unwrap();
        assert!((100..1000).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept.get(OMITTED), Some(&json!("")));
        assert!(!kept.contains_key("signal"));
        assert_eq!(left[0]["Id"], "web");
        assert_eq!(left[1], text[1]);
    }

    #[test]
    fn arrays_and_what_lies_deeper_are_cut_as_well() {
        let ports: Vec<Value> = (0..65_536).map(|n| json!({"PrivatePort": n})).collect();
        let inner: Vec<Value> = (0..65_536).map(|n| json!(n)).collect();
        let text = json!([{"Ports": ports, "Deep": {"a": [inner], "b": 1}, "Id": "web"}]);
        let left = value(&text.to_string(), 4096);
        let kept = left[0]["Ports"].as_array().unwrap().len();
        assert!((100..2000).contains(&kept), "{kept}");
        assert_eq!(left[0]["Ports"][7], json!({"PrivatePort": 7}));
        let kept = left[0]["Deep"]["a"][0].as_array().unwrap().len();
        assert!((100..10_000).contains(&kept), "{kept}");
        assert_eq!(left[0]["Deep"].get("b"), None);
        assert_eq!(left[0]["Id"], "web");
    }

    #[test]
    fn a_container_s_networks_may_be_many() {
        let endpoint = json!({"NetworkID": "n".repeat(64), "EndpointID": "e".repeat(64)});
        let networks: serde_json::Map<String, Value> = (0..1000)
            .map(|n| (format!("n{n}"), endpoint.clone()))
            .collect();
        let text = json!([{"NetworkSettings": {"Networks": networks}}]);
        assert!(text.to_string().len() > MOST_OF_A_PART);
        assert!(text.to_string().len() < MOST_OF_NETWORKS);
        assert_eq!(value(&text.to_string(), 4096), text);
    }

    #[test]
    fn a_line_that_is_no_json_does_the_next_no_harm() {
        let next = r#"{"Actor":{"Attributes":{"a":"b"}}}"#;
        for bad in ["{{{{[[", "]]}}", "\"open", "{\"a\":\"\\", "x,,,,,"] {
            let text = format!("{bad}\n{next}\n");
            let left = squeezed(Squeeze::by_line(), text.as_bytes(), 3);
            assert_eq!(left, text.as_bytes(), "{bad}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            (0..3usize).prop_map(|n| Value::from("é<\"".repeat(n * LONGEST_TEXT / 2))),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::hash_map("[a-z]{0,6}|NetworkSettings", inner, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn json_stays_json_and_never_grows(json in any_json(), size in 1..5000usize) {
            let text = json.to_string();
            let left = squeezed(Squeeze::whole(), text.as_bytes(), size);
            prop_assert!(left.len() <= text.len() + MARK.len());
            prop_assert!(serde_json::from_slice::<Value>(&left).is_ok());
        }

        #[test]
        fn any_octets_are_survived(octets: Vec<u8>, size in 1..50usize) {
            squeezed(Squeeze::by_line(), &octets, size);
            squeezed(Squeeze::whole(), &octets, size);
        }
    }
}
