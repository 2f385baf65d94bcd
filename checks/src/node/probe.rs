//! Named questions that no file answers: what is asked of the live machine by a system call or a program, and its answer
//! as a text that can be kept and given again.

mod answer;
mod connect;
mod cri;
mod disk;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod kernel_log;
mod listeners;
mod lookup;
mod netlink;
mod nftables;
mod run;
mod systemd;
mod unix;

pub use answer::{Answer, Probed};
pub use kernel_log::LogKind;
pub(crate) use kernel_log::micros;
pub use run::Ended;

use super::{Allow, ReadError, ReadErrorKind, sys};
use crate::errno;
use rustix::{
    fd::{AsFd as _, AsRawFd as _, OwnedFd},
    io::Errno,
};
use serde::Serialize;
use std::{
    borrow::Cow,
    fmt, io,
    net::{IpAddr, SocketAddr},
};

/// A question to the live machine. Nothing of it is left behind, and what [`takes`](Self::takes) nothing changes nothing
/// either (law 5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Probe {
    /// How many programs that control access to devices are attached to a cgroup of version 2.
    CgroupDeviceQuery {
        /// The directory of the cgroup.
        directory: String,
    },
    /// Whether such a program can be loaded. It is attached to nothing and let go at once.
    CgroupDeviceLoad,
    /// Whether events can be counted for a cgroup alone. The event is never enabled and let go at once.
    ///
    /// The first such event since a while takes 7 to 15 ms: the kernel switches its accounting on and waits for all
    /// processors (`account_event`, kernel/events/core.c; measured on 6.18).
    PerfCgroup {
        /// The directory of the cgroup.
        directory: String,
    },
    /// Whether the entries of a directory tell their types, which overlayfs needs (`d_type` of getdents(2)).
    EntryTypes {
        /// The directory.
        directory: String,
    },
    /// Which capabilities a program gains by an attribute of its file (capabilities(7)), in hexadecimal.
    FileCapabilities {
        /// The file, links followed.
        path: String,
    },
    /// What the kernel knows of its clock.
    Clock,
    /// What the kernel's log tells of trouble. All of it comes with one call, and nothing of it is taken away. /dev/kmsg, which
    /// has the same, takes a call for every line: for 406 lines 408 calls and 0.26 ms against one call and 0.33 ms (measured
    /// on 6.18), and it is seldom there in a container.
    KernelLog,
    /// The base chains of nftables, over netlink. Asked only where nf_tables is there already: the kernel would load it.
    Nftables,
    /// The listeners of TCP, over netlink. Asked only where tcp_diag is there already: the kernel would load it.
    Listeners,
    /// Who a container runtime is, how it is, and its cgroup driver. A runtime is part of the node, and these questions change
    /// nothing of it.
    Cri {
        /// The path of its socket.
        socket: String,
        /// How long all of it may take, in milliseconds.
        #[serde(skip)]
        millis: u32,
    },
    /// In which state systemd's system manager has units, and which version it is. No unit is loaded for it, and no service
    /// started.
    Units {
        /// Their names.
        names: Vec<String>,
        /// Whether to ask by way of the system bus, and not at the manager's own socket.
        by_bus: bool,
        /// How long all of it may take, in milliseconds.
        #[serde(skip)]
        millis: u32,
    },
    /// The addresses of a name, by a name server; takes [`Allow::Network`].
    Lookup {
        /// The name server.
        server: IpAddr,
        /// The whole name.
        name: String,
        /// Whether addresses of IPv6 are wanted, and not of IPv4.
        v6: bool,
        /// How long it may take, in milliseconds.
        #[serde(skip)]
        millis: u32,
    },
    /// Whether somebody listens there; nothing is said to them. Takes [`Allow::Network`].
    Connect {
        /// Address and port.
        address: SocketAddr,
        /// How long it may take, in milliseconds.
        #[serde(skip)]
        millis: u32,
    },
    /// The status that a server of HTTP gives, and the certificates that it shows, which are not judged here. Takes
    /// [`Allow::Network`].
    Fetch {
        /// Where to connect to: the server, or a proxy.
        address: SocketAddr,
        /// Whether that is a proxy.
        by_proxy: bool,
        /// Whether the server speaks TLS.
        tls: bool,
        /// The server's name or address.
        host: String,
        /// Its port.
        port: u16,
        /// What is asked for, from the first `/` on.
        path: String,
        /// Who asks, where the server wants to know.
        identity: Option<Identity>,
        /// Whether the body of the answer is wanted, too: at most 16 KiB.
        body: bool,
        /// How long it may take, in milliseconds.
        #[serde(skip)]
        millis: u32,
    },
    /// What a program prints; takes [`Allow::Exec`].
    Run {
        /// Its path.
        program: String,
        /// What it is given.
        arguments: Vec<String>,
        /// How long it may take, in milliseconds.
        #[serde(skip)]
        millis: u32,
    },
    /// How a program ends and what it prints, whatever its exit status; takes [`Allow::Exec`]. The answer is an [`Ended`].
    Execute {
        /// Its path.
        program: String,
        /// What it is given.
        arguments: Vec<String>,
        /// What it reads on standard input.
        input: String,
        /// How long it may take, in milliseconds.
        #[serde(skip)]
        millis: u32,
    },
    /// How long writes to a file of its own take to reach the disk; takes [`Allow::Write`]. The file has no name, so that
    /// nothing is left of it, however this program ends.
    DiskLatency {
        /// The directory.
        directory: String,
        /// How many writes at most.
        writes: u32,
        /// How long at most, in milliseconds.
        #[serde(skip)]
        millis: u32,
    },
}

