//! Which reports are of one machine, and what several machines have that each needs for itself.

use super::census::Node;
use crate::compare::identity;
use serde::Serialize;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
};

/// What a machine calls itself before anybody gave it a name: it tells nobody apart (hostname(5); `(none)` is the kernel's,
/// init/Kconfig, DEFAULT_HOSTNAME).
const NO_NAMES: [&str; 4] = ["localhost", "localhost.localdomain", "(none)", ""];
const MAC: &str = "mac-address";

/// What tells a machine from others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identities {
    /// What it is, and its value.
    all: BTreeMap<&'static str, Vec<Box<str>>>,
}

impl Identities {
    pub(super) fn of(hostname: Option<&str>) -> Self {
        let mut identities = Self::default();
        if let Some(name) = hostname.filter(|name| !NO_NAMES.contains(name)) {
            identities.all.insert("hostname", vec![name.into()]);
        }
        identities
    }

    /// Takes what evidence of the check `identity` tells, if it is an identity.
    pub(super) fn add(&mut self, source: &str, observed: &str) {
        let Some(what) = identity(source, observed) else { return };
        let values = self.all.entry(what).or_default();
        if !values.iter().any(|value| **value == *observed) {
            values.push(observed.into());
        }
    }

    fn one(&self, what: &str) -> Option<Box<str>> {
        self.all.get(what).and_then(|values| values.first().cloned())
    }

    pub(super) fn hostname(&self) -> Option<Box<str>> {
        self.one("hostname")
    }

    fn macs(&self) -> &[Box<str>] {
        self.all.get(MAC).map_or(&[], Vec::as_slice)
    }
}

/// Host name and machine-id: reports that differ in one of them are of different machines.
type Base = (Option<Box<str>>, Option<Box<str>>);

/// By what one of several machines of the same name and machine-id, which were copied, is known again. A value of firmware that
/// is None is not known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Mark {
    /// An address, and the firmware's UUID beside it.
    Address(Box<str>, Option<Box<str>>),
    /// An address, whatever the UUID.
    AnyAddress(Box<str>),
    /// The UUID, and whether there are addresses beside it.
    Firmware(Option<Box<str>>, bool),
}

/// The machines that are known, by number.
#[derive(Debug, Default)]
pub(super) struct Machines {
    marks: HashMap<Base, HashMap<Mark, u32>>,
    count: u32,
}

impl Machines {
    /// The machine that these are of, if it is known: with the same host name and machine-id; with an address in common where
    /// both tell some; and with the same UUID, but that an address in common is enough where one does not know its own.
    pub(super) fn find(&self, identities: &Identities) -> Option<u32> {
        let marks = self.marks.get(&base(identities))?;
        let uuid = identities.one("product-uuid");
        let by_address = identities.macs().iter().find_map(|mac| {
            let told = |uuid: Option<Box<str>>| marks.get(&Mark::Address(mac.clone(), uuid));
            let any = || marks.get(&Mark::AnyAddress(mac.clone())).filter(|_| uuid.is_none());
            told(uuid.clone()).or_else(|| told(None)).or_else(any)
        });
        let by_firmware = || {
            // Nothing but that nothing is known is in common.
            if uuid.is_none() && base(identities) == (None, None) {
                return None;
            }
            let with = |addresses| marks.get(&Mark::Firmware(uuid.clone(), addresses));
            with(false).or_else(|| with(true).filter(|_| identities.macs().is_empty()))
        };
        by_address.or_else(by_firmware).copied()
    }

    /// Its number, a new one where it is not known yet.
    pub(super) fn number(&mut self, identities: &Identities) -> u32 {
        let number = self.find(identities).unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        });
        let marks = self.marks.entry(base(identities)).or_default();
        let uuid = identities.one("product-uuid");
        for mac in identities.macs() {
            marks.entry(Mark::Address(mac.clone(), uuid.clone())).or_insert(number);
            marks.entry(Mark::AnyAddress(mac.clone())).or_insert(number);
        }
        marks.entry(Mark::Firmware(uuid, !identities.macs().is_empty())).or_insert(number);
        number
    }
}

fn base(identities: &Identities) -> Base {
    (identities.hostname(), identities.one("machine-id"))
}

/// Tells of each report of which machine it is, and leaves the newest of each machine and policy; how many were left out.
pub(super) fn keep_newest(nodes: &mut Vec<Node>) -> usize {
    let before = nodes.len();
    // Of two of the same moment the worse counts, then the later document.
    nodes.reverse();
    nodes.sort_by_key(|node| Reverse((node.started, node.verdict)));
    let (mut machines, mut known) = (Machines::default(), HashSet::new());
    nodes.retain_mut(|node| {
        node.machine = machines.number(&node.identities);
        known.insert((node.machine, node.policy))
    });
    before - nodes.len()
}

/// A value that several machines have, and only one should.
#[derive(Debug, Serialize)]
pub(super) struct Duplicate {
    /// `hostname`, `machine-id`, `product-uuid`, `mac-address`.
    pub(super) what: &'static str,
    pub(super) value: String,
    /// The places of the nodes in the census, one of each machine.
    #[serde(skip)]
    pub(super) at: Vec<u32>,
    /// Their names.
    pub(super) nodes: Vec<String>,
}

pub(super) fn duplicates(nodes: &[Node]) -> Vec<Duplicate> {
    let mut having: BTreeMap<(&'static str, &str), Vec<u32>> = BTreeMap::new();
    // One machine may have been judged by several policies.
    let mut counted = HashSet::new();
    for (at, node) in (0..).zip(nodes) {
        for (what, value) in
            node.identities.all.iter().flat_map(|(what, all)| all.iter().map(|value| (*what, &**value)))
        {
            if counted.insert((node.machine, what, value)) {
                having.entry((what, value)).or_default().push(at);
            }
        }
    }
    let several = having.into_iter().filter(|(_, nodes)| nodes.len() > 1);
    several
        .map(|((what, value), at)| {
            let names = at.iter().map(|at| nodes[*at as usize].name.to_string()).collect();
            Duplicate { what, value: value.to_owned(), at, nodes: names }
        })
        .collect()
}
