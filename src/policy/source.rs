//! Where a policy comes from: a file, an embedded profile, standard input; and how its bytes are taken in.

use super::{diagnostics::quoted, profiles, yaml::SIZE_LIMIT};
use preflight_checks::value::did_you_mean;
use std::{
    fmt,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Where a policy comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// An embedded profile, by name.
    Profile(String),
    /// Standard input, already read: see [`Source::read_stdin`].
    Stdin(Vec<u8>),
}

impl Source {
    /// What `-c` and an entry of `extends` mean: a path if it has a `/` or ends in `.yaml` or `.yml`, else the
    /// name of a profile. (`-` is standard input, for the command line only.)
    #[must_use]
    pub fn named(name: &str) -> Self {
        let has_suffix = Path::new(name)
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("yaml") || e.eq_ignore_ascii_case("yml"));
        if name.contains('/') || has_suffix {
            Self::File(name.into())
        } else {
            Self::Profile(name.to_owned())
        }
    }

    /// Reads standard input, at most one byte more than a policy may have.
    ///
    /// # Errors
    /// What reading gave.
    pub fn read_stdin() -> io::Result<Self> {
        bounded(io::stdin().lock()).map(Self::Stdin)
    }

    /// The bytes, at most one more than a policy may have.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Unreadable> {
        match self {
            Self::File(path) => read_file(path)
                .map_err(|e| Unreadable { message: format!("cannot be read: {}", plain(&e)), help: None }),
            Self::Stdin(bytes) => Ok(bytes.clone()),
            Self::Profile(name) => match profiles::find(name) {
                Some(profile) => Ok(profile.text.as_bytes().to_vec()),
                None => Err(Unreadable {
                    message: format!("there is no profile {}", quoted(name)),
                    help: did_you_mean(name, profiles::ALL.iter().map(|p| p.name)).map(|help| {
                        let end = if help.ends_with('?') { "" } else { "." };
                        format!("{help}{end} A file of this name is {}", quoted(&format!("./{name}")))
                    }),
                }),
            },
        }
    }
}

/// As messages and reports name it.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::Stdin(_) => f.write_str("standard input"),
        }
    }
}

/// Why a source could not be read.
pub(super) struct Unreadable {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

#[expect(clippy::disallowed_methods, reason = "a policy is the user's file, not part of the node")]
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    bounded(std::fs::File::open(path)?)
}

/// One byte more than the limit tells "too large" from "just fits"; an endless file costs no more.
fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(SIZE_LIMIT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// "No such file or directory" without Rust's "(os error 2)".
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
