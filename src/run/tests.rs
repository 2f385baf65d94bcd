//! What the runner makes of every answer that a check can give.

use super::{testing::*, *};
use crate::{
    policy::{OnUnknown, Retry, Rule},
    report::model::{Finding as Reported, Source},
};
use preflight_checks::{Evidence, Finding, Node, Severity, Unknown, facts::cgroup::LayoutKind, node::Memory};
use proptest::prelude::*;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const WARN: Severity = Severity::Warn;
const FAIL: Severity = Severity::Fail;

#[test]
fn severities_cap_each_other() {
    for (found, rule_severity, verdict) in [
        (FAIL, FAIL, Verdict::Fail),
        (WARN, FAIL, Verdict::Warn),
        (FAIL, WARN, Verdict::Warn),
        (WARN, WARN, Verdict::Warn),
    ] {
        let mut rule = rule("r", vec![problem(found, "s")]);
        rule.severity = rule_severity;
        let report = run_rules(vec![rule]);
        assert_eq!(report.verdict, verdict, "{found:?} in a rule of {rule_severity:?}");
        assert!(finding(&report, "r/s").determined);
    }
}

#[test]
fn not_knowing_is_what_the_policy_says_and_never_a_pass() {
    for (on_unknown, found, verdict) in [
        (OnUnknown::Warn, FAIL, Verdict::Warn),
        (OnUnknown::Warn, WARN, Verdict::Warn),
        (OnUnknown::Fail, FAIL, Verdict::Fail),
        (OnUnknown::Fail, WARN, Verdict::Warn),
        (OnUnknown::Skip, FAIL, Verdict::Skip),
    ] {
        let mut rule = rule("r", vec![unknown(found, "s")]);
        rule.on_unknown = on_unknown;
        let report = run_rules(vec![rule]);
        let finding = finding(&report, "r/s");
        assert_eq!((finding.verdict, finding.determined), (verdict, false), "{on_unknown:?} {found:?}");
        assert_eq!(finding.notes, ["To determine it: run as root."]);
    }
}

#[test]
fn a_pass_keeps_its_evidence_and_a_rule_that_does_not_apply_is_skipped() {
    let report = run_rules(vec![rule(
        "r",
        vec![pass("a"), Finding::not_applicable("b", "not on v2", [Evidence::new("/p", "x")])],
    )]);
    assert_eq!(brief(&report), ["r/a pass there", "r/b skip not-applicable"]);
    assert_eq!(finding(&report, "r/a").evidence.len(), 1);
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.summary, Summary { pass: 1, skip: 1, ..Summary::default() });
    assert_eq!(report.node.source, Source::Live);
}

#[test]
fn every_rule_answers_whatever_its_check_does() {
    crate::panics::hook();
    let report = run_rules(vec![
        rule("silent", vec![]),
        rule_of("gives-up", |_, out| {
            out.push(pass("one"));
            Err(Unknown::new("no /proc").needs("mount it"))
        }),
        rule_of("breaks", |_, out| {
            out.push(pass("one"));
            panic!("index {} out of range", 7)
        }),
        rule("fine", vec![pass("one")]),
    ]);
    assert_eq!(
        brief(&report),
        [
            "silent warn no-answer",
            "gives-up/one pass there",
            "gives-up warn unknown",
            // What it had said before is lost with its thread.
            "breaks warn panicked",
            "fine/one pass there",
        ]
    );
    let broken = finding(&report, "breaks");
    assert!(broken.message.contains("index 7 out of range"), "{}", broken.message);
    assert_eq!((broken.subject.as_ref(), broken.determined), (None, false));
}

