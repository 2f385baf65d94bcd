//! Asks systemd's system manager about units: which version it is, and in which state it has them.
//!
//! What is asked changes nothing: `GetUnit`, which looks a unit up and loads none, and single properties of units that are
//! loaded (systemd src/core/dbus-manager.c, method_get_unit; org.freedesktop.systemd1(5)). Root asks at the manager's own
//! socket, which needs no bus; others by way of the bus. The answer is one JSON object, so that it can be kept and judged
//! again.

mod bus;
mod wire;

use super::unix;
use bus::{Bus, Fault, Refusal};
use serde_json::{Map, Value as Json, json};
use std::{
    io::{self, ErrorKind},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};
use wire::{Call, Reader, Value};

/// The manager's own socket, which lets root in alone, and that of the bus (org.freedesktop.systemd1(5); D-Bus Specification,
/// "Well-known Message Bus Instances").
pub(super) const PRIVATE: &str = "/run/systemd/private";
const BUS: &str = "/run/dbus/system_bus_socket";

pub(super) const MANAGER: &str = "org.freedesktop.systemd1";
const ROOT: &str = "/org/freedesktop/systemd1";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const SERVICE: &str = "org.freedesktop.systemd1.Service";
const ANOTHER_TYPE: Fault = Fault::Protocol("a property of another type");
/// What is answered for a unit that is not loaded.
const NOT_LOADED: &str = "org.freedesktop.systemd1.NoSuchUnit";

/// The properties of every unit that are asked for.
const OF_UNITS: [&str; 7] =
    ["Id", "LoadState", "LoadError", "ActiveState", "SubState", "NeedDaemonReload", "DropInPaths"];
/// Those of services alone. NRestarts is there since systemd 235, DelegateControllers since 236.
const OF_SERVICES: [&str; 5] = ["Result", "NRestarts", "ExecMainStatus", "Delegate", "DelegateControllers"];

/// `ok, {…}`; `Err(Ok)` is what went wrong: `not D-Bus: …`, `rejected: …`.
pub(super) fn ask(units: &[String], by_bus: bool, millis: u32) -> io::Result<Result<String, String>> {
    let (path, destination) = if by_bus { (BUS, Some(MANAGER)) } else { (PRIVATE, None) };
    ask_at(path, destination, units, millis)
}

/// The same at another socket.
pub(super) fn ask_at(
    path: &str,
    destination: Option<&'static str>,
    units: &[String],
    millis: u32,
) -> io::Result<Result<String, String>> {
    let until = Instant::now() + Duration::from_millis(millis.into());
    ask_over(unix::connect(path), destination, units, until)
}

/// The same over a connection.
pub(super) fn ask_over(
    stream: io::Result<UnixStream>,
    destination: Option<&'static str>,
    units: &[String],
    until: Instant,
) -> io::Result<Result<String, String>> {
    let bus = stream.map_err(Fault::from).and_then(|stream| Bus::open(stream, destination, until));
    match bus.and_then(|mut bus| conversation(&mut bus, units)) {
        Ok(told) => Ok(Ok(format!("ok, {}", Json::Object(told)))),
        Err(Fault::Io(e)) => Err(e),
        Err(Fault::TimedOut) => Err(ErrorKind::TimedOut.into()),
        Err(Fault::Rejected(text)) => Ok(Err(format!("rejected: {text}"))),
        Err(Fault::Protocol(why)) => Ok(Err(format!("not D-Bus: {why}"))),
    }
}

fn conversation(bus: &mut Bus, units: &[String]) -> Result<Map<String, Json>, Fault> {
    let manager = "org.freedesktop.systemd1.Manager";
    let names: Vec<[&str; 1]> = units.iter().map(|unit| [unit.as_str()]).collect();
    let version = [manager, "Version"];
    let mut calls = vec![get(ROOT, &version)];
    let find = |name| Call { path: ROOT, interface: manager, member: "GetUnit", arguments: name };
    calls.extend(names.iter().map(|name| find(name)));
    let mut answers = bus.call(&calls)?.into_iter();
    let mut told = Map::new();
    match answers.next() {
        Some(Ok(body)) => match plain(&body)? {
            version @ Json::String(_) => drop(told.insert("version".to_owned(), version)),
            _ => return Err(ANOTHER_TYPE),
        },
        // Who does not tell its version tells nothing: the bus has no systemd, or lets nobody ask it.
        Some(Err(Refusal { name, text })) => return Err(Fault::Rejected(format!("{name}: {text}"))),
        None => {}
    }
    let mut all = Vec::with_capacity(units.len());
    for (unit, answer) in units.iter().zip(answers) {
        let mut one = match answer {
            Ok(body) => properties(bus, unit, &body)?,
            Err(refusal) if refusal.name == NOT_LOADED => {
                Map::from_iter([("loaded".to_owned(), false.into())])
            }
            Err(refusal) => {
                Map::from_iter([("fault".to_owned(), format!("{}: {}", refusal.name, refusal.text).into())])
            }
        };
        one.insert("name".to_owned(), unit.as_str().into());
        all.push(Json::Object(one));
    }
    told.insert("units".to_owned(), all.into());
    Ok(told)
}

/// What the unit whose object is in `body` is like. What this version does not know is left out.
fn properties(bus: &mut Bus, unit: &str, body: &[u8]) -> Result<Map<String, Json>, Fault> {
    let path = Reader::new(body).string().ok_or(Fault::Protocol("no path of an object was answered"))?;
    let of_unit = OF_UNITS.iter().map(|name| [UNIT, *name]);
    let of_service = OF_SERVICES.iter().map(|name| [SERVICE, *name]);
    let is_service = unit.ends_with(".service");
    let wanted: Vec<[&str; 2]> = of_unit.chain(of_service.filter(|_| is_service)).collect();
    let calls: Vec<Call> = wanted.iter().map(|wanted| get(path, wanted)).collect();
    let mut told = Map::new();
    for ([_, name], answer) in wanted.iter().zip(bus.call(&calls)?) {
        if let Ok(body) = answer {
            told.insert((*name).to_owned(), plain(&body)?);
        }
    }
    Ok(told)
}

fn get<'a>(path: &'a str, arguments: &'a [&'a str]) -> Call<'a> {
    Call { path, interface: "org.freedesktop.DBus.Properties", member: "Get", arguments }
}

fn plain(body: &[u8]) -> Result<Json, Fault> {
    let value = Reader::new(body).variant().ok_or(ANOTHER_TYPE)?;
    Ok(match value {
        Value::Bool(value) => value.into(),
        Value::Number(value) => value.into(),
        Value::Text(value) => value.into(),
        Value::List(value) => json!(value),
    })
}

#[cfg(test)]
mod tests;
