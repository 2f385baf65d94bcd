//! What a user sees of a wrong policy, and what becomes of a right one.

use super::*;

fn load(text: &str) -> Result<Policy, LoadError> {
    Policy::load(&Source::Stdin(text.into()), &[])
}

#[test]
fn explore() {
    for text in [
        "apiVersion: preflight/v1\nkind: Policy\nchekcs:\n  - check: kernel-confg\n  - check: cgroup-controllers\n    with: {required: [cpu, 1, {a: b}], optionl: []}\n    when: {kernel: 5.8, role: wroker, kubernetes: '>=1.22'}\nchecks:\n  - check: kernel-confg\n  - check: cgroup-controllers\n    severity: wanr\n    with: {required: [cpu, 1, {a: b}], optionl: []}\n    when: {kernel: 5.8, role: wroker, kubernetes: '>=1.22'}\n  - check: cgroup-hierarchy\n    with: {accept: [{input: foo}], kubernetesVersion: {input: bar}}\nwaivers:\n - finding: a\n   until: 2027-02-30\n",
        "checks: []\n",
        "extends: [kubernetes-nod, ./nope.yaml]\napiVersion: preflight/v2\nkind: Policy\n",
    ] {
        println!("{}", load(text).err().unwrap());
    }
    for p in profiles::ALL {
        if let Err(e) = p.load() {
            println!("{e}");
        }
    }
}
