//! The verdict on one option.

use super::super::kernel_modules::remedy::install;
use super::{
    options::{OptionInfo, info, module_of},
    params::{Item, ModuleName, OptionName, Wanted},
};
use crate::{
    evidence::{Evidence, Proof, Unknown},
    facts::{
        Known,
        cgroup::LayoutKind,
        kernel_config::{KernelConfig, Setting},
        modules::ModuleState,
        release::Release,
    },
    finding::{Finding, Remedy, Severity},
};

/// What every option is judged with.
pub(super) struct Judge<'a> {
    pub(super) config: &'a KernelConfig,
    pub(super) release: &'a Known<Release>,
    /// Asked only for items that depend on it.
    pub(super) layout: &'a dyn Fn() -> Known<LayoutKind>,
    /// Asked only for options that are modules.
    pub(super) module: &'a dyn Fn(&str) -> ModuleState,
    /// What a problem yields at most.
    pub(super) severity: Severity,
}

/// Whether an option is asked of this node.
enum Gate {
    Open,
    /// It does not apply; why, and what shows it.
    Shut(String, Evidence),
    /// What it depends on is not known.
    Unclear(&'static str, Unknown),
}

/// What one name (the option's own, or an alias) comes to. The order is that of preference between names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Good,
    Unknown,
    /// Set, but of no use.
    Bad,
    Off,
}

