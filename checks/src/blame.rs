//! Finds the places of what [`Check::validate`](crate::check::Check::validate) says.
//!
//! It sees typed parameters, which know no places, and stops at the first problem. So it is asked again with one
//! part of the parameters left out at a time: the part without which it says something else is the one it spoke of.
//! Without that part it is asked on, for the next problem.

use crate::value::{Error, Kind, Span, Value};

/// How many values may be read while looking for places: a policy of thousands of values gets fewer questions.
const WORK: usize = 100_000;

/// What came of asking with something left out.
pub(crate) enum Answer {
    /// Nothing is wrong.
    Right,
    /// This is.
    Wrong(String),
    /// It can't be read: what was left out is required.
    Unreadable,
}

/// Where a part lies: the index in each list or map on the way to it.
type Way = Vec<usize>;

/// Every problem of `with`, each at its place, in the order of the file; `first` is what was said of all of it.
/// It is in the program once, and not once for each type of parameters: so `ask` is no type of its own.
pub(crate) fn locate(with: &Value, first: String, ask: &dyn Fn(&Value) -> Answer) -> Vec<Error> {
    let mut questions = WORK / size(with).max(1);
    let mut rest = with.clone();
    let mut message = first;
    let mut errors = Vec::new();
    let mut emptied = Vec::new();
    loop {
        let is_it = |way: &Way| {
            questions = questions.saturating_sub(1);
            questions > 0
                && match ask(&without(&rest, way)) {
                    Answer::Right => true,
                    Answer::Wrong(other) => other != message,
                    Answer::Unreadable => false,
                }
        };
        let way = ways(&rest).into_iter().find(is_it);
        let span = way.as_ref().and_then(|way| at(&rest, way)).map_or(with.span, |part| part.span);
        // What shows only after parts were left out, of the whole or of what is empty now, is of our own making.
        if !errors.is_empty() && (way.is_none() || emptied.contains(&span)) {
            break;
        }
        errors.push(error(message, span));
        let Some(way) = way else { break };
        rest = without(&rest, &way);
        let parent = way.split_last().and_then(|(_, parent)| at(&rest, parent));
        emptied.extend(parent.filter(|p| children(p).is_empty()).map(|p| p.span));
        match ask(&rest) {
            Answer::Wrong(next) => message = next,
            Answer::Right | Answer::Unreadable => break,
        }
    }
    errors.sort_by_key(|e| e.span);
    errors
}

fn error(message: String, span: Span) -> Error {
    Error { message, span: Some(span), help: None }
}

fn children(value: &Value) -> Vec<&Value> {
    match &value.kind {
        Kind::Seq(items) => items.iter().collect(),
        Kind::Map(entries) => entries.iter().map(|(_, value)| value).collect(),
        _ => Vec::new(),
    }
}

fn size(value: &Value) -> usize {
    1 + children(value).into_iter().map(size).sum::<usize>()
}

/// The ways to all parts: the innermost before what holds them, and later ones first, so that of two that are equal
/// the second is blamed.
fn ways(value: &Value) -> Vec<Way> {
    let mut ways = Vec::new();
    for (i, child) in children(value).into_iter().enumerate().rev() {
        let below = self::ways(child).into_iter().map(|way| [vec![i], way].concat());
        ways.extend(below);
        ways.push(vec![i]);
    }
    ways
}

fn at<'a>(value: &'a Value, way: &[usize]) -> Option<&'a Value> {
    way.iter().try_fold(value, |value, i| children(value).get(*i).copied())
}

/// `value` without the part at the end of `way`.
fn without(value: &Value, way: &[usize]) -> Value {
    let mut value = value.clone();
    let mut holder = &mut value;
    if let Some((last, to_holder)) = way.split_last() {
        for i in to_holder {
            let next = match &mut holder.kind {
                Kind::Seq(items) => items.get_mut(*i),
                Kind::Map(entries) => entries.get_mut(*i).map(|(_, value)| value),
                _ => None,
            };
            match next {
                Some(next) => holder = next,
                None => return Value { span: Span::default(), kind: Kind::Null },
            }
        }
        match &mut holder.kind {
            Kind::Seq(items) if *last < items.len() => drop(items.remove(*last)),
            Kind::Map(entries) if *last < entries.len() => drop(entries.remove(*last)),
            _ => {}
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(at: u32, kind: Kind) -> Value {
        Value { span: Span { start: at, end: at + 1 }, kind }
    }

    fn numbers(numbers: &[u8]) -> Value {
        let items = (1..).zip(numbers).map(|(at, n)| value(at, Kind::Int((*n).into(), n.to_string())));
        value(0, Kind::Seq(items.collect()))
    }

    /// Says the first odd number, and that an empty list is wrong.
    fn first_odd(value: &Value) -> Answer {
        let numbers: Vec<_> =
            children(value).iter().filter_map(|v| v.as_text()?.parse::<u8>().ok()).collect();
        match numbers.iter().find(|n| *n % 2 == 1) {
            Some(odd) => Answer::Wrong(format!("{odd} is odd")),
            None if numbers.is_empty() => Answer::Wrong("empty".to_owned()),
            None => Answer::Right,
        }
    }

    #[test]
    fn what_is_wrong_with_the_whole_stays_there() {
        let errors = locate(&numbers(&[2, 4]), "sum".to_owned(), &|_| Answer::Wrong("sum".to_owned()));
        assert_eq!(errors, [error("sum".to_owned(), Span { start: 0, end: 1 })]);
        let errors = locate(&numbers(&[2, 4]), "sum".to_owned(), &|_| Answer::Unreadable);
        assert_eq!(errors.len(), 1);
    }

    proptest! {
        #[test]
        fn every_part_is_blamed_once(list in proptest::collection::hash_set(any::<u8>(), 1..20)) {
            let list: Vec<u8> = list.into_iter().collect();
            let Some(first) = list.iter().find(|n| *n % 2 == 1) else { return Ok(()) };
            let errors = locate(&numbers(&list), format!("{first} is odd"), &first_odd);
            let places: Vec<_> = errors.iter().map(|e| e.span.unwrap().start).collect();
            let odd = (1_u32..).zip(&list).filter(|(_, n)| *n % 2 == 1).map(|(at, _)| at);
            prop_assert_eq!(places, odd.collect::<Vec<_>>());
        }
    }
}
