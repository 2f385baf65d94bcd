//! `kernel-version`: the release of the running kernel lies in a range.

use crate::{
    check::{Check, Meta},
    evidence::Unknown,
    facts::release::Release,
    finding::{Finding, Findings, Remedy, Severity},
    node::Node,
    range::Range,
};
use schemars::JsonSchema;
use semver::Version;
use serde::Deserialize;

/// The release of the running kernel lies in a range of versions.
///
/// ## What it looks at
/// `/proc/sys/kernel/osrelease`, which is what uname(2) answers. Only the leading numbers are compared:
/// `5.14.0-503.11.1.el9_5.x86_64` is 5.14.0, `6.19-rc4` is 6.19.0, `5.15.167.4-microsoft-standard-WSL2` is 5.15.167.
///
/// ## Why it matters
/// A version number is the weakest evidence there is: vendors bring features of later kernels into older ones. So
/// this check is for the floor below which nothing was ever tested, and a vendor's kernel below it is a warning,
/// not a failure: the checks that look at functions decide. It is never a list of blessed versions, which would
/// refuse good kernels and accept ones that do not exist.
///
/// ## How to mend it
/// Install a newer kernel of your distribution and reboot.
///
/// ## Sources
/// Kubernetes documentation, "Linux kernel version requirements" and "cgroup v2"; cgroups(7) for what version 2
/// gained with each kernel. Vendor kernels by the marks in their release: `.elN` (RHEL and its rebuilds; not
/// ELRepo's, which are mainline), `-microsoft-` (WSL), `.amznN` (Amazon Linux), `uek` (Oracle), `-default` (SUSE).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct KernelVersionParams {
    /// The range that the kernel has to lie in, for example `>=5.4`.
    pub requires: Option<Range>,
    /// The range outside of which a kernel that is good enough is still worth a warning, for example `>=5.10`.
    pub recommends: Option<Range>,
    /// What the ranges are for, printed with a failure.
    pub why: Option<String>,
}

/// The check `kernel-version`.
pub struct KernelVersion;

const SUBJECT: &str = "release";

impl Check for KernelVersion {
    type Params = KernelVersionParams;

    const META: Meta = Meta {
        id: "kernel-version",
        summary: "The release of the running kernel lies in a range",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn validate(params: &KernelVersionParams) -> Result<(), String> {
        if params.requires.is_none() && params.recommends.is_none() {
            return Err("give `requires` or `recommends`: a range such as `>=5.10`".into());
        }
        Ok(())
    }

    fn run(params: &KernelVersionParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let release = node.kernel_release().as_ref().map_err(Clone::clone)?;
        out.push(judge(params, release));
        Ok(())
    }
}

fn judge(params: &KernelVersionParams, release: &Release) -> Finding {
    let outside = |range: &&Range| !range.contains(&release.version);
    let missed = |range: &Range, severity: Severity, reason: &'static str, verb: &str| {
        let message = format!("kernel {} is {}, {verb} is {range}", release.text, release.version);
        let remedy = if newer_helps(range) {
            Remedy::new("Install a newer kernel of your distribution and reboot.")
        } else {
            Remedy::new(format!("Boot a kernel whose version lies in {range}."))
        };
        Finding::problem(severity, SUBJECT, reason, message)
            .evidence([release.evidence.clone()])
            .notes(params.why.iter().cloned())
            .remedy(remedy.reboot())
    };
    let vendor = vendor(&release.text);
    let finding = if let Some(range) = params.requires.as_ref().filter(outside) {
        let severity = if vendor.is_some() { Severity::Warn } else { Severity::Fail };
        missed(range, severity, if newer_helps(range) { "too-old" } else { "out-of-range" }, "required")
    } else if let Some(range) = params.recommends.as_ref().filter(outside) {
        missed(range, Severity::Warn, "not-recommended", "recommended")
    } else {
        let ranges: Vec<&str> = params.requires.iter().chain(&params.recommends).map(Range::as_str).collect();
        let message = format!("kernel {} lies in {}", release.text, ranges.join(" and in "));
        Finding::pass(SUBJECT, "in-range", message, release.evidence.clone())
    };
    match vendor {
        Some(vendor) => finding.note(format!(
            "this is a kernel of {vendor}, who bring features of later kernels into older ones: its number says \
             little about what it can do, and the checks that look at functions decide"
        )),
        None => finding,
    }
}

/// Whether the range has no upper end, so that a kernel outside of it is too old, not too new.
fn newer_helps(range: &Range) -> bool {
    range.contains(&Version::new(u64::MAX, 0, 0))
}

