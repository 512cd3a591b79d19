//! JSON, as Go's decoder takes it: keys may be there twice, octets that are no text
//! are replaced.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Syntax;
use crate::import::node::{Node, Value};

/// The one value of a file. Nesting is bounded by `serde_json`, at 128.
pub(in crate::import) fn json(text: &str) -> Result<Node, Syntax> {
    serde_json::from_str::<Read>(text)
        .map(|read| read.0)
        .map_err(|error| Syntax {
            line: Some(error.line()),
            text: error.to_string(),
        })
}

struct Read(Node);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = from.deserialize_any(Values)?;
        Ok(Self(Node::nowhere(value)))
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Value, E> {
        Ok(Value::Bool(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Other("a huge number"), Value::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other("a number with a fraction"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Read(item)) = from.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, Read(value))) = from.next_entry()? {
            entries.push((key, value));
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_there_twice_stays_so() {
        let node = json(r#"{"a": 1, "A": null, "a": [true, 1.5, "x"]}"#).unwrap();
        let Value::Map(entries) = node.value else {
            panic!("no map");
        };
        let keys: Vec<_> = entries.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["a", "A", "a"]);
        assert_eq!(entries[1].1.value, Value::Null);
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_line() {
        let error = json("{\n\"a\": secret}").unwrap_err();
        assert_eq!(error.line, Some(2));
        assert!(!error.text.contains("secret"), "{}", error.text);
        assert!(json(&"[".repeat(100_000)).is_err());
        assert!(json("{} {}").is_err());
    }
}
