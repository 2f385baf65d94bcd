//! SELinux: its mode now and after the next boot, and whether its policy knows containers.

use super::{Known, security_modules::LSM};
use crate::{
    evidence::{Evidence, Proof, Unknown},
    node::{Node, ReadError},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where the running kernel shows the mode, while selinuxfs is mounted.
pub const ENFORCE: &str = "/sys/fs/selinux/enforce";
/// Where the mode and the policy of the next boot are chosen.
pub const CONFIG: &str = "/etc/selinux/config";

/// A mode of SELinux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SelinuxMode {
    /// What the policy does not allow is refused.
    Enforcing,
    /// It is only logged.
    Permissive,
    /// SELinux is off.
    Disabled,
}

impl SelinuxMode {
    /// The word in policies, reports and the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforcing => "enforcing",
            Self::Permissive => "permissive",
            Self::Disabled => "disabled",
        }
    }
}

/// The mode of the running kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelinuxNow {
    /// The mode.
    pub mode: SelinuxMode,
    /// What shows it.
    pub proof: Proof,
    /// Whether this kernel has SELinux on, so that the configuration decides about the next boot.
    pub in_kernel: bool,
}

/// What /etc/selinux/config says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelinuxConfig {
    /// The mode, with the line that gives it.
    pub mode: Option<(SelinuxMode, String)>,
    /// The name of the policy: `targeted`, `mls`.
    pub kind: Option<String>,
}

impl SelinuxConfig {
    /// Parses it as libselinux does (`selinux_getenforcemode` and `init_selinux_config` of src/selinux_config.c, 3.8): of the
    /// mode the first valid line counts, whatever follows the word, of the policy's name the last.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mode = |line: &str| {
            let value = line.strip_prefix("SELINUX=")?.trim_start().to_ascii_lowercase();
            [SelinuxMode::Enforcing, SelinuxMode::Permissive, SelinuxMode::Disabled]
                .into_iter()
                .find(|mode| value.starts_with(mode.as_str()))
                .map(|mode| (mode, line.trim_end().to_owned()))
        };
        let kind = |line: &str| {
            let line = line.trim();
            let (key, value) = line.split_once('=')?;
            let value = value.trim();
            // It becomes part of paths.
            let is_name = !value.is_empty() && !value.contains('/') && !value.starts_with('.');
            (key.eq_ignore_ascii_case("SELINUXTYPE") && is_name).then(|| value.to_owned())
        };
        Self { mode: text.lines().find_map(mode), kind: text.lines().rev().find_map(kind) }
    }
}

impl Node {
    /// The mode of SELinux now.
    ///
    /// # Errors
    /// When neither selinuxfs nor what the kernel lists of itself tells it.
    pub fn selinux(&self) -> &Known<SelinuxNow> {
        self.fact(|| {
            let read = self.read(ENFORCE);
            let on =
                |mode, seen| Ok(SelinuxNow { mode, proof: Proof::new(read.quote(seen)), in_kernel: true });
            match read.text().map(|text| text.trim().to_owned()).as_deref() {
                Ok("1") => on(SelinuxMode::Enforcing, "1"),
                Ok("0") => on(SelinuxMode::Permissive, "0"),
                Ok(_) => {
                    Err(Unknown::new(format!("{ENFORCE} holds neither 0 nor 1")).tried([read.evidence()]))
                }
                Err(e) if e.is_missing() => without_selinuxfs(self, e),
                Err(e) => Err(e.unknown()),
            }
        })
    }

    /// The mode of SELinux after the next boot, if the kernel command line stays as it is; where this kernel has SELinux.
    ///
    /// # Errors
    /// When the configuration or the command line can't be read, or does not tell.
    pub fn selinux_at_boot(&self) -> Known<(SelinuxMode, Vec<Evidence>)> {
        let read = self.read(CONFIG);
        let text = read.text().map_err(ReadError::unknown)?;
        let Some((mode, line)) = SelinuxConfig::parse(&text).mode else {
            return Err(Unknown::new(format!("{CONFIG} names no mode")).tried([read.evidence()]));
        };
        let seen = read.quote(line);
        // Disabled in the configuration is disabled, whatever the command line says (libselinux src/load_policy.c,
        // `selinux_init_load_policy`); otherwise the command line goes first.
        if mode == SelinuxMode::Disabled {
            return Ok((mode, vec![seen]));
        }
        let raw = self.read("/proc/cmdline");
        // The kernel ends the line (fs/proc/cmdline.c); without its end, something of it may be missing.
        if !raw.text().map_err(ReadError::unknown)?.ends_with('\n') {
            return Err(Unknown::new("the kernel command line was cut off"));
        }
        let cmdline = self.cmdline().as_ref().map_err(Clone::clone)?;
        match cmdline.values("enforcing").next() {
            Some(value) => {
                let on = value.trim_start_matches('0').starts_with(|c: char| c.is_ascii_digit());
                let mode = if on { SelinuxMode::Enforcing } else { SelinuxMode::Permissive };
                Ok((mode, vec![seen, self.cmdline_evidence(&format!("enforcing={value}"))]))
            }
            None => Ok((mode, vec![seen])),
        }
    }

