//! The JSON Schema of policies as it is published: configs/schema/policy-v1.schema.json, packed by build.rs.
//!
//! A test holds the file against what the registry makes. The code that makes it would be 0.4 MB of the program.

use flate2::read::DeflateDecoder;
use serde_json::Value;
use std::io::Read;

/// The file without its spaces, deflated.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy-v1.schema.json.deflate"));
/// The type of what may stand for any value of a parameter: a reference to an input of the policy.
pub(crate) const INPUT_REFERENCE: &str = "InputReference";
/// Far above what it unpacks to, in bytes.
const MOST: u64 = 16 << 20;

/// The JSON Schema (draft 7, the one that editors know) of a policy file.
#[must_use]
pub fn published() -> Value {
    let mut text = Vec::new();
    // What build.rs packed can be read: a test shows it.
    let read = DeflateDecoder::new(PACKED).take(MOST).read_to_end(&mut text);
    read.ok().and_then(|_| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// The schema of the parameters of `check` in [`published`], and the types that it mentions by name.
pub(crate) fn parameters<'a>(
    schema: &'a Value,
    check: &str,
) -> Option<(&'a Value, &'a serde_json::Map<String, Value>)> {
    let rules = schema.pointer("/definitions/Rule/allOf")?.as_array()?;
    let rule = rules
        .iter()
        .find(|rule| rule.pointer("/if/properties/check/const").and_then(Value::as_str) == Some(check))?;
    let reference = rule.pointer("/then/properties/with/anyOf/0/$ref")?.as_str()?;
    let definitions = schema.get("definitions")?.as_object()?;
    Some((definitions.get(reference.rsplit('/').next()?)?, definitions))
}
