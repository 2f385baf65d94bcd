//! The release of the running kernel.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadError},
    range::leading_version,
};
use semver::Version;

/// The release of the kernel, as it is and as it compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// As the kernel gives it: `5.14.0-503.11.1.el9_5.x86_64`. It also names files: `/boot/config-RELEASE`.
    pub text: String,
    /// Its leading numbers: 5.14.0.
    pub version: Version,
    /// Where it was read.
    pub evidence: Evidence,
}

/// The file that names it: what uname(2) answers, as text, under a root too.
const OSRELEASE: &str = "/proc/sys/kernel/osrelease";

impl Node {
    /// The release of the running kernel.
    pub fn kernel_release(&self) -> &Known<Release> {
        self.fact(|| {
            let read = self.read(OSRELEASE);
            let text = read.text().map_err(ReadError::unknown)?;
            let text = text.trim();
            // It becomes part of paths; a name with a slash in it is none that a kernel has.
            let version = leading_version(text).filter(|_| !text.contains('/'));
            let evidence = read.quote(text);
            let Some(version) = version else {
                return Err(Unknown::new(format!("{OSRELEASE} holds `{text}`, which is no kernel release"))
                    .tried([evidence]));
            };
            Ok(Release { text: text.to_owned(), version, evidence })
        })
    }
}
