//! Reports in all formats, read by those who read them: promtool, xmllint, prove, the schema of SARIF, a YAML reader. The node
//! says what would break each of them.
#![allow(clippy::disallowed_methods)] // tests start programs as users do

mod common;
#[allow(dead_code)] // what it knows of mounts is for other tests
#[path = "live/scene.rs"]
mod scene;

use common::{
    nodes,
    process::{PROGRAM, Ran, Tree, policy, preflight, preflight_with, run},
};
use scene::cannot;
use serde_json::Value;
use std::{fs, path::PathBuf, process::Command};
use tempfile::TempDir;

/// What no format may take for its own: colours, line ends, the ends of CDATA and comments, tags, entities, directives of TAP,
/// numbers of Nagios, commands of GitHub, tables, other directions of writing, bytes that are no UTF-8.
const HOSTILE: &[u8] = b"1\x1b[31m red\x07 ]]> --> <script>alert(1)</script> &amp; \"'` # SKIP | x=1 :: %0A::error::no \xe2\x80\xae \
    \xff\xfe \\ {{ x }} $(id)\r\n::error title=x::y\nnot ok 9\n";

/// A name of a file, which becomes part of an id.
const STRANGE: &str = "/etc/<b> ]]>|#x %0A::{`";

fn node() -> Tree {
    Tree::new()
        .file("/proc/sys/kernel/hostname", HOSTILE)
        .file("/etc/hostile", HOSTILE)
        .file(STRANGE, "x")
        .file("/proc/sys/kernel/pid_max", "7\n")
        .file("/proc/sys/vm/overcommit_memory", "1\n")
}

fn rules() -> String {
    let settings = "settings: [{key: kernel.pid_max, atLeast: 9}, \
        {key: vm.overcommit_memory, equals: 1}, {key: vm.none, equals: 1}]";
    let files = format!("paths: [{{path: /etc/hostile, lacks: red}}, {{path: '{STRANGE}', state: absent}}]");
    let sysctl = format!("check: sysctl\n    with: {{{settings}}}");
    policy(&[&sysctl, "{check: swap, severity: warn}", &format!("check: files\n    with: {{{files}}}")])
}

const FORMATS: [&str; 15] = [
    "human",
    "json",
    "ndjson",
    "yaml",
    "junit",
    "tap",
    "prometheus",
    "sarif",
    "nagios",
    "node-problem-detector",
    "node-condition",
    "github",
    "markdown",
    "html",
    "kubeadm",
];

/// A report in each format, in a directory.
fn reports() -> (TempDir, Ran) {
    let tree = node();
    let directory = tempfile::tempdir().expect("a directory");
    let outputs = FORMATS.map(|format| format!("{format}={}", directory.path().join(format).display()));
    let mut arguments = vec!["-c", "-", "--root", tree.root()];
    arguments.extend(outputs.iter().flat_map(|output| ["-o", output.as_str()]));
    let ran = preflight_with(&rules(), &arguments);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    (directory, ran)
}

fn read(directory: &TempDir, format: &str) -> String {
    let bytes = fs::read(directory.path().join(format)).expect("a report");
    String::from_utf8(bytes).expect("UTF-8, whatever the node said")
}

/// What a program says of a report on its standard input; none where the program is missing.
fn consumer(program: &str, arguments: &[&str], report: &str) -> Option<Ran> {
    if Command::new(program).arg("--version").output().is_err() {
        cannot(program, "it is not installed");
        return None;
    }
    let mut command = Command::new(program);
    command.args(arguments);
    Some(run(command, report))
}

#[test]
fn nothing_of_a_node_steers_who_reads_it() {
    let (directory, _) = reports();
    for format in FORMATS {
        let text = read(&directory, format);
        // What is read by programs alone keeps the marks that turn the direction of writing.
        let is_data = ["json", "ndjson", "yaml", "sarif"].contains(&format);
        let turns = |c: char| ('\u{202a}'..='\u{202e}').contains(&c) && !is_data;
        // kubeadm begins its lines with a tab.
        let is_set = |c: char| c == '\n' || c == '\t' && format == "kubeadm";
        let steers = |c: char| c.is_control() && !is_set(c) || turns(c);
        assert!(!text.contains(steers), "{format}: {text:?}");
        // One line each: no line of the node begins one of the report.
        assert!(
            !text.lines().any(|line| line.starts_with("::error title=x") || line.starts_with("not ok 9")),
            "{format}"
        );
    }
    assert!(!read(&directory, "markdown").contains("<script>"));
    assert!(!read(&directory, "junit").contains("<script>"));
}

