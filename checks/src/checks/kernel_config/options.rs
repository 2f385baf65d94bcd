//! What is known of kernel options: the module they become, since when they exist, what they depend on, and
//! what breaks without them.

mod table;

use crate::facts::module_options;
use table::OPTIONS;

/// What is known of one option.
#[derive(Debug)]
pub(super) struct OptionInfo {
    /// Without `CONFIG_`.
    pub(super) name: &'static str,
    /// The module that comes with it, where it builds none itself but selects another option that does.
    module: Option<&'static str>,
    /// Its module in versions before this one.
    before: Option<((u64, u64), &'static str)>,
    /// The option without which it does not exist (`depends on`, the nearest of them).
    pub(super) parent: Option<&'static str>,
    /// A second one, beside `parent` and what that depends on.
    pub(super) also: Option<&'static str>,
    /// The Linux version that brought it.
    pub(super) since: Option<(u64, u64)>,
    /// The Linux version that took it away, and what became of it.
    pub(super) gone: Option<((u64, u64), &'static str)>,
    /// What needs it, as a sentence.
    pub(super) why: &'static str,
}

impl OptionInfo {
    const fn new(name: &'static str, parent: &'static str, why: &'static str) -> Self {
        let parent = if parent.is_empty() { None } else { Some(parent) };
        Self { name, module: None, before: None, parent, also: None, since: None, gone: None, why }
    }

    const fn module(mut self, module: &'static str) -> Self {
        self.module = Some(module);
        self
    }

    const fn before(mut self, major: u64, minor: u64, module: &'static str) -> Self {
        self.before = Some(((major, minor), module));
        self
    }

    const fn also(mut self, option: &'static str) -> Self {
        self.also = Some(option);
        self
    }

    const fn since(mut self, major: u64, minor: u64) -> Self {
        self.since = Some((major, minor));
        self
    }

    const fn gone(mut self, major: u64, minor: u64, what: &'static str) -> Self {
        self.gone = Some(((major, minor), what));
        self
    }
}

/// The module that the option `name` (without `CONFIG_`) becomes with `=m` in Linux `version` (the newest, where
/// that is not known).
pub(super) fn module_of(name: &str, version: Option<(u64, u64)>) -> Option<&'static str> {
    let Some(option) = info(name) else { return module_options::module_of(name) };
    match (option.before, version) {
        (Some((until, module)), Some(version)) if version < until => Some(module),
        (Some(_), _) => option.module,
        (None, _) => option.module.or_else(|| module_options::module_of(name)),
    }
}

/// What is known of `name` (without `CONFIG_`).
pub(super) fn info(name: &str) -> Option<&'static OptionInfo> {
    OPTIONS.iter().find(|o| o.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        for (i, option) in OPTIONS.iter().enumerate() {
            let name = option.name;
            assert!(OPTIONS[..i].iter().all(|o| o.name != name), "{name} is twice in the table");
            assert!(
                name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'),
                "{name}"
            );
            assert!(option.why.ends_with('.'), "{name}: `why` is no sentence");
            assert!(option.also.is_none_or(|o| info(o).is_some()), "{name} depends on {:?}", option.also);
            let mut depth = 0;
            let mut parent = option.parent;
            while let Some(p) = parent {
                depth += 1;
                assert!(depth < 10, "{name} depends on itself");
                parent = info(p)
                    .unwrap_or_else(|| panic!("{name} depends on {p}, which is not in the table"))
                    .parent;
            }
        }
    }
}