#[test]
fn a_rule_that_does_not_apply_says_so() {
    let mut other_role = rule("role", vec![problem(FAIL, "s")]);
    other_role.when.role = vec!["control-plane".to_owned()];
    // A node without any file: the layout is not known.
    let mut layout = rule("layout", vec![problem(FAIL, "s")]);
    layout.when.cgroup = vec![LayoutKind::V2];
    let mut policy = policy(vec![other_role, layout]);
    policy.inputs.0.insert("role".to_owned(), "worker".to_owned());
    let mut request = request(policy);
    request.door = Arc::new(
        Memory::new().error("/proc/self/mountinfo", preflight_checks::node::ReadErrorKind::Denied("EACCES")),
    );
    let report = run(&request).unwrap();
    assert_eq!(brief(&report), ["role skip not-applicable", "layout warn when-unknown"]);
}

/// A rule that reads this file and finds what it says.
fn reads(path: &'static str) -> Rule {
    rule_of(path, move |node, out| {
        let read = node.read(path);
        let finding = match read.text() {
            Ok(text) => Finding::pass("file", "read", text.into_owned(), read.quote("it")),
            Err(e) => return Err(e.unknown()),
        };
        out.push(finding);
        Ok(())
    })
}

#[test]
fn who_was_asked_before_remembers() {
    let path = "/fine";
    let door: Arc<dyn Door> = Arc::new(Hanging("/hangs"));
    let asker = Asker::start("asker", &door, Allowed::default(), Arc::default()).unwrap();
    let place = |node: &Node| std::ptr::from_ref(&*node.read("/fine")) as usize;
    let before = asker.answer(Duration::from_secs(20), place).unwrap();
    let same = rule_of("same", move |node, out| {
        let is_same = place(node) == before;
        out.push(if is_same { pass("node") } else { problem(Severity::Fail, "node") });
        Ok(())
    });
    let rules = policy(vec![reads(path), same]);
    let report = run(&Request { door, asker: Some(asker), ..request(rules) }).unwrap();
    assert_eq!(brief(&report), ["/fine/file pass read", "same/node pass there"]);
}

#[test]
fn who_hangs_before_the_run_is_left_behind() {
    let door: Arc<dyn Door> = Arc::new(Hanging("/hangs"));
    let asker = Asker::start("asker", &door, Allowed::default(), Arc::default()).unwrap();
    let moment = Duration::from_millis(100);
    assert_eq!(asker.answer(moment, |node| node.read("/hangs").text().is_ok()), None);
    let limits = Limits { check: moment, run: Duration::from_secs(25) };
    let rules = policy(vec![reads("/fine"), reads("/hangs")]);
    let report = run(&Request { door, limits, asker: Some(asker), ..request(rules) }).unwrap();
    assert_eq!(finding(&report, "/fine/file").verdict, Verdict::Pass);
    assert!(!finding(&report, "/hangs").determined, "{report:#?}");
}

#[test]
fn a_hung_read_costs_one_finding() {
    let reads = |id: &str, paths: &'static [&'static str]| {
        rule_of(id, move |node, out| {
            for path in paths {
                match node.read(path).bytes() {
                    Ok(_) => out.push(pass(path)),
                    Err(e) => {
                        out.push(Finding::undetermined(FAIL, *path, "unreadable", "not read", &e.unknown()));
                    }
                }
            }
            Ok(())
        })
    };
    let mut request = request(policy(vec![
        reads("before", &["/fine"]),
        reads("hangs", &["/fine", "/hangs", "/fine"]),
        reads("same-file", &["/hangs"]),
        reads("after", &["/fine"]),
    ]));
    request.door = Arc::new(Hanging("/hangs"));
    request.limits.check = Duration::from_millis(300);
    let started = Instant::now();
    let report = run(&request).unwrap();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(
        brief(&report),
        [
            "before//fine pass there",
            "hangs//fine pass there",
            "hangs//hangs warn unreadable",
            "hangs//fine#2 pass there",
            // One cause, one finding.
            "same-file//hangs skip unreadable",
            "after//fine pass there",
        ]
    );
    let hung = finding(&report, "hangs//hangs");
    assert!(!hung.determined && hung.message.contains("time"), "{hung:?}");
}

