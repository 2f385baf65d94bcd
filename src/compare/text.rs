//! A comparison for people.

use super::{Compared, Comparison, Difference, answers::Answer};
use crate::text::{hanging, plain};
use std::{collections::BTreeSet, fmt::Write as _, path::Path};

/// How it is written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// How wide lines may be, in columns.
    pub width: usize,
    /// Whether findings are told, too, of which the words alone differ.
    pub verbose: bool,
}

pub(super) fn render(comparison: &Comparison, style: Style) -> String {
    let mut out = String::new();
    let names = names(&comparison.nodes);
    for (node, name) in comparison.nodes.iter().zip(&names) {
        let kernel = node.kernel.as_deref().unwrap_or("unknown kernel");
        let apart = match node.apart {
            0 => String::new(),
            n if comparison.nodes.len() == 2 => format!(", {n} findings differ"),
            n => format!(", {n} findings unlike most"),
        };
        let odd = if node.odd { "; the odd one out" } else { "" };
        line(&mut out, style, &format!("{name}: "), &format!("{}, {kernel}{apart}{odd}", node.verdict));
    }
    if !comparison.duplicates.is_empty() {
        out.push_str("\nThe same where each node needs its own:\n");
        for duplicate in &comparison.duplicates {
            let nodes: Vec<&str> =
                duplicate.nodes.iter().filter_map(|at| names.get(*at).map(String::as_str)).collect();
            let told = format!("{} {}: {}", duplicate.what, plain(&duplicate.value), nodes.join(", "));
            line(&mut out, style, "  ", &told);
        }
    }
    let told = |difference: &&Difference| style.verbose || !difference.words_alone;
    for difference in comparison.differences.iter().filter(told) {
        let _ = writeln!(out, "\n{}", plain(&difference.finding));
        tell(&mut out, style, difference, &names);
    }
    let words = comparison.differences.iter().filter(|difference| difference.words_alone).count();
    let more = if style.verbose || words == 0 { "" } else { " (-v shows them)" };
    let _ = writeln!(
        out,
        "\n{} findings differ, {words} in their words alone{more}, {} are the same",
        comparison.differences.len() - words,
        comparison.same
    );
    out
}

/// One answer a line, and who gave it; the most frequent first.
fn tell(out: &mut String, style: Style, difference: &Difference, names: &[String]) {
    let mut groups: Vec<(Option<&Answer>, Vec<&str>)> = Vec::new();
    for (answer, name) in difference.answers.iter().zip(names) {
        let alike = |group: &&mut (Option<&Answer>, Vec<&str>)| match (group.0, answer) {
            (Some(one), Some(other)) if difference.words_alone => one == other,
            (Some(one), Some(other)) => one.key() == other.key(),
            (one, other) => one.is_none() && other.is_none(),
        };
        match groups.iter_mut().find(alike) {
            Some(group) => group.1.push(name),
            None => groups.push((answer.as_ref(), vec![name])),
        }
    }
    groups.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    for (answer, names) in groups {
        let who = match names.as_slice() {
            few if few.len() <= 4 => few.join(", "),
            many => format!("{} nodes", many.len()),
        };
        let said = match answer {
            Some(answer) => format!("{}: {}", answer.verdict, plain(&answer.message)),
            None => "no such finding".to_owned(),
        };
        line(out, style, "  ", &format!("{who}: {said}"));
    }
}

fn line(out: &mut String, style: Style, label: &str, text: &str) {
    out.push_str(&hanging(0, label, label.chars().count().min(4), text, style.width));
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

/// What the nodes are called: by their host names, or by their files where these do not tell them apart.
fn names(nodes: &[Compared]) -> Vec<String> {
    let hosts: Vec<&str> = nodes.iter().filter_map(|node| node.hostname.as_deref()).collect();
    let file =
        |node: &Compared| Path::new(&node.source).file_name().map(|name| name.to_string_lossy().into_owned());
    let files: Vec<String> = nodes.iter().filter_map(file).collect();
    let are_names = |names: &BTreeSet<&str>| names.len() == nodes.len();
    if are_names(&hosts.iter().copied().collect()) {
        hosts.into_iter().map(plain).collect()
    } else if are_names(&files.iter().map(String::as_str).collect()) {
        files.iter().map(|name| plain(name)).collect()
    } else {
        nodes.iter().map(|node| plain(&node.source)).collect()
    }
}
