//! Which kubelet and which kubeadm are installed, told without starting them where that can be.

use super::buildinfo;
use crate::{
    evidence::{Evidence, Unknown},
    facts::{Known, packages::upstream},
    node::{FileKind, Node, Probe},
    range::leading_version,
};

/// How long a program may take to tell its version, in milliseconds.
pub(crate) const MILLIS: u32 = 2000;

/// Where programs are looked for: root's path on all distributions, and where Flatcar has Kubernetes.
const PATH: [&str; 7] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/opt/bin"];

/// A program of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The kubelet.
    Kubelet,
    /// kubeadm.
    Kubeadm,
}

impl Program {
    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kubelet => "kubelet",
            Self::Kubeadm => "kubeadm",
        }
    }

    /// The packages that bring it: those of pkgs.k8s.io and Alpine, of Debian and Fedora.
    fn packages(self) -> Vec<String> {
        let others: &[&str] = match self {
            Self::Kubelet => &["kubelet", "kubernetes-node", "kubernetes"],
            Self::Kubeadm => &["kubeadm", "kubernetes-kubeadm", "kubernetes-client", "kubernetes-master"],
        };
        others.iter().map(|name| (*name).to_owned()).collect()
    }

    /// What it has to be given to tell its version.
    fn question(self) -> &'static [&'static str] {
        match self {
            Self::Kubelet => &["--version"],
            Self::Kubeadm => &["version", "-o", "short"],
        }
    }

    /// The version in what it prints then: `Kubernetes v1.36.4`, `v1.36.4`.
    fn printed(self, text: &str) -> Option<String> {
        let line = text.lines().next()?.trim();
        let version = match self {
            Self::Kubelet => line.strip_prefix("Kubernetes v")?,
            Self::Kubeadm => line.strip_prefix('v')?,
        };
        leading_version(version).map(|_| version.to_owned())
    }
}

/// Who told a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The package that brought the program.
    Package,
    /// What Go wrote into the program.
    BuildInfo,
    /// The program.
    Itself,
}

/// The version of an installed program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Where the program is.
    pub place: String,
    /// Its leading numbers.
    pub number: semver::Version,
    /// As it was told: `1.8.0-alpha.2.1231+afabd012389d53a`.
    pub text: String,
    /// By whom.
    pub told: Told,
    /// What was seen.
    pub seen: Evidence,
}

struct KubeletVersion(Known<Option<Version>>);
struct KubeadmVersion(Known<Option<Version>>);

impl Node {
    /// The version of the kubelet that is installed; none where there is no such program.
    ///
    /// # Errors
    /// When there is one, and nobody told its version; or a directory could not be looked at.
    pub fn kubelet_version(&self) -> &Known<Option<Version>> {
        let found = self.fact(|| {
            // What the unit starts is what counts, wherever it is.
            let started = self.kubelet().command.as_ref().map(|c| c.program.clone());
            KubeletVersion(self.find_version(Program::Kubelet, started))
        });
        &found.0
    }

    /// Whether anything of a kubelet is installed, by few looks: a program or a unit in the usual places.
    #[must_use]
    pub fn has_kubelet(&self) -> bool {
        let programs = PATH.iter().filter(|directory| !matches!(**directory, "/sbin" | "/bin"));
        let mut places = programs.map(|directory| format!("{directory}/kubelet")).chain(
            ["/etc/systemd/system", "/usr/lib/systemd/system"].map(|d| format!("{d}/{}", super::UNIT)),
        );
        places.any(|place| self.kind(&place).is_ok())
    }

    /// The version of the kubeadm that is installed; none where there is no such program.
    ///
    /// # Errors
    /// As [`Self::kubelet_version`].
    pub fn kubeadm_version(&self) -> &Known<Option<Version>> {
        &self.fact(|| KubeadmVersion(self.find_version(Program::Kubeadm, None))).0
    }

