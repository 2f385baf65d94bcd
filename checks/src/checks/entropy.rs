//! `entropy`: Random numbers are to be had without waiting.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::Known,
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, Origin, ReadError},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Random numbers are to be had without waiting.
///
/// ## What it looks at
/// kernel.random.entropy_avail, judged as the running kernel means it, and as evidence the hardware source that the kernel
/// uses (/sys/class/misc/hw_random/rng_current). /dev/random is not read.
///
/// `ready` passes; `low` warns.
///
/// ## Why it matters
/// Keys and certificates are made of random numbers. Before Linux 5.6 a program that reads /dev/random waits whenever there
/// is little entropy, which machines without disks, keyboards and hardware sources (VMs) are short of for minutes. On later
/// kernels programs wait only until the generator has been seeded once after the boot.
///
/// ## How to mend it
/// Give a VM a virtio-rng device; on hardware load the driver of its random number generator, or trust the processor's
/// (`random.trust_cpu=on`, Linux 4.19).
///
/// ## Sources
/// random(4), random(7); Linux drivers/char/random.c: commit 30c08efec888 (5.6, and in stable releases of older kernels since
/// 2022) has /dev/random wait for the seed only, and read_wakeup_threshold, at which its readers woke up, went with it; since
/// commit e85c0fc1d94c (5.19, and in the same stable releases) entropy_avail is what seeded the generator
/// (`input_pool.init_bits`, at most POOL_BITS, 256, which poolsize shows), and nothing is taken off. Because of the stable
/// releases the files are asked, not the version; in 5.17 and 5.18 each seed anew took all off.
/// Documentation/admin-guide/hw_random.rst.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct EntropyParams {
    /// The least entropy, in bits, where /dev/random waits for it. Default: 256, a key's worth.
    pub least: u64,
}

impl Default for EntropyParams {
    fn default() -> Self {
        Self { least: 256 }
    }
}

/// The check `entropy`.
pub struct Entropy;

const SUBJECT: &str = "available";
/// POOL_BITS of the generator that counts what seeded it.
const SEED: u64 = 256;
const SOURCE: &str = "/sys/class/misc/hw_random/rng_current";

impl Check for Entropy {
    type Params = EntropyParams;

    const META: Meta = Meta {
        id: "entropy",
        summary: "Random numbers are to be had without waiting",
        since: "0.1.0",
        kubeadm: None,
    };

    fn run(params: &EntropyParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        out.push(judge(params, node).unwrap_or_else(|unknown| {
            let message = "whether programs wait for random numbers could not be determined";
            Finding::undetermined(Severity::Warn, SUBJECT, "unknown", message, &unknown)
        }));
        Ok(())
    }
}

