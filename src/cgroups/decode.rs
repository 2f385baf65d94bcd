//! Masks as numbers from elsewhere, decoded: `--decode implicit=256,inhibit=1764,control=6171 --ids cpuset,cpu,…`.

use super::matrix::{self, Row};
use crate::text;
use preflight_checks::facts::cgroup::masks;
use schemars::JsonSchema;
use serde::Serialize;

/// The source of ids that were given.
const FROM_OPTION: &str = "--ids";

/// The masks that can be given, with the other names that people and kernels use for them.
const MASKS: [(&str, &[&str]); 3] =
    [("implicit", &[]), ("inhibit", &["inhibited"]), ("control", &["ret", "controllers"])];

/// Numbers with their masks' names, as they were given: in the order of [`MASKS`], each at most once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given(Vec<(&'static str, u64)>);

impl Given {
    /// Parses `implicit=256,inhibit=0x6e4,control=0b1100000011011`.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub fn parse(given: &str) -> Result<Self, String> {
        let mut found: Vec<(&'static str, u64)> = Vec::new();
        for word in given.split(',').map(str::trim) {
            let Some((key, number)) = word.split_once('=') else {
                return Err(format!("`{word}` is no mask: write NAME=NUMBER, for example implicit=256"));
            };
            let key = key.trim();
            let Some((mask, _)) = MASKS.iter().find(|(name, others)| *name == key || others.contains(&key))
            else {
                return Err(format!("`{key}` is no mask: write implicit, inhibit or control"));
            };
            if found.iter().any(|(name, _)| name == mask) {
                return Err(format!("{mask} is given twice"));
            }
            found.push((mask, number_of(number.trim())?));
        }
        found.sort_by_key(|(name, _)| MASKS.iter().position(|(mask, _)| mask == name));
        Ok(Self(found))
    }
}

/// A number as the kernel and people write it: decimal, `0x…` or `0b…`.
fn number_of(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let parsed = match digits.get(..2) {
        Some("0x" | "0X") => u64::from_str_radix(&digits[2..], 16),
        Some("0b" | "0B") => u64::from_str_radix(&digits[2..], 2),
        _ => digits.parse(),
    };
    let wrong = || format!("`{text}` is no number of up to 64 bits: write 256, 0x100 or 0b100000000");
    // from_str_radix takes a sign, which no mask has.
    parsed.ok().filter(|_| !digits.contains('+')).ok_or_else(wrong)
}

/// The subsystems by their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Names with their ids, in the order of the ids.
    pub names: Vec<(String, u32)>,
    /// Where they come from: `--ids`, or the file they were read from.
    pub source: String,
}

impl Ids {
    /// Parses names in the order of their ids (`cpuset,cpu,cpuacct`), or each with its id (`memory:4,pids:11`).
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub fn parse(given: &str) -> Result<Self, String> {
        let words: Vec<&str> = given.split(',').map(str::trim).collect();
        let pairs = words.iter().filter(|w| w.contains(':')).count();
        if pairs != 0 && pairs != words.len() {
            return Err("give every name with its id, or none".to_owned());
        }
        let mut names = if pairs == 0 {
            masks::ids_in_order(words.iter().copied())
        } else {
            words.iter().map(|word| pair(word)).collect::<Result<_, _>>()?
        };
        names.sort_by_key(|(_, id)| *id);
        for (i, (name, id)) in names.iter().enumerate() {
            if name.is_empty() {
                return Err("a name is empty".to_owned());
            }
            if *id >= u64::BITS {
                return Err(format!("the id {id} of {name} is beyond the 64 bits of a mask"));
            }
            for (other, same) in names.iter().skip(i + 1) {
                if other == name {
                    return Err(format!("{name} is given twice"));
                }
                if same == id {
                    return Err(format!("{name} and {other} have the same id {id}"));
                }
            }
        }
        Ok(Self { names, source: FROM_OPTION.to_owned() })
    }
}

fn pair(word: &str) -> Result<(String, u32), String> {
    let (name, id) = word.split_once(':').unwrap_or((word, ""));
    let id = id.trim().parse().map_err(|_| format!("`{word}`: the id is no number; write memory:4"))?;
    // The kernel's own name, as ids_in_order() gives it.
    let name = masks::ids_in_order([name.trim()]).pop().map(|(name, _)| name).unwrap_or_default();
    Ok((name, id))
}

