//! What goes with the program to other places of a system: completions for shells, and manual pages.
//!
//! They are made of the command line itself, by the test below, and lie in share/; build.rs packs them.

use super::{
    args::Shell,
    exit::{self, Stop},
};
use flate2::read::DeflateDecoder;
use preflight_checks::names::nearest;
use std::{collections::BTreeMap, io::Read};

/// The files of share/ by their names, as one JSON object, deflated.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/share.json.deflate"));
/// Far above what it unpacks to, in bytes.
const MOST: u64 = 4 << 20;

fn files() -> BTreeMap<String, String> {
    let mut text = Vec::new();
    // What build.rs packed can be read: a test shows it.
    let read = DeflateDecoder::new(PACKED).take(MOST).read_to_end(&mut text);
    read.ok().and_then(|_| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// The name of the file that a shell looks for.
fn file_of(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => "preflight.bash",
        Shell::Zsh => "_preflight",
        Shell::Fish => "preflight.fish",
    }
}

/// What a shell reads to complete the options of this program.
pub(super) fn completions(shell: Shell) -> Result<String, Stop> {
    let text = files().remove(file_of(shell));
    text.ok_or_else(|| Stop::new(exit::INTERNAL, "it was not packed".to_owned()))
}

/// A manual page: that of the program, or of one of its commands.
pub(super) fn man(page: Option<&str>) -> Result<String, Stop> {
    let mut files = files();
    let name = page.map_or_else(
        || "preflight".to_owned(),
        |page| format!("preflight-{}", page.trim().replace(' ', "-")),
    );
    if let Some(text) = files.remove(&format!("{name}.1")) {
        return Ok(text);
    }
    let pages: Vec<&str> =
        files.keys().filter_map(|file| file.strip_prefix("preflight-")?.strip_suffix(".1")).collect();
    let asked = page.unwrap_or_default();
    Err(Stop::new(
        exit::USAGE,
        match nearest(asked, pages.iter().copied()) {
            Some(near) => format!("there is no page `{asked}`; did you mean `{near}`?"),
            None => format!("there is no page `{asked}`; there are {}", pages.join(", ")),
        },
    ))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests read and write files of the source")]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use clap::{Command, CommandFactory as _, ValueEnum as _};
    use clap_complete::{generate, shells};
    use std::{env, fs, path::PathBuf};

    /// The pages of a command and of those below it.
    fn pages(command: &Command, name: &str, made: &mut BTreeMap<String, String>) {
        let mut page = Vec::new();
        clap_mangen::Man::new(command.clone()).render(&mut page).unwrap();
        made.insert(format!("{name}.1"), String::from_utf8(page).unwrap());
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            pages(below, &format!("{name}-{}", below.get_name()), made);
        }
    }

    fn make() -> BTreeMap<String, String> {
        let mut command = Cli::command();
        let mut made = BTreeMap::new();
        for shell in Shell::value_variants() {
            let mut text = Vec::new();
            match shell {
                Shell::Bash => generate(shells::Bash, &mut command, "preflight", &mut text),
                Shell::Zsh => generate(shells::Zsh, &mut command, "preflight", &mut text),
                Shell::Fish => generate(shells::Fish, &mut command, "preflight", &mut text),
            }
            made.insert(file_of(*shell).to_owned(), String::from_utf8(text).unwrap());
        }
        command.build();
        pages(&command, "preflight", &mut made);
        made
    }

    /// `PREFLIGHT_BLESS=1 cargo test share` writes them anew.
    #[test]
    fn they_are_made_of_the_command_line() {
        let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("share");
        let made = make();
        if env::var_os("PREFLIGHT_BLESS").is_some() {
            fs::create_dir_all(&directory).unwrap();
            for old in fs::read_dir(&directory).unwrap() {
                fs::remove_file(old.unwrap().path()).unwrap();
            }
            for (name, text) in &made {
                fs::write(directory.join(name), text).unwrap();
            }
            return;
        }
        let there: BTreeMap<String, String> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
            })
            .collect();
        assert!(there == made, "share/ is stale: PREFLIGHT_BLESS=1 cargo test share");
        assert!(files() == made, "what the program carries is something else");
    }

    #[test]
    fn pages_that_are_none() {
        assert!(man(None).is_ok_and(|page| page.contains("preflight")));
        assert!(man(Some("policy lint")).is_ok() && man(Some("policy-lint")).is_ok());
        assert!(man(Some("pollicy")).is_err());
    }
}
