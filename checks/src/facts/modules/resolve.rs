//! The order in which a module is looked for: what the running kernel shows of it, then its indexes, then other
//! names, then the configuration; and what it means when it is found nowhere.

use super::{INDEX_LIMIT, ModuleState, Place, index};
use crate::{
    evidence::{Evidence, Proof, Unknown},
    facts::{environment, kernel_config::Setting, module_options::options_of},
    node::{Node, Origin, ReadError, ReadErrorKind},
};

const PROC_MODULES: &str = "/proc/modules";
const MODULES_DISABLED: &str = "/proc/sys/kernel/modules_disabled";

/// Whether the running kernel has the machinery of modules (`CONFIG_MODULES`).
enum Support {
    Yes,
    No(Evidence),
    Unknown,
}

/// The state of `name`, which is folded.
pub(super) fn resolve(node: &Node, name: &str) -> ModuleState {
    by_own_name(node, name)
        .or_else(|| by_other_name(node, name))
        .or_else(|| by_configuration(node, name))
        .or_else(|| by_file_system(node, name))
        .unwrap_or_else(|| nowhere(node, name))
}

fn by_own_name(node: &Node, name: &str) -> Option<ModuleState> {
    loaded(node, name).or_else(|| indexed(node, name)).or_else(|| in_sysfs(node, name))
}

/// /proc/modules names what is loaded. It exists exactly if the kernel was built with `CONFIG_MODULES`
/// (kernel/module/Makefile: procfs.o).
fn loaded(node: &Node, name: &str) -> Option<ModuleState> {
    let read = node.read(PROC_MODULES);
    match read.text() {
        Ok(text) => {
            let line = index::loaded(&text, name)?;
            Some(ModuleState::Loaded(read.quote(line).into()))
        }
        Err(e) if e.is_missing() => None,
        Err(_) => in_sysfs(node, name).filter(|state| matches!(state, ModuleState::Loaded(_))),
    }
}

/// /sys/module/NAME is there for a loaded module, and for a built-in one that has parameters or a version
/// (Documentation/ABI/stable/sysfs-module); only the loaded one has `initstate`.
fn in_sysfs(node: &Node, name: &str) -> Option<ModuleState> {
    let directory = format!("/sys/module/{name}");
    node.kind(&directory).ok()?;
    let initstate = format!("{directory}/initstate");
    match node.read(&initstate).text() {
        Ok(state) if state.trim() == "live" => {
            Some(ModuleState::Loaded(Evidence::new(initstate, "live").into()))
        }
        Err(e) if e.is_missing() => {
            let what = "is there, without initstate: built in";
            Some(ModuleState::BuiltIn(Evidence::new(directory, what).into()))
        }
        _ => None,
    }
}

fn indexed(node: &Node, name: &str) -> Option<ModuleState> {
    let Ok(Place::At(directory)) = node.module_place() else { return None };
    let modules = node.modules();
    if let Ok(builtin) = node.module_index(&modules.builtin, directory, "modules.builtin")
        && let Some(line) = builtin.find(name)
    {
        let evidence = Evidence::new(format!("{directory}/modules.builtin"), line);
        return Some(ModuleState::BuiltIn(evidence.into()));
    }
    if let Support::No(_) = support(node) {
        return None;
    }
    let line = node.module_index(&modules.dep, directory, "modules.dep").as_ref().ok()?.find(name)?;
    Some(on_disk(node, directory, line, name))
}

/// A module that modules.dep knows: its files have to exist, and nothing may forbid to load them.
fn on_disk(node: &Node, directory: &str, line: &str, name: &str) -> ModuleState {
    let mut proof = Proof::new(Evidence::new(format!("{directory}/modules.dep"), line));
    let mut path = String::new();
    for (nth, file) in index::files(line).enumerate() {
        let needed = index::module_of(file).unwrap_or(file);
        if nth > 0 && loaded(node, &index::fold(needed)).is_some() {
            continue;
        }
        // depmod writes paths below the release's directory; others begin with a slash (modules.dep(5)).
        let file = if file.starts_with('/') { file.to_owned() } else { format!("{directory}/{file}") };
        match node.module_file(&file) {
            Ok(()) => {}
            Err(e) if e.is_missing() => return ModuleState::Missing(proof.and(e.evidence())),
            Err(e) => return ModuleState::Unknown(e.unknown()),
        }
        match forbidden(node, needed) {
            Ok(None) => {}
            Ok(Some((why, evidence))) => {
                let why = if nth == 0 { why } else { format!("it needs {needed}, and {why}") };
                return ModuleState::Blocked(why, proof.and(evidence));
            }
            Err(unknown) => return ModuleState::Unknown(unknown),
        }
        if nth == 0 {
            path = file;
        }
    }
    proof = proof.and(Evidence::new(&path, "exists"));
    if let Some(soft) = softdep(node, directory, name) {
        proof = proof.and(soft);
    }
    ModuleState::Loadable(path, proof)
}