/// A certificate that is shown to a server, by the files that have it and its key. What is in them is read when it is needed,
/// and told nowhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Identity {
    /// The file with the certificate, and with those between it and its authority.
    pub certificate: String,
    /// The file with its private key.
    pub key: String,
}

impl Probe {
    /// The system call, as it is named in evidence.
    #[must_use]
    pub fn call(&self) -> &'static str {
        match self {
            Self::CgroupDeviceQuery { .. } => "bpf(BPF_PROG_QUERY, BPF_CGROUP_DEVICE)",
            Self::CgroupDeviceLoad => "bpf(BPF_PROG_LOAD, BPF_PROG_TYPE_CGROUP_DEVICE)",
            Self::PerfCgroup { .. } => "perf_event_open(PERF_FLAG_PID_CGROUP)",
            Self::EntryTypes { .. } => "getdents(2)",
            Self::Clock => "adjtimex(2)",
            Self::FileCapabilities { .. } => "getxattr(security.capability)",
            Self::Nftables => "netlink(NFT_MSG_GETCHAIN, NFT_MSG_GETRULE)",
            Self::Listeners => "netlink(SOCK_DIAG_BY_FAMILY, TCP_LISTEN)",
            Self::KernelLog => "syslog(SYSLOG_ACTION_READ_ALL)",
            Self::Cri { .. } => "CRI",
            Self::Units { .. } => "systemd",
            Self::Run { .. } | Self::Execute { .. } => "run",
            Self::Lookup { .. } => "DNS",
            Self::Connect { .. } => "connect(2)",
            Self::Fetch { tls: false, .. } => "HTTP",
            Self::Fetch { .. } => "HTTPS",
            Self::DiskLatency { .. } => "write(2) and fdatasync(2)",
        }
    }

    /// What is asked about: a path, an address, where the call does not say all.
    #[must_use]
    pub fn about(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::CgroupDeviceQuery { directory }
            | Self::PerfCgroup { directory }
            | Self::EntryTypes { directory }
            | Self::DiskLatency { directory, .. } => directory.into(),
            Self::Run { program, .. } | Self::Execute { program, .. } => program.into(),
            Self::FileCapabilities { path } => path.into(),
            Self::Cri { socket, .. } => socket.into(),
            Self::Units { names, .. } => names.join(" ").into(),
            Self::Lookup { server, name, v6, .. } => {
                format!("{server}: {name} {}", if *v6 { "AAAA" } else { "A" }).into()
            }
            Self::Connect { address, .. } => address.to_string().into(),
            Self::Fetch { address, by_proxy, host, port, path, .. } => {
                let by = if *by_proxy { "by proxy " } else { "" };
                format!("{by}{address}: {host}:{port}{path}").into()
            }
            Self::CgroupDeviceLoad | Self::Clock | Self::Nftables | Self::Listeners | Self::KernelLog => {
                return None;
            }
        })
    }

    /// What has to be allowed before it may be asked; nothing for a mere read.
    #[must_use]
    pub fn takes(&self) -> Option<Allow> {
        match self {
            Self::CgroupDeviceQuery { .. }
            | Self::CgroupDeviceLoad
            | Self::PerfCgroup { .. }
            | Self::EntryTypes { .. }
            | Self::FileCapabilities { .. }
            | Self::Clock
            | Self::Nftables
            | Self::Listeners
            | Self::Cri { .. }
            | Self::Units { .. }
            | Self::KernelLog => None,
            Self::DiskLatency { .. } => Some(Allow::Write),
            Self::Run { .. } | Self::Execute { .. } => Some(Allow::Exec),
            Self::Lookup { .. } | Self::Connect { .. } | Self::Fetch { .. } => Some(Allow::Network),
        }
    }

    /// Asks the live machine; `open` opens a directory of it.
    pub(super) fn ask(&self, open: &dyn Fn(&str) -> Result<OwnedFd, ReadError>) -> Result<Answer, ReadError> {
        let answer = match self {
            Self::CgroupDeviceLoad => sys::load_device_program().map(|()| "ok".to_owned()),
            Self::CgroupDeviceQuery { directory } => {
                sys::count_device_programs(open(directory)?.as_fd()).map(|n| format!("ok, {n} programs"))
            }
            Self::PerfCgroup { directory } => {
                sys::open_cgroup_event(open(directory)?.as_fd()).map(|()| "ok".to_owned())
            }
            Self::Clock => sys::read_clock(),
            Self::FileCapabilities { path } => disk::file_capabilities(path).map_err(Into::into),
            Self::KernelLog => kernel_log(),
            Self::Nftables => nftables::dump().map_err(Into::into),
            Self::Listeners => listeners::dump().map_err(Into::into),
            Self::Run { program, arguments, millis } => return answer(run::run(program, arguments, *millis)),
            Self::Execute { program, arguments, input, millis } => {
                return answer(run::execute(&run::Program {
                    path: program,
                    arguments,
                    input,
                    millis: *millis,
                }));
            }
            Self::Cri { socket, millis } => return answer(cri::ask(socket, *millis)),
            Self::Units { names, by_bus, millis } => return answer(systemd::ask(names, *by_bus, *millis)),
            Self::Lookup { server, name, v6, millis } => {
                return answer(lookup::lookup((*server, lookup::PORT).into(), name, *v6, *millis));
            }
            Self::Connect { address, millis } => connect::connect(*address, *millis),
            Self::Fetch { address, by_proxy, tls, host, port, path, identity, body, millis } => {
                let (address, by_proxy, tls) = (*address, *by_proxy, *tls);
                let (port, body, millis) = (*port, *body, *millis);
                let identity = identity.as_ref();
                let request =
                    connect::Request { address, by_proxy, tls, host, port, path, identity, body, millis };
                return answer(connect::fetch(&request));
            }
            Self::EntryTypes { directory } => disk::entry_types(open(directory)?).map_err(Into::into),
            Self::DiskLatency { directory, writes, millis } => {
                disk::latency(&open(directory)?, *writes, *millis).map_err(Into::into)
            }
        };
        Ok(answer.map_or_else(|e| Answer::Errno(errno_name(&e)), Answer::Works))
    }
}

