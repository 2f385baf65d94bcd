//! Docker behind cri-dockerd: by which driver its containers get their cgroups.

use super::{
    Known,
    containerd::{Driver, Found, Problem, problem},
};
use crate::{
    evidence::{Evidence, Unknown},
    node::{FileKind, Node},
    value::{Kind, Value},
    yaml,
};

/// Its configuration.
pub const CONFIG: &str = "/etc/docker/daemon.json";
/// What makes Docker a runtime of Kubernetes (1.24 took dockershim out).
pub const PROGRAMS: [&str; 2] = ["/usr/bin/cri-dockerd", "/usr/local/bin/cri-dockerd"];
/// The option (`dockerd --exec-opt`, daemon/daemon_unix.go of moby, getCD()).
const OPTION: &str = "native.cgroupdriver=";

impl Node {
    /// What shows that Docker serves Kubernetes here: cri-dockerd. By itself it does not.
    #[must_use]
    pub fn cri_dockerd(&self) -> Option<Evidence> {
        let there = |path: &&&str| self.kind(path).is_ok_and(|kind| kind == FileKind::File);
        PROGRAMS.iter().find(there).map(|program| Evidence::new(*program, "exists"))
    }

    /// What daemon.json, or else the unit of Docker, says of the driver; none where they say nothing. Docker then takes
    /// systemd where that runs and the cgroups are v2, and else cgroupfs (moby, daemon/daemon_unix.go, UsingSystemd()).
    ///
    /// # Errors
    /// When a file can't be read or parsed, or the name is of neither driver.
    pub fn docker_driver(&self) -> Known<Option<Found<Driver>>> {
        let read = self.read(CONFIG);
        let told = match read.text() {
            Ok(text) => in_file(&text)
                .map_err(|p| Unknown::new(format!("{}: {}", p.path, p.message)).tried([p.evidence]))?,
            Err(e) if e.is_missing() => None,
            Err(e) => return Err(e.unknown()),
        };
        let told = match told {
            Some(told) => Some(told),
            None => self.flag_of_dockerd()?,
        };
        let Some(found) = told else { return Ok(None) };
        match Driver::named(&found.value) {
            Some(value) => Ok(Some(Found { value, seen: found.seen })),
            None => Err(Unknown::new(format!("Docker knows no driver {}", found.value)).tried([found.seen])),
        }
    }

    fn flag_of_dockerd(&self) -> Known<Option<Found<String>>> {
        let Some(unit) = self.systemd_unit("docker.service")? else { return Ok(None) };
        let Some(command) = self.service_command(&unit)? else { return Ok(None) };
        Ok(command.arguments.iter().rev().find_map(|word| {
            let (_, value) = word.text.split_once(OPTION)?;
            Some(Found { value: value.to_owned(), seen: Evidence::new(&word.place, &word.text) })
        }))
    }
}

/// The last `native.cgroupdriver` of `exec-opts`. JSON is YAML, which the reader of this program knows with places.
fn in_file(text: &str) -> Result<Option<Found<String>>, Problem> {
    let wrong =
        |message: String, line, column| Err(problem(CONFIG, text, &yaml::Wrong { message, line, column }));
    if text.trim().is_empty() {
        return Ok(None);
    }
    let value = match yaml::parse(text) {
        Ok(value) => value,
        Err(e) => return wrong(e.message, e.line, e.column),
    };
    let Kind::Map(entries) = &value.kind else { return wrong("it is no object".into(), 1, 1) };
    let Some((_, options)) = entries.iter().find(|(key, _)| key.text == "exec-opts") else { return Ok(None) };
    let Kind::Seq(items) = &options.kind else {
        let (line, column) = yaml::place(text, options.span);
        return wrong("exec-opts has to be a list".into(), line, column);
    };
    Ok(items.iter().rev().find_map(|item: &Value| {
        let driver = item.as_text()?.strip_prefix(OPTION)?;
        let (line, _) = yaml::place(text, item.span);
        let seen = Evidence::new(format!("{CONFIG}:{line}"), format!("exec-opts: {OPTION}{driver}"));
        Some(Found { value: driver.to_owned(), seen })
    }))
}