fn softdep(node: &Node, directory: &str, name: &str) -> Option<Evidence> {
    let read = node.read(&format!("{directory}/modules.softdep"));
    let text = read.text().ok()?;
    index::softdep(&text, name).map(|line| read.quote(line))
}

/// What keeps `name` from being loaded, if anything does. Each source has to be readable: what can't be read
/// may forbid it.
fn forbidden(node: &Node, name: &str) -> Result<Option<(String, Evidence)>, Unknown> {
    let read = node.read(MODULES_DISABLED);
    if read.text().map_err(ReadError::unknown)?.trim() != "0" {
        let why = "kernel.modules_disabled is set, which only a reboot takes back".to_owned();
        return Ok(Some((why, read.evidence())));
    }
    // The kernel itself refuses what `module_blacklist=` names (kernel/module/main.c, `blacklisted`).
    let cmdline = node.cmdline().as_ref().map_err(Clone::clone)?;
    let listed = cmdline.values("module_blacklist").find(|v| v.split(',').any(|m| index::same(m, name)));
    if let Some(listed) = listed {
        let word = format!("module_blacklist={listed}");
        return Ok(Some((format!("the kernel was booted with {word}"), node.cmdline_evidence(&word))));
    }
    let rules = node.module_rules();
    if let Some(line) = rules.forbids(name) {
        let why = format!("{} replaces loading {name} by a command that does nothing", line.source);
        return Ok(Some((why, line.clone())));
    }
    match rules.unread.first() {
        Some(e) => Err(e.unknown()),
        None => Ok(None),
    }
}

/// The modules that answer to an alias: those the administrator named, those of the kernel's own indexes. Of
/// several the first that is anywhere counts; modprobe loads them all.
fn by_other_name(node: &Node, name: &str) -> Option<ModuleState> {
    let mut named: Vec<(String, Evidence)> =
        node.module_rules().aliases(name).map(|(module, line)| (module.to_owned(), line.clone())).collect();
    if let Ok(Place::At(directory)) = node.module_place() {
        let mut collect = |file: &str, of: for<'a> fn(&'a str, &'a str) -> Vec<&'a str>| {
            let path = format!("{directory}/{file}");
            // Read only for names found nowhere else, and too large to keep.
            let bytes = match node.read_once(&path, INDEX_LIMIT) {
                Ok(bytes) => bytes,
                Err(e) => {
                    if !e.is_missing() {
                        node.modules().unread_alias.get_or_init(|| e);
                    }
                    return;
                }
            };
            let text = String::from_utf8_lossy(&bytes);
            let found = of(&text, name).into_iter();
            named.extend(
                found.map(|m| (m.to_owned(), Evidence::new(&path, format!("{name} stands for {m}")))),
            );
        };
        collect("modules.alias", |text, name| index::aliases(text, name).collect());
        collect("modules.builtin.modinfo", |text, name| index::builtin_aliases(text, name).collect());
    }
    let mut missing = None;
    for (module, step) in named {
        match by_own_name(node, &index::fold(&module)) {
            Some(ModuleState::Missing(proof)) => missing = Some(ModuleState::Missing(proof).led_by(step)),
            Some(state) => return Some(state.led_by(step)),
            None => {}
        }
    }
    missing
}

/// `=y` in the configuration of the running kernel.
fn by_configuration(node: &Node, name: &str) -> Option<ModuleState> {
    let config = node.kernel_config().as_ref().ok()?;
    let option = options_of(name).find(|option| config.get(option) != Setting::Absent)?;
    (config.get(option) == Setting::BuiltIn).then(|| ModuleState::BuiltIn(config.evidence(option).into()))
}

