//! One cause, one failure (law 6).

use super::verdict::Judged;
use crate::report::model::Verdict;
use std::collections::BTreeMap;

/// Skips, with `blockedBy`, every problem that shares its cause with another one that stands for it.
///
/// Of the problems with the same cause, that one stands which says that it is the cause; the worst one if
/// there are several or none, and among equals the first. It blocks only what is not worse than itself: a cause
/// that merely warns must not hide a failure.
pub(super) fn block(judged: &mut [Judged]) {
    let mut standing: BTreeMap<String, usize> = BTreeMap::new();
    for (i, one) in judged.iter().enumerate() {
        let Some(cause) = one.cause.as_ref().filter(|_| is_problem(one)) else { continue };
        let better = standing
            .get(&cause.name)
            .and_then(|&i| judged.get(i))
            .is_none_or(|other| rank(one) > rank(other));
        if better {
            standing.insert(cause.name.clone(), i);
        }
    }
    let standing: BTreeMap<String, (usize, Verdict, String)> = standing
        .into_iter()
        .filter_map(|(name, i)| {
            let finding = &judged.get(i)?.finding;
            Some((name, (i, finding.verdict, finding.id.clone())))
        })
        .collect();
    for (i, one) in judged.iter_mut().enumerate() {
        if !is_problem(one) {
            continue;
        }
        let Some((stands, verdict, id)) = one.cause.as_ref().and_then(|c| standing.get(&c.name)) else {
            continue;
        };
        if *stands != i && *verdict >= one.finding.verdict {
            one.finding.verdict = Verdict::Skip;
            one.finding.blocked_by = Some(id.clone());
        }
    }
}

fn is_problem(one: &Judged) -> bool {
    one.finding.verdict >= Verdict::Warn
}

fn rank(one: &Judged) -> (bool, Verdict) {
    (one.cause.as_ref().is_some_and(|c| c.is_root), one.finding.verdict)
}
