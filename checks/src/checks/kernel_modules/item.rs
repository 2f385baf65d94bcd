//! How a policy names a module: by its name alone, or by a map that says more.

use crate::{facts::modules::fold, range::Range};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, value::MapAccessDeserializer},
};
use std::{collections::BTreeSet, fmt};

/// What is asked of one module.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ModuleRule {
    /// The module, as modprobe takes it: `br_netfilter`. `-` and `_` are the same; an alias such as `fs-overlay`
    /// will do.
    pub name: String,
    /// Modules each of which does as well.
    #[serde(default)]
    pub any_of: Vec<String>,
    /// What it is for, told with the finding.
    #[serde(default)]
    pub why: Option<String>,
    /// The kernels of which it is asked: `>=5.13`. Default: all.
    #[serde(default)]
    pub kernel: Option<Range>,
    /// Whether it has to be loaded (or built in) now; that it could be loaded is then not enough.
    #[serde(default)]
    pub loaded: bool,
}

impl ModuleRule {
    /// The module and its alternatives.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.any_of).map(String::as_str)
    }
}

/// One entry of a list of modules.
///
/// Read by hand, not as an untagged enum, so that a mistake inside the map keeps its place.
#[derive(Debug)]
pub struct ModuleItem(pub ModuleRule);

impl ModuleItem {
    /// The module `name`, and nothing more said of it.
    pub(super) fn named(name: &str) -> Self {
        Self(ModuleRule { name: name.to_owned(), any_of: Vec::new(), why: None, kernel: None, loaded: false })
    }
}

impl<'de> Deserialize<'de> for ModuleItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = ModuleItem;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a module, or a map with `name`")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<ModuleItem, E> {
                Ok(ModuleItem::named(name))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<ModuleItem, A::Error> {
                ModuleRule::deserialize(MapAccessDeserializer::new(map)).map(ModuleItem)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for ModuleItem {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ModuleItem".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let rule = generator.subschema_for::<ModuleRule>();
        json_schema!({
            "description": "A module: its name, or a map that says more.",
            "anyOf": [{ "type": "string" }, rule]
        })
    }
}

/// What is wrong with a list of rules that has the right shape.
pub(super) fn validate<'a>(rules: impl Iterator<Item = &'a ModuleRule>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for rule in rules {
        if let Some(wrong) = rule.names().find(|n| !is_name(n)) {
            return Err(match wrong.split_once(".ko") {
                Some((name, _)) => format!("`{wrong}` is a file; write the module's name, `{name}`"),
                None => format!("`{wrong}` is not the name of a module; write for example `br_netfilter`"),
            });
        }
        if !seen.insert(fold(&rule.name)) {
            return Err(format!("`{}` is named twice; `-` and `_` are the same", rule.name));
        }
    }
    if seen.is_empty() {
        return Err("no module is named; write some under `required` or `optional`".into());
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_graphic() && c != '/';
    !name.is_empty() && name.len() < 128 && name.chars().all(fits) && !name.contains(".ko")
}