#[test]
fn yaml_is_the_same_tree_as_json() {
    let (directory, _) = reports();
    let json: Value = serde_json::from_str(&read(&directory, "json")).expect("JSON");
    let yaml: Value = serde_yaml::from_str(&read(&directory, "yaml")).expect("YAML");
    assert_eq!(yaml, json);
    assert!(read(&directory, "yaml").starts_with("apiVersion: \"preflight/v1\"\nkind: \"Report\"\n"));
}

#[test]
fn promtool_takes_the_metrics() {
    let (directory, _) = reports();
    let text = read(&directory, "prometheus");
    let Some(checked) = consumer("promtool", &["check", "metrics"], &text) else { return };
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""), "{text}");
    assert!(text.contains("preflight_verdict{policy=\"test\"} 3\n"), "{text}");
    let panic =
        text.lines().find(|line| line.contains("finding=\"sysctl/kernel.pid_max\"")).expect("a sample");
    assert!(panic.ends_with(" 3"), "{panic}");
}

#[test]
fn xmllint_takes_the_junit() {
    let (directory, _) = reports();
    let text = read(&directory, "junit");
    let schema = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/schemas/junit-10.xsd");
    let file = directory.path().join("junit").display().to_string();
    let schema = schema.display().to_string();
    let mut arguments = vec!["--noout"];
    if PathBuf::from(&schema).exists() {
        arguments.extend(["--schema", &schema]);
    } else {
        cannot("the schema of JUnit", "target/schemas/junit-10.xsd is missing; .ci/run fetches it");
    }
    arguments.push(&file);
    let Some(checked) = consumer("xmllint", &arguments, "") else { return };
    assert_eq!(checked.code, Some(0), "{}\n{text}", checked.stderr);
    assert!(
        text.contains(
            "<failure message=\"kernel.pid_max is 7, and has to be at least 9\" type=\"wrong-value\">"
        ),
        "{text}"
    );
}

#[test]
fn prove_takes_the_tap() {
    let (directory, _) = reports();
    let file = directory.path().join("tap").display().to_string();
    let Some(checked) = consumer("prove", &["--exec", "cat", &file], "") else { return };
    let text = read(&directory, "tap");
    let count = |word: &str| text.lines().filter(|line| line.starts_with(word)).count();
    assert!(
        checked.stdout.contains(&format!("Tests={}", count("ok ") + count("not ok "))),
        "{}",
        checked.stdout
    );
    assert!(checked.stdout.contains(&format!("Failed: {}", count("not ok "))), "{}\n{text}", checked.stdout);
    assert!(!checked.stdout.contains("Parse errors"), "{}\n{text}", checked.stdout);
}

