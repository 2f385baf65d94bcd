//! The listeners of TCP, as the kernel dumps them over netlink (sock_diag(7)): of the two tables in /proc it has to walk through
//! every bucket of the connections, too, which takes it 5 ms each where there is much memory (measured on 6.18 with 24 GiB:
//! 9.6 ms against 0.1 ms).
//!
//! Numbers are those of include/uapi/linux/sock_diag.h and include/uapi/linux/inet_diag.h.

use super::netlink::{Netlink, find};
use rustix::{io::Errno, net::netlink};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;
/// `IPPROTO_TCP`.
const TCP: u8 = 6;
/// `1 << TCP_LISTEN`.
const LISTENING: u32 = 1 << 10;
/// `AF_INET`, `AF_INET6`.
const FAMILIES: [u8; 2] = [2, 10];
/// The length of `struct inet_diag_req_v2` and of `struct inet_diag_msg`.
const REQUEST: usize = 56;
const MESSAGE: usize = 72;
/// `INET_DIAG_SKV6ONLY`, of listeners since Linux 4.2.
const V6_ONLY: u16 = 11;

/// `ok, 127.0.0.1:8080 25214; [::]:10250 26000 v6only=0; …`: addresses and inodes, those of IPv4 first.
pub(super) fn dump() -> Result<String, Errno> {
    let socket = Netlink::open(netlink::SOCK_DIAG)?;
    let mut told = Vec::new();
    for family in FAMILIES {
        let mut request = vec![0; REQUEST];
        request[0] = family;
        request[1] = TCP;
        request[4..8].copy_from_slice(&LISTENING.to_ne_bytes());
        socket.dump(BY_FAMILY, &request, &mut |message| told.extend(listener(message)))?;
    }
    Ok(answer(&told))
}

pub(super) fn answer(listeners: &[String]) -> String {
    format!("ok, {}", listeners.join("; "))
}

/// One listener (`struct inet_diag_msg`): family, state, timer, retransmits; ports and addresses, in the order of the network;
/// at its end the inode.
pub(super) fn listener(message: &[u8]) -> Option<String> {
    let (fixed, attributes) = message.split_at_checked(MESSAGE)?;
    let port = u16::from_be_bytes(fixed.get(4..6)?.try_into().ok()?);
    let address: IpAddr = match fixed.first()? {
        2 => Ipv4Addr::from(<[u8; 4]>::try_from(fixed.get(8..12)?).ok()?).into(),
        10 => Ipv6Addr::from(<[u8; 16]>::try_from(fixed.get(8..24)?).ok()?).into(),
        _ => return None,
    };
    let inode = u32::from_ne_bytes(fixed.get(68..72)?.try_into().ok()?);
    let v6_only = find(attributes, V6_ONLY).and_then(<[u8]>::first);
    let v6_only = v6_only.map(|only| format!(" v6only={only}")).unwrap_or_default();
    Some(format!("{} {inode}{v6_only}", SocketAddr::new(address, port)))
}

#[cfg(test)]
mod tests {
    use super::{super::netlink::tests::attribute, *};
    use proptest::prelude::*;

    #[test]
    fn one_listener() {
        let mut message = vec![0; MESSAGE];
        message[0] = 10;
        message[4..6].copy_from_slice(&10250_u16.to_be_bytes());
        message[68..72].copy_from_slice(&26000_u32.to_ne_bytes());
        assert_eq!(listener(&message).as_deref(), Some("[::]:10250 26000"));
        message.extend(attribute(V6_ONLY, &[1]));
        assert_eq!(listener(&message).as_deref(), Some("[::]:10250 26000 v6only=1"));
        message[0] = 2;
        message[8..12].copy_from_slice(&[127, 0, 0, 1]);
        assert!(listener(&message).unwrap().starts_with("127.0.0.1:10250 26000"));
        message[0] = 1;
        assert_eq!(listener(&message), None);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = listener(&bytes);
        }
    }
}
