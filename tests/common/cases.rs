//! The facts and cases of `tests/cases/`: tables of inputs with the answer that is known to be right.

use serde::de::DeserializeOwned;
use std::{fs, path::Path};

/// Reads `tests/cases/NAME.yaml` into the shape that the test asks for; what the shape leaves out is skipped.
#[expect(clippy::disallowed_methods, reason = "a table of cases is no part of a node")]
pub(crate) fn load<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name).with_extension("yaml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
