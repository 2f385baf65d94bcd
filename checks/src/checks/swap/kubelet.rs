//! What the kubelet's own file says of swap. Only plain lines are read: what is written in another way counts as not
//! known.

use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadError},
};

/// The kubelet's file as kubeadm writes it.
const CONFIG: &str = "/var/lib/kubelet/config.yaml";
/// What kubeadm gives the kubelet on its command line, which goes before the file.
const FLAGS: &str = "/var/lib/kubelet/kubeadm-flags.env";

/// What is known of the kubelet's settings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// Whether it refuses to start with swap on; its default is true where there is a file without a word of it.
    pub(super) fail_swap_on: Option<bool>,
    /// `NoSwap` or `LimitedSwap`.
    pub(super) behavior: Option<String>,
    /// What was seen.
    pub(super) evidence: Vec<Evidence>,
    /// Why nothing is known, although there is a file.
    pub(super) unknown: Option<Unknown>,
}

pub(super) fn settings(node: &Node) -> Settings {
    let read = node.read(CONFIG);
    let unknown = |unknown| Settings { unknown: Some(unknown), ..Settings::default() };
    let text = match read.text() {
        Ok(text) => text,
        Err(e) if e.is_missing() => return Settings::default(),
        Err(e) => return unknown(ReadError::unknown(e)),
    };
    let strange = || {
        let why = Unknown::new(format!("{CONFIG} is not written so plainly that it could be read"));
        unknown(why.tried([read.evidence()]))
    };
    let is_kind = |line: &str| line.trim() == "kind: KubeletConfiguration";
    if !text.ends_with('\n') || !text.lines().any(is_kind) {
        return strange();
    }
    let line = |key: &str| text.lines().find(|line| line.trim_start().starts_with(key));
    let value = |line: &str| {
        let value = line.split_once(':').map_or("", |(_, value)| value);
        value.split('#').next().unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()
    };
    let on = line("failSwapOn:");
    let fail_swap_on = match on.map(value).as_deref() {
        None | Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return strange(),
    };
    let flag = flag(node);
    let fail_swap_on = flag.as_ref().map(|(on, _)| *on).or(fail_swap_on);
    let behavior = line("swapBehavior:");
    let seen = on.map_or("has no failSwapOn, whose default is true", str::trim);
    let evidence = [Some(seen), behavior.map(str::trim)].into_iter().flatten();
    Settings {
        fail_swap_on,
        behavior: behavior.map(value).filter(|b| !b.is_empty()),
        evidence: evidence.map(|part| read.quote(part)).chain(flag.map(|(_, seen)| seen)).collect(),
        unknown: None,
    }
}

/// `--fail-swap-on` among the flags.
fn flag(node: &Node) -> Option<(bool, Evidence)> {
    let read = node.read(FLAGS);
    let text = read.text().ok()?;
    let flag = text.split([' ', '"', '\n']).find(|word| word.starts_with("--fail-swap-on"))?;
    Some((flag != "--fail-swap-on=false", read.quote(flag)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;

    #[test]
    fn lines_of_the_file() {
        let of = |text: &str| settings(&Node::in_memory(Memory::new().file(CONFIG, text)));
        let head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
        assert_eq!(of(head).fail_swap_on, Some(true));
        let limited = format!("{head}failSwapOn: false # x\nmemorySwap:\n  swapBehavior: \"LimitedSwap\"\n");
        let found = of(&limited);
        assert_eq!((found.fail_swap_on, found.behavior.as_deref()), (Some(false), Some("LimitedSwap")));
        assert_eq!(found.evidence.len(), 2);
        for text in ["failSwapOn: false\n", "", &limited[..60], &format!("{head}failSwapOn: *anchor\n")] {
            let found = of(text);
            assert_eq!(found.fail_swap_on, None, "{text}");
            assert!(found.unknown.is_some(), "{text}");
        }
        let flags = Memory::new()
            .file(CONFIG, head)
            .file(FLAGS, "KUBELET_KUBEADM_ARGS=\"--fail-swap-on=false -v=2\"\n");
        assert_eq!(settings(&Node::in_memory(flags)).fail_swap_on, Some(false));
        assert_eq!(settings(&Node::in_memory(Memory::new())), Settings::default());
    }
}