#[test]
fn a_check_that_hangs_again_and_again_is_given_up() {
    let mut request = request(policy(vec![
        rule_of("hangs", |node, _| {
            for i in 0..10 {
                let _ = node.read(&format!("/hangs{i}"));
            }
            Ok(())
        }),
        rule("after", vec![pass("s")]),
    ]));
    request.door = Arc::new(Hanging("/hangs"));
    request.limits.check = Duration::from_millis(100);
    let report = run(&request).unwrap();
    assert_eq!(brief(&report), ["hangs warn timed-out", "after/s pass there"]);
    let hung = finding(&report, "hangs");
    assert!(hung.message.contains("/hangs2 did not end within 100ms"), "{}", hung.message);
}

#[test]
fn a_node_that_half_hangs_is_described_by_the_other_half() {
    let mut request = request(policy(vec![rule("r", vec![pass("s")])]));
    request.door = Arc::new(Hanging("/proc/sys/kernel/hostname"));
    request.limits.check = Duration::from_millis(200);
    let report = run(&request).unwrap();
    assert_eq!(brief(&report), ["r/s pass there"]);
    assert_eq!((report.node.hostname, report.node.kernel.as_deref()), (None, Some("6.1.0")));
}

#[test]
fn a_check_that_computes_for_ever_is_given_up() {
    let mut request = request(policy(vec![
        rule_of("busy", |_, _| {
            loop {
                std::thread::sleep(Duration::from_millis(50));
            }
        }),
        rule("after", vec![pass("s")]),
    ]));
    request.limits.check = Duration::from_millis(200);
    let report = run(&request).unwrap();
    assert_eq!(brief(&report), ["busy warn timed-out", "after/s pass there"]);
}

#[test]
fn the_deadline_answers_every_rule_that_is_left() {
    let mut request = request(policy(vec![
        rule("first", vec![pass("s")]),
        rule_of("hangs", |node, out| {
            node.read("/hangs");
            out.push(pass("s"));
            Ok(())
        }),
        rule("never-asked", vec![pass("s")]),
    ]));
    request.door = Arc::new(Hanging("/hangs"));
    request.limits.run = Duration::from_millis(300);
    let started = Instant::now();
    let report = run(&request).unwrap();
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(brief(&report), ["first/s pass there", "hangs warn deadline", "never-asked warn deadline"]);
    assert!(finding(&report, "hangs").message.contains("/hangs"), "{report:#?}");
    assert!(finding(&report, "never-asked").message.contains("was not asked before"));
}

#[test]
fn equal_ids_are_told_apart_in_order() {
    let report = run_rules(vec![rule("r", vec![pass("s"), problem(WARN, "s"), pass("s#2")])]);
    assert_eq!(brief(&report), ["r/s pass there", "r/s#2 warn missing", "r/s#2#2 pass there"]);
}

#[test]
fn the_same_answers_give_the_same_report() {
    let rules = || vec![rule("b", vec![problem(FAIL, "x"), pass("a")]), rule("a", vec![unknown(FAIL, "z")])];
    let timeless = |mut report: Report| {
        report.started_at = String::new();
        report.duration_ms = Millis::default();
        report.findings.iter_mut().for_each(|f| f.duration_ms = Millis::default());
        crate::report::json::render(&report).unwrap()
    };
    assert_eq!(timeless(run_rules(rules())), timeless(run_rules(rules())));
}

/// What is left of a cluster is one cause with a name of kubeadm's for each path: ignoring the first path must not hide
/// the others.
#[test]
fn an_ignored_cause_hides_no_failure() {
    let left = |subject: &str, name: &str| problem(FAIL, subject).kubeadm(name);
    let findings = vec![
        left("a", "FileAvailable--a").causes("joined-before"),
        left("b", "FileAvailable--b").follows("joined-before"),
        left("c", "DirAvailable--c").follows("joined-before"),
    ];
    for (list, want) in [
        ("", ["r/a fail missing", "r/b skip missing", "r/c skip missing"]),
        ("FileAvailable--a", ["r/a warn missing", "r/b fail missing", "r/c fail missing"]),
        ("fileavailable--A,DirAvailable--c", ["r/a warn missing", "r/b fail missing", "r/c skip missing"]),
        ("all", ["r/a warn missing", "r/b skip missing", "r/c skip missing"]),
    ] {
        let mut request = request(policy(vec![rule("r", findings.clone())]));
        request.ignored = Ignored::parse([list]).unwrap();
        assert_eq!(brief(&run(&request).unwrap()), want, "{list}");
    }
}

