//! The database of apk: paragraphs with `P:` the name, `V:` the version, `F:` a directory, `R:` a file in it.

use super::{Package, State};

pub(super) const INSTALLED: &str = "/lib/apk/db/installed";
/// Since apk 3, where /lib is a link to /usr/lib.
pub(super) const INSTALLED_USR: &str = "/usr/lib/apk/db/installed";

fn package(entry: &str) -> Option<Package> {
    let field = |key: &str| entry.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
    Some(Package { name: field("P:")?, version: field("V:")?, state: State::Installed })
}

/// The entry of a package.
pub(super) fn find(text: &str, name: &str) -> Option<Package> {
    text.split("\n\n").filter_map(package).find(|package| package.name == name)
}

/// The package that brought a file.
pub(super) fn owner(text: &str, path: &str) -> Option<Package> {
    let (directory, file) = path.trim_start_matches('/').rsplit_once('/')?;
    let has = |entry: &&str| {
        let mut here = "";
        entry.lines().any(|line| {
            if let Some(directory) = line.strip_prefix("F:") {
                here = directory;
            }
            here == directory && line.strip_prefix("R:") == Some(file)
        })
    };
    text.split("\n\n").find(has).and_then(package)
}