/// A file system that the kernel knows and that is no loaded module is part of it. The module of a file system
/// bears its name, or has the alias `fs-NAME` (fs/filesystems.c, `get_fs_type`).
fn by_file_system(node: &Node, name: &str) -> Option<ModuleState> {
    let filesystem = name.strip_prefix("fs_").unwrap_or(name);
    let known = node.filesystems().as_ref().ok()?;
    known.has(filesystem).then(|| ModuleState::BuiltIn(known.evidence(filesystem).into()))
}

/// No index, no name, no option had it.
fn nowhere(node: &Node, name: &str) -> ModuleState {
    if let Some(stripped) = name.strip_prefix("fs_")
        && !matches!(node.module_place(), Ok(Place::At(_)))
    {
        // Without modules.alias the name of a file system is its module's, but for a few.
        return resolve(node, stripped);
    }
    if let Some((_, evidence)) = node.module_not_configured(name) {
        // Only what the indexes of the kernel itself say could outweigh it, and they had their say.
        return ModuleState::Missing(evidence.into());
    }
    match support(node) {
        Support::No(evidence) => ModuleState::Unknown(no_modules(node, name, evidence)),
        _ => match node.module_place() {
            Ok(Place::At(directory)) => not_indexed(node, directory, name),
            Ok(Place::Replaced(releases, seen)) => replaced(node, name, releases, seen),
            Ok(Place::Nowhere(seen)) => no_tree(node, name, seen),
            Err(unknown) => ModuleState::Unknown(unknown.clone()),
        },
    }
}

/// A kernel that can load nothing: all hangs on its configuration. An option that it does not name is one whose
/// dependencies are off, or one that this kernel calls otherwise.
fn no_modules(node: &Node, name: &str, seen: Evidence) -> Unknown {
    let because = |why: String| Unknown::new(format!("this kernel can load no modules, and {why}"));
    match (node.kernel_config(), options_of(name).next()) {
        (Err(_), _) => because(format!("nothing tells whether {name} is built in"))
            .tried([seen])
            .needs("make the kernel's configuration readable, /proc/config.gz or /boot/config-RELEASE"),
        (Ok(config), Some(option)) => because(format!("its configuration does not name {option}"))
            .tried([seen, config.evidence(option)]),
        (Ok(_), None) => {
            because(format!("which option of its configuration builds {name} is not known")).tried([seen])
        }
    }
}

/// The tree of this release has it neither as a file nor as built in. That holds only if all of it was read.
fn not_indexed(node: &Node, directory: &str, name: &str) -> ModuleState {
    let modules = node.modules();
    let proc_modules = node.read(PROC_MODULES);
    if let Err(e) = proc_modules.bytes() {
        return ModuleState::Unknown(e.unknown());
    }
    if let Err(e) = node.module_index(&modules.builtin, directory, "modules.builtin") {
        return ModuleState::Unknown(e.unknown());
    }
    match node.module_index(&modules.dep, directory, "modules.dep") {
        Err(e) if e.is_missing() && node.origin() == Origin::Live => {
            let what = "does not exist: depmod has not run for this release, so modprobe finds nothing";
            ModuleState::Missing(Evidence::new(&e.path, what).into())
        }
        Err(e) => ModuleState::Unknown(e.unknown()),
        Ok(_) => {
            // The name could be an alias in an index that may not be read; one that does not exist holds none.
            if let Some(e) = modules.unread_alias.get() {
                return ModuleState::Unknown(e.unknown());
            }
            let without = |source: String| Evidence::new(source, format!("no {name}"));
            ModuleState::Missing(
                Proof::new(without(format!("{directory}/modules.dep")))
                    .and(without(format!("{directory}/modules.builtin")))
                    .and(without(PROC_MODULES.into())),
            )
        }
    }
}