impl Probe {
    /// Asks who listens at the sockets of a mounted host; `open` opens one, without connecting to it.
    pub(super) fn ask_by_sockets(
        &self,
        open: &dyn Fn(&str) -> Result<OwnedFd, ReadError>,
    ) -> Result<Answer, ReadError> {
        let by_handle = |handle: &OwnedFd| format!("/proc/self/fd/{}", handle.as_raw_fd());
        match self {
            Self::Cri { socket, millis } => answer(cri::ask(&by_handle(&open(socket)?), *millis)),
            Self::Units { names, by_bus: false, millis } => {
                let socket = open(systemd::PRIVATE)?;
                answer(systemd::ask_at(&by_handle(&socket), None, names, *millis))
            }
            _ => Err(ReadError::new(self.call(), ReadErrorKind::LiveOnly)),
        }
    }
}

/// The answer of what can also say by itself that it does not work.
#[allow(clippy::unnecessary_wraps)] // as the others have it
fn answer(result: io::Result<Result<String, String>>) -> Result<Answer, ReadError> {
    Ok(match result {
        Ok(Ok(text)) => Answer::Works(text),
        Ok(Err(text)) => Answer::Errno(text),
        Err(e) => Answer::Errno(errno_name(&e)),
    })
}

fn kernel_log() -> io::Result<String> {
    let log = sys::read_kernel_log(kernel_log::LIMIT)?;
    Ok(kernel_log::digest(&log, sys::micros_since_boot()?))
}

