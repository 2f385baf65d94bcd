//! The bill of materials names all that is linked, and nothing else, in the format that it says it has.
#![allow(clippy::disallowed_methods)] // tests read the repository's files and start programs

mod common;

use common::{
    cargo::{crates, list, toml, word},
    process::{Ran, run},
};
use jsonschema::{Retrieve, Uri};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The schema that target/schemas/ holds where continuous integration fetched it.
const SCHEMA: &str = "bom-1.6.SNAPSHOT.schema.json";

/// Says that something can't be tried here; an error where it was asked for.
fn cannot(what: &str, why: &str) {
    eprintln!("NOT TRIED: {what}: {why}");
    assert!(env::var("PREFLIGHT_REQUIRE_LIVE").is_err(), "{what} is asked for: {why}");
}

/// The bill of materials of this very test; nothing where no Python can make it.
fn bill() -> Option<Ran> {
    let mut python = Command::new("python3");
    if !python
        .args(["-c", "import sys; assert sys.version_info >= (3, 9)"])
        .output()
        .is_ok_and(|o| o.status.success())
    {
        cannot("build/sbom.py", "Python 3.9 is missing");
        return None;
    }
    let mut made = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("build/sbom.py"));
    made.arg(env::current_exe().expect("a program"));
    let made = run(made, "");
    assert_eq!(made.code, Some(0), "{}", made.stderr); // cargo may say that it waited
    Some(made)
}

#[test]
fn the_bill_of_materials_names_what_is_linked() {
    let Some(made) = bill() else { return };
    let bill: Value = serde_json::from_str(&made.stdout).expect("JSON");
    let linked: BTreeSet<_> =
        crates("normal,no-proc-macro").into_keys().filter(|(n, _)| n != "preflight").collect();
    let named: BTreeSet<_> = list(&bill, "components")
        .iter()
        .filter(|c| !["std", "glibc", "libgcc"].contains(&word(c, "name")))
        .map(|c| (word(c, "name").to_owned(), word(c, "version").to_owned()))
        .collect();
    assert_eq!(named, linked);
    for component in list(&bill, "components") {
        assert_ne!(word(component, "version"), "", "{component}");
        let crates_io = word(component, "purl").starts_with("pkg:cargo/");
        assert_eq!(crates_io, component["hashes"][0]["content"].is_string(), "{component}");
    }
    let lock = toml("Cargo.lock");
    let rustls = |list: &[Value]| list.iter().find(|c| word(c, "name") == "rustls").cloned().expect("rustls");
    let (of_bill, of_lock) = (rustls(list(&bill, "components")), rustls(list(&lock, "package")));
    assert_eq!(of_bill["hashes"][0]["content"], of_lock["checksum"]);
    assert_eq!(bill["metadata"]["component"]["name"], "preflight");
    assert!(bill["metadata"].get("timestamp").is_none());
    let again = self::bill().expect("as before");
    assert_eq!(again.stdout, made.stdout);
}

/// What a schema refers to lies beside it.
struct Beside(PathBuf);

impl Retrieve for Beside {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let name = uri.path().as_str().rsplit('/').next().unwrap_or_default();
        Ok(serde_json::from_slice(&fs::read(self.0.join(name))?)?)
    }
}

#[test]
fn the_bill_of_materials_is_cyclonedx() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/schemas");
    let Ok(schema) = fs::read(schemas.join(SCHEMA)) else {
        return cannot("the schema of CycloneDX", "it is missing in target/schemas; .ci/run fetches it");
    };
    let Some(made) = bill() else { return };
    let schema: Value = serde_json::from_slice(&schema).expect("a schema");
    let validator = jsonschema::options().with_retriever(Beside(schemas)).build(&schema).expect("a schema");
    let mut bill: Value = serde_json::from_str(&made.stdout).expect("JSON");
    let errors: Vec<String> = validator.iter_errors(&bill).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    bill["components"][0]["type"] = "rumour".into();
    assert!(!validator.is_valid(&bill), "the schema takes anything");
}
