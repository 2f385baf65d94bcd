//! The database of dpkg: /var/lib/dpkg/status (dpkg(1)), and the list of files of each package.

use super::{Package, State};
use crate::node::Node;

pub(super) const DIRECTORY: &str = "/var/lib/dpkg";
pub(super) const STATUS: &str = "/var/lib/dpkg/status";

/// The entry of a package. Of several architectures the one that is installed counts.
pub(super) fn find(text: &str, name: &str) -> Option<Package> {
    let mut found: Option<Package> = None;
    for entry in text.split("\n\n") {
        let field = |key: &str| entry.lines().find_map(|line| line.strip_prefix(key));
        if field("Package: ") != Some(name) {
            continue;
        }
        // `install ok installed`: what is wanted, whether it has an error, how far it is.
        let state = match field("Status: ").and_then(|status| status.rsplit(' ').next()) {
            Some("installed") => State::Installed,
            Some("not-installed") | None => continue,
            Some(other) => State::Other(other.to_owned()),
        };
        let version = field("Version: ").unwrap_or_default().to_owned();
        let package = Package { name: name.to_owned(), version, state };
        if package.state == State::Installed {
            return Some(package);
        }
        found = found.or(Some(package));
    }
    found
}

/// Whether the package's list of files has this one, also under its name from before /bin and /sbin were links to /usr.
pub(super) fn lists(node: &Node, name: &str, path: &str) -> bool {
    let architecture = match node.architecture().as_deref() {
        Some("x86_64") => "amd64",
        Some("aarch64") => "arm64",
        _ => "",
    };
    let files =
        [format!("/var/lib/dpkg/info/{name}.list"), format!("/var/lib/dpkg/info/{name}:{architecture}.list")];
    let before = path.strip_prefix("/usr").unwrap_or(path);
    files.iter().any(|file| {
        let read = node.read(file);
        read.text().is_ok_and(|text| text.lines().any(|line| line == path || line == before))
    })
}
