//! Which commands of a remedy can stand in a script: those of known programs, that can be run twice, of words that mean
//! nothing to a shell. What such a program is told is looked at as well (`is_harmless`): a report that somebody made up must not
//! have it run a program, replace a file or give rights away.

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
    ("setcap", &["cap_setuid=ep", "cap_setgid=ep"]),
    ("setenforce", &[]),
    ("mkdir", &["-p"]),
    ("mount", &["--make-rshared", "--make-rslave", "--make-rprivate", "-o"]),
    ("update-alternatives", &["--set"]),
    ("hostnamectl", &["set-hostname"]),
    ("depmod", &["-a"]),
    ("firewall-cmd", &[]),
    ("ufw", &["allow", "default"]),
    ("apt-get", &["install"]),
];

/// The line of shell that a command stands for. None where a person has to look at it: a program that is not known, a placeholder, or
/// anything that a shell would take for more than a word.
pub(super) fn step(text: &str) -> Option<String> {
    let words = words(text)?;
    let plain: Vec<&str> = words.iter().map(String::as_str).collect();
    if plain.iter().any(|word| word.split('/').any(|part| part == "..")) {
        return None;
    }
    match plain.as_slice() {
        // A file of the disk keeps what it holds, also where the remedy would write it whole.
        ["echo", line, ">>" | ">", file] if is_setting(file, line) => {
            Some(format!("line {file} {}", quoted(line)))
        }
        // Only what the kernel takes as a value; a path could name a program that it starts, as kernel.modprobe does.
        ["echo", value, ">", file]
            if (file.starts_with("/sys/") || file.starts_with("/proc/sys/"))
                && is_path(file)
                && !value.contains('/') =>
        {
            Some(format!("set_to {file} {}", quoted(value)))
        }
        [program, rest @ ..] if is_known(program, rest) && is_harmless(program, rest) => {
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

/// Whether a known program can be told this by a report that nobody vouches for.
#[expect(clippy::match_same_arms, reason = "a program a line")]
fn is_harmless(program: &str, rest: &[&str]) -> bool {
    let names = |words: &[&str]| words.iter().all(|word| !word.starts_with('-') && !word.contains('/'));
    let after = rest.get(1..).unwrap_or_default();
    match (program, rest) {
        ("sysctl", _) => after.iter().all(|word| word.split_once('=').is_some_and(|(_, v)| !v.contains('/'))),
        // An option could name a configuration that starts programs; a path, a module or a package of anybody.
        ("modprobe" | "rc-service", _) => names(rest),
        ("apt-get" | "depmod" | "rc-update" | "hostnamectl", _) => names(after),
        // Targets such as reboot.target end what runs.
        ("systemctl", ["start" | "restart", ..]) => {
            names(after) && after.iter().all(|unit| !unit.ends_with(".target"))
        }
        ("systemctl", _) => after.iter().all(|word| *word == "--now" || names(&[word])),
        ("chmod", [mode, _]) => is_modest(mode),
        ("chown" | "chgrp", [owner, _]) => matches!(*owner, "root" | "root:" | "root:root"),
        ("chmod" | "chown" | "chgrp", _) => false,
        ("setcap", [_, file]) => matches!(*file, "/usr/bin/newuidmap" | "/usr/bin/newgidmap"),
        ("setcap", _) => false,
        ("mount", ["-o", options, _]) => options.starts_with("remount,") && !options.contains("suid"),
        ("mount", _) => rest.len() == 2,
        ("update-alternatives", [_, _, file]) => file.starts_with("/usr/"),
        ("update-alternatives", _) => false,
        _ => true,
    }
}

/// A mode that gives nobody the rights of the owner, and lets others write only where the sticky bit guards what is there.
fn is_modest(mode: &str) -> bool {
    match mode.as_bytes() {
        [special @ (b'0' | b'1'), rest @ ..]
            if rest.len() == 3 && rest.iter().all(|b| (b'0'..=b'7').contains(b)) =>
        {
            *special == b'1' || rest.last().is_some_and(|others| (others - b'0') & 2 == 0)
        }
        _ => false,
    }
}

/// Whether this is a line of a file from which systemd sets sysctls or loads modules, and of nothing that could start a program.
fn is_setting(file: &str, line: &str) -> bool {
    let (directory, name) = (file.rsplit('/').nth(1), file.rsplit('/').next().unwrap_or_default());
    let value = line.split_once('=').map_or(line, |(_, value)| value);
    is_path(file)
        && name.strip_suffix(".conf").is_some_and(|stem| !stem.is_empty())
        && matches!(directory, Some("sysctl.d" | "modules-load.d"))
        && !value.contains('/')
}

/// Whether a command can disturb what runs, open a port or bring programs, whatever a report says of its risk.
pub(super) fn disturbs(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().take(3).collect();
    match words.as_slice() {
        ["systemctl", verb, ..] => matches!(*verb, "stop" | "restart" | "disable"),
        ["rc-service", _, verb] => *verb != "start",
        [program, ..] => {
            matches!(
                *program,
                "swapoff"
                    | "setenforce"
                    | "mount"
                    | "firewall-cmd"
                    | "ufw"
                    | "apt-get"
                    | "update-alternatives"
                    | "hostnamectl"
            )
        }
        [] => false,
    }
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
            (
                "echo overlay > /etc/modules-load.d/overlay.conf",
                "line /etc/modules-load.d/overlay.conf overlay",
            ),
            ("mount --make-rshared /", "run mount --make-rshared /"),
            ("chown root:root /etc/kubernetes", "run chown root:root /etc/kubernetes"),
            ("setcap cap_setuid=ep /usr/bin/newuidmap", "run setcap cap_setuid=ep /usr/bin/newuidmap"),
            ("systemctl disable --now a.service", "run systemctl disable --now a.service"),
            ("chmod 1777 /tmp", "run chmod 1777 /tmp"),
            // What a made-up report would like.
            ("echo x > /proc/../etc/passwd", ""),
            ("echo x > /sys/../etc/passwd", ""),
            ("echo '@reboot root /tmp/x' >> /etc/crontab", ""),
            ("echo /tmp/x.so >> /etc/ld.so.preload", ""),
            ("echo x >> /etc/sysctl.d/../passwd.conf", ""),
            ("echo 'install overlay /tmp/x' >> /etc/modprobe.d/a.conf", ""),
            ("echo 'kernel.modprobe = /tmp/x' >> /etc/sysctl.d/a.conf", ""),
            ("echo /tmp/x > /proc/sys/kernel/modprobe", ""),
            ("echo b > /proc/sysrq-trigger", ""),
            ("sysctl -w kernel.modprobe=/tmp/x", ""),
            ("modprobe -C /tmp/x overlay", ""),
            ("modprobe /tmp/x.ko", ""),
            ("apt-get install -o DPkg::Pre-Invoke::=/tmp/x a", ""),
            ("apt-get install /tmp/x.deb", ""),
            ("systemctl enable --now /tmp/x.service", ""),
            ("systemctl start reboot.target", ""),
            ("chmod 4755 /bin/sh", ""),
            ("chmod 0666 /etc/shadow", ""),
            ("chmod -R 0755 /", ""),
            ("chown guest /etc/shadow", ""),
            ("ln -sfn /tmp/x /etc/passwd", ""),
            ("setcap cap_setuid=ep /tmp/x", ""),
            ("usermod --append --groups sudo guest", ""),
            ("mount -o bind /tmp/x /etc", ""),
            ("update-alternatives --set iptables /tmp/x", ""),
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
