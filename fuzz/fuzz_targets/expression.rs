//! An expression of CEL: read, and evaluated on a node of which nothing is known and on one with some facts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::{
    Evidence, Node,
    cel::{Facts, Program, Scope, Value},
    facts::Known,
    inventory,
};
use preflight_fuzz::{Given, repeats};

/// A node, and a function of text that asks nothing.
struct Asked(Node);

impl Facts for Asked {
    fn get(&self, path: &str) -> Option<Known<(Value, Vec<Evidence>)>> {
        inventory::all().iter().find(|fact| fact.path == path).map(|fact| fact.of(&self.0))
    }

    fn call(&self, function: &str, argument: &str) -> Option<Known<(Value, Vec<Evidence>)>> {
        let told = || Ok((argument.into(), vec![Evidence::new(function, argument)]));
        inventory::FUNCTIONS.iter().any(|(name, _)| *name == function).then(told)
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(source) = std::str::from_utf8(data) else { return };
    let functions: Vec<&str> = inventory::FUNCTIONS.iter().map(|(name, _)| *name).collect();
    let paths = inventory::paths();
    let scope = Scope { facts: &paths, functions: &functions, open: "variables" };
    let program = match Program::compile(source, &scope) {
        Ok(program) => program,
        Err(why) => return assert!(!why.is_empty()),
    };
    let some = Given::new()
        .file("/proc/meminfo", "MemTotal: 4194304 kB\nMemAvailable: 1 kB\nSwapTotal: 0 kB\n")
        .file("/proc/cmdline", "quiet root=/dev/vda1\n")
        .file("/proc/modules", "overlay 1 0 - Live 0x0\nnf_conntrack 1 0 - Live 0x0\n")
        .file("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nNAME=Debian\n")
        .file("/sys/devices/system/cpu/online", "0-3\n")
        .file(
            "/proc/self/mountinfo",
            "21 1 8:1 / / rw,relatime - ext4 /dev/vda1 rw\n22 21 0:20 / /proc rw - proc proc rw\n",
        );
    for given in [Given::new(), some] {
        repeats(|| format!("{:?}", program.eval(&Asked(given.node()))));
    }
});
