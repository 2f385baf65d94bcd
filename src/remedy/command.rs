//! Which commands of a remedy can stand in a script: those of known programs, that can be run twice, of words that mean
//! nothing to a shell.

/// Programs of which running one twice does as much as once, and the words that have to come first, where not all do.
const KNOWN: &[(&str, &[&str])] = &[
    ("sysctl", &["-w"]),
    ("modprobe", &[]),
    ("swapoff", &[]),
    ("systemctl", &["enable", "disable", "start", "stop", "restart", "unmask", "daemon-reload", "add-wants"]),
    ("rc-update", &["add"]),
    ("rc-service", &[]),
    ("chmod", &[]),
    ("chown", &[]),
    ("chgrp", &[]),
    ("setcap", &[]),
    ("setenforce", &[]),
    ("mkdir", &["-p"]),
    ("ln", &["-sf", "-sfn"]),
    ("mount", &["--make-rshared", "--make-rslave", "--make-rprivate", "-o"]),
    ("update-alternatives", &["--set"]),
    ("hostnamectl", &["set-hostname"]),
    ("depmod", &["-a"]),
    ("usermod", &["--append"]),
    ("firewall-cmd", &[]),
    ("ufw", &["allow", "default"]),
    ("apt-get", &["install"]),
];

/// The line of shell that a command stands for. None where a person has to look at it: a program that is not known, a placeholder, or
/// anything that a shell would take for more than a word.
pub(super) fn step(text: &str) -> Option<String> {
    let words = words(text)?;
    let plain: Vec<&str> = words.iter().map(String::as_str).collect();
    match plain.as_slice() {
        ["echo", line, ">>", file] if is_path(file) => Some(format!("line {file} {}", quoted(line))),
        // Only what the kernel takes as a value: a file of the disk would lose what it holds.
        ["echo", value, ">", file] if file.starts_with("/sys/") || file.starts_with("/proc/") => {
            Some(format!("set_to {file} {}", quoted(value)))
        }
        [program, rest @ ..] if is_known(program, rest) => {
            let mut line = format!("run {program}");
            if *program == "apt-get" {
                line.push_str(" --yes");
            }
            for word in rest {
                line.push(' ');
                line.push_str(&quoted(word));
            }
            Some(line)
        }
        _ => None,
    }
}

fn is_known(program: &str, rest: &[&str]) -> bool {
    let known = |(name, first): &(&str, &[&str])| {
        *name == program && (first.is_empty() || rest.first().is_some_and(|word| first.contains(word)))
    };
    KNOWN.iter().any(known) && !rest.iter().any(|word| *word == ">" || *word == ">>" || is_placeholder(word))
}

/// `ADDRESS`, `FIRST-LAST`: what a person has to fill in.
fn is_placeholder(word: &str) -> bool {
    word.split(['/', '=', ':']).any(|part| {
        part.len() >= 4
            && part.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
            && part.bytes().any(|b| b != b'-')
    })
}

fn is_path(word: &str) -> bool {
    word.starts_with('/') && !word.contains(' ')
}

/// The words of a command: bare ones, or one in single quotes. None where any character could mean something to a shell.
fn words(text: &str) -> Option<Vec<String>> {
    let bare = |c: char| c.is_ascii_alphanumeric() || "_./:=,@%+-".contains(c);
    let mut words = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('\'') {
            let (word, after) = after.split_once('\'')?;
            if !word.chars().all(|c| bare(c) || c == ' ') || !(after.is_empty() || after.starts_with(' ')) {
                return None;
            }
            words.push(word.to_owned());
            rest = after.trim_start_matches(' ');
            continue;
        }
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        if !(word == ">" || word == ">>" || word.chars().all(bare)) {
            return None;
        }
        words.push(word.to_owned());
        rest = after.trim_start_matches(' ');
    }
    (words.len() > 1 || text.trim() == "swapoff").then_some(words)
}

/// The word as a shell takes it; only letters, digits, blanks and harmless signs come here.
fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains(' ') { format!("'{word}'") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_run() {
        for (text, line) in [
            ("sysctl -w net.ipv4.ip_forward=1", "run sysctl -w net.ipv4.ip_forward=1"),
            ("sysctl -w net.ipv4.ip_local_port_range='32768 60999'", ""),
            ("sysctl -w 'a.b=1 2'", "run sysctl -w 'a.b=1 2'"),
            ("systemctl restart kubelet", "run systemctl restart kubelet"),
            (
                "echo 'a.b = 1' >> /etc/sysctl.d/90-kubernetes.conf",
                "line /etc/sysctl.d/90-kubernetes.conf 'a.b = 1'",
            ),
            (
                "echo overlay >> /etc/modules-load.d/kubernetes.conf",
                "line /etc/modules-load.d/kubernetes.conf overlay",
            ),
            (
                "echo 1024 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
                "set_to /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages 1024",
            ),
            ("echo 'nameserver ADDRESS' > /etc/resolv.conf", ""),
            ("swapoff -a", "run swapoff -a"),
            ("chmod 0600 /etc/kubernetes/admin.conf", "run chmod 0600 /etc/kubernetes/admin.conf"),
            ("apt-get install socat", "run apt-get --yes install socat"),
            ("apt-get install apparmor || zypper install apparmor-parser", ""),
            ("hostnamectl set-hostname NAME", ""),
            ("usermod --add-subuids FIRST-LAST kubelet", ""),
            ("rm -r /etc/cni/net.d", ""),
            ("mv /a /a.old", ""),
            ("kill 77", ""),
            ("reboot", ""),
            ("mount -o remount,exec /data", "run mount -o remount,exec /data"),
            ("systemctl stop a;reboot", ""),
            ("systemctl stop $(reboot)", ""),
            ("systemctl stop a > /etc/passwd", ""),
            ("systemctl mask a", ""),
            ("systemctl stop 'a' 'b c'", "run systemctl stop a 'b c'"),
            ("systemctl stop a\nreboot", ""),
            ("/etc/fstab: cgroup2 /sys/fs/cgroup", ""),
            ("echo 'x' >> etc/passwd", ""),
        ] {
            let step = step(text);
            assert_eq!(step, (!line.is_empty()).then(|| line.to_owned()), "{text}");
        }
    }
}
