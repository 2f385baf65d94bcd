//! What a policy may ask of one kernel option, and how that is read: a bare name, or a map.
//!
//! `#[serde(untagged)]` would try both shapes and lose the place and the reason of every mistake, so the
//! shape decides here which one is read.

use crate::{facts::cgroup::LayoutKind, range::Range, value::did_you_mean};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use std::{fmt, marker::PhantomData};

/// The name of a kernel option, without `CONFIG_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OptionName(String);

impl OptionName {
    /// Without `CONFIG_`.
    pub(super) fn bare(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix("CONFIG_").unwrap_or(text);
        let right = |s: &str| {
            s.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
                && s.bytes().any(|b| b.is_ascii_uppercase())
        };
        if right(bare) {
            return Ok(Self(bare.to_owned()));
        }
        let meant = text.trim().to_ascii_uppercase().replace('-', "_");
        let meant = meant.split('=').next().unwrap_or_default();
        let meant = meant.strip_prefix("CONFIG_").unwrap_or(meant);
        let hint = if right(meant) { format!("; did you mean `{meant}`?") } else { String::new() };
        Err(format!("`{text}` is no kernel option: a name has capital letters, digits and `_` only{hint}"))
    }
}

impl fmt::Display for OptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CONFIG_{}", self.0)
    }
}

/// The name of a module, without `.ko`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ModuleName(pub(super) String);

impl ModuleName {
    fn parse(text: &str) -> Result<Self, String> {
        let bare = text.split(".ko").next().unwrap_or_default();
        let right =
            |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        match () {
            () if right(text) => Ok(Self(text.to_owned())),
            () if right(bare) => {
                Err(format!("`{text}` is no module; did you mean `{bare}`, without the extension?"))
            }
            () => Err(format!("`{text}` is no module: a name has letters, digits, `_` and `-` only")),
        }
    }
}

/// The value that an option shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Built in, not a module.
    BuiltIn,
    /// A module, not built in.
    Module,
    /// This text or number.
    Text(String),
}

impl Wanted {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "y" => Ok(Self::BuiltIn),
            "m" => Ok(Self::Module),
            "n" => Err("`n` means that the option shall be off: list it under `forbidden`".into()),
            other => Ok(Self::Text(other.to_owned())),
        }
    }
}

/// An architecture, by the name that Kubernetes or uname(2) gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Architecture {
    /// As Kubernetes names it.
    pub(super) name: &'static str,
    uname: &'static str,
    /// The option that its kernels set and no other's (arch/*/Kconfig, v6.12).
    pub(super) option: &'static str,
}

impl Architecture {
    pub(super) const ALL: [Self; 8] = [
        Self::new("amd64", "x86_64", "X86_64"),
        Self::new("arm64", "aarch64", "ARM64"),
        Self::new("arm", "armv7l", "ARM"),
        Self::new("386", "i686", "X86_32"),
        Self::new("ppc64le", "ppc64le", "PPC64"),
        Self::new("s390x", "s390x", "S390"),
        Self::new("riscv64", "riscv64", "RISCV"),
        Self::new("loong64", "loongarch64", "LOONGARCH"),
    ];

    const fn new(name: &'static str, uname: &'static str, option: &'static str) -> Self {
        Self { name, uname, option }
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|a| a.name == text || a.uname == text).ok_or_else(|| {
            let hint = did_you_mean(text, Self::ALL.map(|a| a.name)).unwrap_or_default();
            format!("`{text}` is no architecture; {hint}")
        })
    }
}

/// One kernel option, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "KernelOption")]
pub(super) struct Item {
    /// The name, with or without `CONFIG_`. Findings are reported under it.
    pub(super) option: OptionName,
    /// Other options that will do as well: an older name, or an alternative. One of them all is enough.
    #[serde(default)]
    pub(super) aliases: Vec<OptionName>,
    /// The value it shall have: `y` (built in, no module), `m`, a text or a number. Without it anything
    /// that is set will do, a module only if the kernel can have it.
    #[serde(default)]
    pub(super) value: Option<Wanted>,
    /// The least value of an option that is a number.
    #[serde(default)]
    pub(super) minimum: Option<i64>,
    /// The module that the option becomes with `=m`, without `.ko`, where preflight does not know it.
    #[serde(default)]
    pub(super) module: Option<ModuleName>,
    /// What needs it and what breaks without it, as a sentence.
    #[serde(default)]
    pub(super) why: Option<String>,
    /// Asked only on nodes with this cgroup layout (or one of these). `v1` means every node that has v1
    /// hierarchies, so the hybrid layout too, where the kubelet uses those; `v2` means v2 alone.
    #[serde(default)]
    pub(super) cgroup: OneOrMore<LayoutKind>,
    /// Asked only of kernels in this range of versions.
    #[serde(default)]
    pub(super) kernel: Option<Range>,
    /// Asked only on this architecture (or one of these).
    #[serde(default)]
    pub(super) architecture: OneOrMore<Architecture>,
}