/// What the numbers say.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decoded {
    /// `preflight/v1`
    pub api_version: &'static str,
    /// `CgroupMasks`
    pub kind: &'static str,
    /// Where the ids come from: `--ids`, or the file of this machine they were read from.
    pub ids_source: String,
    /// The masks that were given, with the names behind their bits.
    pub masks: Vec<DecodedMask>,
    /// Every subsystem, in the order of the ids.
    pub subsystems: Vec<Cell>,
    /// What can't be so, or has no name.
    pub notes: Vec<String>,
}

/// One mask.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DecodedMask {
    /// `implicit`, `inhibit` or `control`
    pub name: &'static str,
    /// Its value.
    pub value: u64,
    /// The subsystems whose bits are set; `#14` where a bit has no name.
    pub names: Vec<String>,
}

/// One subsystem, and which of the masks have it. Null for a mask that was not given.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Cell {
    /// Its name.
    pub name: String,
    /// Its id, which is its bit.
    pub id: u32,
    /// Whether the implicit mask has it.
    pub implicit: Option<bool>,
    /// Whether the inhibit mask has it.
    pub inhibit: Option<bool>,
    /// Whether `cgroup_control()` returned it.
    pub control: Option<bool>,
}

/// Decodes the numbers.
#[must_use]
pub fn decode(given: &Given, ids: &Ids) -> Decoded {
    let value = |wanted: &str| given.0.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    let (implicit, inhibit, control) = (value("implicit"), value("inhibit"), value("control"));
    let bit = |mask: Option<u64>, id: u32| mask.map(|m| m.checked_shr(id).unwrap_or(0) & 1 == 1);
    let known = ids.names.iter().fold(0_u64, |bits, (_, id)| bits | 1_u64.checked_shl(*id).unwrap_or(0));
    let mut notes = Vec::new();
    for (name, mask) in &given.0 {
        let beyond: Vec<String> =
            (0..u64::BITS).filter(|b| (mask & !known) >> b & 1 == 1).map(|b| b.to_string()).collect();
        if !beyond.is_empty() {
            let bits = if beyond.len() == 1 { "bit" } else { "bits" };
            let source = &ids.source;
            notes.push(format!(
                "{name}: no subsystem of {source} has the {bits} {}: wrong ids, or a mask read too wide",
                beyond.join(", ")
            ));
        }
    }
    // cgroup_init() sets a bit in one of the two or in neither; cgroup_control() takes both away from the root's list,
    // and no other cgroup can be given what is not in that.
    for (one, other, a, b) in [
        ("implicit", "inhibit", implicit, inhibit),
        ("implicit", "control", implicit, control),
        ("inhibit", "control", inhibit, control),
    ] {
        let both = a.unwrap_or(0) & b.unwrap_or(0);
        if both != 0 {
            let names = masks::names(both, &ids.names).join(", ");
            notes.push(format!("{names}: in {one} and in {other}, which no kernel does: a number is wrong"));
        }
    }
    Decoded {
        api_version: "preflight/v1",
        kind: "CgroupMasks",
        ids_source: ids.source.clone(),
        masks: given
            .0
            .iter()
            .map(|(name, value)| DecodedMask { name, value: *value, names: masks::names(*value, &ids.names) })
            .collect(),
        subsystems: ids
            .names
            .iter()
            .map(|(name, id)| Cell {
                name: name.clone(),
                id: *id,
                implicit: bit(implicit, *id),
                inhibit: bit(inhibit, *id),
                control: bit(control, *id),
            })
            .collect(),
        notes,
    }
}

