use super::*;
use crate::evidence::Unknown;
use proptest::prelude::*;

/// A node of three facts.
struct Node;

impl Facts for Node {
    fn get(&self, path: &str) -> Option<Known<(Value, Vec<Evidence>)>> {
        let seen = |value| Some(Ok((value, vec![Evidence::new(path, "seen")])));
        match path {
            "node.seven" => seen(Value::Int(7)),
            "node.words" => seen(["a", "bb", "ccc"].into_iter().collect()),
            "node.disk" => seen(Value::map([("size", 5_u64.into()), ("name", "sda".into())])),
            "node.dark" => Some(Err(Unknown::new("EACCES"))),
            _ => None,
        }
    }

    fn call(&self, function: &str, argument: &str) -> Option<Known<(Value, Vec<Evidence>)>> {
        (function == "ask").then(|| Ok((argument.into(), Vec::new())))
    }
}

fn compile(source: &str) -> Result<Program, String> {
    let facts = ["node.seven", "node.words", "node.disk", "node.dark"];
    Program::compile(source, &Scope { facts: &facts, functions: &["ask"], open: "variables" })
}

fn eval(source: &str) -> Result<Value, Failure> {
    compile(source).unwrap_or_else(|e| panic!("{source}: {e}")).eval(&Node).0
}

#[test]
fn what_is_true() {
    for source in [
        // Arithmetic, comparison across numbers, texts.
        "1 + 2 * 3 == 7 && 7 / 2 == 3 && 7 % 2 == 1 && -7 / 2 == -3",
        "1 == 1.0 && 1u == 1 && 2 > 1.5 && 1.5 < 2u && -1 < 1u",
        "0.1 + 0.2 != 0.3",
        "'abc' < 'abd' && 'a' + 'b' == 'ab' && size('äö') == 2",
        "'abc'.startsWith('a') && 'abc'.endsWith('c') && 'abc'.contains('b') && 'abc'.matches('^a.c$')",
        "' A '.trim().lowerAscii() == 'a' && 'a,b'.split(',') == ['a', 'b'] && ['a', 'b'].join('-') == 'a-b'",
        "'aXa'.replace('X', 'y') == 'aya' && string(5) == '5' && int('5') == 5 && double('1.5') == 1.5",
        // Lists and maps.
        "2 in [1, 2] && !(3 in [1, 2]) && 'a' in {'a': 1} && {'a': 1}.a == 1 && {'a': 1}['a'] == 1",
        "[1, 2] + [3] == [1, 2, 3] && size([1, 2]) == 2 && [3, 1, 2].min() == 1 && [1, 2].sum() == 3 && [5, 6].indexOf(6) == 1",
        "has({'a': 1}.a) && !has({'a': 1}.b)",
        // Macros.
        "[1, 2, 3].all(x, x > 0) && [1, 2].exists(x, x == 2) && [1, 2].exists_one(x, x > 1)",
        "[1, 2, 3].filter(x, x > 1).map(x, x * 2) == [4, 6]",
        "{'a': 1, 'b': 2}.all(k, k in ['a', 'b'])",
        "[[1, 2], [3]].all(x, x.exists(y, y > 1))",
        // A fact, a function that asks, what lies below a fact.
        "node.seven == 7 && ask('x') == 'x' && node.disk.size == 5 && has(node.disk.name) && node.words[2] == 'ccc'",
        "node.words.exists(word, size(word) == node.seven - 4)",
        // Libraries of Kubernetes.
        "quantity('2Gi') == quantity('2048Mi') && quantity('1.5Gi').isGreaterThan(quantity('1Gi')) && 2147483648 >= quantity('2Gi')",
        "semver('1.35.0').isGreaterThan(semver('1.34.9')) && semver('v1.35').major() == 1 && semver('1.2.3').compareTo('1.2.3') == 0",
        "cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsCIDR('11.0.0.0/16') && ip('::1').family() == 6",
        "isIP('10.0.0.1') && !isCIDR('x') && isQuantity('5') && !isSemver('x')",
        "true ? true : 1 / 0 == 1",
    ] {
        assert_eq!(eval(source), Ok(Value::Bool(true)), "{source}");
    }
}

