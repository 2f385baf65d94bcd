//! `limits`: What the kernel counts and limits is not about to run out.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::{
        Known,
        usage::{KeyUser, Usage, under},
    },
    finding::{Finding, Findings, Remedy, Severity},
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// What the kernel counts and limits is not about to run out.
///
/// ## What it looks at
/// How many files this process may open (/proc/self/limits): its limits are those of the shell or the service that
/// started preflight; what the units of the kubelet and of container runtimes say (`LimitNOFILE=`) is told beside. Then what the whole machine uses of what it may: file handles
/// (fs.file-nr), threads (/proc/loadavg against kernel.pid_max and kernel.threads-max, of which the smaller one
/// binds), tracked connections (nf_conntrack_count), and the keys of the user who has fewest left
/// (/proc/key-users). Nothing is counted by walking over processes. Last, how many connections there may be for each bucket
/// of the table in which the kernel looks them up (nf_conntrack_max against nf_conntrack_buckets).
///
/// `enough` passes; `long-chains` is a table with too few buckets; `low` is a limit that is too small from the start; `nearly-used-up` warns, and what is used up
/// altogether (`used-up`) fails.
///
/// ## Why it matters
/// A node with no free process id starts no container, and no shell to see why. A full table of connections drops
/// packets of new ones, now and then, which looks like a broken network. Each connection stands in its table twice, and each
/// packet has the kernel walk along one chain of it: where nf_conntrack_max was raised and the buckets were not, every packet
/// costs more the fuller the table is. Each container takes a keyring of its user:
/// with the kernel's 200 keys for a user, containers fail with "disk quota exceeded" on an empty disk.
///
/// ## How to mend it
/// Raise the setting that is named with `sysctl -w` and in a file of /etc/sysctl.d/, or find who uses it up. Limits
/// of a service stand in its unit (`LimitNOFILE=`), those of a shell in /etc/security/limits.d/.
///
/// ## Sources
/// proc_pid_limits(5), proc_loadavg(5), keyrings(7); Linux Documentation/admin-guide/sysctl/fs.rst and kernel.rst,
/// Documentation/networking/nf_conntrack-sysctl.rst; fs/file.c (`sysctl_nr_open`); k0s sysinfo (65536 open files);
/// node-problem-detector,
/// config/plugin/network_problem.sh (90 % of the tracked connections). For the buckets: Linux
/// net/netfilter/nf_conntrack_core.c, nf_conntrack_init_start (one connection for each bucket since 5.15, commit
/// d532bcd0b269; before that 4, or 8 where the module got a hashsize); kubernetes cmd/kube-proxy/app/conntrack.go, SetMax (a
/// quarter of its maximum, which a read-only /sys or another network namespace keeps it from writing).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct LimitsParams {
    /// The share in use from which on there is a warning, in per cent. Default: 90.
    pub used_at_most: u8,
    /// The least number of files that this process has to be allowed to open, after raising its own limit as far as it
    /// may. Default: none is asked, because services have limits of their own.
    pub open_files: Option<u64>,
    /// The least number of processes that this process's user has to be allowed. Default: none is asked.
    pub processes: Option<u64>,
    /// The most connections that there may be for each bucket of their table. Default: 8, the most that a kernel sets by
    /// itself.
    pub connections_per_bucket: u64,
    /// The least that fs.nr_open may be: no service can be given more open files. Default: 1048576, the kernel's own.
    pub nr_open: u64,
}

impl Default for LimitsParams {
    fn default() -> Self {
        Self {
            used_at_most: 90,
            open_files: None,
            processes: None,
            connections_per_bucket: 8,
            nr_open: 1 << 20,
        }
    }
}

/// The check `limits`.
pub struct Limits;

impl Check for Limits {
    type Params = LimitsParams;

    const META: Meta = Meta {
        id: "limits",
        summary: "What the kernel counts and limits is not about to run out",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &LimitsParams) -> Result<(), String> {
        if !(1..=100).contains(&params.used_at_most) {
            return Err(format!(
                "`usedAtMost` is {}; it is a share of 1 to 100 per cent",
                params.used_at_most
            ));
        }
        Ok(())
    }

