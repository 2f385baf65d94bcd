//! What the kubelet's configuration says of swap. Only plain lines are taken; everything else is not known.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadError},
};

/// Where kubeadm puts it.
pub const CONFIG: &str = "/var/lib/kubelet/config.yaml";
/// Where kubeadm puts what it gives the kubelet on its command line, which goes before the file.
const FLAGS: &str = "/var/lib/kubelet/kubeadm-flags.env";

/// What the kubelet does about swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeletSwap {
    /// Whether it refuses to start while swap is on: true where nothing is said (kubelet.config.k8s.io/v1beta1).
    pub fail_swap_on: bool,
    /// `memorySwap.swapBehavior`.
    pub behavior: Option<String>,
    /// What showed it.
    pub evidence: Vec<Evidence>,
}

/// The two settings in a file of the kind that kubeadm writes: one `key: value` a line.
fn parse(text: &str) -> Option<(Option<bool>, Option<String>)> {
    let whole =
        text.ends_with('\n') && text.lines().any(|l| plain(l, "kind") == Some("KubeletConfiguration"));
    if !whole || text.contains('\t') || text.contains('\0') {
        return None;
    }
    let fail = match text.lines().find_map(|l| plain(l, "failSwapOn")) {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return None,
    };
    let mut within = false;
    let mut behavior = None;
    for line in text.lines() {
        if let Some(value) = plain(line, "memorySwap") {
            if !value.is_empty() && value != "{}" {
                return None;
            }
            within = true;
        } else if !line.starts_with(' ') && !line.trim().is_empty() && !line.starts_with('#') {
            within = false;
        } else if within && let Some(value) = plain(line.trim_start(), "swapBehavior") {
            behavior = Some(value.to_owned()).filter(|v| !v.is_empty());
        }
    }
    Some((fail, behavior))
}

/// The value of `key` where the line begins with it; quotes and a comment are taken off.
fn plain<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let value = line.strip_prefix(key)?.strip_prefix(':')?;
    let value = value.split(" #").next().unwrap_or(value).trim();
    Some(value.trim_matches(['"', '\'']))
}

impl Node {
    /// What the kubelet's configuration says of swap; `None` where there is none yet.
    ///
    /// # Errors
    /// When it can't be read, or is not written plainly.
    pub fn kubelet_swap(&self) -> Known<Option<KubeletSwap>> {
        let read = self.read(CONFIG);
        if read.is_missing() {
            return Ok(None);
        }
        let text = read.text().map_err(ReadError::unknown)?;
        let Some((fail, behavior)) = parse(&text) else {
            let why = format!("{CONFIG} is not written so plainly that preflight could read it");
            return Err(Unknown::new(why).tried([read.evidence()]));
        };
        let said = |key: &str, value: Option<String>| match value {
            Some(value) => format!("{key}: {value}"),
            None => format!("{key} is not set"),
        };
        let seen = [said("failSwapOn", fail.map(|f| f.to_string())), said("swapBehavior", behavior.clone())];
        let mut evidence = vec![read.quote(seen.join(", "))];
        let flags = self.read(FLAGS);
        let flag = flags.text().ok().and_then(|text| {
            let words = text.split([' ', '"', '\n', '=']).collect::<Vec<_>>();
            let at = words.iter().position(|w| *w == "--fail-swap-on")?;
            Some(words.get(at + 1).copied() != Some("false"))
        });
        evidence.extend(flag.map(|f| flags.quote(format!("--fail-swap-on={f}"))));
        Ok(Some(KubeletSwap { fail_swap_on: flag.or(fail).unwrap_or(true), behavior, evidence }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use proptest::prelude::*;

    /// As kubeadm writes it, shortened.
    const KUBEADM: &str = "\
apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
cgroupDriver: systemd
failSwapOn: false
kind: KubeletConfiguration
memorySwap:
  swapBehavior: LimitedSwap
rotateCertificates: true
";

    #[test]
    fn plain_files() {
        assert_eq!(parse(KUBEADM), Some((Some(false), Some("LimitedSwap".into()))));
        let unset = KUBEADM.replace("failSwapOn: false\n", "").replace("  swapBehavior: LimitedSwap\n", "");
        assert_eq!(parse(&unset), Some((None, None)));
        assert_eq!(parse(&KUBEADM.replace(": false\nkind", ": \"true\"\nkind")).unwrap().0, Some(true));
        assert_eq!(parse(&KUBEADM.replace("memorySwap:\n", "memorySwap: {}\nother:\n")).unwrap().1, None);
    }

    #[test]
    fn what_is_not_plain_is_not_known() {
        for text in [
            "",
            KUBEADM.trim_end(),
            &KUBEADM[..60],
            &KUBEADM.replace("memorySwap:\n", "memorySwap: {swapBehavior: NoSwap}\n"),
            &KUBEADM.replace("failSwapOn: false", "failSwapOn: perhaps"),
            "{\"kind\": \"KubeletConfiguration\"}\n",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_command_line_goes_before_the_file() {
        let refuses = KUBEADM.replace("failSwapOn: false\n", "");
        let memory = Memory::new().file(CONFIG, &refuses);
        let fails =
            |memory: &Memory| Node::in_memory(memory.clone()).kubelet_swap().unwrap().unwrap().fail_swap_on;
        assert!(fails(&memory));
        assert!(!fails(&memory.file(FLAGS, "KUBELET_KUBEADM_ARGS=\"--fail-swap-on=false --v=2\"\n")));
        assert_eq!(Node::in_memory(Memory::new()).kubelet_swap(), Ok(None));
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,120}") {
            let _ = parse(&format!("kind: KubeletConfiguration\n{text}\n"));
        }
    }
}
