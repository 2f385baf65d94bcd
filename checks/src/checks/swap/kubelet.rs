//! What the kubelet's configuration says of swap.

use crate::{
    evidence::{Evidence, Unknown},
    node::Node,
};

/// What is known of the kubelet's settings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// Whether it refuses to start with swap on; its default is true where there is a file without a word of it.
    pub(super) fail_swap_on: Option<bool>,
    /// `NoSwap` or `LimitedSwap`.
    pub(super) behavior: Option<String>,
    /// What was seen.
    pub(super) evidence: Vec<Evidence>,
    /// Why nothing is known, although there is a kubelet.
    pub(super) unknown: Option<Unknown>,
}

pub(super) fn settings(node: &Node) -> Settings {
    let kubelet = node.kubelet();
    let (on, behavior) = match (kubelet.boolean("failSwapOn"), kubelet.text("memorySwap.swapBehavior")) {
        (Ok(on), Ok(behavior)) => (on, behavior),
        (Err(unknown), _) | (_, Err(unknown)) => {
            return Settings { unknown: Some(unknown), ..Settings::default() };
        }
    };
    let by_default = kubelet.files.first().filter(|_| on.is_none());
    let silent = by_default.map(|file| Evidence::new(&file.path, "has no failSwapOn, whose default is true"));
    Settings {
        fail_swap_on: on.as_ref().map(|on| on.value).or(by_default.map(|_| true)),
        behavior: behavior.as_ref().map(|b| b.value.clone()).filter(|b| !b.is_empty()),
        evidence: on.map(|on| on.seen).into_iter().chain(silent).chain(behavior.map(|b| b.seen)).collect(),
        unknown: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;

    const CONFIG: &str = "/var/lib/kubelet/config.yaml";
    const FLAGS: &str = "/var/lib/kubelet/kubeadm-flags.env";

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