#[test]
fn ignored_failures_are_warnings_that_say_so() {
    for (list, verdict) in [
        ("systemverification", Verdict::Warn),
        ("all", Verdict::Warn),
        ("Mem", Verdict::Fail),
        ("", Verdict::Fail),
    ] {
        let mut request = request(policy(vec![rule("r", vec![problem(FAIL, "s"), pass("p")])]));
        request.ignored = Ignored::parse([list]).unwrap();
        let report = run(&request).unwrap();
        assert_eq!(finding(&report, "r/s").verdict, verdict, "{list}");
        assert_eq!(finding(&report, "r/s").notes.is_empty(), verdict == Verdict::Fail);
        assert_eq!(finding(&report, "r/p").verdict, Verdict::Pass);
    }
}

#[test]
fn a_waived_failure_is_a_warning_that_carries_the_waiver() {
    let mut policy = policy(vec![rule("r", vec![problem(FAIL, "s"), problem(WARN, "w"), pass("p")])]);
    policy.waivers = vec![waiver("r/*", Some((2026, 11, 22)))];
    let report = run_policy(policy);
    for id in ["r/s", "r/w"] {
        let finding = finding(&report, id);
        assert_eq!(finding.verdict, Verdict::Warn, "{id}");
        let waiver = finding.waiver.as_ref().expect(id);
        assert_eq!((waiver.finding.as_str(), waiver.until.as_deref()), ("r/*", Some("2026-11-22")));
    }
    assert_eq!(finding(&report, "r/p").waiver, None);
}

#[test]
fn an_expired_waiver_does_not_hold_and_says_so() {
    let mut with = policy(vec![rule("r", vec![problem(FAIL, "s")])]);
    with.waivers = vec![waiver("r/s", Some((2026, 11, 21)))];
    let report = run_policy(with);
    let found = finding(&report, "r/s");
    assert_eq!((found.verdict, &found.waiver), (Verdict::Fail, &None));
    assert_eq!(found.notes, ["The waiver `r/s` (we know) expired on 2026-11-21 and no longer holds."]);

    let mut with = policy(vec![rule("r", vec![problem(FAIL, "s")])]);
    with.waivers = vec![waiver("r/s", Some((2026, 11, 21))), waiver("*", None)];
    assert_eq!(finding(&run_policy(with), "r/s").verdict, Verdict::Warn, "another one holds");
}

/// The verdicts of the findings, and what blocks them.
fn blocked(rules: Vec<crate::policy::Rule>) -> Vec<String> {
    let brief = |f: &Reported| {
        let by = f.blocked_by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
        format!("{} {}{by}", f.id, f.verdict.as_str())
    };
    run_rules(rules).findings.iter().map(brief).collect()
}

