//! The wire format of D-Bus, as far as questions to systemd take it (D-Bus Specification 0.43, "Type System" and "Message
//! Protocol"): numbers, strings, lists of strings, and a message's header. In the byte order of this machine: whoever answers
//! runs on it, too.

/// The most bytes of one message; the largest answer that is asked for has some hundred.
pub(super) const LIMIT: usize = 1 << 18;

/// Types of messages.
pub(super) const CALL: u8 = 1;
pub(super) const RETURN: u8 = 2;
pub(super) const ERROR: u8 = 3;
/// The flag of a call for which no service is to be started.
const NO_AUTO_START: u8 = 2;
/// The mark of this machine's byte order.
const ORDER: u8 = if cfg!(target_endian = "little") { b'l' } else { b'B' };
/// The part of a header that has always the same length.
pub(super) const FIXED: usize = 16;

/// Fields of a header.
const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const ERROR_NAME: u8 = 4;
const REPLY_SERIAL: u8 = 5;
const DESTINATION: u8 = 6;
const SIGNATURE: u8 = 8;

/// A call of a method, whose arguments are strings.
pub(super) struct Call<'a> {
    /// The object.
    pub path: &'a str,
    /// The interface of the method.
    pub interface: &'a str,
    /// Its name.
    pub member: &'a str,
    /// Its arguments.
    pub arguments: &'a [&'a str],
}

impl Call<'_> {
    /// The whole message; with a `destination` on a bus, without one to a peer.
    pub(super) fn message(&self, serial: u32, destination: Option<&str>) -> Vec<u8> {
        let mut body = Writer::default();
        for argument in self.arguments {
            body.string(argument);
        }
        let mut out = Writer(vec![ORDER, CALL, NO_AUTO_START, 1]);
        out.number(length(&body.0));
        out.number(serial);
        let start = out.0.len();
        out.number(0);
        let mut fields = vec![(PATH, "o", self.path), (INTERFACE, "s", self.interface)];
        fields.push((MEMBER, "s", self.member));
        fields.extend(destination.map(|name| (DESTINATION, "s", name)));
        let signature = "s".repeat(self.arguments.len());
        if !signature.is_empty() {
            fields.push((SIGNATURE, "g", &signature));
        }
        for (code, kind, value) in fields {
            out.align(8);
            out.0.push(code);
            out.signature(kind);
            if kind == "g" { out.signature(value) } else { out.string(value) }
        }
        let fields = length(&out.0[FIXED..]);
        out.0[start..start + 4].copy_from_slice(&fields.to_ne_bytes());
        out.align(8);
        out.0.extend(body.0);
        out.0
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn number(&mut self, number: u32) {
        self.align(4);
        self.0.extend(number.to_ne_bytes());
    }

    fn string(&mut self, text: &str) {
        self.number(length(text.as_bytes()));
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    fn signature(&mut self, text: &str) {
        self.0.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }
}

/// What a variant may hold here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// `b`.
    Bool(bool),
    /// `u` and `i`.
    Number(i64),
    /// `s` and `o`.
    Text(String),
    /// `as`, and the pair `(ss)`.
    List(Vec<String>),
}

/// Reads a body or a header; None where it is not as it has to be.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn align(&mut self, to: usize) -> Option<()> {
        self.at = self.at.next_multiple_of(to);
        (self.at <= self.bytes.len()).then_some(())
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn number(&mut self) -> Option<u32> {
        self.align(4)?;
        self.take(4)?.try_into().map(u32::from_ne_bytes).ok()
    }

    pub(super) fn string(&mut self) -> Option<&'a str> {
        let length = self.number()? as usize;
        let text = str::from_utf8(self.take(length)?).ok()?;
        (self.byte()? == 0).then_some(text)
    }

    fn signature(&mut self) -> Option<&'a str> {
        let length = self.byte()?.into();
        let text = str::from_utf8(self.take(length)?).ok()?;
        (self.byte()? == 0).then_some(text)
    }

    /// A variant of one of the few types that are asked for.
    pub(super) fn variant(&mut self) -> Option<Value> {
        Some(match self.signature()? {
            "b" => Value::Bool(match self.number()? {
                0 => false,
                1 => true,
                _ => return None,
            }),
            "u" => Value::Number(self.number()?.into()),
            "i" => Value::Number(self.number()?.cast_signed().into()),
            "s" | "o" => Value::Text(self.string()?.to_owned()),
            "g" => Value::Text(self.signature()?.to_owned()),
            "(ss)" => {
                self.align(8)?;
                Value::List(vec![self.string()?.to_owned(), self.string()?.to_owned()])
            }
            "as" => {
                let length = self.number()? as usize;
                let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
                let mut list = Vec::new();
                while self.at < end {
                    list.push(self.string()?.to_owned());
                }
                (self.at == end).then_some(Value::List(list))?
            }
            _ => return None,
        })
    }
}

/// A message that came.
#[derive(Debug)]
pub(super) struct Message {
    /// [`RETURN`], [`ERROR`], or what is passed over.
    pub kind: u8,
    /// The call to which it is the answer.
    pub answers: Option<u32>,
    /// The name of the error.
    pub error: Option<String>,
    /// What it carries.
    pub body: Vec<u8>,
}

impl Message {
    /// How many bytes the message has that begins with these; None where it is none, or a very long one.
    pub(super) fn length(head: [u8; FIXED]) -> Option<usize> {
        let number = |at: usize| head[at..at + 4].try_into().map(u32::from_ne_bytes).ok();
        if head[0] != ORDER || head[3] != 1 {
            return None;
        }
        let (body, fields) = (number(4)? as usize, number(12)? as usize);
        let whole = FIXED.checked_add(fields)?.checked_next_multiple_of(8)?.checked_add(body)?;
        (whole <= LIMIT).then_some(whole)
    }