    /// Whether the policy knows containers, with what shows it: booleans of the running policy, or the module `container` in
    /// the store from which it was built.
    ///
    /// # Errors
    /// When the store can't be read, or there is none: a policy may also have been built elsewhere.
    pub fn container_policy(&self) -> Known<(bool, Evidence)> {
        // container-selinux and the reference policy declare booleans of this name (container.te, gen_tunable), and
        // the kernel shows every boolean of the policy that it loaded, to everyone.
        const BOOLEANS: &str = "/sys/fs/selinux/booleans";
        const SHIPPED: &str = "/usr/share/selinux/packages/container.pp.bz2";
        let booleans = self.list(BOOLEANS).unwrap_or_default();
        if let Some(name) = booleans.iter().find(|name| name.starts_with("container_")) {
            return Ok((true, Evidence::new(BOOLEANS, name)));
        }
        if self.kind(SHIPPED).is_ok() {
            return Ok((true, Evidence::new(SHIPPED, "exists")));
        }
        let config = self.read(CONFIG);
        let kind = SelinuxConfig::parse(&config.text().map_err(ReadError::unknown)?).kind;
        let Some(kind) = kind else {
            return Err(Unknown::new(format!("{CONFIG} names no policy")).tried([config.evidence()]));
        };
        in_the_store(self, &kind)
    }
}

/// The mode where selinuxfs is not mounted. What says that SELinux is off needs a witness that can't have lost a part.
fn without_selinuxfs(node: &Node, error: &ReadError) -> Known<SelinuxNow> {
    let off = |proof, in_kernel| Ok(SelinuxNow { mode: SelinuxMode::Disabled, proof, in_kernel });
    let listed = node.security_modules().as_ref().map(|modules| (modules.has("selinux"), &modules.evidence));
    // The kernel registers selinuxfs only where SELinux is on (security/selinux/selinuxfs.c, `init_sel_fs`).
    let registered = registered(node);
    match (&listed, &registered) {
        // A list that was cut off lacks what comes last; selinuxfs is the second witness.
        (Ok((false, list)), Ok((true, types))) => {
            Err(Unknown::new(format!("{LSM} lacks selinux, and the kernel knows selinuxfs"))
                .tried([(*list).clone(), types.clone()]))
        }
        (Ok((false, list)), _) => off(Proof::new((*list).clone()), false),
        // Up to Linux 6.3 libselinux could switch SELinux off while it ran, and selinuxfs was unregistered
        // (security/selinux/hooks.c, `selinux_disable`).
        (Ok((true, list)), Ok((false, types))) => {
            off(Proof::new(error.evidence()).and((*list).clone()).and(types.clone()), true)
        }
        (Err(_), Ok((false, types))) => off(Proof::new(types.clone()), false),
        _ => {
            if let Some(seen) = without_policy(node) {
                return off(Proof::new(seen).and(error.evidence()), true);
            }
            let tried = listed.err().map(|why| why.evidence.clone()).unwrap_or_default();
            Err(Unknown::new("SELinux is in this kernel, or may be, and selinuxfs is not mounted")
                .tried(tried)
                .tried([error.evidence()])
                .needs("mount selinuxfs at /sys/fs/selinux, and securityfs at /sys/kernel/security"))
        }
    }
}

/// Whether selinuxfs is registered, by a list that is certainly whole.
fn registered(node: &Node) -> Known<(bool, Evidence)> {
    let known = node.filesystems().as_ref().map_err(Clone::clone)?;
    let has = known.has("selinuxfs");
    let whole = node.read("/proc/filesystems").text().is_ok_and(|text| text.ends_with('\n'));
    if !has && (!whole || !known.has("proc")) {
        return Err(Unknown::new("/proc/filesystems was cut off"));
    }
    Ok((has, known.evidence("selinuxfs")))
}