#[test]
fn one_cause_is_one_failure() {
    let follower = || problem(FAIL, "x").follows("CONFIG_X");
    let root = |severity| problem(severity, "CONFIG_X").causes("CONFIG_X");
    let rules = vec![rule("modules", vec![follower()]), rule("config", vec![root(FAIL)])];
    assert_eq!(blocked(rules), ["modules/x skip by config/CONFIG_X", "config/CONFIG_X fail"], "any order");

    let rules = vec![rule("config", vec![root(WARN)]), rule("modules", vec![follower()])];
    assert_eq!(blocked(rules), ["config/CONFIG_X warn", "modules/x fail"], "a warning hides no failure");

    let mild = problem(WARN, "y").follows("CONFIG_X");
    let rules = vec![rule("config", vec![root(WARN)]), rule("modules", vec![follower(), mild])];
    assert_eq!(
        blocked(rules),
        ["config/CONFIG_X warn", "modules/x fail", "modules/y skip by config/CONFIG_X"]
    );

    let rules = vec![rule("a", vec![follower()]), rule("b", vec![follower()])];
    assert_eq!(blocked(rules), ["a/x fail", "b/x skip by a/x"], "nobody is the cause: the first stands");

    let rules = vec![
        rule("a", vec![problem(WARN, "x").follows("X")]),
        rule("b", vec![problem(FAIL, "x").follows("X")]),
    ];
    assert_eq!(blocked(rules), ["a/x skip by b/x", "b/x fail"], "the worst stands");

    let rules = vec![rule("a", vec![root(FAIL)]), rule("b", vec![root(FAIL)]), rule("c", vec![follower()])];
    assert_eq!(
        blocked(rules),
        ["a/CONFIG_X fail", "b/CONFIG_X skip by a/CONFIG_X", "c/x skip by a/CONFIG_X"],
        "two rules, one cause"
    );

    let passing = pass("CONFIG_X").causes("CONFIG_X");
    let rules = vec![rule("config", vec![passing]), rule("modules", vec![follower()])];
    assert_eq!(blocked(rules), ["config/CONFIG_X pass", "modules/x fail"], "what passes blocks nothing");
}

#[test]
fn a_waived_cause_hides_no_failure() {
    let mut policy = policy(vec![
        rule("config", vec![problem(FAIL, "X").causes("X")]),
        rule("modules", vec![problem(FAIL, "x").follows("X")]),
    ]);
    policy.waivers = vec![waiver("config/*", None)];
    let report = run_policy(policy);
    assert_eq!(brief(&report), ["config/X warn missing", "modules/x fail missing"]);
}

fn select(only: &[&str], skip: &[&str]) -> Result<Vec<String>, String> {
    let mut request = request(policy(vec![
        rule("config", vec![pass("CONFIG_A"), problem(FAIL, "CONFIG_B")]),
        rule("modules", vec![pass("overlay")]),
        rule_of("broken", |_, _| Err(Unknown::new("no"))),
    ]));
    let own = |globs: &[&str]| globs.iter().map(|g| (*g).to_owned()).collect();
    request.selection = Selection { only: own(only), skip: own(skip) };
    run(&request).map(|report| brief(&report)).map_err(|e| e.to_string())
}

#[test]
fn only_and_skip_choose_rules_and_findings() {
    for (only, skip, expected) in [
        (
            &["config"][..],
            &[][..],
            &[
                "config/CONFIG_A pass there",
                "config/CONFIG_B fail missing",
                "modules skip deselected",
                "broken skip deselected",
            ][..],
        ),
        (
            &["config/CONFIG_B"],
            &[],
            &["config/CONFIG_B fail missing", "modules skip deselected", "broken skip deselected"],
        ),
        (
            &["*/CONFIG_A", "m*"],
            &[],
            // The broken rule might have had a CONFIG_A: not knowing stays visible.
            &["config/CONFIG_A pass there", "modules/overlay pass there", "broken warn unknown"],
        ),
        (
            &[],
            &["config", "broken"],
            &["config skip deselected", "modules/overlay pass there", "broken skip deselected"],
        ),
        (
            &[],
            &["config/CONFIG_B", "modules/*"],
            &["config/CONFIG_A pass there", "modules skip deselected", "broken warn unknown"],
        ),
        (
            &["config"],
            &["*B"],
            &["config/CONFIG_A pass there", "modules skip deselected", "broken skip deselected"],
        ),
    ] {
        assert_eq!(select(only, skip).unwrap(), expected, "--only {only:?} --skip {skip:?}");
    }
}

