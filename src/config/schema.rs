//! The JSON Schema of the configuration, for editors and for the reference page.

use rialto_config::Config;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The JSON Schema (draft 2020-12) of the configuration file, with keys in alphabetical order.
pub fn schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Config>()
        .to_value();
    schema["title"] = "Rialto configuration".into();
    // Users can put anchors there; the loader ignores these keys.
    schema["patternProperties"] = json!({ "^x-": true });
    widen_texts(&mut schema);
    schema.sort_all_objects();
    schema
}

/// Lets texts be written as numbers and booleans without quotes, as the loader accepts them. Texts in a certain
/// format are left as they are.
fn widen_texts(schema: &mut Value) {
    if let Value::Array(items) = schema {
        items.iter_mut().for_each(widen_texts);
    }
    let Value::Object(object) = schema else { return };
    let is_free = ["enum", "const", "pattern", "format"]
        .iter()
        .all(|key| !object.contains_key(*key));
    if let (true, Some(kind)) = (is_free, object.get_mut("type")) {
        match kind {
            Value::Array(kinds) if kinds.iter().any(|kind| kind == "string") => {
                kinds.extend(["number".into(), "boolean".into()]);
            }
            Value::String(one) if one == "string" => *kind = json!(["string", "number", "boolean"]),
            _ => {}
        }
    }
    object.values_mut().for_each(widen_texts);
}

/// The schema that a `$ref` points to, or the schema itself if it has none.
pub(super) fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    match schema["$ref"]
        .as_str()
        .and_then(|reference| reference.strip_prefix('#'))
    {
        Some(pointer) => root.pointer(pointer).unwrap_or(schema),
        None => schema,
    }
}
