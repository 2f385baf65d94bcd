//! The report as JSON, and its JSON Schema.

use super::model::Report;
use schemars::generate::SchemaSettings;

/// The report as one JSON document that ends with a newline.
///
/// # Errors
/// When it can't be written as JSON, which no report that the runner makes can cause.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(text)
}

/// The same in one line that ends with a newline: one of many in a log, or in a file of reports.
///
/// # Errors
/// As for [`render`].
pub fn render_line(report: &Report) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string(report)?;
    text.push('\n');
    Ok(text)
}

/// The JSON Schema of reports (draft-07, which editors and validators understand most widely). It describes
/// what is written: every field is required.
#[must_use]
pub fn schema() -> schemars::Schema {
    SchemaSettings::draft07().for_serialize().into_generator().into_root_schema_for::<Report>()
}