/// SELINUX=disabled on a kernel that can't switch SELinux off: from Linux 6.4 on libselinux loads no policy and unmounts
/// selinuxfs. Before a policy is loaded every process has the context `kernel` (security/selinux/ss/services.c,
/// `security_sid_to_context_core`), and afterwards none has.
fn without_policy(node: &Node) -> Option<Evidence> {
    let read = node.read(&node.proc_self("attr/current"));
    let context = read.text().ok()?;
    (context.trim_matches(['\0', '\n']) == "kernel").then(|| read.quote("kernel: no policy is loaded"))
}

/// Whether the store of the policy `kind` has the module `container`. Only a store that could be read shows that it lacks it.
fn in_the_store(node: &Node, kind: &str) -> Known<(bool, Evidence)> {
    let mut tried = Vec::new();
    let mut lacking = None;
    // semanage.conf(5), store-root: /var/lib/selinux by default, /etc/selinux on RHEL 7 and where /var is not part of the image.
    for root in ["/var/lib/selinux", "/etc/selinux"] {
        let store = format!("{root}/{kind}/active/modules");
        match modules_in(node, &store) {
            Ok(modules) if modules.iter().any(|module| module == "container") => {
                return Ok((true, Evidence::new(store, "container")));
            }
            // A store without a single module is none from which a policy was built.
            Ok(modules) if modules.is_empty() => tried.push(Evidence::new(store, "no module")),
            Ok(_) => lacking = lacking.or(Some(Evidence::new(store, "no module `container`"))),
            Err(e) if e.is_missing() => tried.push(e.evidence()),
            Err(e) => return Err(e.unknown()),
        }
    }
    lacking.map(|seen| (false, seen)).ok_or_else(|| {
        Unknown::new(format!(
            "no store of the policy {kind} was found, so that it may have been built elsewhere"
        ))
        .tried(tried)
    })
}