impl Judge<'_> {
    /// Judges an option that shall be set.
    pub(super) fn wanted(&self, item: &Item) -> Finding {
        self.gated(item, || {
            let names = std::iter::once(&item.option).chain(&item.aliases);
            let (_, finding) = names
                .map(|name| self.name(item, name))
                .min_by_key(|(rank, _)| *rank)
                .unwrap_or_else(|| self.name(item, &item.option));
            finding
        })
    }

    /// Judges an option that shall be off.
    pub(super) fn forbidden(&self, item: &Item) -> Finding {
        self.gated(item, || {
            let mut names = std::iter::once(&item.option).chain(&item.aliases);
            let subject = item.option.to_string();
            let set = names.find(|name| match (self.config.get(name.bare()), &item.value) {
                (Setting::NotSet | Setting::Absent, _) => false,
                (_, None) => true,
                (setting, Some(value)) => has(&setting, value),
            });
            let Some(name) = set else {
                let (reason, what) = match (self.config.get(item.option.bare()), &item.value) {
                    (Setting::NotSet, _) => ("not-set", "is not set, as it shall be"),
                    (Setting::Absent, _) => ("absent", "does not occur, as it shall be"),
                    _ => ("other-value", "does not have the forbidden value"),
                };
                let aliases = item.aliases.iter().map(|a| self.config.evidence(a.bare()));
                let proof = Proof::new(self.config.evidence(item.option.bare())).and_all(aliases);
                return Finding::pass(&subject, reason, format!("{subject} {what}"), proof);
            };
            let line = self.config.evidence(name.bare());
            let alias =
                if *name == item.option { String::new() } else { format!(" (an alias of {subject})") };
            let message = format!("{} is forbidden by the policy{alias}", line.observed);
            let remedy = Remedy::new(format!("boot a kernel that is built without {name}")).reboot();
            self.problem(item, "forbidden", message).evidence([line]).remedy(remedy)
        })
    }

    fn gated(&self, item: &Item, judge: impl FnOnce() -> Finding) -> Finding {
        let subject = item.option.to_string();
        let finding = match self.gate(item) {
            Gate::Open => judge(),
            Gate::Shut(why, evidence) => return Finding::not_applicable(subject, why, [evidence]),
            Gate::Unclear(reason, unknown) => {
                let message = format!("whether {subject} is needed here could not be determined");
                Finding::undetermined(self.severity, subject, reason, message, &unknown)
            }
        };
        finding.notes(why(item).map(str::to_owned))
    }

    fn gate(&self, item: &Item) -> Gate {
        if !item.cgroup.0.is_empty() {
            let layout = match (self.layout)() {
                Ok(layout) => layout,
                Err(unknown) => return Gate::Unclear("layout-unknown", unknown),
            };
            if !item.cgroup.0.iter().any(|asked| asks(*asked, layout)) {
                let asked: Vec<_> = item.cgroup.0.iter().map(|k| k.as_str()).collect();
                let why = format!(
                    "asked with cgroup {} only; this node has {}",
                    asked.join(" or "),
                    layout.as_str()
                );
                return Gate::Shut(why, Evidence::new("cgroup layout", layout.as_str()));
            }
        }
        if let Some(range) = &item.kernel {
            let release = match self.release {
                Ok(release) => release,
                Err(unknown) => return Gate::Unclear("release-unknown", unknown.clone()),
            };
            if !range.contains(&release.version) {
                let why = format!("asked of Linux {range} only; this node runs {}", release.text);
                return Gate::Shut(why, release.evidence.clone());
            }
        }
        let architectures = &item.architecture.0;
        if !architectures.is_empty()
            && !architectures.iter().any(|a| self.config.get(a.option) == Setting::BuiltIn)
        {
            let asked: Vec<_> = architectures.iter().map(|a| a.name).collect();
            let why = format!(
                "asked on {} only, and this kernel is built for another architecture",
                asked.join(", ")
            );
            let options: Vec<_> = architectures.iter().map(|a| format!("CONFIG_{}", a.option)).collect();
            return Gate::Shut(
                why,
                Evidence::new(self.config.path(), format!("without {}", options.join(", "))),
            );
        }
        Gate::Open
    }

    /// Judges the item by what the configuration says of `name`.
    fn name(&self, item: &Item, name: &OptionName) -> (Rank, Finding) {
        let setting = self.config.get(name.bare());
        match &setting {
            Setting::NotSet | Setting::Absent => (Rank::Off, self.off(item)),
            _ if item.value.as_ref().is_some_and(|value| !has(&setting, value)) => {
                let value = match item.value.as_ref() {
                    Some(Wanted::BuiltIn) => "built in (y)",
                    Some(Wanted::Module) => "a module (m)",
                    Some(Wanted::Text(text)) => text,
                    None => "set",
                };
                (Rank::Bad, self.wrong(item, name, &format!("and shall be {value}")))
            }
            Setting::Module if item.minimum.is_none() => self.module(item, name),
            Setting::Value(text) => match (item.minimum, number(text)) {
                (None, _) => (Rank::Good, self.pass(item, name, "set", [])),
                (Some(least), Some(is)) if is >= least => (Rank::Good, self.pass(item, name, "enough", [])),
                (Some(least), Some(_)) => {
                    (Rank::Bad, self.wrong(item, name, &format!("and shall be at least {least}")))
                }
                (Some(_), None) => (Rank::Bad, self.wrong(item, name, "and shall be a number")),
            },
            _ if item.minimum.is_some() => (Rank::Bad, self.wrong(item, name, "and shall be a number")),
            _ => (Rank::Good, self.pass(item, name, "built-in", [])),
        }
    }

    fn pass(
        &self,
        item: &Item,
        name: &OptionName,
        reason: &'static str,
        more: impl IntoIterator<Item = Evidence>,
    ) -> Finding {
        let line = self.config.evidence(name.bare());
        let how = match reason {
            "built-in" => "is built in",
            "module-built-in" => "is a module by this file, and part of the kernel image",
            "module-loaded" => "is a module, and loaded",
            "module-loadable" => "is a module that can be loaded",
            "enough" => "is high enough",
            _ => "is set",
        };
        let what =
            if reason == "set" || reason == "enough" { line.observed.as_str() } else { &name.to_string() };
        let for_option =
            if *name == item.option { String::new() } else { format!(", which will do for {}", item.option) };
        let message = format!("{what} {how}{for_option}");
        let proof = Proof::new(line).and_all(more);
        Finding::pass(item.option.to_string(), reason, message, proof)
    }

    /// A problem of this item.
    fn problem(&self, item: &Item, reason: &'static str, message: String) -> Finding {
        Finding::problem(self.severity, item.option.to_string(), reason, message)
    }

    fn wrong(&self, item: &Item, name: &OptionName, wish: &str) -> Finding {
        let line = self.config.evidence(name.bare());
        self.problem(item, "wrong-value", format!("{} in {}, {wish}", line.observed, line.source))
            .evidence([line])
            .remedy(Remedy::new(format!("boot a kernel that is built with another value of {name}")).reboot())
    }

    /// `=m` alone says nothing of this machine: the module has to be there.
    fn module(&self, item: &Item, name: &OptionName) -> (Rank, Finding) {
        let named = item.module.as_ref().filter(|_| *name == item.option).map(|ModuleName(m)| m.as_str());
        let Some(module) = named.or_else(|| module_of(name.bare(), self.version())) else {
            let unknown =
                Unknown::new(format!("it is a module whose name preflight does not know ({name}=m)"))
                    .tried([self.config.evidence(name.bare())])
                    .needs(format!("name it in the policy: `{{ option: {}, module: NAME }}`", name.bare()));
            return (Rank::Unknown, self.undetermined(item, "module-name-unknown", &unknown));
        };
        let line = self.config.evidence(name.bare());
        match (self.module)(module) {
            ModuleState::BuiltIn(proof) => {
                (Rank::Good, self.pass(item, name, "module-built-in", proof.into_evidence()))
            }
            ModuleState::Loaded(proof) => {
                (Rank::Good, self.pass(item, name, "module-loaded", proof.into_evidence()))
            }
            ModuleState::Loadable(_, proof) => {
                (Rank::Good, self.pass(item, name, "module-loadable", proof.into_evidence()))
            }
            ModuleState::Missing(proof) => {
                let message =
                    format!("{name} is a module, and {module} is nowhere: neither loaded nor on disk");
                let finding = self.problem(item, "module-missing", message);
                (
                    Rank::Bad,
                    without_module(finding, module, line, proof)
                        .remedy(install(module, self.release.as_ref().ok())),
                )
            }
            ModuleState::Blocked(why, proof) => {
                let finding = self.problem(
                    item,
                    "module-blocked",
                    format!("{name} is a module, and {module} can't be loaded: {why}"),
                );
                let remedy = Remedy::new(format!(
                    "lift what keeps {module} from being loaded, or boot a kernel that has {name}=y"
                ));
                (Rank::Bad, without_module(finding, module, line, proof).remedy(remedy))
            }
            ModuleState::Unknown(mut unknown) => {
                // What can't be known of one module for lack of an index can't be known of the next one
                // either.
                let cause = unknown.cause();
                unknown.evidence.insert(0, line);
                let it = if *name == item.option { "it".to_owned() } else { name.to_string() };
                unknown.reason = format!("{it} is the module {module}, and {}", unknown.reason);
                (Rank::Unknown, self.undetermined(item, "module-unknown", &unknown).follows(cause))
            }
        }
    }

    fn undetermined(&self, item: &Item, reason: &'static str, unknown: &Unknown) -> Finding {
        let message = format!("whether {} is usable could not be determined", item.option);
        Finding::undetermined(self.severity, item.option.to_string(), reason, message, unknown)
    }

    /// None of the names is set: reported under the option's own name, with the aliases.
    fn off(&self, item: &Item) -> Finding {
        let option = &item.option;
        let aliases: Vec<_> = item.aliases.iter().map(ToString::to_string).collect();
        let or = if aliases.is_empty() { String::new() } else { format!(" (nor {})", aliases.join(", ")) };
        let lines =
            std::iter::once(option).chain(&item.aliases).map(|name| self.config.evidence(name.bare()));
        let info = info(option.bare());
        let remedy = match info.and_then(|i| i.since).filter(|since| self.is_before(*since)) {
            Some((major, minor)) => format!("boot Linux {major}.{minor} or later, built with {option}"),
            None => format!(
                "boot a kernel that is built with {option}: another kernel package of the \
                     distribution, or an own build"
            ),
        };
        let finish = |finding: Finding| finding.evidence(lines).remedy(Remedy::new(remedy).reboot());
        let path = self.config.path();
        if self.config.get(option.bare()) == Setting::NotSet {
            let message = format!("{option} is not set in {path}{or}");
            return finish(self.problem(item, "not-set", message).causes(option.to_string()));
        }
        let problem = self.problem(item, "absent", format!("{option} does not occur in {path}{or}"));
        finish(match self.off_ancestor(option.bare()) {
            Some(ancestor) => problem
                .note(format!("it depends on CONFIG_{ancestor}, which is not set in this kernel"))
                .follows(format!("CONFIG_{ancestor}")),
            None => problem.note(self.why_absent(info)).causes(option.to_string()),
        })
    }

    /// The outermost option on which `name` depends and which is off.
    fn off_ancestor(&self, name: &str) -> Option<&'static str> {
        let is_off = |option: &&'static str| self.config.get(option).is_off();
        let known = info(name)?;
        std::iter::successors(known.parent, |parent| info(parent)?.parent)
            .take(10)
            .filter(is_off)
            .last()
            .or_else(|| {
                // A kernel from before the option would not have it either way.
                let too_old = known.since.is_some_and(|since| self.is_before(since));
                known.also.filter(is_off).filter(|_| !too_old)
            })
    }

    fn why_absent(&self, info: Option<&OptionInfo>) -> String {
        let general = "the file does not name it: this kernel does not know the option, or something \
             it depends on is off";
        match info {
            Some(OptionInfo { since: Some((major, minor)), .. }) if self.is_before((*major, *minor)) => {
                format!("the option exists since Linux {major}.{minor}, and this kernel is older")
            }
            Some(OptionInfo { gone: Some(((major, minor), became)), .. })
                if !self.is_before((*major, *minor)) =>
            {
                format!("the option is gone since Linux {major}.{minor}: {became}")
            }
            Some(OptionInfo { since: Some((major, minor)), .. }) => {
                format!("{general}; Linux has it since {major}.{minor}")
            }
            _ => general.to_owned(),
        }
    }

    /// The major and minor number of the running kernel.
    fn version(&self) -> Option<(u64, u64)> {
        self.release.as_ref().ok().map(|r| (r.version.major, r.version.minor))
    }

    /// Whether the running kernel is surely older than `version`.
    fn is_before(&self, version: (u64, u64)) -> bool {
        self.version().is_some_and(|running| running < version)
    }
}