#[test]
fn a_glob_that_matches_nothing_names_the_nearest() {
    for (only, skip, says) in [
        (
            &["confg"][..],
            &[][..],
            "`--only confg` matches no rule and no finding of this policy; did you mean `config`?",
        ),
        (&[], &["confg/CONFIG_A"], "did you mean `config/CONFIG_A`?"),
        (&["config/CONFG_A"], &[], "did you mean `config/CONFIG_A`?"),
        (&["config", "banana*"], &[], "`--only banana*` matches no rule"),
    ] {
        let error = select(only, skip).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    assert!(select(&["broken/anything"], &[]).is_ok(), "it might have had it");
}

/// Any finding that a check can make, with a cause or without.
fn any_finding() -> impl Strategy<Value = Finding> {
    let severity = prop_oneof![Just(WARN), Just(FAIL)];
    let cause = proptest::option::of(("[XY]", any::<bool>()));
    (0..4_u8, "[ab]", severity, cause).prop_map(|(outcome, subject, severity, cause)| {
        let finding = match outcome {
            0 => pass(&subject),
            1 => unknown(severity, &subject),
            2 => Finding::not_applicable(subject, "not here", []),
            _ => problem(severity, subject.as_str()),
        };
        match cause {
            Some((name, true)) => finding.causes(name),
            Some((name, false)) => finding.follows(name),
            None => finding,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_laws_hold_whatever_the_checks_say(
        answers in proptest::collection::vec(proptest::collection::vec(any_finding(), 0..4), 1..5),
        waived in proptest::option::of("[rab0-9*/]{1,4}"),
    ) {
        let ids: Vec<String> = (0..answers.len()).map(|i| format!("r{i}")).collect();
        let rules = ids.iter().zip(answers).map(|(id, findings)| rule(id, findings));
        let mut policy = policy(rules.collect());
        policy.waivers = waived.iter().map(|glob| waiver(glob, None)).collect();
        let report = run_policy(policy);

        let mut seen = std::collections::HashSet::new();
        for finding in &report.findings {
            prop_assert!(seen.insert(&finding.id), "ids are unique: {}", finding.id);
            let is_pass = finding.verdict == Verdict::Pass;
            prop_assert!(!is_pass || finding.determined && !finding.evidence.is_empty(), "laws 2 and 3");
            if let Some(by) = &finding.blocked_by {
                let stands = report.findings.iter().find(|f| &f.id == by).expect("it is in the report");
                prop_assert!(stands.verdict >= Verdict::Warn && stands.blocked_by.is_none(), "law 6");
                prop_assert_eq!(finding.verdict, Verdict::Skip);
            }
        }
        for id in &ids {
            prop_assert!(report.findings.iter().any(|f| &f.rule == id), "law 1: {}", id);
        }
        prop_assert_eq!(report.verdict, report.findings.iter().map(|f| f.verdict).max().unwrap());
    }
}

/// A rule whose check passes from the `nth` asking on, and how often it was asked.
fn passes_at(nth: usize, retry: Option<Retry>) -> (Rule, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let mut rule = rule_of("r", move |_, out| {
        let now = count.fetch_add(1, Ordering::Relaxed) + 1;
        out.push(pass("always"));
        out.push(if now >= nth { pass("s") } else { problem(FAIL, "s") });
        Ok(())
    });
    rule.retry = retry;
    (rule, asked)
}

fn retry(within: u64, every: u64) -> Retry {
    let millis = preflight_checks::duration::Duration::from_millis;
    Retry { within: millis(within), every: millis(every) }
}

#[test]
fn what_passes_by_itself_is_asked_again() {
    let (flaky, asked) = passes_at(3, Some(retry(20_000, 1)));
    let report = run_rules(vec![flaky, rule("after", vec![pass("x")])]);
    assert_eq!(brief(&report), ["r/always pass there", "r/s pass there", "after/x pass there"]);
    assert_eq!(asked.load(Ordering::Relaxed), 3, "no more often than it takes");
    assert!(finding(&report, "r/s").notes[0].contains("not so at first"));
    assert!(finding(&report, "r/always").notes.is_empty());
}

#[test]
fn what_never_passes_is_given_up_and_says_so() {
    let (never, asked) = passes_at(usize::MAX, Some(retry(60, 5)));
    let report = run_rules(vec![never]);
    assert_eq!(brief(&report), ["r/always pass there", "r/s fail missing"]);
    assert!(asked.load(Ordering::Relaxed) > 1);
    let notes = &finding(&report, "r/s").notes;
    assert_eq!(notes, &["it was asked again for 60ms and stayed so (`retry`)"]);
}

#[test]
fn only_what_waiting_could_mend_is_asked_again() {
    let (once, asked) = passes_at(2, None);
    assert_eq!(run_rules(vec![once]).verdict, Verdict::Fail);
    assert_eq!(asked.load(Ordering::Relaxed), 1, "not without `retry`");
    // A captured node stays as it is.
    let (once, asked) = passes_at(2, Some(retry(20_000, 1)));
    let mut request = request(policy(vec![once]));
    request.door = Arc::new(Memory::new().as_root());
    assert_eq!(run(&request).unwrap().verdict, Verdict::Fail);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    // What takes root is not mended by waiting.
    let count = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&count);
    let mut rule = rule_of("r", move |_, out| {
        asked.fetch_add(1, Ordering::Relaxed);
        out.push(unknown(FAIL, "s"));
        Ok(())
    });
    rule.retry = Some(retry(20_000, 1));
    run_rules(vec![rule]);
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn asking_again_takes_no_answer_away() {
    // The deadline comes first, by far.
    let (flaky, _) = passes_at(usize::MAX, Some(retry(60_000, 10)));
    let mut request = request(policy(vec![flaky, rule("after", vec![pass("x")])]));
    request.limits = Limits { check: Duration::from_secs(20), run: Duration::from_millis(1500) };
    let report = run(&request).unwrap();
    assert_eq!(brief(&report), ["r/always pass there", "r/s fail missing", "after/x pass there"]);
    // The second asking breaks down: the first answer stands.
    let asked = AtomicUsize::new(0);
    let mut rule = rule_of("r", move |_, out| {
        assert!(asked.fetch_add(1, Ordering::Relaxed) == 0, "broken");
        out.push(problem(FAIL, "s"));
        Ok(())
    });
    rule.retry = Some(retry(100, 60));
    assert_eq!(brief(&run_rules(vec![rule])), ["r/s fail missing"]);
}

#[test]
fn a_check_that_waits_for_others_may_have_more_time() {
    struct Slow;
    impl preflight_checks::BoundCheck for Slow {
        fn meta(&self) -> &'static preflight_checks::Meta {
            &META
        }
        fn limit(&self) -> Option<Duration> {
            Some(Duration::from_secs(20))
        }
        fn run(
            &self,
            _: &preflight_checks::Node,
            out: &mut preflight_checks::Findings,
        ) -> Result<(), Unknown> {
            std::thread::sleep(Duration::from_millis(80));
            out.push(pass("s"));
            Ok(())
        }
    }
    let mut slow = rule("r", vec![]);
    slow.check = Box::new(Slow);
    let mut request = request(policy(vec![slow]));
    request.limits = Limits { check: Duration::from_millis(20), run: Duration::from_secs(60) };
    assert_eq!(brief(&run(&request).unwrap()), ["r/s pass there"]);
}

#[test]
fn a_finding_may_have_a_name_of_kubeadm_of_its_own() {
    let named = problem(FAIL, "tcp/10250").kubeadm("Port-10250");
    let mut request = request(policy(vec![rule("r", vec![named, problem(FAIL, "s")])]));
    request.ignored = Ignored::parse(["Port-10250"]).unwrap();
    let report = run(&request).unwrap();
    assert_eq!(brief(&report), ["r/tcp/10250 warn missing", "r/s fail missing"]);
    assert_eq!(finding(&report, "r/s").kubeadm.as_deref(), Some("SystemVerification"));
}