/// The modules in a store, of all priorities.
fn modules_in(node: &Node, store: &str) -> Result<Vec<String>, ReadError> {
    let mut modules = Vec::new();
    // Besides the priorities, which are numbers, there is `disabled`.
    let is_priority = |name: &&String| name.bytes().all(|b| b.is_ascii_digit());
    for priority in node.list(store)?.iter().filter(is_priority) {
        modules.extend(node.list(&format!("{store}/{priority}"))?);
    }
    Ok(modules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use SelinuxMode::{Disabled, Enforcing, Permissive};
    use proptest::prelude::*;

    const FILESYSTEMS: &str = "/proc/filesystems";
    const WITH: &str = "nodev\tproc\nnodev\tselinuxfs\n\text4\n";
    const WITHOUT: &str = "nodev\tproc\n\text4\n";

    fn on() -> Memory {
        Memory::new().file(LSM, "lockdown,capability,selinux,bpf").file(FILESYSTEMS, WITH)
    }

    fn mode(memory: Memory) -> Option<SelinuxMode> {
        Node::in_memory(memory).selinux().as_ref().ok().map(|now| now.mode)
    }

    #[test]
    fn the_file_as_libselinux_reads_it() {
        let mode = |text: &str| SelinuxConfig::parse(text).mode.map(|(mode, _)| mode);
        let kind = |text: &str| SelinuxConfig::parse(text).kind;
        for (text, want) in [
            ("# SELINUX= can take\nSELINUX=enforcing\nSELINUXTYPE=targeted\n", Some(Enforcing)),
            ("SELINUX=Permissive # for now\n", Some(Permissive)),
            ("SELINUX=\tdisabled\nSELINUX=enforcing\n", Some(Disabled)),
            ("SELINUX=on\nSELINUX=enforcing\n", Some(Enforcing)),
            (" SELINUX=enforcing\n", None),
            ("SELINUX=enf", None),
            ("", None),
        ] {
            assert_eq!(mode(text), want, "{text}");
        }
        assert_eq!(kind("SELINUXTYPE=targeted\n selinuxtype= mls \n").as_deref(), Some("mls"));
        for text in ["#SELINUXTYPE=x\n", "SELINUXTYPE=\n", "SELINUXTYPE=../../x\n", "SELINUX=enforcing\n"] {
            assert_eq!(kind(text), None, "{text}");
        }
    }

    #[test]
    fn the_mode_that_selinuxfs_shows_needs_no_other_witness() {
        assert_eq!(mode(on().file(ENFORCE, "1")), Some(Enforcing));
        assert_eq!(mode(Memory::new().file(ENFORCE, "1").file(FILESYSTEMS, WITH)), Some(Enforcing));
        assert_eq!(mode(Memory::new().file(ENFORCE, "0")), Some(Permissive));
        for text in ["", "2", "banana"] {
            assert_eq!(mode(on().file(ENFORCE, text)), None, "{text}");
        }
        assert_eq!(mode(on().error(ENFORCE, ReadErrorKind::Denied("EACCES"))), None);
    }

    #[test]
    fn off_needs_a_whole_list() {
        let lacks = Memory::new().file(LSM, "capability,apparmor");
        assert_eq!(mode(lacks.clone()), Some(Disabled));
        assert_eq!(mode(lacks.file(FILESYSTEMS, WITH)), None, "a list that was cut off");
        let types = |text: &str| mode(Memory::new().file(FILESYSTEMS, text));
        assert_eq!(types(WITHOUT), Some(Disabled), "securityfs is not mounted");
        for text in ["", "nodev\tproc\nnodev\tselin", "\text4\n", WITH] {
            assert_eq!(types(text), None, "{text}");
        }
        assert_eq!(mode(on()), None, "selinuxfs is not mounted");
    }

    #[test]
    fn switched_off_while_it_runs() {
        // RHEL 8 with SELINUX=disabled: the list is as at boot, and selinuxfs is gone.
        let rhel8 = on().file(FILESYSTEMS, WITHOUT);
        assert_eq!(mode(rhel8), Some(Disabled));
        // Linux 6.4 and later: no policy, and selinuxfs is not mounted.
        let current = "/proc/self/attr/current";
        assert_eq!(mode(on().file(current, "kernel\0")), Some(Disabled));
        for text in
            ["", "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023\0", "system_u:system_r:kernel_t:s0"]
        {
            assert_eq!(mode(on().file(current, text)), None, "{text}");
        }
    }

    #[test]
    fn the_next_boot() {
        let at_boot = |config: &str, cmdline: &str| {
            let node = Node::in_memory(Memory::new().file(CONFIG, config).file("/proc/cmdline", cmdline));
            node.selinux_at_boot().ok().map(|(mode, _)| mode)
        };
        assert_eq!(at_boot("SELINUX=enforcing\n", "ro quiet\n"), Some(Enforcing));
        assert_eq!(at_boot("SELINUX=enforcing\n", "ro enforcing=0\n"), Some(Permissive));
        assert_eq!(at_boot("SELINUX=permissive\n", "enforcing=1 ro\n"), Some(Enforcing));
        assert_eq!(at_boot("SELINUX=disabled\n", "enforcing=1\n"), Some(Disabled));
        assert_eq!(at_boot("SELINUX=enforcing\n", "ro qui"), None, "cut off");
        assert_eq!(at_boot("SELINUX=\n", "ro\n"), None);
        assert!(Node::in_memory(Memory::new()).selinux_at_boot().is_err());
        let blind = Memory::new().file(CONFIG, "SELINUX=enforcing\n");
        assert!(Node::in_memory(blind).selinux_at_boot().is_err(), "no command line");
    }

    #[test]
    fn the_policy_for_containers() {
        let config = || Memory::new().file(CONFIG, "SELINUX=enforcing\nSELINUXTYPE=targeted\n");
        let has = |memory: Memory| Node::in_memory(memory).container_policy().ok().map(|(has, _)| has);
        let store = "/var/lib/selinux/targeted/active";
        let base = || config().file(&format!("{store}/modules/100/base/cil"), "");
        assert_eq!(has(base()), Some(false));
        assert_eq!(has(base().file(&format!("{store}/modules/200/container/cil"), "")), Some(true));
        assert_eq!(
            has(config().file("/etc/selinux/targeted/active/modules/100/container/cil", "")),
            Some(true)
        );
        assert_eq!(has(config().file("/sys/fs/selinux/booleans/container_connect_any", "")), Some(true));
        assert_eq!(has(config().file("/usr/share/selinux/packages/container.pp.bz2", "")), Some(true));
        // What can't be read, is not there or is empty shows nothing.
        let denied = ReadErrorKind::Denied("EACCES");
        assert_eq!(has(config()), None, "no store");
        assert_eq!(has(base().error(&format!("{store}/modules"), denied.clone())), None);
        assert_eq!(has(base().error(&format!("{store}/modules/100"), denied)), None);
        assert_eq!(has(config().file(&format!("{store}/modules/disabled/x"), "")), None, "no module");
        assert_eq!(has(base().file(CONFIG, "SELINUX=enforcing\n")), None, "which policy?");
        assert_eq!(has(base().without(CONFIG)), None, "which policy?");
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = SelinuxConfig::parse(&text);
            let _ = SelinuxConfig::parse(&format!("SELINUX={text}"));
        }
    }
}
