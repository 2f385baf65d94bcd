//! What the kernel dumps over netlink(7). Numbers are those of include/uapi/linux/netlink.h.

use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with},
};

/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;
/// The length of `struct nlmsghdr`.
const HEADER: usize = 16;
/// `NLMSG_ERROR`, `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// How many bytes one datagram has at most: the kernel dumps 32 KiB at a time.
const DATAGRAM: usize = 64 << 10;
/// How much is read in all: a hundred thousand rules have some ten megabytes.
const LIMIT: usize = 64 << 20;

/// A socket of one kind of netlink. It reaches the kernel only.
pub(super) struct Netlink(OwnedFd);

impl Netlink {
    /// Opens it.
    pub(super) fn open(kind: Protocol) -> Result<Self, Errno> {
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(kind)).map(Self)
    }

    /// Asks for all of one kind, and hands out what follows the header of each message.
    pub(super) fn dump(&self, kind: u16, payload: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<(), Errno> {
        let length = u32::try_from(HEADER + payload.len()).map_err(|_| Errno::MSGSIZE)?;
        let mut request = Vec::with_capacity(HEADER + payload.len());
        request.extend(length.to_ne_bytes());
        request.extend(kind.to_ne_bytes());
        request.extend(DUMP.to_ne_bytes());
        request.extend([0; 8]); // sequence and port: one request at a time
        request.extend(payload);
        send(&self.0, &request, SendFlags::empty())?;
        let mut buffer = vec![0; DATAGRAM];
        let mut total = 0;
        loop {
            let (length, _) = recv(&self.0, buffer.as_mut_slice(), RecvFlags::empty())?;
            total += length;
            if length == 0 || total > LIMIT {
                return Err(Errno::FBIG);
            }
            if messages(buffer.get(..length).unwrap_or_default(), each)? {
                return Ok(());
            }
        }
    }
}

/// The messages of one datagram; true where the last of all is among them.
pub(super) fn messages(mut rest: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<bool, Errno> {
    while let Some(length) = word(rest, 0) {
        let length = length as usize;
        let message = rest.get(..length).filter(|m| m.len() >= HEADER).ok_or(Errno::BADMSG)?;
        let kind = half(message, 4).ok_or(Errno::BADMSG)?;
        match kind {
            DONE => return Ok(true),
            ERROR => {
                return match word(message, HEADER).map(u32::cast_signed) {
                    Some(0) => Ok(true),
                    // What is no number of an error can't be made one (MAX_ERRNO, include/linux/err.h).
                    Some(code @ -4095..0) => Err(Errno::from_raw_os_error(-code)),
                    _ => Err(Errno::BADMSG),
                };
            }
            _ => each(message.get(HEADER..).unwrap_or_default()),
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(super) fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// The attributes one after the other: kind without its flags, and payload (`struct nlattr`).
pub(super) fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(half(rest, 0)?);
        let kind = half(rest, 2)? & 0x3fff;
        let payload = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, payload))
    })
}

pub(super) fn find(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, payload)| payload)
}

pub(super) fn text(bytes: &[u8], wanted: u16) -> Option<String> {
    let payload = find(bytes, wanted)?;
    Some(String::from_utf8_lossy(payload.strip_suffix(b"\0").unwrap_or(payload)).replace([' ', ';'], "_"))
}

pub(super) fn number(bytes: &[u8], wanted: u16) -> Option<u32> {
    Some(u32::from_be_bytes(find(bytes, wanted)?.try_into().ok()?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An attribute as the kernel writes it.
    pub(in crate::node::probe) fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len() + 4).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn errors_of_the_kernel() {
        for (code, says) in [
            (-1, Err(Errno::PERM)),
            (0, Ok(true)),
            (-4096, Err(Errno::BADMSG)),
            (1, Err(Errno::BADMSG)),
            (i32::MIN, Err(Errno::BADMSG)),
        ] {
            let mut message = 20_u32.to_ne_bytes().to_vec();
            message.extend(ERROR.to_ne_bytes());
            message.extend([0; 10]);
            message.extend(code.to_ne_bytes());
            assert_eq!(messages(&message, &mut |_| {}), says, "{code}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = messages(&bytes, &mut |bytes| {
                let _ = attributes(bytes).count();
            });
            let _ = attributes(&bytes).count();
            let _ = (text(&bytes, 1), number(&bytes, 1));
        }
    }
}
