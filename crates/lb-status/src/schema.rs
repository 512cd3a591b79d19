//! The JSON schemas of all answers, in one document.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

use crate::model::{
    AdvertisedRoutes, Diff, Done, Event, Explanation, Findings, LearnedRoutes, Peers, Readiness,
    Refusal, Services, Status, VERSION,
};

/// One document (JSON Schema 2020-12): what every path answers, by path, with
/// `refusal` for what is refused.
#[must_use]
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let answers = json!({
        "/v1/status": of::<Status>(&mut generator),
        "/v1/peers": of::<Peers>(&mut generator),
        "/v1/doctor": of::<Findings>(&mut generator),
        "/v1/events": of::<Event>(&mut generator),
        "/v1/services": of::<Services>(&mut generator),
        "/v1/explain": of::<Explanation>(&mut generator),
        "/v1/routes/learned": of::<LearnedRoutes>(&mut generator),
        "/v1/routes/advertised": of::<AdvertisedRoutes>(&mut generator),
        "/v1/diff": of::<Diff>(&mut generator),
        "done": of::<Done>(&mut generator),
        "/readyz": of::<Readiness>(&mut generator),
        "refusal": of::<Refusal>(&mut generator),
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("Answers of bgplb's status socket, version {VERSION}"),
        "properties": answers,
        "$defs": generator.take_definitions(true),
    })
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}
