//! An interface, as /sys/class/net shows it.

use crate::{
    evidence::{Evidence, Unknown},
    facts::Known,
    node::{Node, ReadError},
};

/// Where interfaces lie (Documentation/ABI/testing/sysfs-class-net).
const NET: &str = "/sys/class/net";
/// `IFF_UP` of include/uapi/linux/if.h.
const UP: u32 = 1;

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Whether it was switched on.
    pub is_up: bool,
    /// `up`, `down`, `lowerlayerdown`, `dormant`, `unknown`: whether it can pass packets (RFC 2863).
    pub operstate: String,
    /// The largest packet, in bytes.
    pub mtu: u32,
}

impl Interface {
    /// Whether packets can go by it. Interfaces whose driver does not tell (`unknown`: loopback, tunnels, some of virtual
    /// machines) count as able.
    #[must_use]
    pub fn works(&self) -> bool {
        self.is_up && matches!(self.operstate.as_str(), "up" | "unknown")
    }

    /// What was seen of its state.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let up = if self.is_up { "up" } else { "switched off" };
        Evidence::new(
            format!("{NET}/{}", self.name),
            format!("{up}, operstate {}, mtu {}", self.operstate, self.mtu),
        )
    }
}

impl Node {
    /// The interface called `name`.
    ///
    /// # Errors
    /// When it is not there, or what /sys says of it can't be read.
    pub fn interface(&self, name: &str) -> Known<Interface> {
        let text = |file: &str| {
            let read = self.read(&format!("{NET}/{name}/{file}"));
            read.text().map(|text| text.trim().to_owned()).map_err(ReadError::unknown)
        };
        let strange = |file: &str, text: &str| Unknown::new(format!("{NET}/{name}/{file} holds `{text}`"));
        let flags = text("flags")?;
        let number = flags.strip_prefix("0x").and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let is_up = number.ok_or_else(|| strange("flags", &flags))? & UP != 0;
        let mtu = text("mtu")?;
        let mtu = mtu.parse().map_err(|_| strange("mtu", &mtu))?;
        let operstate = text("operstate")?;
        if operstate.is_empty() {
            return Err(strange("operstate", ""));
        }
        Ok(Interface { name: name.to_owned(), is_up, operstate, mtu })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;

    #[test]
    fn states() {
        let node = |flags: &str, operstate: &str| {
            let file = |name: &str| format!("{NET}/eth0/{name}");
            let memory = Memory::new()
                .file(&file("flags"), flags)
                .file(&file("operstate"), operstate)
                .file(&file("mtu"), "1500\n");
            Node::in_memory(memory).interface("eth0")
        };
        assert!(node("0x1003\n", "up\n").unwrap().works());
        assert!(node("0x1003\n", "unknown\n").unwrap().works());
        assert!(!node("0x1003\n", "down\n").unwrap().works());
        assert!(!node("0x1002\n", "up\n").unwrap().works());
        assert!(node("1003\n", "up\n").is_err() && node("0x1003\n", "").is_err());
        assert!(Node::in_memory(Memory::new()).interface("eth0").is_err());
    }
}
