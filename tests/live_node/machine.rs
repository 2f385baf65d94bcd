//! `cpu`, `memory`, `clock`, `hostname` and `identity` beside what the kernel itself says of them.

use super::{Play, evidence};
use crate::{
    common::process::{policy, preflight_with, words},
    scene::{Viewer, cannot, is_root, mounted, not_here},
};
use std::{fs, path::PathBuf, process::Command};

/// The processors on which this process may run.
fn allowed() -> Vec<u32> {
    let status = fs::read_to_string("/proc/self/status").expect("own status");
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("a list");
    list.trim()
        .split(',')
        .flat_map(|range| {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            from.parse::<u32>().expect("a number")..=to.parse().expect("a number")
        })
        .collect()
}

#[test]
fn processors_are_those_that_this_process_may_use() {
    let cpus = allowed();
    let rule = |least: usize| format!("{{check: cpu, with: {{count: {least}}}}}");
    let taskset = format!("taskset -c {}", cpus[0]);
    let one = Play { before: &taskset, ..Play::new("one processor", "") };
    for (least, want) in [(1, "pass enough"), (2, "fail too-few")] {
        let Some(report) = one.judge(&[&rule(least)]) else { return };
        assert_eq!(report.brief("cpu/count"), want, "{report}");
        let text = words(report.finding("cpu/count"));
        // Where there is one processor only, either may be named.
        assert!(cpus.len() == 1 || text.contains("in the cpuset of this process"), "{text}");
    }
    let quota_is_small = "the cgroup of the tests has a quota of its own";
    let report = preflight_with(&policy(&[&rule(cpus.len())]), &["-c", "-", "-o", "json"]).report();
    if words(report.finding("cpu/count")).contains("quota") {
        return not_here("all processors", quota_is_small);
    }
    assert_eq!(report.brief("cpu/count"), "pass enough", "{report}");
    let report = preflight_with(&policy(&[&rule(cpus.len() + 1)]), &["-c", "-", "-o", "json"]).report();
    assert_eq!(report.brief("cpu/count"), "fail too-few", "{report}");
}

/// A v1 cgroup below the own one, which is removed with its children when this is dropped.
struct Cgroup(PathBuf);

impl Cgroup {
    /// Makes it for a controller; an error says why it can't be.
    fn new(controller: &str, name: &str) -> Result<Self, String> {
        let table = fs::read_to_string("/proc/self/mountinfo").expect("a mount table");
        let is_it = |point: &&String| {
            let of = |line: &&str| line.split(' ').nth(4) == Some(point.as_str());
            let options = table.lines().find(of).and_then(|line| line.rsplit(' ').next().map(str::to_owned));
            options.is_some_and(|options| options.split(',').any(|option| option == controller))
        };
        let mount = mounted("cgroup").into_iter().find(|point| is_it(&point));
        let mount = mount.ok_or(format!("{controller} is on no v1 hierarchy"))?;
        let own = fs::read_to_string("/proc/self/cgroup").expect("own cgroups");
        let of = |line: &str| {
            let mut fields = line.splitn(3, ':').skip(1);
            fields
                .next()?
                .split(',')
                .any(|one| one == controller)
                .then(|| fields.next().map(str::to_owned))?
        };
        let own = own.lines().find_map(of).ok_or("no such cgroup")?;
        let path = PathBuf::from(format!("{mount}{own}")).join(name);
        fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    fn write(&self, file: &str, value: &str) -> Result<(), String> {
        fs::write(self.0.join(file), value).map_err(|error| format!("{file}: {error}"))
    }

    /// Words that bring what follows into it, with `ENTER`.
    fn enter(&self) -> String {
        format!("enter {}", self.0.display())
    }
}

const ENTER: &str = "enter() { echo $BASHPID > \"$1/cgroup.procs\" || exit 90; shift; exec \"$@\"; }";

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The last process may still be on its way out.
        for _ in 0..500 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert!(std::thread::panicking(), "{} could not be removed", self.0.display());
    }
}

/// A cgroup with limits, or `None` where it can't be made here (and said so).
fn limited(name: &str, controller: &str, limits: &[(&str, &str)]) -> Option<Cgroup> {
    if !is_root() {
        cannot(name, "only root may make cgroups");
        return None;
    }
    if mounted("cgroup").is_empty() {
        not_here(name, "there is no v1 hierarchy");
        return None;
    }
    // Tests run side by side.
    let own = format!("preflight-{}-{}", name.replace(' ', "-"), std::process::id());
    let made = Cgroup::new(controller, &own);
    match made.and_then(|cgroup| {
        limits.iter().try_for_each(|(file, value)| cgroup.write(file, value))?;
        Ok(cgroup)
    }) {
        Ok(cgroup) => Some(cgroup),
        Err(why) => {
            cannot(name, &why);
            None
        }
    }
}

