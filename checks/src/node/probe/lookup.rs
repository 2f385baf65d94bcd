//! Asks a name server for the addresses of a name: over UDP, and over TCP where the answer does not fit (RFC 1035, RFC 7766).

// The one place that asks name servers, and only where the command line allowed it (law 5).
#![allow(clippy::disallowed_methods)]

use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, Question, RCODE, TYPE, rdata::RData};
use std::{
    collections::BTreeSet,
    hash::{BuildHasher as _, RandomState},
    io::{self, ErrorKind, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

/// Where name servers listen.
pub(super) const PORT: u16 = 53;
/// How often a question is put: packets get lost. resolv.conf(5): `attempts`.
const ATTEMPTS: u32 = 2;
/// The longest answer over UDP that is not asked for with EDNS, and what servers send all the same.
const DATAGRAM: usize = 4096;

/// `ok, 10.0.0.1 10.0.0.2`, `ok, ` where the name is there without such an address; otherwise what the server said
/// (`NXDOMAIN`, `SERVFAIL`), or `timeout`.
pub(super) fn lookup(
    server: SocketAddr,
    name: &str,
    v6: bool,
    millis: u32,
) -> io::Result<Result<String, String>> {
    let kind = if v6 { TYPE::AAAA } else { TYPE::A };
    // Anything that others can't guess.
    let id = (RandomState::new().hash_one(name) & 0xffff) as u16;
    let question = match question(id, name, kind) {
        Ok(bytes) => bytes,
        Err(e) => return Ok(Err(format!("{name} is no name: {e}"))),
    };
    let until = Instant::now() + Duration::from_millis(millis.into());
    let answer = match over_udp(server, &question, until)? {
        Some(bytes) if truncated(&bytes) => over_tcp(server, &question, until)?,
        other => other,
    };
    Ok(answer.map_or_else(|| Err("timeout".to_owned()), |bytes| read(&bytes, kind)))
}

fn question(id: u16, name: &str, kind: TYPE) -> Result<Vec<u8>, simple_dns::SimpleDnsError> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = if name == "." { Name::new_unchecked("") } else { Name::new(name.trim_end_matches('.'))? };
    packet.questions.push(Question::new(name, QTYPE::TYPE(kind), CLASS::IN.into(), false));
    packet.build_bytes_vec()
}

/// Whether bytes are the answer to the question: the same number, and an answer.
fn answers(bytes: &[u8], question: &[u8]) -> bool {
    bytes.len() >= 12 && bytes.get(..2) == question.get(..2) && bytes[2] & 0x80 != 0
}

fn truncated(bytes: &[u8]) -> bool {
    bytes.get(2).is_some_and(|flags| flags & 0x02 != 0)
}

fn left(until: Instant) -> Option<Duration> {
    Some(until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
}

fn over_udp(server: SocketAddr, question: &[u8], until: Instant) -> io::Result<Option<Vec<u8>>> {
    let any: SocketAddr =
        if server.is_ipv6() { (Ipv6Addr::UNSPECIFIED, 0).into() } else { (Ipv4Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.connect(server)?;
    let mut buffer = vec![0; DATAGRAM];
    for attempt in 0..ATTEMPTS {
        let Some(all) = left(until) else { return Ok(None) };
        let this = Instant::now() + all / (ATTEMPTS - attempt);
        socket.send(question)?;
        while let Some(left) = left(this) {
            socket.set_read_timeout(Some(left))?;
            match socket.recv(&mut buffer) {
                Ok(length) if answers(&buffer[..length], question) => {
                    return Ok(Some(buffer[..length].to_vec()));
                }
                Ok(_) => {}
                Err(e) if is_timeout(&e) => break,
                Err(e) => return Err(e),
            }
        }
    }
    Ok(None)
}

fn over_tcp(server: SocketAddr, question: &[u8], until: Instant) -> io::Result<Option<Vec<u8>>> {
    let talk = || -> io::Result<Vec<u8>> {
        let late = || io::Error::from(ErrorKind::TimedOut);
        let mut stream = TcpStream::connect_timeout(&server, left(until).ok_or_else(late)?)?;
        stream.set_read_timeout(Some(left(until).ok_or_else(late)?))?;
        let length = u16::try_from(question.len()).map_err(|_| io::Error::from(ErrorKind::InvalidInput))?;
        stream.write_all(&[&length.to_be_bytes(), question].concat())?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        stream.set_read_timeout(Some(left(until).ok_or_else(late)?))?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    match talk() {
        Ok(answer) => Ok(Some(answer).filter(|answer| answers(answer, question))),
        Err(e) if is_timeout(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}

/// The addresses in an answer, sorted: servers change the order from one to the next.
pub(super) fn read(bytes: &[u8], kind: TYPE) -> Result<String, String> {
    let packet = Packet::parse(bytes).map_err(|e| format!("an answer that is none: {e}"))?;
    match packet.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Err("NXDOMAIN".into()),
        RCODE::ServerFailure => return Err("SERVFAIL".into()),
        RCODE::Refused => return Err("REFUSED".into()),
        other => return Err(format!("{other:?}")),
    }
    let addresses: BTreeSet<IpAddr> = packet
        .answers
        .iter()
        .filter_map(|record| match (&record.rdata, kind) {
            (RData::A(a), TYPE::A) => Some(Ipv4Addr::from(a.address).into()),
            (RData::AAAA(aaaa), TYPE::AAAA) => Some(Ipv6Addr::from(aaaa.address).into()),
            _ => None,
        })
        .collect();
    let shown: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    Ok(format!("ok, {}", shown.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use simple_dns::{
        ResourceRecord,
        rdata::{A, AAAA},
    };
    use std::{net::TcpListener, thread};

    /// The answer of a server to a question.
    fn reply(question: &[u8], code: RCODE, records: &[IpAddr], cut: bool) -> Vec<u8> {
        let asked = Packet::parse(question).unwrap();
        let mut packet = Packet::new_reply(asked.id());
        *packet.rcode_mut() = code;
        if cut {
            packet.set_flags(PacketFlag::TRUNCATION);
        }
        for address in records {
            let data = match address {
                IpAddr::V4(a) => RData::A(A { address: (*a).into() }),
                IpAddr::V6(a) => RData::AAAA(AAAA { address: (*a).into() }),
            };
            packet.answers.push(ResourceRecord::new(asked.questions[0].qname.clone(), CLASS::IN, 60, data));
        }
        packet.build_bytes_vec().unwrap()
    }

    /// A server that answers each question over UDP like this; None is silence.
    fn server(answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                if let Some(bytes) = answer(&buffer[..length]) {
                    // What belongs to no question comes first, and is no answer.
                    socket.send_to(b"\0\0\x80\0\0\0\0\0\0\0\0\0junk", from).unwrap();
                    socket.send_to(&bytes, from).unwrap();
                }
            }
        });
        address
    }

    fn ask(server: SocketAddr, v6: bool) -> Result<String, String> {
        lookup(server, "registry.example", v6, 2000).unwrap()
    }

    #[test]
    fn what_servers_say() {
        let addresses: Vec<IpAddr> =
            ["10.0.0.2", "10.0.0.1", "2001:db8::1"].iter().map(|a| a.parse().unwrap()).collect();
        let good = server(move |q| Some(reply(q, RCODE::NoError, &addresses, false)));
        assert_eq!(ask(good, false).as_deref(), Ok("ok, 10.0.0.1 10.0.0.2"));
        assert_eq!(ask(good, true).as_deref(), Ok("ok, 2001:db8::1"));
        for (code, want) in
            [(RCODE::NameError, "NXDOMAIN"), (RCODE::ServerFailure, "SERVFAIL"), (RCODE::Refused, "REFUSED")]
        {
            assert_eq!(ask(server(move |q| Some(reply(q, code, &[], false))), false).unwrap_err(), want);
        }
        assert_eq!(ask(server(|q| Some(reply(q, RCODE::NoError, &[], false))), false).as_deref(), Ok("ok, "));
        assert!(lookup(good, &"x".repeat(70), false, 100).unwrap().is_err(), "no label is that long");
    }

    #[test]
    fn silence_and_nobody() {
        let before = Instant::now();
        assert_eq!(lookup(server(|_| None), "a.example", false, 200).unwrap().unwrap_err(), "timeout");
        assert!(before.elapsed() < Duration::from_secs(5));
        let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(
            lookup(nobody, "a.example", false, 1000).unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
    }

    #[test]
    fn what_does_not_fit_comes_over_tcp() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(address).unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 512];
            let (length, from) = udp.recv_from(&mut buffer).unwrap();
            udp.send_to(&reply(&buffer[..length], RCODE::NoError, &[], true), from).unwrap();
            let (mut stream, _) = tcp.accept().unwrap();
            let mut prefix = [0; 2];
            stream.read_exact(&mut prefix).unwrap();
            let mut asked = vec![0; usize::from(u16::from_be_bytes(prefix))];
            stream.read_exact(&mut asked).unwrap();
            let answer = reply(&asked, RCODE::NoError, &["10.9.8.7".parse().unwrap()], false);
            stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes()).unwrap();
            stream.write_all(&answer).unwrap();
        });
        assert_eq!(ask(address, false).as_deref(), Ok("ok, 10.9.8.7"));
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, TYPE::A);
            let _ = answers(&bytes, &bytes);
        }

        #[test]
        fn no_name_panics(name in ".{0,80}") {
            let _ = question(1, &name, TYPE::A);
        }
    }
}