/// Modules of other releases only. On a machine of its own that is what an update of the kernel's package
/// leaves behind; in a container they may be the image's, and say nothing of the host.
///
/// The list of what is built in went with the tree, or never was one: a kernel that is booted from outside (a
/// provider's, a microVM's) has all built in, beside the modules of a distribution. So a module is missing only
/// where something shows that it is not built in.
fn replaced(node: &Node, name: &str, others: &[String], seen: &Evidence) -> ModuleState {
    let own = matches!(node.environment().kind, environment::Kind::Bare | environment::Kind::Vm);
    let known = own && node.read(PROC_MODULES).bytes().is_ok();
    if let Some(evidence) = known.then(|| not_built_in(node, name)).flatten() {
        return ModuleState::Missing(Proof::new(seen.clone()).and(evidence));
    }
    let on_disk =
        format!("the modules on disk are those of {}, not of the running kernel", others.join(", "));
    let (reason, needs) = if known {
        let needs = "reboot into the kernel that is installed, or make this one's configuration readable";
        (format!("{on_disk}, and nothing tells what is built into that one"), needs)
    } else {
        (on_disk, MOUNT)
    };
    ModuleState::Unknown(Unknown::new(reason).tried([seen.clone()]).needs(needs))
}

/// Modules that have parameters in every configuration, so that /sys/module has them even where they are built in
/// (kernel/params.c, `param_sysfs_builtin`): fs/overlayfs/super.c, net/netfilter/nf_conntrack_standalone.c,
/// drivers/net/vxlan/, drivers/block/loop.c, net/netfilter/ipvs/ip_vs_conn.c.
const WITH_PARAMETERS: [&str; 5] = ["overlay", "nf_conntrack", "vxlan", "loop", "ip_vs"];

/// What shows that `name`, which is not loaded, is not part of the kernel either.
fn not_built_in(node: &Node, name: &str) -> Option<Evidence> {
    if let Ok(config) = node.kernel_config()
        && let Some(option) = options_of(name).find(|option| config.get(option) == Setting::Module)
    {
        return Some(config.evidence(option));
    }
    // A tree may hold a part of /sys/module only.
    let is_whole = node.origin() == Origin::Live && node.list("/sys/module").is_ok_and(|all| !all.is_empty());
    (is_whole && WITH_PARAMETERS.contains(&name))
        .then(|| Evidence::new("/sys/module", format!("no {name}, which has parameters")))
}

const MOUNT: &str = "mount the host's /lib/modules read-only into the container, or run on the node itself";

fn no_tree(node: &Node, name: &str, seen: &Evidence) -> ModuleState {
    let reason = "there is no /lib/modules here that would tell what the running kernel can load";
    let listed = node.read(PROC_MODULES);
    let listed = match listed.bytes() {
        Ok(_) => listed.quote(format!("no {name}")),
        Err(e) => e.evidence(),
    };
    let config = node.kernel_config().as_ref().ok();
    let configured = config.and_then(|c| Some(c.evidence(options_of(name).next()?)));
    let tried = [seen.clone(), listed].into_iter().chain(configured);
    ModuleState::Unknown(Unknown::new(reason).tried(tried).needs(MOUNT))
}

fn support(node: &Node) -> Support {
    let read = node.read(PROC_MODULES);
    match read.bytes() {
        Ok(_) => Support::Yes,
        Err(e) if e.kind == ReadErrorKind::Missing => {
            let config = node.kernel_config().as_ref().ok();
            let configured = config.map(|c| (c.get("CONFIG_MODULES"), c.evidence("CONFIG_MODULES")));
            match configured {
                Some((Setting::NotSet, evidence)) => Support::No(evidence),
                Some((Setting::BuiltIn, _)) => Support::Unknown,
                // A live /proc without /proc/modules is that of a kernel without modules; a tree may just
                // not hold the file.
                _ if node.origin() == Origin::Live && node.kernel_release().is_ok() => {
                    Support::No(e.evidence())
                }
                _ => Support::Unknown,
            }
        }
        Err(_) => Support::Unknown,
    }
}

impl Node {
    /// The option behind the module `name`, where the running kernel's configuration says that it is not set.
    pub(crate) fn module_not_configured(&self, name: &str) -> Option<(&'static str, Evidence)> {
        let name = index::fold(name);
        let config = self.kernel_config().as_ref().ok()?;
        let named = options_of(&name).find(|option| config.get(option) != Setting::Absent)?;
        (config.get(named) == Setting::NotSet).then(|| (named, config.evidence(named)))
    }
}