    fn find_version(&self, program: Program, started: Option<String>) -> Known<Option<Version>> {
        let Some(place) = self.program_place(program, started)? else { return Ok(None) };
        let mut tried: Vec<Evidence> = Vec::new();
        let by_package = self.version_of_package(program, &place).unwrap_or_else(|unknown| {
            tried.extend(unknown.evidence);
            None
        });
        if let Some(version) = by_package {
            return Ok(Some(version));
        }
        let read = |offset: u64, length: usize| self.read_at(&place, offset, length).ok();
        if let Some((text, seen)) = buildinfo::read(&read).and_then(|text| buildinfo::version(&text))
            && let Some(number) = leading_version(&text)
        {
            let (told, seen) = (Told::BuildInfo, Evidence::new(format!("{place}, .go.buildinfo"), seen));
            return Ok(Some(Version {
                place,
                number,
                text: text.trim_start_matches('v').to_owned(),
                told,
                seen,
            }));
        }
        self.ask_version(program, place, tried).map(Some)
    }

    /// Where the program is.
    fn program_place(&self, program: Program, started: Option<String>) -> Known<Option<String>> {
        let all = PATH.iter().filter(|d| !(matches!(**d, "/sbin" | "/bin") && self.link(d).is_ok()));
        for place in started.into_iter().chain(all.map(|directory| format!("{directory}/{}", program.name())))
        {
            match self.kind(&place) {
                Ok(FileKind::File) => return Ok(Some(place)),
                Ok(_) => {}
                Err(e) if e.is_missing() => {}
                Err(e) => return Err(e.unknown()),
            }
        }
        // Where not even this is there, it is no whole system.
        if self.kind("/usr/bin").is_err() && self.kind("/bin").is_err() {
            let why = format!(
                "this tree has no /usr/bin, and may be a part of a node only: {} may be elsewhere",
                program.name()
            );
            return Err(Unknown::new(why).tried([Evidence::new("/usr/bin", "does not exist")]));
        }
        Ok(None)
    }

    fn version_of_package(&self, program: Program, place: &str) -> Known<Option<Version>> {
        let Some((package, seen)) = self.package_of(place, &program.packages())? else { return Ok(None) };
        let told = Told::Package;
        Ok(upstream(&package.version).map(|number| {
            let (place, text) = (place.to_owned(), number.to_string());
            Version { place, number, text, told, seen }
        }))
    }

    /// Asks the program itself, where that is allowed.
    fn ask_version(&self, program: Program, place: String, tried: Vec<Evidence>) -> Known<Version> {
        let question = program.question();
        let probed = self.probe(&Probe::Run {
            program: place.clone(),
            arguments: question.iter().map(|word| (*word).to_owned()).collect(),
            millis: MILLIS,
        });
        let command = format!("{place} {}", question.join(" "));
        if let Some(printed) = probed.details() {
            let seen = Evidence::new(&command, printed.lines().next().unwrap_or_default());
            let told = program.printed(printed).and_then(|text| Some((leading_version(&text)?, text)));
            return match told {
                Some((number, text)) => Ok(Version { place, number, text, told: Told::Itself, seen }),
                None => {
                    Err(Unknown::new(format!("`{command}` printed no version of Kubernetes")).tried([seen]))
                }
            };
        }
        let why = match probed.answer() {
            Err(e) => e.unknown(),
            Ok(answer) => Unknown::new(format!("`{command}`: {answer}")),
        };
        let unsaid = format!(
            "no package that is known here brought {place}, nor does what Go wrote into it tell a version"
        );
        Err(why.tried([Evidence::new(&place, unsaid)]).tried(tried))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::kubelet::{buildinfo::tests::program, tests::table},
        node::{Allow, Allowed, Memory, ReadErrorKind},
    };
    use proptest::prelude::*;

    fn run(program: &str, arguments: &[&str]) -> Probe {
        let arguments = arguments.iter().map(|a| (*a).to_owned()).collect();
        Probe::Run { program: program.to_owned(), arguments, millis: MILLIS }
    }

    #[derive(serde::Deserialize)]
    struct Output {
        stdout: String,
        version: Option<String>,
    }