/// The program is in the cgroup; the shell that the scene keeps is not.
fn in_cgroup<'a>(name: &'a str, before: &'a str) -> Play<'a> {
    Play { before, ..Play::new(name, ENTER) }
}

/// What a mount or a namespace hides may be a limit: nothing passes there.
#[test]
fn a_limit_that_is_not_to_be_seen_is_not_none() {
    let name = "hidden memory limit";
    let Some(cgroup) = limited(name, "memory", &[("memory.limit_in_bytes", "48M")]) else { return };
    let table = fs::read_to_string("/proc/self/mounts").expect("a mount table");
    let words = table.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let point = words
        .filter(|words| words[2] == "cgroup" && words[3].split(',').any(|option| option == "memory"))
        .map(|words| words[1].to_owned())
        .next();
    let Some(point) = point else { return not_here(name, "memory is on no v1 hierarchy") };
    let unmounted = format!("umount --lazy {point} && exec \"$@\"");
    let covered = format!("mount -t tmpfs tmpfs {point} && exec \"$@\"");
    let anew = format!("umount --lazy {point} && mount -t cgroup -o memory cgroup {point} && exec \"$@\"");
    for (what, options, script, want) in [
        ("not mounted", "-m", unmounted.as_str(), "warn? unknown"),
        ("covered", "-m", &covered, "warn? unknown"),
        ("in a cgroup namespace, mounted there", "-mC", &anew, "fail too-little"),
        // The mount shows the real root there, and /proc/self/cgroup nothing of the way from it.
        ("in a cgroup namespace, mounted outside", "-mC", "exec \"$@\"", "warn? unknown"),
        ("in a cgroup namespace, not mounted", "-mC", &unmounted, "warn? unknown"),
    ] {
        let before = format!("{} unshare {options} sh -c '{script}' scene", cgroup.enter());
        let Some(report) = in_cgroup(name, &before).judge(&["{check: memory, with: {total: 64Mi}}"]) else {
            return;
        };
        assert_eq!(report.brief("memory/total"), want, "{what}: {report}");
    }
}

