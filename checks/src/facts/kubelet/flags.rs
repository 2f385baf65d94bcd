//! The kubelet's flags, as pflag reads them.

use crate::{
    evidence::Evidence,
    facts::systemd_unit::{Word, words},
};

/// One flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its name, without dashes in front, with `_` as `-` (component-base, WordSepNormalizeFunc).
    pub name: String,
    /// Its value; `true` for one that stands alone.
    pub value: String,
    /// The file and line of the variable or command that has it.
    pub place: String,
}

impl Flag {
    /// What was seen.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        Evidence::new(&self.place, format!("--{}={}", self.name, self.value))
    }
}

/// Flags that take no next word as their value: booleans (pflag, NoOptDefVal). Of those that are not here the next word is
/// the value, unless it begins with a dash.
const BOOLEAN: [&str; 27] = [
    "address-is-ipv6",
    "allow-privileged",
    "anonymous-auth",
    "authentication-token-webhook",
    "cgroups-per-qos",
    "contention-profiling",
    "cpu-cfs-quota",
    "enable-controller-attach-detach",
    "enable-debugging-handlers",
    "enable-server",
    "exit-on-lock-contention",
    "fail-cgroupv1",
    "fail-swap-on",
    "hairpin",
    "kernel-memcg-notification",
    "keep-terminated-pod-volumes",
    "local-storage-capacity-isolation",
    "logtostderr",
    "make-iptables-util-chains",
    "protect-kernel-defaults",
    "register-node",
    "register-schedulable",
    "rotate-certificates",
    "rotate-server-certificates",
    "runonce",
    "seccomp-default",
    "serialize-image-pulls",
];

/// The flags among the arguments.
pub(super) fn of(arguments: &[Word]) -> Vec<Flag> {
    let mut found = Vec::new();
    let mut rest = arguments.iter().peekable();
    while let Some(word) = rest.next() {
        // Everything behind `--` is no flag.
        if word.text == "--" {
            break;
        }
        let Some(flag) = word.text.strip_prefix("--") else {
            // `-v=2`, `-v 2`: of no interest; a value of an unknown flag: passed over.
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        let name = name.replace('_', "-");
        let alone = BOOLEAN.contains(&name.as_str());
        let value = value.or_else(|| {
            let next = rest.next_if(|next| !alone && !next.text.starts_with('-'));
            next.map(|next| next.text.clone())
        });
        found.push(Flag {
            name,
            value: value.unwrap_or_else(|| "true".to_owned()),
            place: word.place.clone(),
        });
    }
    found
}

/// The flags in a file of variables, whichever variable has them.
pub(super) fn of_file(path: &str, text: &str) -> Vec<Flag> {
    let mut all = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let Some((_, value)) =
            line.split_once('=').filter(|(name, _)| !name.trim_start().starts_with(['#', ';']))
        else {
            continue;
        };
        let value = words(value).unwrap_or_else(|| vec![value.to_owned()]).join(" ");
        let place = format!("{path}:{}", i + 1);
        all.extend(
            value.split_ascii_whitespace().map(|word| Word { text: word.to_owned(), place: place.clone() }),
        );
    }
    of(&all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn flags_of_all_spellings() {
        let arguments = "--a=1 --b 2 --c --d_e=x=y --fail-swap-on f -v=2 --last -- --not";
        let arguments: Vec<Word> =
            arguments.split(' ').map(|w| Word { text: w.into(), place: "/f:1".into() }).collect();
        let found: Vec<_> = of(&arguments).into_iter().map(|f| format!("{}:{}", f.name, f.value)).collect();
        assert_eq!(found, ["a:1", "b:2", "c:true", "d-e:x=y", "fail-swap-on:true", "last:true"]);
        let file = "# X=--no\nKUBELET_KUBEADM_ARGS=\"--fail-swap-on=false -v=2\"\n";
        let found = of_file("/f", file);
        assert_eq!((found.len(), found[0].value.as_str(), found[0].place.as_str()), (1, "false", "/f:2"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "([a-z=\"' _-]|--|\n){0,60}") {
            for (at, _) in text.char_indices() {
                let _ = of_file("/f", &text[..at]);
            }
        }
    }
}