/// The question in one line: the call and what it is asked about. Different questions have different lines.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.call())?;
        // By which server, at which address; the others are on a file.
        let on = if self.takes() == Some(Allow::Network) { "" } else { "on " };
        self.about().map_or(Ok(()), |about| write!(f, " {on}{about}"))
    }
}

/// The name of the error that a call gave.
fn errno_name(error: &io::Error) -> String {
    // A time limit of our own ends as one of the kernel's.
    if error.kind() == io::ErrorKind::TimedOut {
        return "ETIMEDOUT".to_owned();
    }
    Errno::from_io_error(error).map_or_else(|| error.to_string(), errno::name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Door, FileKind, Node, Origin};
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
        time::Duration,
    };

    /// Counts how often it is asked, and answers what it is told to.
    struct Counting(AtomicUsize, Result<Answer, ReadErrorKind>);

    impl Door for Counting {
        fn origin(&self) -> Origin {
            Origin::Live
        }
        fn read(&self, path: &str, _: usize) -> Result<Vec<u8>, ReadError> {
            Err(ReadError::new(path, ReadErrorKind::Missing))
        }
        fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
            Err(ReadError::new(path, ReadErrorKind::Missing))
        }
        fn kind(&self, path: &str) -> Result<FileKind, ReadError> {
            Err(ReadError::new(path, ReadErrorKind::Missing))
        }
        fn probe(&self, probe: &Probe) -> Result<Answer, ReadError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            self.1.clone().map_err(|kind| ReadError::new(probe.to_string(), kind))
        }
    }

    #[test]
    fn each_question_is_put_once() {
        let seen = |result| {
            let door = Arc::new(Counting(AtomicUsize::new(0), result));
            let node = Node::new(Arc::clone(&door) as Arc<dyn Door>, Arc::default());
            let here = Probe::PerfCgroup { directory: "/here".into() };
            let evidence = [&here, &here].map(|p| node.probe(p).evidence());
            assert_eq!(door.0.load(Ordering::Relaxed), 1);
            node.probe(&Probe::CgroupDeviceLoad);
            assert_eq!(door.0.load(Ordering::Relaxed), 2);
            evidence[1].clone().map(|e| e.observed)
        };
        assert_eq!(seen(Ok(Answer::from("EPERM"))).as_deref(), Some("EPERM"));
        assert_eq!(
            seen(Err(ReadErrorKind::Missing)).as_deref(),
            Some("perf_event_open(PERF_FLAG_PID_CGROUP) on /here: does not exist")
        );
        assert_eq!(seen(Err(ReadErrorKind::LiveOnly)), None);
    }

    #[test]
    fn what_is_asked_ahead_is_asked_once_and_answers_the_question() {
        let asked = |result: Result<Answer, ReadErrorKind>, ahead: &[&Probe], then: &Probe| {
            let door = Arc::new(Counting(AtomicUsize::new(0), result));
            let node = Node::new(Arc::clone(&door) as Arc<dyn Door>, Arc::default());
            for probe in ahead {
                node.probe_ahead((*probe).clone());
            }
            let seen = [node.probe(then).result.clone(), node.probe(then).result.clone()];
            assert_eq!(seen[0], seen[1]);
            (seen[0].clone().map_err(|e| e.kind), door.0.load(Ordering::Relaxed))
        };
        let log = Probe::KernelLog;
        let answer = Answer::from("EPERM");
        assert_eq!(asked(Ok(answer.clone()), &[&log], &log), (Ok(answer.clone()), 1));
        assert_eq!(asked(Ok(answer.clone()), &[&log, &log], &log), (Ok(answer.clone()), 1));
        assert_eq!(asked(Err(ReadErrorKind::LiveOnly), &[&log], &log), (Err(ReadErrorKind::LiveOnly), 1));
        assert_eq!(asked(Ok(answer.clone()), &[], &log), (Ok(answer), 1));
        // What hung on another thread is not asked once more.
        let watch = crate::node::Watch::default();
        let hangs = || {
            watch.give_up();
            Ok(())
        };
        assert_eq!(watch.during(&log.to_string(), hangs), Ok(()));
        let door = Arc::new(Counting(AtomicUsize::new(0), Ok(Answer::from("ok"))));
        Node::new(Arc::clone(&door) as Arc<dyn Door>, Arc::new(watch)).probe_ahead(log.clone());
        thread::sleep(Duration::from_millis(20));
        assert_eq!(door.0.load(Ordering::Relaxed), 0);
        // What takes more than reading is not asked by anybody who was not allowed to.
        let connect = Probe::Connect { address: ([127, 0, 0, 1], 9).into(), millis: 1 };
        let denied = asked(Ok(Answer::from("ok")), &[&connect], &connect);
        assert_eq!(denied.1, 0, "{denied:?}");
    }

    #[test]
    fn answers_survive_being_written_down() {
        for answer in [
            Answer::Works("ok".into()),
            Answer::Works("ok, 3 programs".into()),
            Answer::Errno("EPERM".into()),
            Answer::Errno("errno 95".into()),
        ] {
            assert_eq!(Answer::from(answer.to_string().as_str()), answer);
        }
        assert_eq!(Answer::from("okay?"), Answer::Errno("okay?".into()));
    }

    #[test]
    fn questions_have_lines_of_their_own() {
        let directory = || "/sys/fs/cgroup".to_owned();
        let lines = [
            Probe::CgroupDeviceQuery { directory: directory() },
            Probe::CgroupDeviceLoad,
            Probe::PerfCgroup { directory: directory() },
            Probe::PerfCgroup { directory: "/".into() },
        ]
        .map(|p| p.to_string());
        assert_eq!(lines[0], "bpf(BPF_PROG_QUERY, BPF_CGROUP_DEVICE) on /sys/fs/cgroup");
        let unique: std::collections::BTreeSet<_> = lines.iter().collect();
        assert_eq!(unique.len(), lines.len());
    }

    #[test]
    fn errors_have_names() {
        assert_eq!(errno_name(&io::Error::from_raw_os_error(libc::ENOSYS)), "ENOSYS");
        assert_eq!(errno_name(&io::Error::from_raw_os_error(77)), "errno 77");
    }
}