impl Decoded {
    /// For people: the numbers, the names, and the table, `width` columns wide.
    #[must_use]
    pub fn text(&self, width: usize) -> String {
        let mut out = String::new();
        let label = self.masks.iter().map(|m| m.name.len()).max().unwrap_or(0);
        for mask in &self.masks {
            let names = if mask.names.is_empty() { "none".to_owned() } else { mask.names.join(" ") };
            let value = format!("{0} = {0:#06x} = {0:#b}: {names}", mask.value);
            let name = format!("{:<label$}  ", mask.name);
            out.push_str(&text::hanging(0, &name, label + 2, &value, width));
        }
        out.push('\n');
        let rows: Vec<Row> = self.masks.iter().map(|m| Row { name: m.name, mask: m.value }).collect();
        let ids: Vec<(String, u32)> = self.subsystems.iter().map(|c| (c.name.clone(), c.id)).collect();
        out.push_str(&matrix::text(&rows, &ids, width));
        if self.ids_source != FROM_OPTION {
            let ids = format!("those of this kernel, from {}", self.ids_source);
            out.push('\n');
            out.push_str(&text::hanging(0, "ids: ", 5, &ids, width));
        }
        for note in &self.notes {
            out.push_str(&text::hanging(0, "note: ", 6, note, width));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The order of include/linux/cgroup_subsys.h in Linux 5.0, with everything compiled in (cgroups of Ubuntu 18.04).
    const IDS: &str =
        "cpuset,cpu,cpuacct,blkio,memory,devices,freezer,net_cls,perf_event,net_prio,hugetlb,pids,rdma";

    fn decoded(given: &str, ids: &str) -> Decoded {
        decode(&Given::parse(given).unwrap(), &Ids::parse(ids).unwrap())
    }

    #[test]
    fn numbers_in_every_spelling() {
        let same = Given(vec![("implicit", 256), ("inhibit", 1764), ("control", 6171)]);
        for text in [
            "implicit=256,inhibit=1764,control=6171",
            " control=0b1100000011011 , inhibited=0x6E4, implicit=0x100",
            "implicit=256,inhibit=1_764,ret=6171",
        ] {
            assert_eq!(Given::parse(text).as_ref(), Ok(&same), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            ("", "is no mask"),
            ("256", "NAME=NUMBER"),
            ("implicit=", "is no number"),
            ("implicit=+1", "is no number"),
            ("implicit=0x+1", "is no number"),
            ("implicit=-1", "is no number"),
            ("implicit=0x1ffffffffffffffff", "is no number"),
            ("implicit=é", "is no number"),
            ("implied=1", "implicit, inhibit or control"),
            ("inhibit=1,inhibited=2", "inhibit is given twice"),
        ] {
            let error = Given::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        for (text, why) in [
            ("", "empty"),
            ("cpu,,io", "empty"),
            ("io,blkio", "io is given twice"),
            ("cpu:1,io", "or none"),
            ("cpu:x", "no number"),
            ("cpu:1,io:1", "the same id 1"),
            ("cpu:64", "beyond the 64 bits"),
        ] {
            let error = Ids::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn ids_by_place_and_by_number() {
        assert_eq!(Ids::parse("memory:4,blkio:3").unwrap().names, [("io".into(), 3), ("memory".into(), 4)]);
        assert_eq!(Ids::parse(IDS).unwrap().names[12], ("rdma".to_owned(), 12));
    }

    #[test]
    fn bits_that_can_not_be_are_noted() {
        let article = decoded("implicit=256,inhibit=1764,control=6171", IDS);
        assert!(article.notes.is_empty(), "{:?}", article.notes);
        // A u16 mask read as u32 has its neighbour in the upper half.
        let wide = decoded("implicit=0x2e40100,inhibit=0x2e4", IDS);
        assert_eq!(wide.notes.len(), 1);
        assert!(wide.notes[0].contains("bits 18, 21, 22, 23, 25"), "{}", wide.notes[0]);
        let both = decoded("implicit=0x120,inhibit=0x20,control=0x100", IDS);
        assert_eq!(both.notes.len(), 2);
        assert!(both.notes[0].starts_with("devices: in implicit and in inhibit"), "{:?}", both.notes);
        assert!(both.notes[1].starts_with("perf_event: in implicit and in control"), "{:?}", both.notes);
    }

    #[test]
    fn a_mask_that_was_not_given_is_not_zero() {
        let one = decoded("inhibit=1", "cpuset,cpu");
        assert_eq!((one.subsystems[0].inhibit, one.subsystems[0].implicit), (Some(true), None));
        assert!(!one.text(80).contains("implicit"));
    }

    proptest! {
        #[test]
        fn never_panics(given in "(implicit|inhibit|control|=|,|0x|0b|[0-9a-f]|é){0,12}", ids in "(cpu|io|:|,|[0-9]|é){0,12}", width in 0_usize..200) {
            if let (Ok(given), Ok(ids)) = (Given::parse(&given), Ids::parse(&ids)) {
                let _ = decode(&given, &ids).text(width);
            }
        }
    }
}
