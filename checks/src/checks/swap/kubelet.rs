//! What the kubelet's own file says of swap. Only plain lines are read: what is written in another way counts as not
//! known.

use crate::{evidence::Evidence, node::Node};

/// The kubelet's file as kubeadm writes it.
const CONFIG: &str = "/var/lib/kubelet/config.yaml";

/// What is known of the kubelet's settings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// Whether it refuses to start with swap on; its default is true where there is a file without a word of it.
    pub(super) fail_swap_on: Option<bool>,
    /// `NoSwap` or `LimitedSwap`.
    pub(super) behavior: Option<String>,
    /// What was seen.
    pub(super) evidence: Vec<Evidence>,
}

pub(super) fn settings(node: &Node) -> Settings {
    let read = node.read(CONFIG);
    let Ok(text) = read.text() else { return Settings::default() };
    if !text.lines().any(|line| line.trim() == "kind: KubeletConfiguration") {
        return Settings::default();
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
        Some(_) => None,
    };
    let behavior = line("swapBehavior:");
    let seen = on.map_or("has no failSwapOn, whose default is true", str::trim);
    let evidence = [Some(seen), behavior.map(str::trim)].into_iter().flatten();
    Settings {
        fail_swap_on,
        behavior: behavior.map(value).filter(|b| !b.is_empty()),
        evidence: evidence.map(|part| read.quote(part)).collect(),
    }
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
        assert_eq!(of(&format!("{head}failSwapOn: *anchor\n")).fail_swap_on, None);
        assert_eq!(of("failSwapOn: false\n"), Settings::default(), "no file of the kubelet");
        assert_eq!(settings(&Node::in_memory(Memory::new())), Settings::default());
    }
}