#[test]
fn what_has_no_value() {
    for source in [
        "1 / 0 == 1",
        "9223372036854775807 + 1 > 0",
        "-(-9223372036854775807 - 1) > 0",
        "{'a': 1}.b == 1",
        "[1][1] == 1",
        "1 + 'a' == 'b'",
        "'a' < 1",
        "{'a': 1, 'a': 2}.a == 1",
        "node.disk.colour == 'red'",
        "'x'.matches('(')",
        "semver('x').major() == 1",
        "1 && true",
    ] {
        assert!(matches!(eval(source), Err(Failure::Error(_))), "{source}: {:?}", eval(source));
    }
}

#[test]
fn what_is_not_known_is_absorbed_where_the_rest_decides() {
    for source in [
        "node.dark == 1 || true",
        "true || node.dark == 1",
        "!(node.dark == 1 && false)",
        "[node.seven, 1].exists(x, x == 1 || node.dark == x)",
        "[1, 7].exists(x, x == 1 ? node.dark == 1 : x == 7)",
        "![1, 7].all(x, x == 1 ? node.dark == 1 : x != 7)",
    ] {
        assert_eq!(eval(source), Ok(Value::Bool(true)), "{source}");
    }
    for source in [
        "node.dark == 1",
        "node.dark == 1 && true",
        "node.dark == 1 || false",
        "1 / 0 == 1 || node.dark == 1",
        "node.dark == 1 && 1 / 0 == 1",
        "node.dark ? true : true",
        "[1, 2].all(x, x == node.dark)",
        "size(node.dark) == 1",
    ] {
        assert!(matches!(eval(source), Err(Failure::Unknown(_))), "{source}: {:?}", eval(source));
    }
}

#[test]
fn evidence_is_what_was_asked() {
    let seen = |source: &str| {
        let (_, seen) = compile(source).unwrap().eval(&Node);
        seen.into_iter().map(|e| e.source).collect::<Vec<_>>()
    };
    assert_eq!(seen("node.seven == 7 || size(node.words) == 1"), ["node.seven"]);
    assert_eq!(seen("node.seven == 1 || node.seven == 2"), ["node.seven"]);
    assert!(!compile("1 == 1").unwrap().asks() && compile("ask('x') == ''").unwrap().asks());
}

#[test]
fn every_step_counts() {
    let tens = "[1,2,3,4,5,6,7,8,9,10]";
    let thrice = format!("{tens}.all(a, {tens}.all(b, {tens}.all(c, a + b + c > 0)))");
    assert_eq!(eval(&thrice), Ok(Value::Bool(true)));
    let words = (0..300).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    let much = format!("[{words}].all(a, [{words}].all(b, a + b >= 0))");
    assert_eq!(eval(&much), Err(Failure::TooMuch));
    assert_eq!(eval(&format!("{much} || true")), Err(Failure::TooMuch), "nothing absorbs it");
    // A text that doubles with each item.
    let doubling = format!(
        "{tens}.map(a, {tens}.map(b, {tens}.map(c, 'xxxxxxxxxxxxxxxx'.replace('x', 'xxxxxxxxxxxxxxxxxxxxxxxxxx')))).size() > 0"
    );
    assert!(eval(&doubling).is_ok() || eval(&doubling) == Err(Failure::TooMuch));
    let four = format!("{tens}.all(a, {tens}.all(b, {tens}.all(c, {tens}.all(d, true))))");
    assert!(compile(&four).unwrap_err().contains("at most 3 macros"));
    assert!(compile(&"1+".repeat(3000)).unwrap_err().contains("4096"));
    assert!(compile(&"(".repeat(2000)).is_err());
}

#[test]
fn maps_have_an_order() {
    let once = eval("{'b': 1, 'a': 2, 'c': 3}.map(k, k)").unwrap();
    assert_eq!(once.text(), r#"["b","a","c"]"#);
}

proptest! {
    #[test]
    fn never_panics(source in "([a-z.()\\[\\]{}'\"0-9+*/%<>=!&|?:, -]|node\\.seven|node\\.dark|size|\\.all\\(x, x\\)){0,24}") {
        if let Ok(program) = compile(&source) {
            let _ = program.eval(&Node);
        }
    }

    #[test]
    fn arithmetic_is_checked(a: i64, b: i64) {
        let sum = eval(&format!("({a}) + ({b}) == 0 || true"));
        prop_assert!(sum.is_ok(), "{:?}", sum);
        let product = eval(&format!("({a}) * ({b})"));
        prop_assert_eq!(product.ok().map(|v| v.text()), a.checked_mul(b).map(|n| n.to_string()));
    }
}
