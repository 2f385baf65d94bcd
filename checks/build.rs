//! Makes tables of what each version of Kubernetes wants, once, when the library is built: no run reads YAML for it.

#[path = "build/kubernetes.rs"]
mod kubernetes;

use std::{env, error::Error, fs, path::Path, process::ExitCode};

/// A link to configs/kubernetes/versions.yaml. The data stand among the other files that people read; the package of
/// this crate may hold nothing from outside of its directory, and `cargo package` puts what a link leads to in its
/// place. So both a checkout and a package find the file here.
const DATA: &str = "kubernetes-versions.yaml";

#[allow(clippy::disallowed_methods, reason = "this is a file of the source, not of a node")]
fn make() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={DATA}");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=build.rs");
    let tables = kubernetes::compile(&fs::read_to_string(DATA).map_err(|e| format!("{DATA}: {e}"))?)?;
    Ok(fs::write(Path::new(&env::var("OUT_DIR")?).join("kubernetes.rs"), tables)?)
}

fn main() -> ExitCode {
    match make() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            // One message each, so that all of them are seen at once.
            problems.to_string().lines().for_each(|problem| println!("cargo::error={problem}"));
            ExitCode::FAILURE
        }
    }
}
