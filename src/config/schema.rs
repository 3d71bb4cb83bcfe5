//! The JSON Schema of the configuration, for editors and for the reference page.

use rialto_core::config::Config;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The JSON Schema (draft 2020-12) of the configuration file, with keys in alphabetical order.
pub fn schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Config>()
        .to_value();
    schema["title"] = "Rialto configuration".into();
    // The user's own place for anchors; the loader ignores it.
    schema["patternProperties"] = json!({ "^x-": true });
    schema.sort_all_objects();
    schema
}

/// The schema that a `$ref` points to; a schema without one is itself.
pub(super) fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    match schema["$ref"]
        .as_str()
        .and_then(|reference| reference.strip_prefix('#'))
    {
        Some(pointer) => root.pointer(pointer).unwrap_or(schema),
        None => schema,
    }
}