#[test]
fn a_quota_makes_a_machine_small() {
    let name = "CPU quota";
    let limits = [("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "50000")];
    let Some(cgroup) = limited(name, "cpu", &limits) else { return };
    let before = cgroup.enter();
    let Some(report) = in_cgroup(name, &before).judge(&["{check: cpu, with: {count: 1}}"]) else { return };
    assert_eq!(report.brief("cpu/count"), "fail too-few", "{report}");
    let finding = report.finding("cpu/count");
    assert!(words(finding).contains("0.5 processors are allowed by the CPU quota"), "{finding:#}");
    assert!(evidence(finding).contains("cpu.cfs_quota_us"), "{finding:#}");
}

#[test]
fn a_limit_makes_the_memory_small() {
    let name = "memory limit";
    let Some(cgroup) = limited(name, "memory", &[("memory.limit_in_bytes", "268435456")]) else { return };
    let before = cgroup.enter();
    let rules = ["{check: memory, with: {total: 200Mi}}", "{id: more, check: memory, with: {total: 300Mi}}"];
    let Some(report) = in_cgroup(name, &before).judge(&rules) else { return };
    assert_eq!(report.brief("memory/total"), "pass enough", "{report}");
    assert_eq!(report.brief("more/total"), "fail too-little", "{report}");
    let finding = report.finding("more/total");
    assert!(words(finding).contains("256Mi"), "{finding:#}");
    assert!(evidence(finding).contains("memory.limit_in_bytes"), "{finding:#}");
}

#[test]
fn the_clock_is_what_adjtimex_says() {
    let script = "import ctypes; b = ctypes.create_string_buffer(512); state = ctypes.CDLL(None).adjtimex(b)\n\
                  status = int.from_bytes(b.raw[40:44], 'little'); error = int.from_bytes(b.raw[24:32], 'little')\n\
                  print(int(state != 5 and not status & 0x40), error)";
    if cfg!(not(all(target_pointer_width = "64", target_endian = "little"))) {
        return not_here("the clock", "the fields of struct timex lie elsewhere");
    }
    let ask = || {
        let said = Command::new("python3").args(["-c", script]).output().ok()?;
        let text = String::from_utf8(said.stdout).ok()?;
        let (kept, error) = text.trim().split_once(' ')?;
        Some((kept == "1", error.parse::<u64>().ok()?))
    };
    let Some((was_kept, _)) = ask() else { return cannot("the clock", "there is no python3 with ctypes") };
    let rules = ["{check: clock, with: {maxError: 24h}}", "{id: never, check: clock, with: {maxError: 1ms}}"];
    let report = preflight_with(&policy(&rules), &["-c", "-", "-o", "json"]).report();
    let Some((is_kept, error)) = ask() else { return cannot("the clock", "python3 answers no more") };
    if was_kept != is_kept {
        return not_here("the clock", "a keeper began or ended just now");
    }
    let want = if is_kept { "pass synchronised" } else { "fail unsynchronised" };
    assert_eq!(report.brief("clock/synchronisation"), want, "{report}");
    // The error grows by the second; only one that is far from the limit is sure.
    if is_kept && error > 2_000 {
        assert_eq!(report.brief("never/synchronisation"), "fail inaccurate", "{error} us: {report}");
    }
}

/// Nothing in it but what a scene writes: not every machine has the files that could be covered.
const OWN_ETC: &str = "mount -t tmpfs tmpfs /etc; chmod 755 /etc";

#[test]
fn the_name_and_where_it_leads() {
    let set = |name: &str, at_boot: &str, hosts: &str| {
        format!(
            "{OWN_ETC}; echo {name} > /proc/sys/kernel/hostname; printf '{at_boot}' > /etc/hostname; printf '{hosts}' > /etc/hosts"
        )
    };
    let good = "127.0.0.1 localhost\\n192.0.2.2 n1.example n1\\n";
    for (scene, set, want, said) in [
        ("a good name", set("n1", "n1\\n", good), "pass fit", "`n1`"),
        ("Debian's habit", set("n1", "n1\\n", "127.0.1.1 n1\\n"), "pass fit", "127.0.1.1"),
        ("upper case", set("N1", "n1\\n", good), "pass fit", "lower case"),
        ("another name at boot", set("n1", "# a comment\\nn2\\n", good), "warn changes-at-boot", "`n2`"),
        ("loopback", set("n1", "n1\\n", "127.0.0.1 localhost n1\\n"), "warn loopback", "127.0.0.1"),
        ("localhost", set("localhost", "localhost\\n", good), "fail localhost", "never named"),
        ("an underscore", set("n_1", "n_1\\n", good), "fail invalid", "n_1"),
    ] {
        for viewer in [Viewer::Me, Viewer::Nobody] {
            let Some(report) = (Play { viewer, ..Play::new(scene, &set) }).judge(&["{check: hostname}"])
            else {
                return;
            };
            assert_eq!(report.brief("hostname/name"), want, "{scene}: {report}");
            assert!(words(report.finding("hostname/name")).contains(said), "{scene}: {report}");
        }
    }
}

#[test]
fn what_nobody_may_read_is_not_known() {
    for path in ["/etc/hostname", "/etc/hosts"] {
        let set = format!(
            "{OWN_ETC}; echo n1 | tee /proc/sys/kernel/hostname > /etc/hostname; touch {path}; chmod 600 {path}"
        );
        let play = Play { viewer: Viewer::Nobody, ..Play::new("a closed file", &set) };
        let Some(report) = play.judge(&["{check: hostname}"]) else { return };
        assert_eq!(report.brief("hostname/name"), "warn? unknown", "{path}: {report}");
        assert!(words(report.finding("hostname/name")).contains(path), "{path}: {report}");
    }
}

#[test]
fn the_id_of_a_machine() {
    const ID: &str = "0123456789abcdef0123456789abcdef";
    const OTHER: &str = "fedcba9876543210fedcba9876543210";
    let rule = "{check: identity, with: {skip: [product-uuid, mac-addresses]}}";
    let write = |id: &str, dbus: &str| {
        format!(
            "{OWN_ETC}; printf '{id}' > /etc/machine-id
             mount -t tmpfs tmpfs /var/lib; mkdir /var/lib/dbus; printf '{dbus}' > /var/lib/dbus/machine-id"
        )
    };
    for (scene, id, dbus, want) in [
        ("an id of its own", format!("{ID}\\n"), format!("{ID}\\n"), "pass own"),
        ("no id", String::new(), String::new(), "fail uninitialized"),
        ("not initialised", "uninitialized\\n".to_owned(), String::new(), "fail uninitialized"),
        ("the id of a clone", format!("{ID}\\n"), format!("{OTHER}\\n"), "warn differs"),
        ("upper case", format!("{}\\n", ID.to_uppercase()), String::new(), "fail invalid"),
        ("zeros", "0".repeat(32), String::new(), "fail placeholder"),
    ] {
        let Some(report) = Play::new(scene, &write(&id, &dbus)).judge(&[rule]) else { return };
        assert_eq!(report.brief("identity/machine-id"), want, "{scene}: {report}");
    }
}