    fn run(params: &LimitsParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for (subject, row, least) in
            [("nofile", "Max open files", params.open_files), ("nproc", "Max processes", params.processes)]
        {
            if let Some(least) = least {
                let finding = of_process(subject, row, least, node);
                out.push(if subject == "nofile" { finding.notes(of_services(node)) } else { finding });
            }
        }
        out.push(nr_open(params.nr_open, node));
        let most = u64::from(params.used_at_most);
        out.push(machine_wide("file-handles", "file handles", most, node.file_handles()));
        out.push(machine_wide("threads", "threads", most, node.threads()));
        let tracked = node.tracked_connections();
        if let Ok(Ok(usage)) = &tracked {
            out.push(buckets(params.connections_per_bucket, usage.most, node));
        }
        out.push(connections(most, tracked));
        out.push(keys(most, node));
        Ok(())
    }
}

/// A limit of this process.
fn of_process(subject: &'static str, row: &str, least: u64, node: &Node) -> Finding {
    let what = if subject == "nofile" { "files that may be open" } else { "processes of a user" };
    let limit = match node.process_limit(row) {
        Ok(limit) => limit,
        Err(unknown) => return undetermined(subject, &format!("the number of {what}"), &unknown),
    };
    let shown = |n: Option<u64>| n.map_or_else(|| "unlimited".to_owned(), |n| n.to_string());
    let (soft, hard) = (shown(limit.soft), shown(limit.hard));
    let whose = "these are the limits of the shell or service that runs preflight; the kubelet and the container runtime \
                 have those of their units";
    if limit.hard.is_none_or(|hard| hard >= least) {
        let raised =
            if soft == hard { String::new() } else { format!(", and this process may raise it to {hard}") };
        let message = format!("the limit on {what} is {soft}{raised}");
        return Finding::pass(subject, "enough", message, limit.evidence).note(whose);
    }
    let message =
        format!("the limit on {what} is {soft}, can be raised to {hard} only, and {least} are wanted");
    Finding::problem(Severity::Warn, subject, "low", message).evidence([limit.evidence]).note(whose).remedy(
        Remedy::new("Raise the limit of the session, and those of the services in their units")
            .command(format!("ulimit -H{} {least}", if subject == "nofile" { "n" } else { "u" }))
            .persistent(format!(
                "echo '* hard {subject} {least}' > /etc/security/limits.d/90-kubernetes.conf"
            )),
    )
}

