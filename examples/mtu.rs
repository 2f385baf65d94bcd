//! A plugin of preflight: every interface that is up has at least this MTU. docs/rules.md explains the protocol.
#![allow(clippy::disallowed_methods)] // a program of its own, and no check

use serde_json::{Value, json};
use std::{error::Error, fs, io};

fn main() -> Result<(), Box<dyn Error>> {
    let request: Value = serde_json::from_reader(io::stdin())?;
    let least = request["parameters"]["atLeast"].as_u64().unwrap_or(1500);
    let mut findings = Vec::new();
    for entry in fs::read_dir("/sys/class/net")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let text = |file: &str| fs::read_to_string(format!("/sys/class/net/{name}/{file}"));
        let Ok(flags) = text("flags") else { continue };
        // IFF_UP is the first bit; the loopback interface leads nowhere.
        let is_up = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16)? & 1 == 1;
        if name == "lo" || !is_up {
            continue;
        }
        let mtu: u64 = text("mtu")?.trim().parse()?;
        let (verdict, reason, word) = if mtu >= least {
            ("pass", "large-enough", "is enough".to_owned())
        } else {
            ("fail", "small-mtu", format!("is less than {least}"))
        };
        findings.push(json!({
            "subject": name, "verdict": verdict, "reason": reason,
            "message": format!("the MTU {mtu} of {name} {word}"),
            "evidence": [{ "source": format!("/sys/class/net/{name}/mtu"), "observed": mtu.to_string() }],
        }));
    }
    findings.sort_by_key(|finding| finding["subject"].as_str().map(str::to_owned));
    if findings.is_empty() {
        findings.push(json!({ "subject": "interfaces", "verdict": "skip", "message": "no interface is up" }));
    }
    println!("{}", json!({ "findings": findings }));
    Ok(())
}