    #[test]
    fn what_the_kubelet_prints() {
        let rows: Vec<Output> = table("kubelet_version_output");
        assert_eq!(rows.len(), 5);
        for Output { stdout, version } in rows {
            assert_eq!(Program::Kubelet.printed(&stdout), version, "{stdout}");
        }
        assert_eq!(Program::Kubelet.printed("Kubernetes v1.7.0\n").as_deref(), Some("1.7.0"));
        assert_eq!(Program::Kubeadm.printed("v1.36.4\n").as_deref(), Some("1.36.4"));
        assert_eq!(Program::Kubeadm.printed("kubeadm: unknown flag"), None);
    }

    #[test]
    fn the_package_tells_first_then_go_then_the_program() {
        let status = "Package: kubelet\nStatus: hold ok installed\nVersion: 1.34.2-1.1\n\n";
        let packaged = Memory::new()
            .file("/usr/bin/kubelet", program("mod\tk8s.io/kubernetes\tv1.33.0\n"))
            .file("/var/lib/dpkg/status", status)
            .file("/var/lib/dpkg/info/kubelet.list", "/.\n/usr/bin/kubelet\n");
        let of = |memory: Memory| Node::in_memory(memory).kubelet_version().clone();
        let version = of(packaged.clone()).unwrap().unwrap();
        assert_eq!((version.text.as_str(), version.told), ("1.34.2", Told::Package));
        // One that somebody copied to where no package has it.
        let copied = packaged.file("/usr/local/bin/kubelet", program("mod\tk8s.io/kubernetes\tv1.33.0\n"));
        let version = of(copied).unwrap().unwrap();
        assert_eq!((version.text.as_str(), version.told), ("1.33.0", Told::BuildInfo));
        assert_eq!(of(Memory::new().file("/usr/bin/sh", "")), Ok(None));
        assert!(of(Memory::new()).is_err(), "no whole system");
        assert!(!Node::in_memory(Memory::new()).has_kubelet());
        assert!(Node::in_memory(Memory::new().file("/usr/bin/kubelet", "")).has_kubelet());
        assert!(of(Memory::new().error("/usr/bin/kubelet", ReadErrorKind::TimedOut)).is_err());
    }

    #[test]
    fn the_program_is_asked_only_where_that_is_allowed() {
        let silent = program("mod\tk8s.io/kubernetes\t(devel)\n");
        let memory = Memory::new().file("/usr/bin/kubelet", &silent).file("/usr/bin/kubeadm", &silent);
        let unknown = Node::in_memory(memory.clone()).kubelet_version().clone().unwrap_err();
        assert_eq!(unknown.needs.as_deref(), Some("run with --allow exec"));
        let asked = memory
            .probe(run("/usr/bin/kubelet", &["--version"]), "ok, Kubernetes v1.36.4")
            .probe(run("/usr/bin/kubeadm", &["version", "-o", "short"]), "ok, v1.36.5");
        let node = Node::in_memory(asked).allowing(Allowed::from_iter([Allow::Exec]));
        let version = node.kubelet_version().clone().unwrap().unwrap();
        assert_eq!((version.text.as_str(), version.told), ("1.36.4", Told::Itself));
        assert_eq!(node.kubeadm_version().clone().unwrap().unwrap().text, "1.36.5");
    }

    #[test]
    fn what_the_unit_starts_counts() {
        let memory = Memory::new()
            .file("/usr/lib/systemd/system/kubelet.service", "[Service]\nExecStart=/opt/k/kubelet\n")
            .file("/opt/k/kubelet", program("mod\tk8s.io/kubernetes\tv1.30.0\n"))
            .file("/usr/bin/kubelet", program("mod\tk8s.io/kubernetes\tv1.31.0\n"));
        let version = Node::in_memory(memory).kubelet_version().clone().unwrap().unwrap();
        assert_eq!((version.place.as_str(), version.text.as_str()), ("/opt/k/kubelet", "1.30.0"));
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,60}") {
            let _ = (Program::Kubelet.printed(&text), Program::Kubeadm.printed(&text));
        }
    }
}