/// What the units of the kubelet and of container runtimes have: their limits are what counts for pods.
fn of_services(node: &Node) -> Option<String> {
    let one = |(service, limit): (&str, Option<String>)| match limit {
        Some(limit) => format!("{service} has LimitNOFILE={limit}"),
        None => format!("{service} has systemd's default"),
    };
    let all: Vec<String> = node.service_open_files().into_iter().map(one).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// No process can be given more open files than this, not by LimitNOFILE= either.
fn nr_open(least: u64, node: &Node) -> Finding {
    let key = "fs.nr_open";
    match node.number_at("/proc/sys/fs/nr_open") {
        Ok((number, seen)) if number >= least => {
            Finding::pass(key, "enough", format!("a process may be given {number} open files"), seen)
        }
        Ok((number, seen)) => {
            let message = format!(
                "{key} is {number}: no service can be given more open files, and {least} are wanted; a unit that asks \
                 for more fails to start"
            );
            Finding::problem(Severity::Warn, key, "low", message).evidence([seen]).remedy(raise(key, least))
        }
        Err(unknown) => undetermined(key, &format!("what {key} is"), &unknown),
    }
}

fn undetermined(subject: &'static str, what: &str, unknown: &Unknown) -> Finding {
    let message = format!("{what} could not be determined");
    Finding::undetermined(Severity::Warn, subject, "unknown", message, unknown)
}

fn raise(key: &str, value: u64) -> Remedy {
    Remedy::new(format!("Raise {key}, or find out who uses so many"))
        .command(format!("sysctl -w {key}={value}"))
        .persistent(format!("echo '{key} = {value}' >> /etc/sysctl.d/90-kubernetes.conf"))
}

/// What the whole machine uses of what it may.
fn machine_wide(subject: &'static str, what: &str, most: u64, usage: Known<Usage>) -> Finding {
    let usage = match usage {
        Ok(usage) => usage,
        Err(unknown) => return undetermined(subject, &format!("how many {what} are in use"), &unknown),
    };
    let (used, of, key, percent) = (usage.used, usage.most, usage.limit, usage.percent());
    if percent < most {
        // The number in use differs from run to run: it is told only where it is the point.
        let message = format!("less than {most} % of the {of} {what} that {key} allows are in use");
        return Finding::pass(subject, "enough", message, usage.rough());
    }
    let (severity, reason) = exhausted(used >= of);
    let message = format!("{used} of the {of} {what} that {key} allows are in use ({percent} %)");
    Finding::problem(severity, subject, reason, message)
        .evidence(usage.proof.into_evidence())
        .remedy(raise(key, of.saturating_mul(2)))
}

fn exhausted(altogether: bool) -> (Severity, &'static str) {
    if altogether { (Severity::Fail, "used-up") } else { (Severity::Warn, "nearly-used-up") }
}

/// Whether chains stay short when there are as many connections as may be.
fn buckets(most: u64, connections: u64, node: &Node) -> Finding {
    let key = "net.netfilter.nf_conntrack_buckets";
    match node.number_at("/proc/sys/net/netfilter/nf_conntrack_buckets") {
        Ok((buckets, seen)) if connections <= buckets.saturating_mul(most) => {
            let message = format!("{buckets} buckets do for {connections} connections");
            Finding::pass(key, "enough", message, seen)
        }
        Ok((buckets, seen)) => {
            let message = format!(
                "{connections} connections may be tracked in {buckets} buckets, more than {most} for each: the fuller \
                 the table, the longer each packet takes"
            );
            // What kube-proxy sets (SetMax).
            let wanted = connections.div_ceil(4);
            let remedy = Remedy::new(format!(
                "Raise {key} on the machine itself, in its first network namespace"
            ))
            .command(format!("sysctl -w {key}={wanted}"))
            .persistent(format!(
                "echo 'options nf_conntrack hashsize={wanted}' > /etc/modprobe.d/90-kubernetes-conntrack.conf"
            ));
            Finding::problem(Severity::Warn, key, "long-chains", message).evidence([seen]).remedy(remedy)
        }
        Err(unknown) => undetermined(key, "into how many buckets connections are sorted", &unknown),
    }
}

fn connections(most: u64, tracked: Known<Result<Usage, Proof>>) -> Finding {
    let subject = "conntrack";
    match tracked {
        Ok(Ok(usage)) => machine_wide(subject, "tracked connections", most, Ok(usage)),
        Ok(Err(proof)) => {
            let message = "no connection is tracked: nf_conntrack is not loaded";
            Finding::not_applicable(subject, message, proof.into_evidence())
        }
        Err(unknown) => machine_wide(subject, "tracked connections", most, Err(unknown)),
    }
}

/// Keys are limited for each user: kernel.keys.root_maxkeys for root, kernel.keys.maxkeys (200) for every other.
fn keys(most: u64, node: &Node) -> Finding {
    let subject = "keys";
    let (user, seen): (KeyUser, Evidence) = match node.fullest_key_user() {
        Ok(found) => found,
        Err(unknown) => return undetermined(subject, "how many keys are in use", &unknown),
    };
    if user.percent() < most {
        let message = format!("every user uses less than {most} % of the kernel keys that they may have");
        let rough = Evidence::new(seen.source, format!("{} at most", under(user.percent())));
        return Finding::pass(subject, "enough", message, rough);
    }
    let ((keys, of_keys), (bytes, of_bytes)) = (user.keys, user.bytes);
    let (severity, reason) = exhausted(keys >= of_keys || bytes >= of_bytes);
    let message = format!(
        "user {} has {keys} of {of_keys} kernel keys and {bytes} of {of_bytes} bytes for them; each container takes \
         one, and the next may fail with \"disk quota exceeded\"",
        user.user
    );
    let root = if user.user == 0 { "root_" } else { "" };
    let (number, size) = (format!("kernel.keys.{root}maxkeys"), format!("kernel.keys.{root}maxbytes"));
    // What the kubelet sets for root (pkg/kubelet/cm/container_manager_linux.go, setupKernelTunables).
    let (good_number, good_size) =
        (of_keys.saturating_mul(2).max(1_000_000), of_bytes.saturating_mul(2).max(25_000_000));
    let lines = [(&number, good_number), (&size, good_size)];
    let remedy =
        lines.iter().fold(Remedy::new(format!("Raise {number} and {size}")), |remedy, (key, value)| {
            remedy
                .command(format!("sysctl -w {key}={value}"))
                .persistent(format!("echo '{key} = {value}' >> /etc/sysctl.d/90-kubernetes.conf"))
        });
    Finding::problem(severity, subject, reason, message).evidence([seen]).remedy(remedy)
}

#[cfg(test)]
mod tests;