/// An [`Item`], written as a map or as a bare name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry(pub(super) Item);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a kernel option, or a map with the key `option`")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Entry, E> {
                let option = OptionName::parse(name).map_err(E::custom)?;
                Ok(Entry(Item {
                    option,
                    aliases: Vec::new(),
                    value: None,
                    minimum: None,
                    module: None,
                    why: None,
                    cgroup: OneOrMore::default(),
                    kernel: None,
                    architecture: OneOrMore::default(),
                }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
                Item::deserialize(MapAccessDeserializer::new(map)).map(Entry)
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

impl JsonSchema for Entry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "KernelOptionEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (name, item) = (OptionName::json_schema(generator), generator.subschema_for::<Item>());
        json_schema!({
            "description": "A kernel option: its name, or a map that says more.",
            "anyOf": [name, item],
        })
    }
}

/// One value, or a list of them; none at all where nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OneOrMore<T>(pub(super) Vec<T>);

impl<T> Default for OneOrMore<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape<T>(PhantomData<T>);
        impl<'de, T: DeserializeOwned> Visitor<'de> for Shape<T> {
            type Value = OneOrMore<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one name or a list of names")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<OneOrMore<T>, E> {
                let one = de::IntoDeserializer::<E>::into_deserializer(name);
                T::deserialize(one).map(|one| OneOrMore(vec![one]))
            }

            // The architecture `386`.
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<OneOrMore<T>, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OneOrMore<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = items.next_element()? {
                    all.push(one);
                }
                if all.is_empty() {
                    return Err(de::Error::custom("an empty list: name one, or leave the key out"));
                }
                Ok(OneOrMore(all))
            }
        }
        deserializer.deserialize_any(Shape(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("OneOrMore{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

/// Reads text and refuses it inside the visit, so that the error gets the place of the very text.
struct Checked<T>(&'static str, fn(&str) -> Result<T, String>);

impl<T> Visitor<'_> for Checked<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.1(text).map_err(E::custom)
    }
}

macro_rules! checked {
    ($type:ident, $expecting:literal, $schema:tt) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Checked($expecting, Self::parse))
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

checked!(OptionName, "the name of a kernel option", {
    "type": "string",
    "pattern": "^(CONFIG_)?[A-Z0-9_]*[A-Z][A-Z0-9_]*$"
});
checked!(ModuleName, "the name of a module", { "type": "string", "pattern": "^[A-Za-z0-9_-]+$" });
checked!(Architecture, "the name of an architecture", {
    "enum": ["amd64", "x86_64", "arm64", "aarch64", "arm", "armv7l", "386", 386, "i686", "ppc64le", "s390x",
             "riscv64", "loong64", "loongarch64"]
});
checked!(Wanted, "`y`, `m`, a text or a number", { "type": ["string", "number"] });

/// What the shape can't say: each option once, no alias of itself, nothing that means nothing.
pub(super) fn validate(lists: [(&'static str, &[Entry]); 3]) -> Result<(), String> {
    let mut seen: Vec<(&OptionName, &'static str)> = Vec::new();
    let mut wrong = Vec::new();
    for (list, Entry(item)) in
        lists.into_iter().flat_map(|(list, items)| items.iter().map(move |i| (list, i)))
    {
        let option = &item.option;
        match seen.iter().find(|(name, _)| *name == option) {
            Some((_, first)) if *first == list => {
                wrong.push(format!("{option} is listed twice under `{list}`"));
            }
            Some((_, first)) => wrong.push(format!("{option} is listed under `{first}` and under `{list}`")),
            None => seen.push((option, list)),
        }
        if item.aliases.contains(option) {
            wrong.push(format!("{option} is an alias of itself"));
        }
        if item.value.is_some() && item.minimum.is_some() {
            wrong.push(format!("{option} has both a `value` and a `minimum`: one of them is enough"));
        }
        if list == "forbidden" && (item.minimum.is_some() || item.module.is_some()) {
            wrong.push(format!("{option} is forbidden, where `minimum` and `module` mean nothing"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}