fn without_module(finding: Finding, module: &str, line: Evidence, proof: Proof) -> Finding {
    finding
        .evidence([line])
        .evidence(proof.into_evidence())
        .follows(format!("module:{}", module.replace('-', "_")))
}

/// Whether an item that is `asked` under one layout is asked under this one: what v1 hierarchies need is
/// needed as long as there are any, because on the hybrid layout the kubelet and the runtimes use those.
fn asks(asked: LayoutKind, layout: LayoutKind) -> bool {
    asked == layout || (asked == LayoutKind::V1 && layout == LayoutKind::Hybrid)
}

fn why(item: &Item) -> Option<&str> {
    item.why.as_deref().or_else(|| info(item.option.bare()).map(|i| i.why))
}

fn has(setting: &Setting, value: &Wanted) -> bool {
    match (setting, value) {
        (Setting::BuiltIn, Wanted::BuiltIn) | (Setting::Module, Wanted::Module) => true,
        (Setting::Value(is), Wanted::Text(wanted)) => {
            is == wanted || number(is).is_some_and(|is| number(wanted) == Some(is))
        }
        _ => false,
    }
}

/// A number as configurations write it: `250`, `0xC000`.
fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hexadecimal) => i64::from_str_radix(hexadecimal, 16).ok(),
        None => text.parse().ok(),
    }
}