#[test]
fn sarif_is_as_its_schema_has_it() {
    let (directory, _) = reports();
    let text = read(&directory, "sarif");
    let log: Value = serde_json::from_str(&text).expect("JSON");
    // Of other platforms not everything is on the disk.
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc(1) starts");
    let rustc = String::from_utf8(rustc.stdout).expect("UTF-8");
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).expect("a platform");
    let mut metadata = Command::new(env!("CARGO"));
    metadata
        .args(["metadata", "--format-version=1", "--offline", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let metadata = metadata.output().expect("cargo(1) starts");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let package =
        metadata["packages"].as_array().unwrap().iter().find(|package| package["name"] == "serde-sarif");
    let manifest = package.expect("a dependency of these tests")["manifest_path"].as_str().unwrap();
    let schema =
        fs::read_to_string(PathBuf::from(manifest).with_file_name("src/schema.json")).expect("its schema");
    // A bracket without its other half, which only some readers of patterns let pass.
    let schema: Value = serde_json::from_str(&schema.replace("{2}]?$", "{2}?$")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> =
        validator.iter_errors(&log).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let read_back: serde_sarif::sarif::Sarif = serde_json::from_str(&text).expect("what the standard says");
    let results = read_back.runs[0].results.as_ref().expect("results");
    assert_eq!(results.len(), log["runs"][0]["results"].as_array().unwrap().len());
}

#[test]
fn nagios_has_a_line_numbers_and_its_own_exit_codes() {
    let tree = node();
    let ask =
        |rules: &[&str]| preflight_with(&policy(rules), &["-c", "-", "--root", tree.root(), "-o", "nagios"]);
    let one = |setting: &str| format!("{{check: sysctl, with: {{settings: [{setting}]}}}}");
    let (good, bad) =
        (one("{key: vm.overcommit_memory, equals: 1}"), one("{key: kernel.pid_max, atLeast: 9}"));
    let warn = bad.replace("check:", "severity: warn, check:");
    let unknown = one("{key: vm.none, equals: 1}");
    for (rule, code, word) in
        [(&good, 0, "OK"), (&warn, 1, "WARNING"), (&bad, 2, "CRITICAL"), (&unknown, 3, "UNKNOWN")]
    {
        let ran = ask(&[rule]);
        let first = ran.stdout.lines().next().unwrap_or_default();
        assert_eq!(ran.code, Some(code), "{first}");
        assert!(first.starts_with(&format!("PREFLIGHT {word}: ")), "{first}");
        let (_, numbers) = first.split_once('|').expect("numbers");
        assert!(
            numbers.split(' ').all(|one| one.split_once('=').is_some_and(|(_, value)| !value.is_empty())),
            "{numbers}"
        );
    }
    let (directory, _) = reports();
    assert!(read(&directory, "nagios").lines().skip(1).all(|line| !line.contains('|')));
}

/// What a node-problem-detector and a condition of a node make of rules that pass, warn, fail, and can't be determined: both the
/// same.
#[test]
fn a_condition_is_true_only_where_all_is_known_and_nothing_fails() {
    let tree = node();
    let ask = |rules: &[&str], more: &[&str]| {
        preflight_with(&policy(rules), &[&["-c", "-", "--root", tree.root(), "-o"], more].concat())
    };
    let one = |id: &str, setting: &str, more: &str| {
        format!("{{id: {id}, check: sysctl, {more} with: {{settings: [{setting}]}}}}")
    };
    let good = one("good", "{key: vm.overcommit_memory, equals: 1}", "");
    let bad = one("bad", "{key: kernel.pid_max, atLeast: 9}", "");
    let mild = one("mild", "{key: kernel.pid_max, atLeast: 9}", "severity: warn,");
    let unknown = one("unknown", "{key: vm.none, equals: 1}", "");
    let spared = one("spared", "{key: vm.none, equals: 1}", "onUnknown: skip,");
    let strict = one("strict", "{key: vm.none, equals: 1}", "onUnknown: fail,");
    for (rules, status, reason, said) in [
        (&[&*good][..], "True", "Passed", "1 passed, 0 warnings"),
        (
            &[&good, &mild],
            "True",
            "PassedWithWarnings",
            "1 passed, 1 warnings: mild/kernel.pid_max: warning: ",
        ),
        (&[&good, &bad, &unknown], "False", "RequirementsNotMet", "1 failed: bad/kernel.pid_max: "),
        (
            &[&bad, &strict],
            "False",
            "RequirementsNotMet",
            "2 failed: bad/kernel.pid_max: kernel.pid_max is 7, ",
        ),
        (
            &[&good, &mild, &unknown],
            "Unknown",
            "NotDetermined",
            "1 not determined: unknown/vm.none: undetermined: ",
        ),
        (&[&good, &spared], "True", "Passed", "1 passed, 0 warnings"),
        (&[&spared], "Unknown", "NothingJudged", "0 not determined"),
    ] {
        let ran = ask(rules, &["node-condition"]);
        assert_eq!(ran.code, Some(i32::from(status == "False")), "as with any other format: {}", ran.stdout);
        let condition: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        assert_eq!(
            (&condition["status"], &condition["reason"]),
            (&status.into(), &reason.into()),
            "{condition}"
        );
        let message = condition["message"].as_str().expect("a message");
        assert!(message.starts_with(said), "{message}");
        let ran = ask(rules, &["node-problem-detector"]);
        let wanted = match status {
            "True" => 0,
            "False" => 1,
            _ => 2,
        };
        assert_eq!(ran.code, Some(wanted), "{}", ran.stdout);
        assert_eq!(ran.stdout.trim_end(), message);
    }
    // As a second report it changes nobody's exit status; and a mistake is no verdict.
    let file = tree.at("said").display().to_string();
    assert_eq!(ask(&[&bad], &["json", "-o", &format!("node-problem-detector={file}")]).code, Some(1));
    assert_eq!(ask(&["{check: nothing}"], &["node-problem-detector"]).code, Some(3));
}

#[test]
fn a_condition_has_the_fields_of_kubernetes_and_is_short() {
    let (directory, _) = reports();
    let text = read(&directory, "node-condition");
    assert!(text.ends_with("}\n") && text.lines().count() == 1 && text.len() < 4096, "{text}");
    let condition: Value = serde_json::from_str(&text).expect("JSON");
    let fields: Vec<&str> = condition.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut wanted = ["type", "status", "lastHeartbeatTime", "lastTransitionTime", "reason", "message"];
    wanted.sort_unstable();
    assert_eq!(
        {
            let mut fields = fields;
            fields.sort_unstable();
            fields
        },
        wanted
    );
    assert_eq!(condition["type"], "PreflightPassed");
    // However much there is to tell.
    let many: Vec<String> = (0..100)
        .map(|n| format!("{{id: rule-{n:03}, check: sysctl, with: {{settings: [{{key: kernel.pid_max, atLeast: 9}}]}}}}"))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let tree = node();
    let ran =
        preflight_with(&policy(&many), &["-c", "-", "--root", tree.root(), "-o", "node-problem-detector"]);
    assert!(
        ran.stdout.starts_with("100 failed: rule-000/kernel.pid_max: kernel.pid_max is 7"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("; also rule-001/kernel.pid_max, rule-002/") && ran.stdout.ends_with("…\n"));
    assert_eq!(ran.stdout.trim_end().chars().count(), 512);
}

#[test]
fn ndjson_is_json_in_one_line() {
    let (directory, _) = reports();
    let text = read(&directory, "ndjson");
    assert_eq!(text.lines().count(), 1);
    let (line, json): (Value, Value) = (
        serde_json::from_str(&text).expect("JSON"),
        serde_json::from_str(&read(&directory, "json")).expect("JSON"),
    );
    assert_eq!(line, json);
}

#[test]
fn several_at_once_and_what_does_not_go_together() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("r.json").display().to_string();
    let tree = node();
    let ask = |more: &[&str]| preflight_with(&rules(), &[&["-c", "-", "--root", tree.root()], more].concat());
    let both = ask(&["-o", "human", "-o", &format!("json={file}")]);
    assert_eq!(both.code, Some(1));
    assert!(both.stdout.contains("FAIL  sysctl/kernel.pid_max"), "{}", both.stdout);
    assert!(fs::read_to_string(&file).expect("a report").starts_with('{'));
    let wrong = |more: &[&str]| {
        let ran = ask(more);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
        ran.stderr
    };
    assert!(wrong(&["-o", "human", "-o", "json"]).contains("give one a file"));
    assert!(wrong(&["-o", &format!("json={file}"), "-o", &format!("yaml={file}")]).contains("both go to"));
    assert!(wrong(&["-o", &format!("json={file}"), "--output-file", "x"]).contains("each report has a file"));
    assert!(wrong(&["-o", "json=/nowhere/at/all"]).contains("no such directory"));
    assert!(wrong(&["-o", "json="]).contains("names no file"));
    assert!(wrong(&["-o", "jnit"]).contains("did you mean `junit`?"));
    let help = run(
        {
            let mut command = Command::new(PROGRAM);
            command.args(["run", "--help"]);
            command
        },
        "",
    );
    for format in FORMATS {
        assert!(help.stdout.contains(format), "{format} is not in --help");
    }
}

/// What Chromium makes of the page, its console among it.
fn in_chromium(page: &str, more: &[&str]) -> Option<Ran> {
    let profile = tempfile::tempdir().expect("a directory");
    if Command::new("chromium").arg("--version").output().is_err() {
        cannot("chromium", "it is not installed");
        return None;
    }
    let mut command = Command::new("chromium");
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.args(["--enable-logging=stderr", "--virtual-time-budget=2000"]).args(more);
    command.arg(format!("--user-data-dir={}", profile.path().display())).arg(page);
    let ran = run(command, "");
    assert!(!ran.stderr.contains(":CONSOLE"), "{}", ran.stderr);
    Some(ran)
}

#[test]
fn chromium_shows_searches_and_filters_the_page() {
    let (directory, _) = reports();
    let file = directory.path().join("r.html");
    fs::copy(directory.path().join("html"), &file).expect("a copy");
    let page = format!("file://{}", file.display());
    let Some(ran) = in_chromium(&page, &["--dump-dom"]) else { return };
    let all = ran.stdout.matches("<details class=").count();
    let counted =
        |dom: &str| dom.split("</output>").next().and_then(|at| at.rsplit('>').next()).map(str::to_owned);
    let hidden = |dom: &str| dom.matches("hidden=\"\"><summary>").count();
    // Failures and warnings are shown, what passed and was skipped is not.
    let quiet = ran.stdout.matches("class=\"pass\" hidden").count()
        + ran.stdout.matches("class=\"skip\" hidden").count();
    assert_eq!(counted(&ran.stdout), Some(format!("{} of {all} findings", all - quiet)), "{}", ran.stdout);
    assert!(!ran.stdout.contains("<script>alert"), "{}", ran.stdout);
    // A search, as a link to the page has it.
    let Some(ran) = in_chromium(&format!("{page}#pid_max"), &["--dump-dom"]) else { return };
    assert_eq!(counted(&ran.stdout), Some(format!("1 of {all} findings")), "{}", ran.stdout);
    assert_eq!(hidden(&ran.stdout) + 1, all);
    // It asks for nothing else.
    let text = read(&directory, "html");
    assert!(!text.contains("src=") && !text.contains("href=") && !text.contains("url("), "{text}");
}

/// The page with scripts of a test in it, which write what they found into `<pre id="told">`.
fn told(scripts: &[&str], more: &[&str]) -> Option<String> {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("tested.html");
    let root = &nodes::named("debian-6.1.0-56-amd64/v2-disable-memory").root;
    let report = preflight(&["--root", root.to_str().expect("UTF-8"), "-o", "html"]);
    let scripts: String = scripts.iter().map(|script| format!("<script>{script}</script>")).collect();
    let page = report.stdout.replace("</body>", &format!("{scripts}</body>"));
    fs::write(&file, page).expect("a page");
    let ran = in_chromium(&format!("file://{}", file.display()), &[more, &["--dump-dom"]].concat())?;
    let after = ran.stdout.rsplit_once("<pre id=\"told\">").unwrap_or_else(|| panic!("{}", ran.stdout)).1;
    Some(after.split_once("</pre>").expect("an end").0.to_owned())
}

const TELL: &str = "function tell(what) { const pre = document.createElement('pre'); pre.id = 'told'; pre.textContent = what; document.body.append(pre); }";

#[test]
fn axe_finds_nothing_to_mend_in_the_light_and_in_the_dark() {
    // What .ci/run fetched from axe-core's package.
    let Ok(axe) = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/target/axe/package/axe.min.js"))
    else {
        return cannot("axe", "axe-core is not in target/axe: .ci/run fetches it");
    };
    let run = "document.querySelectorAll('details').forEach(one => { one.open = true; });\
        document.querySelectorAll('input[name=verdict]').forEach(box => { if (!box.checked) box.click(); });\
        axe.run(document).then(found => tell(found.violations.map(v => v.id + ': ' + v.nodes.length + ' ' + v.nodes[0].html).join('\\n') || 'nothing, ' + found.passes.length + ' rules passed'));";
    for theme in [&[][..], &["--blink-settings=preferredColorScheme=0"]] {
        let Some(told) = told(&[&axe, TELL, run], &[theme, &["--virtual-time-budget=60000"]].concat()) else {
            return;
        };
        assert!(told.starts_with("nothing, "), "{theme:?}: {told}");
    }
}

#[test]
fn the_page_is_searched_and_filtered_by_hand() {
    let clicks = "const shown = () => document.querySelector('output').textContent.split(' ')[0];\
        const all = document.querySelectorAll('main details').length; const said = [];\
        document.querySelectorAll('input[name=verdict]').forEach(box => { if (!box.checked) box.click(); });\
        said.push(shown() == all);\
        const search = document.querySelector('#search'); search.focus(); document.execCommand('insertText', false, 'no such thing at all');\
        said.push(shown() == 0);\
        search.value = ''; search.dispatchEvent(new Event('input', { bubbles: true }));\
        document.querySelector('input[value=pass]').click(); said.push(Number(shown()) < all);\
        const closed = document.querySelector('main details:not([open]) summary'); closed.click(); said.push(closed.parentElement.open);\
        said.push(document.querySelectorAll('.tree li').length > 5);\
        tell(said.join(' '));";
    let Some(told) = told(&[TELL, clicks], &[]) else { return };
    assert_eq!(told, "true true true true true");
}
