//! YAML, in which files of Kubernetes are written: several documents, anchors with
//! aliases, and bounds for both.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::Syntax;
use crate::import::node::{Node, Value};

/// The documents of a stream, without empty ones, that stands behind so many lines
/// of others.
pub(in crate::import) fn yaml_at(text: &str, before: usize) -> Result<Vec<Node>, Syntax> {
    let mut builder = Builder {
        before,
        ..Builder::default()
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| syntax(&error, before))?;
        builder.take(event, span)?;
    }
    let documents = builder.documents.into_iter();
    Ok(documents.filter(|it| it.value != Value::Null).collect())
}

fn syntax(error: &ScanError, before: usize) -> Syntax {
    Syntax {
        line: Some(error.marker().line() + before),
        text: error.info().to_owned(),
    }
}

#[derive(Debug, Default)]
struct Builder {
    before: usize,
    documents: Vec<Node>,
    /// What is begun and not ended, the innermost last.
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, Extent)>,
    nodes: usize,
}

#[derive(Debug)]
struct Open {
    line: usize,
    anchor: usize,
    what: Collection,
}

#[derive(Debug)]
enum Collection {
    List(Vec<Node>),
    /// With the key whose value comes next.
    Map(Vec<(String, Node)>, Option<String>),
}

/// How large a value is.
#[derive(Clone, Copy, Debug)]
struct Extent {
    nodes: usize,
    depth: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Syntax> {
        let line = span.start.line() + self.before;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tagged = tag.is_some_and(|tag| tag.suffix == "str");
                let value = match style {
                    ScalarStyle::Plain if !tagged => plain(&text),
                    _ => Value::Text(text.into_owned()),
                };
                let line = Some(line);
                self.put(Node { line, value }, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                self.begin(line, anchor, Collection::List(Vec::new()))
            }
            Event::MappingStart(anchor, _) => {
                self.begin(line, anchor, Collection::Map(Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                let Some((node, extent)) = self.anchors.get(&anchor).cloned() else {
                    return Err(refused(line, "an alias stands for what is not complete"));
                };
                self.grow(line, extent)?;
                self.put(node, NO_ANCHOR)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, line: usize, anchor: usize, what: Collection) -> Result<(), Syntax> {
        self.grow(line, Extent { nodes: 1, depth: 1 })?;
        self.open.push(Open { line, anchor, what });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Syntax> {
        let Some(Open { line, anchor, what }) = self.open.pop() else {
            return Ok(());
        };
        let value = match what {
            Collection::List(items) => Value::List(items),
            Collection::Map(entries, _) => Value::Map(entries),
        };
        let line = Some(line);
        self.put(Node { line, value }, anchor)
    }

    /// Counts what is about to be there, and refuses what would be too much.
    fn grow(&mut self, line: usize, extent: Extent) -> Result<(), Syntax> {
        self.nodes = self.nodes.saturating_add(extent.nodes);
        if self.nodes > MOST_NODES {
            let what =
                format!("there are more than {MOST_NODES} values, with what aliases stand for");
            return Err(refused(line, &what));
        }
        if self.open.len() + extent.depth > MOST_DEPTH {
            let what = format!("values are nested deeper than {MOST_DEPTH}");
            return Err(refused(line, &what));
        }
        Ok(())
    }

    /// A complete value goes where it belongs.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Syntax> {
        let line = node.line.unwrap_or_default();
        if matches!(node.value, Value::List(_) | Value::Map(_)) {
            // Counted when it was begun.
        } else {
            self.grow(line, Extent { nodes: 1, depth: 0 })?;
        }
        if anchor != NO_ANCHOR {
            let extent = extent(&node);
            self.grow(line, Extent { depth: 0, ..extent })?;
            self.anchors.insert(anchor, (node.clone(), extent));
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.what {
            Collection::List(items) => items.push(node),
            Collection::Map(entries, key) => match key.take() {
                Some(name) => entries.push((name, node)),
                None => *key = Some(key_of(node, line)?),
            },
        }
        Ok(())
    }
}

fn key_of(node: Node, line: usize) -> Result<String, Syntax> {
    match node.value {
        Value::Text(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Bool(yes) => Ok(yes.to_string()),
        Value::Null => Ok("null".to_owned()),
        _ => Err(refused(line, "a key is neither a text nor a number")),
    }
}

/// What a scalar without quotes means (YAML 1.2.2 section 10.3.2).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let number = match (digits.strip_prefix("0x"), digits.strip_prefix("0o")) {
        (Some(hex), _) => i64::from_str_radix(hex, 16).ok(),
        (_, Some(octal)) => i64::from_str_radix(octal, 8).ok(),
        _ if digits.bytes().all(|it| it.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    if let Some(number) = number {
        return Value::Integer(number);
    }
    let fraction = digits.starts_with(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok();
    match fraction {
        true => Value::Other("a number with a fraction"),
        false => Value::Text(text.to_owned()),
    }
}

/// Recursion is bounded by [`MOST_DEPTH`], which was looked at before.
fn extent(node: &Node) -> Extent {
    let of_all = |all: &mut dyn Iterator<Item = &Node>| {
        let mut sum = Extent { nodes: 1, depth: 0 };
        for inner in all {
            let inner = extent(inner);
            sum.nodes += inner.nodes;
            sum.depth = sum.depth.max(inner.depth);
        }
        Extent {
            depth: sum.depth + 1,
            ..sum
        }
    };
    match &node.value {
        Value::List(items) => of_all(&mut items.iter()),
        Value::Map(entries) => of_all(&mut entries.iter().map(|(_, node)| node)),
        _ => Extent { nodes: 1, depth: 0 },
    }
}

fn refused(line: usize, what: &str) -> Syntax {
    Syntax {
        line: Some(line),
        text: what.to_owned(),
    }
}

const NO_ANCHOR: usize = 0;

const MOST_NODES: usize = 500_000;
const MOST_DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Result<Vec<Node>, Syntax> {
        yaml_at(text, 0)
    }

    fn only(text: &str) -> Value {
        let mut documents = yaml(text).unwrap();
        assert_eq!(documents.len(), 1, "{text}");
        documents.remove(0).value
    }

    #[test]
    fn scalars_are_what_they_look_like_unless_they_are_quoted() {
        let Value::List(items) =
            only("[1, -2, 0x10, 90s, '1', \"true\", true, ~, 65000:100, 1.5, 1e3]")
        else {
            panic!("no list");
        };
        let values: Vec<_> = items.into_iter().map(|it| it.value).collect();
        let text = |text: &str| Value::Text(text.to_owned());
        let fraction = Value::Other("a number with a fraction");
        let expected = [
            Value::Integer(1),
            Value::Integer(-2),
            Value::Integer(16),
            text("90s"),
            text("1"),
            text("true"),
            Value::Bool(true),
            Value::Null,
            text("65000:100"),
            fraction.clone(),
            fraction,
        ];
        assert_eq!(values, expected);
    }

    #[test]
    fn documents_and_lines_are_told_apart() {
        let documents = yaml("---\na: 1\n---\n---\nb:\n- 2\n").unwrap();
        let lines: Vec<_> = documents.iter().map(|it| it.line).collect();
        assert_eq!(lines, [Some(2), Some(5)]);
    }

    #[test]
    fn an_alias_is_what_it_stands_for() {
        let Value::Map(entries) = only("a: &x {b: 1}\nc: *x\n") else {
            panic!("no map");
        };
        assert_eq!(entries[0].1.value, entries[1].1.value);
    }

    #[test]
    fn what_grows_without_bound_is_refused() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let before = format!("*a{}, ", n - 1).repeat(10);
            laughs.push_str(&format!("a{n}: &a{n} [{before}]\n"));
        }
        assert!(yaml(&laughs).is_err());
        assert!(yaml(&"[".repeat(100_000)).is_err());
        assert!(yaml(&"- ".repeat(100_000)).is_err());
        let mut nested = "a0: &a0 [x]\n".to_owned();
        for n in 1..100 {
            nested.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
        }
        let error = yaml(&nested).unwrap_err();
        assert!(error.text.contains("nested deeper"), "{}", error.text);
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_line() {
        assert!(yaml("a: 1\nb: [\n").unwrap_err().line.is_some());
        assert!(yaml("a: *nobody\n").is_err());
        assert!(yaml("&a [*a]").is_err());
    }
}
