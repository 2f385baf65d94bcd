//! A parameter that does not exist: by which module it would come, or why it can't be told.

use super::{judge, params::SysctlSetting};
use crate::{
    checks::kernel_modules::remedy,
    evidence::{Evidence, Unknown},
    facts::{
        environment,
        kernel_config::Setting,
        modules::ModuleState,
        sysctl::{Key, Network},
    },
    finding::{Finding, Remedy},
    node::{Node, Origin, ReadError},
};

/// Which module brings the parameters below a name (net/bridge/br_netfilter_hooks.c, net/netfilter/nf_conntrack_standalone.c,
/// net/netfilter/ipvs/ip_vs_ctl.c, net/sctp/sysctl.c).
const MODULES: [(&[&str], &str); 4] = [
    (&["net", "bridge"], "br_netfilter"),
    (&["net", "netfilter", "nf_conntrack"], "nf_conntrack"),
    (&["net", "ipv4", "vs"], "ip_vs"),
    (&["net", "sctp"], "sctp"),
];

fn module_of<'a>(setting: &'a SysctlSetting, key: &Key) -> Option<&'a str> {
    let fits = |prefix: &[&str]| {
        let mut pairs = prefix.iter().zip(key.parts());
        key.parts().len() >= prefix.len() && pairs.all(|(prefix, part)| part.starts_with(prefix))
    };
    let known = MODULES.iter().find(|(prefix, _)| fits(prefix)).map(|(_, module)| *module);
    setting.module.as_deref().or(known)
}

pub(super) fn judge(setting: &SysctlSetting, key: &Key, error: &ReadError, node: &Node) -> Finding {
    if let Some(unknown) = not_certain(setting, key, error, node) {
        return judge::unknown(setting, key, &unknown);
    }
    if setting.may_be_absent {
        let message = format!("there is no {key}, so that nothing is there which it would guard");
        return Finding::pass(key.to_string(), "absent", message, error.evidence());
    }
    if key.parts().starts_with(&["net".to_owned(), "ipv6".to_owned()]) {
        return ipv6(setting, key, error, node);
    }
    if let Some(module) = module_of(setting, key) {
        return by_module(setting, key, module, error, node);
    }
    let message = format!("there is no {key} in this kernel, and it has to be {}", setting.wanted());
    Finding::problem(setting.severity, key.to_string(), "missing", message)
        .evidence([error.evidence()])
        .notes(setting.why.clone())
        .remedy(node.on_the_host(Remedy::new(format!("Boot a kernel that has {key}")).reboot()))
}

/// That a file is not there proves something only where all of /proc/sys is to be seen.
fn not_certain(setting: &SysctlSetting, key: &Key, error: &ReadError, node: &Node) -> Option<Unknown> {
    let tried = |why: String| Unknown::new(why).tried([error.evidence()]);
    if node.origin() == Origin::Root {
        // Whether its module is loaded is told by another file.
        let Some(module) = module_of(setting, key) else {
            return Some(tried(format!(
                "{} is not in this tree, which may not hold all of /proc/sys",
                key.path()
            )));
        };
        return match node.module(module) {
            ModuleState::Loadable(..) | ModuleState::Missing(_) | ModuleState::Blocked(..) => None,
            ModuleState::Unknown(unknown) => Some(unknown.tried([error.evidence()])),
            ModuleState::Loaded(_) | ModuleState::BuiltIn(_) => {
                Some(tried(format!("{} is not in this tree, though {module} is there", key.path())))
            }
        };
    }
    let top = key.parts().first().map(|top| format!("/proc/sys/{top}")).unwrap_or_default();
    if let Err(e) = node.kind(&top) {
        return Some(tried(format!("{top} is not to be seen here")).tried([e.evidence()]));
    }
    // Many parameters of the network are those of the first network namespace only.
    let inside = top == "/proc/sys/net"
        && (node.environment().kind == environment::Kind::Container
            || matches!(node.network_of_parameters(), Network::Namespace(_)));
    inside.then(|| {
        let why = format!("{key} may be there on the host, and hidden from this container");
        tried(why).needs("run on the machine itself, or in its network namespace")
    })
}

/// Why there is nothing of IPv6: its directory is missing as a whole where it was switched off when the kernel started, or
/// was not built.
fn ipv6(setting: &SysctlSetting, key: &Key, error: &ReadError, node: &Node) -> Finding {
    let problem = |why: &str, seen: Option<Evidence>| {
        let message = format!("there is no {key}: {why}");
        Finding::problem(setting.severity, key.to_string(), "missing", message)
            .evidence(std::iter::once(error.evidence()).chain(seen))
            .notes(setting.why.clone())
    };
    if let Ok(cmdline) = node.cmdline()
        && cmdline.words().iter().any(|word| word == "ipv6.disable=1")
    {
        let seen = node.cmdline_evidence("ipv6.disable=1");
        let remedy =
            Remedy::new("Take ipv6.disable=1 out of the kernel's command line, if IPv6 is wanted").reboot();
        return problem("IPv6 is switched off on the kernel's command line", Some(seen))
            .remedy(node.on_the_host(remedy))
            .follows("ipv6-disabled");
    }
    let config = node.kernel_config().as_ref().ok().filter(|c| c.get("CONFIG_IPV6") == Setting::NotSet);
    if let Some(config) = config {
        return problem("this kernel was built without IPv6", Some(config.evidence("CONFIG_IPV6")))
            .follows("CONFIG_IPV6");
    }
    match node.kind("/proc/sys/net/ipv6") {
        Err(e) if e.is_missing() => {
            problem("nothing of IPv6 is in this kernel", Some(e.evidence())).follows("ipv6-disabled")
        }
        _ => problem("this kernel's IPv6 has no such parameter", None),
    }
}

fn by_module(setting: &SysctlSetting, key: &Key, module: &str, error: &ReadError, node: &Node) -> Finding {
    let (state, seen): (&str, Vec<Evidence>) = match node.module(module) {
        ModuleState::Loadable(path, _) => ("can be loaded", vec![Evidence::new(path, "exists")]),
        ModuleState::Blocked(why, _) => {
            return follows(setting, key, module, &format!("will not be loaded: {why}"), error);
        }
        ModuleState::Missing(_) => return follows(setting, key, module, "can't be had on this node", error),
        ModuleState::Loaded(_) | ModuleState::BuiltIn(_) => {
            let unknown = Unknown::new(format!("{} does not exist, though {module} is there", key.path()));
            return judge::unknown(setting, key, &unknown.tried([error.evidence()]));
        }
        ModuleState::Unknown(_) => ("may be loadable", Vec::new()),
    };
    let message = format!("there is no {key} as long as the module {module} is not loaded, which {state}");
    let load = remedy::load(module);
    let mut how = judge::set(setting, key, node);
    how.summary = format!("Load {module}, which brings it, and then set it.");
    how.commands.splice(0..0, load.commands);
    how.persistent.splice(0..0, load.persistent);
    Finding::problem(setting.severity, key.to_string(), "missing", message)
        .evidence(std::iter::once(error.evidence()).chain(seen))
        .notes(setting.why.clone())
        .remedy(node.on_the_host(how))
        .follows(format!("module:{module}"))
}

fn follows(setting: &SysctlSetting, key: &Key, module: &str, why: &str, error: &ReadError) -> Finding {
    let message = format!("there is no {key}: it comes with the module {module}, which {why}");
    Finding::problem(setting.severity, key.to_string(), "missing", message)
        .evidence([error.evidence()])
        .notes(setting.why.clone())
        .remedy(Remedy::new(format!("Make {module} available; see the check kernel-modules")))
        .follows(format!("module:{module}"))
}