/// Whose kernel it is, where that vendor is known to backport features. Oracle's kernels bear both marks
/// (`5.15.0-300.163.18.el9uek.x86_64`); those of ELRepo (`5.4.278-1.el7.elrepo.x86_64`) are built for RHEL from the
/// mainline kernel and get nothing from later ones.
pub(in crate::checks) fn vendor(release: &str) -> Option<&'static str> {
    let marks: [(&str, &str); 5] = [
        ("uek.", "Oracle (UEK)"),
        (".el", "Red Hat Enterprise Linux or a rebuild of it"),
        (".amzn", "Amazon Linux"),
        ("-microsoft-", "Microsoft (WSL)"),
        ("-default", "SUSE"),
    ];
    if release.contains(".elrepo.") {
        return None;
    }
    let digit_follows = |at: usize, mark: &str| {
        !matches!(mark, ".el" | ".amzn")
            || release[at + mark.len()..].starts_with(|c: char| c.is_ascii_digit())
    };
    marks
        .iter()
        .find(|(mark, _)| release.find(mark).is_some_and(|at| digit_follows(at, mark)))
        .map(|(_, v)| *v)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Outcome, node::Memory};

    fn run(release: &str, requires: Option<&str>, recommends: Option<&str>) -> Finding {
        let node = Node::in_memory(Memory::new().file("/proc/sys/kernel/osrelease", format!("{release}\n")));
        let range = |r: Option<&str>| r.map(|r| r.parse().unwrap());
        let params =
            KernelVersionParams { requires: range(requires), recommends: range(recommends), why: None };
        let mut out = Findings::default();
        KernelVersion::run(&params, &node, &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    #[test]
    fn the_releases_on_which_the_peers_err() {
        // cases-peer-wrong.yaml, kernel_release: good kernels that a list of patterns calls unsupported.
        for release in [
            "5.14.0-503.11.1.el9_5.x86_64",
            "5.14.21-150500.55.94-default",
            "5.19.0-50-generic",
            "5.11.0-49-generic",
            "6.17",
            "6.19-rc4",
            "10.2.3",
        ] {
            assert_eq!(*run(release, Some(">=5.4"), Some(">=5.10")).outcome(), Outcome::Pass, "{release}");
        }
        // Decided by features, not by the number: a warning with the note.
        let el8 = run("4.18.0-553.el8_10.x86_64", Some(">=5.4"), None);
        assert_eq!((el8.outcome(), el8.severity()), (&Outcome::Problem, Severity::Warn));
        assert!(el8.all_notes().iter().any(|n| n.contains("Red Hat")));
    }

    #[test]
    fn whose_kernel_it_is() {
        for (release, want) in [
            ("4.18.0-553.el8_10.x86_64", Some("Red Hat")),
            ("5.15.0-300.163.18.el9uek.x86_64", Some("Oracle")),
            ("4.14.35-1902.303.5.3.el7uek.x86_64", Some("Oracle")),
            ("6.1.112-122.189.amzn2023.x86_64", Some("Amazon")),
            ("5.14.21-150500.55.94-default", Some("SUSE")),
            // Mainline kernels, built for RHEL by others.
            ("5.4.278-1.el7.elrepo.x86_64", None),
            ("6.10.0-1.el9.elrepo.x86_64", None),
            ("6.8.0-45-generic", None),
            ("6.6.51+rpt-rpi-v8", None),
        ] {
            let found = vendor(release);
            assert!(found.is_some() == want.is_some(), "{release}: {found:?}");
            assert!(found.unwrap_or_default().starts_with(want.unwrap_or_default()), "{release}: {found:?}");
        }
        let mainline = run("5.4.278-1.el7.elrepo.x86_64", Some(">=5.10"), None);
        assert_eq!((mainline.outcome(), mainline.severity()), (&Outcome::Problem, Severity::Fail));
    }

    #[test]
    fn the_table_of_the_peer_by_numbers() {
        // cases-sysval-kernel.yaml, version_cases, asked as the range that was meant.
        let range = "5.4.* || 5.10.* || 5.15.* || >=6";
        for (release, accepted) in [
            ("2.0.0", false),
            ("3.9.0", false),
            ("3.19.9-99-test", false),
            ("4.4.14+", false),
            ("4.17.3", false),
            ("4.19.3-99-test", false),
            ("4.20.3+", false),
            ("5.0.0", false),
            ("5.4.288", true),
            ("5.10.232", true),
            ("5.12.3", false),
            ("5.15.175", true),
            ("5.16.3", false),
            ("6.12.8", true),
            ("10.21.1", true),
            ("99.12.12", true),
            ("5.40.0", false),
            ("5.101.7", false),
        ] {
            let finding = run(release, Some(range), None);
            assert_eq!(*finding.outcome() == Outcome::Pass, accepted, "{release}");
        }
    }

    #[test]
    fn below_what_is_recommended_is_a_warning() {
        let finding = run("5.4.288", Some(">=5.4"), Some(">=5.10"));
        assert_eq!((finding.reason(), finding.severity()), ("not-recommended", Severity::Warn));
        let finding = run("4.9.0", Some(">=5.4"), Some(">=5.10"));
        assert_eq!((finding.reason(), finding.severity()), ("too-old", Severity::Fail));
    }

    #[test]
    fn a_kernel_that_is_too_new_needs_no_newer_one() {
        let mended = |range| {
            let finding = run("6.12.8", Some(range), None);
            (finding.reason().to_owned(), finding.mend().unwrap().summary.clone())
        };
        let (reason, mend) = mended("<6");
        assert_eq!(
            (reason.as_str(), mend.as_str()),
            ("out-of-range", "Boot a kernel whose version lies in <6.")
        );
        assert_eq!(mended("~6.1").0, "out-of-range");
        let (reason, mend) = mended(">=6.13");
        assert!(reason == "too-old" && mend.starts_with("Install a newer kernel"), "{reason}: {mend}");
    }

    #[test]
    fn no_release_is_undetermined() {
        let params = KernelVersionParams { requires: Some("*".parse().unwrap()), ..Default::default() };
        for memory in [Memory::new(), Memory::new().file("/proc/sys/kernel/osrelease", "banana")] {
            let node = Node::in_memory(memory);
            assert!(KernelVersion::run(&params, &node, &mut Findings::default()).is_err());
        }
        assert!(KernelVersion::validate(&KernelVersionParams::default()).is_err());
    }
}