    /// Reads a whole message.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let head = bytes.first_chunk::<FIXED>()?;
        let mut reader = Reader { bytes, at: FIXED };
        let end = FIXED.checked_add(u32::from_ne_bytes([head[12], head[13], head[14], head[15]]) as usize)?;
        let mut message = Self { kind: head[1], answers: None, error: None, body: Vec::new() };
        while reader.at < end {
            reader.align(8)?;
            match (reader.byte()?, reader.variant()?) {
                (REPLY_SERIAL, Value::Number(serial)) => message.answers = u32::try_from(serial).ok(),
                (ERROR_NAME, Value::Text(name)) => message.error = Some(name),
                _ => {}
            }
        }
        reader.align(8)?;
        bytes.get(reader.at..)?.clone_into(&mut message.body);
        Some(message)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An answer, as a server would write it: `signature` and the bytes of the body.
    pub(in super::super) fn answer(kind: u8, to: u32, error: Option<&str>, body: &[u8]) -> Vec<u8> {
        let mut out = Writer(vec![ORDER, kind, 0, 1]);
        out.number(length(body));
        out.number(7);
        out.number(0);
        out.0.push(REPLY_SERIAL);
        out.signature("u");
        out.number(to);
        if let Some(error) = error {
            out.align(8);
            out.0.push(ERROR_NAME);
            out.signature("s");
            out.string(error);
        }
        let fields = length(&out.0[FIXED..]);
        out.0[12..16].copy_from_slice(&fields.to_ne_bytes());
        out.align(8);
        out.0.extend(body);
        out.0
    }

    /// A variant as a body.
    pub(in super::super) fn variant(value: &Value) -> Vec<u8> {
        let mut out = Writer::default();
        match value {
            Value::Bool(b) => {
                out.signature("b");
                out.number((*b).into());
            }
            Value::Number(n) => {
                out.signature("u");
                out.number(u32::try_from(*n).unwrap());
            }
            Value::Text(text) => {
                out.signature("s");
                out.string(text);
            }
            Value::List(list) => {
                out.signature("as");
                let mut inner = Writer::default();
                for one in list {
                    inner.string(one);
                }
                out.number(length(&inner.0));
                out.0.extend(inner.0);
            }
        }
        out.0
    }

    /// A string as a body.
    pub(in super::super) fn string(text: &str) -> Vec<u8> {
        let mut out = Writer::default();
        out.string(text);
        out.0
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_call_as_the_specification_has_it() {
        let call = Call { path: "/a", interface: "b.c", member: "D", arguments: &["xy"] };
        let want: &[u8] = b"l\x01\x02\x01\x07\0\0\0\x05\0\0\0\x3d\0\0\0\
            \x01\x01o\0\x02\0\0\0/a\0\0\0\0\0\0\
            \x02\x01s\0\x03\0\0\0b.c\0\0\0\0\0\
            \x03\x01s\0\x01\0\0\0D\0\0\0\0\0\0\0\
            \x06\x01s\0\x01\0\0\0e\0\0\0\0\0\0\0";
        let message = call.message(5, Some("e"));
        // The fields, then that of the signature, padding, and the body.
        assert_eq!(message[16..80], want[16..]);
        assert_eq!(message[80..], *b"\x08\x01g\0\x01s\0\0\x02\0\0\0xy\0");
        assert_eq!(Message::length(*message.first_chunk().unwrap()), Some(message.len()));
    }

    #[test]
    fn what_is_too_long_or_of_another_order_is_no_message() {
        let whole = answer(RETURN, 3, None, &string("x"));
        let head = *whole.first_chunk::<FIXED>().unwrap();
        let with = |at: usize, byte: u8| {
            let mut head = head;
            head[at] = byte;
            Message::length(head)
        };
        assert_eq!(Message::length(head), Some(whole.len()));
        assert_eq!((with(0, b'x'), with(3, 2)), (None, None));
        assert_eq!((with(6, 0xff), with(7, 0xff), with(14, 0xff)), (None, None, None));
        let message = Message::read(&answer(ERROR, 9, Some("a.b"), &string("why"))).unwrap();
        assert_eq!((message.kind, message.answers, message.error.as_deref()), (ERROR, Some(9), Some("a.b")));
        assert_eq!(Reader::new(&message.body).string(), Some("why"));
    }

    #[test]
    fn variants() {
        for value in [
            Value::Bool(true),
            Value::Number(12),
            Value::Text("é".into()),
            Value::List(vec!["a".into(), String::new(), "bcd".into()]),
            Value::List(vec![]),
        ] {
            assert_eq!(Reader::new(&variant(&value)).variant(), Some(value));
        }
        for bytes in [
            &b""[..],
            b"\x01b\0\0\x02\0\0\0",
            b"\x01t\0",
            b"\x02as\0\xff\0\0\0",
            b"\x01s\0\0\xff\xff\xff\xff",
        ] {
            assert_eq!(Reader::new(bytes).variant(), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..60) {
            let _ = Message::read(&bytes);
            let _ = Reader::new(&bytes).variant();
            let whole = answer(RETURN, 1, Some("a.b"), &variant(&Value::List(vec!["x".into()])));
            let _ = Message::read(&whole[..cut.min(whole.len())]);
            let mut mixed = whole;
            for (at, byte) in bytes.iter().enumerate().take(20) {
                let place = (at * 7 + usize::from(*byte)) % mixed.len();
                mixed[place] ^= byte;
            }
            if let Some(message) = Message::read(&mixed) {
                let _ = Reader::new(&message.body).variant();
            }
        }
    }
}