fn judge(params: &EntropyParams, node: &Node) -> Known<Finding> {
    let number = |name: &str| node.number_at(&format!("/proc/sys/kernel/random/{name}"));
    let (bits, seen) = number("entropy_avail")?;
    let (pool, pool_seen) = number("poolsize")?;
    let (waits, why) = if pool == SEED {
        (false, pool_seen)
    } else {
        let threshold = node.read("/proc/sys/kernel/random/read_wakeup_threshold");
        // A tree need not hold all of them.
        if threshold.is_missing() && node.origin() == Origin::Live {
            let message =
                "here nobody waits for entropy once the generator is seeded, and no file tells whether it is";
            return Ok(Finding::not_applicable(SUBJECT, message, [threshold.evidence(), pool_seen]));
        }
        threshold.text().map_err(ReadError::unknown)?;
        (true, threshold.evidence())
    };
    // These two have the small pool and take off what is drawn.
    let release = node.kernel_release().as_ref().map_err(Clone::clone)?;
    if !waits && matches!((release.version.major, release.version.minor), (5, 17 | 18)) {
        let message = "Linux 5.17 and 5.18 take what is drawn off the entropy, and nobody waits for it";
        return Ok(Finding::not_applicable(SUBJECT, message, [release.evidence.clone()]));
    }
    let least = if waits { params.least } else { SEED };
    let hardware = node.read(SOURCE);
    let source = match hardware.text() {
        Ok(text) if !matches!(text.trim(), "" | "none") => {
            format!("the kernel has a hardware source: {}", text.trim())
        }
        Ok(_) => "the kernel uses no hardware source".to_owned(),
        Err(e) if e.is_missing() => "the kernel shows no hardware source".to_owned(),
        Err(e) => {
            format!("which hardware source the kernel has is not known: {}", ReadError::unknown(e).reason)
        }
    };
    if bits >= least {
        let message = format!("there are at least {least} bits of entropy");
        // The number differs from run to run.
        let rough = Evidence::new(seen.source, format!("{least} or more"));
        let proof = Proof::new(rough).and(why).and(hardware.evidence());
        return Ok(Finding::pass(SUBJECT, "ready", message, proof).note(source));
    }
    let who = if waits {
        "/dev/random"
    } else {
        "/dev/random or calls getrandom(2) before the generator is seeded"
    };
    let message = format!("there are {bits} bits of entropy, less than {least}: what reads {who} waits");
    Ok(Finding::problem(Severity::Warn, SUBJECT, "low", message)
        .evidence([seen, why, hardware.evidence()])
        .note(source)
        .remedy(Remedy::new("Give a VM a virtio-rng device; on hardware load the driver of its generator")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Memory, ReadErrorKind},
    };

    const BITS: &str = "/proc/sys/kernel/random/entropy_avail";
    const RELEASE: &str = "/proc/sys/kernel/osrelease";

    /// A kernel whose /dev/random waits, one that shows no seed, and one that does.
    fn machine(release: &str, bits: &str) -> Memory {
        let memory = Memory::new().file(RELEASE, release).file(BITS, bits);
        let random = "/proc/sys/kernel/random";
        match release {
            "4.18.0-1\n" => memory
                .file(&format!("{random}/poolsize"), "4096\n")
                .file(&format!("{random}/read_wakeup_threshold"), "64\n"),
            "5.6.0\n" => memory.file(&format!("{random}/poolsize"), "4096\n"),
            _ => memory.file(&format!("{random}/poolsize"), "256\n"),
        }
    }

    fn ask(memory: Memory) -> Finding {
        let mut out = Findings::default();
        Entropy::run(&EntropyParams::default(), &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    #[test]
    fn as_each_kernel_means_it() {
        for (release, bits, want) in [
            ("4.18.0-1\n", "3000\n", "ready"),
            ("4.18.0-1\n", "255\n", "low"),
            ("5.4.210\n", "256\n", "ready"),
            ("5.4.210\n", "200\n", "low"),
            ("5.6.0\n", "10\n", "not-applicable"),
            ("5.17.9\n", "10\n", "not-applicable"),
            ("5.18.0\n", "10\n", "not-applicable"),
            ("5.19.0\n", "256\n", "ready"),
            ("6.12.1\n", "255\n", "low"),
        ] {
            assert_eq!(ask(machine(release, bits)).reason(), want, "{release} {bits}");
        }
    }

    #[test]
    fn the_hardware_source_is_told() {
        for (text, note) in [("virtio_rng.0\n", "virtio_rng.0"), ("none\n", "no hardware source")] {
            let found = ask(machine("6.1.0\n", "256\n").file(SOURCE, text));
            assert!(found.all_notes()[0].contains(note), "{found:#?}");
        }
    }

    #[test]
    fn what_can_t_be_read_is_not_known() {
        let denied = || ReadErrorKind::Denied("EACCES");
        let good = || machine("6.1.0\n", "256\n");
        for memory in [
            Memory::new(),
            machine("6.1.0\n", "many\n"),
            machine("6.1.0\n", ""),
            good().error(BITS, denied()),
            good().error(RELEASE, denied()),
            good().without("/proc/sys/kernel/random/poolsize"),
            machine("4.18.0-1\n", "3000\n").error("/proc/sys/kernel/random/read_wakeup_threshold", denied()),
            machine("5.6.0\n", "10\n").as_root(),
            good().without(BITS).as_root(),
        ] {
            assert!(matches!(ask(memory).outcome(), Outcome::Undetermined(_)));
        }
        // The source is told beside, and decides nothing.
        assert_eq!(ask(good().error(SOURCE, denied())).reason(), "ready");
    }
}
