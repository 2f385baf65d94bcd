//! The nearest valid name for a mistyped one.

/// The longest word that is compared, in bytes: the effort grows with the square of the length, and no name is
/// half as long.
const LONGEST: usize = 100;

/// The candidate nearest to `word`, if any is near enough to be meant.
///
/// Case, `-` and `_` do not count; a typo in three letters may be one edit away, in nine three.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let fold = |s: &str| s.to_lowercase().replace('_', "-");
    let word = fold(word);
    candidates
        .into_iter()
        .map(|c| {
            let folded = fold(c);
            let longest = word.chars().count().max(folded.chars().count());
            (strsim::damerau_levenshtein(&word, &folded), longest, c)
        })
        .filter(|(distance, longest, _)| *distance <= longest / 3 || (*distance == 1 && *longest > 1))
        .min_by_key(|(distance, _, _)| *distance)
        .map(|(_, _, c)| c)
}

/// What is wrong with the name that a policy gives to a finding, where something is.
pub(crate) fn wrong_for_a_finding(name: &str) -> Option<String> {
    let odd = |c: char| c.is_control() || c.is_whitespace();
    (name.is_empty() || name.len() > 128 || name.contains(odd))
        .then(|| format!("`{name}` can't be the name of a finding: write one without blanks"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let names = ["cgroup-controllers", "cgroup-hierarchy", "kernel-config", "swap"];
        assert_eq!(nearest("cgroup-controler", names), Some("cgroup-controllers"));
        assert_eq!(nearest("Kernel_Config", names), Some("kernel-config"));
        assert_eq!(nearest("swpa", names), Some("swap"));
        assert_eq!(nearest("banana", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest(&"k".repeat(1_000_000), names), None);
    }
}
