//! `expression`: What is true of the node, in the words of CEL.

use crate::{
    cel::{COST, Failure, Program, Scope, Value},
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    finding::{Finding, Findings, Remedy, Severity},
    inventory::{FUNCTIONS, Inventory, paths},
    names::wrong_for_a_finding,
    node::Node,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
};

/// What is true of the node, in the words of CEL, as Kubernetes' ValidatingAdmissionPolicy has them.
///
/// ## What it looks at
/// The facts that the expression names, and no other: `node.memory.total >= quantity("2Gi") &&
/// node.kernel.version.isGreaterThan(semver("5.10.0"))`. `preflight facts` prints all of them with their values here;
/// `sysctl("…")`, `kernelConfig("…")`, `fileExists("…")`, `packageVersion("…")`, `disk("…")` and `filesystemSupported("…")` ask for
/// one thing each. `variables.NAME` are those of the rule, which may be inputs of the policy.
///
/// CEL's operators, macros (`has`, `all`, `exists`, `exists_one`, `map`, `filter`) and functions for texts and lists are there, and of
/// Kubernetes' libraries `quantity`, `semver`, `ip` and `cidr`. An expression is compiled when the policy is read, has at
/// most 4096 bytes, and takes at most 200,000 steps.
///
/// `holds` passes; `does-not-hold` does not. Where a fact that decides is not known, where there is no value (a key that is not
/// there, a division by zero), or where it takes too many steps, it is undetermined.
///
/// ## Why it matters
/// What depends on several things at once can't be said in other rules: so much memory for each processor, this module only on
/// that architecture.
///
/// ## How to mend it
/// As `message` and `remedy` of the policy say.
///
/// ## Sources
/// github.com/google/cel-spec, doc/langdef.md; kubernetes.io, Common Expression Language in Kubernetes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ExpressionParams {
    /// The expressions.
    pub validations: Vec<Validation>,
    /// Values for `variables.NAME`.
    pub variables: BTreeMap<String, Variable>,
}

/// An expression that has to be true.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Validation {
    /// What the finding is called, after the id of the rule: `memory-per-cpu`.
    pub name: String,
    /// The expression.
    pub expression: Cel,
    /// What it means where it is not true, one sentence.
    #[serde(default)]
    pub message: Option<String>,
    /// An expression for that sentence. Where it has no value, `message` is told.
    #[serde(default)]
    pub message_expression: Option<Cel>,
    /// What it is for, told where it is not true.
    #[serde(default)]
    pub why: Option<String>,
    /// How to mend it: one sentence.
    #[serde(default)]
    pub remedy: Option<String>,
    /// The most that it can yield. Default: fail.
    #[serde(default)]
    pub severity: Severity,
}

/// The value of a variable.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Variable {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a point.
    Double(f64),
    /// Text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Cel(Program);

impl<'de> Deserialize<'de> for Cel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = String::deserialize(deserializer)?;
        let functions: Vec<&str> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
        let scope = Scope { facts: &paths(), functions: &functions, open: VARIABLES };
        Program::compile(&source, &scope).map(Self).map_err(de::Error::custom)
    }
}

impl JsonSchema for Cel {
    fn schema_name() -> Cow<'static, str> {
        "CelExpression".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An expression of CEL: `node.cpu.count >= 2`. `preflight facts` prints what it can use.",
            "minLength": 1,
            "maxLength": 4096
        })
    }
}

/// The name under which expressions see the variables of the rule.
const VARIABLES: &str = "variables";

/// The check `expression`.
pub struct Expression;

impl Check for Expression {
    type Params = ExpressionParams;

    const META: Meta = Meta {
        id: "expression",
        summary: "What is true of the node, in the words of CEL",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &ExpressionParams) -> Result<(), String> {
        let mut seen = HashSet::new();
        for validation in &params.validations {
            let name = &validation.name;
            if let Some(wrong) = wrong_for_a_finding(name) {
                return Err(wrong);
            }
            if !seen.insert(name) {
                return Err(format!("two expressions are called `{name}`"));
            }
            if !validation.expression.0.asks() {
                return Err(format!(
                    "the expression of `{name}` asks nothing of the node, so that nothing could show it"
                ));
            }
        }
        if seen.is_empty() {
            Err("no expression is given; write some under `validations`".into())
        } else {
            Ok(())
        }
    }

    fn run(params: &ExpressionParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let variables = variables(params);
        let inventory = Inventory { node, variables: (VARIABLES, &variables) };
        for validation in &params.validations {
            out.push(judge(validation, &inventory));
        }
        Ok(())
    }
}

fn variables(params: &ExpressionParams) -> Value {
    let value = |variable: &Variable| match variable {
        Variable::Bool(is) => Value::Bool(*is),
        Variable::Int(i) => Value::Int(*i),
        Variable::Double(d) => Value::Double(*d),
        Variable::Text(text) => text.as_str().into(),
        Variable::List(items) => items.iter().map(String::as_str).collect(),
    };
    Value::map(params.variables.iter().map(|(name, variable)| (name.as_str(), value(variable))))
}

fn judge(validation: &Validation, inventory: &Inventory<'_>) -> Finding {
    let (name, program) = (validation.name.as_str(), &validation.expression.0);
    let (value, mut seen) = program.eval(inventory);
    // The expression itself stands first: what it is that holds or does not.
    seen.insert(0, Evidence::new("expression", program.source()));
    let unknown = |why: Unknown| {
        let message = format!("whether {name} holds could not be determined");
        Finding::undetermined(validation.severity, name, "unknown", message, &why)
    };
    match value {
        Ok(Value::Bool(true)) => match Proof::of(seen) {
            Some(proof) => Finding::pass(name, "holds", format!("{name} holds"), proof),
            None => unknown(Unknown::new("nothing showed it")),
        },
        Ok(Value::Bool(false)) => {
            let finding =
                Finding::problem(validation.severity, name, "does-not-hold", message(validation, inventory));
            let finding = finding.evidence(seen).notes(validation.why.clone());
            match &validation.remedy {
                Some(remedy) => finding.remedy(Remedy::new(remedy.as_str())),
                None => finding,
            }
        }
        Ok(other) => {
            let why = format!("the expression is a {}, neither true nor false", other.type_name());
            unknown(Unknown::new(why).tried(seen))
        }
        Err(Failure::Unknown(why)) => unknown(why.tried(seen)),
        Err(Failure::Error(why)) => unknown(Unknown::new(why).tried(seen)),
        Err(Failure::TooMuch) => {
            unknown(Unknown::new(format!("it takes more than {COST} steps")).tried(seen))
        }
    }
}

fn message(validation: &Validation, inventory: &Inventory<'_>) -> String {
    let own =
        validation.message_expression.as_ref().and_then(|expression| match expression.0.eval(inventory).0 {
            Ok(Value::Text(text)) if !text.trim().is_empty() => Some(text.to_string()),
            _ => None,
        });
    let otherwise =
        || validation.message.clone().unwrap_or_else(|| format!("{} does not hold", validation.name));
    own.unwrap_or_else(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Memory, ReadErrorKind},
        value::{Key, Kind, Span},
    };

    fn node() -> Memory {
        Memory::new()
            .file("/proc/meminfo", "MemTotal: 4194304 kB\nSwapTotal: 0 kB\n")
            .file("/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n")
            .file("/sys/devices/system/cpu/online", "0-3\n")
    }

    fn validation(expression: &str) -> Result<Validation, String> {
        let at = Span { start: 0, end: 1 };
        let entry = |key: &str, text: &str| {
            let value = crate::value::Value { span: at, kind: Kind::Str(text.to_owned()) };
            (Key { span: at, text: key.to_owned() }, value)
        };
        let map = Kind::Map(vec![
            entry("name", "it"),
            entry("expression", expression),
            entry("message", "it is not so"),
            entry("messageExpression", "'only ' + string(node.cpu.count)"),
        ]);
        crate::value::Value { span: at, kind: map }.read().map_err(|e| e.message)
    }

    fn ask(expression: &str, memory: Memory) -> Finding {
        let variables = [("least".to_owned(), Variable::Text("2Gi".to_owned()))].into();
        let params = ExpressionParams { validations: vec![validation(expression).unwrap()], variables };
        Expression::validate(&params).unwrap();
        let mut out = Findings::default();
        Expression::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    #[test]
    fn every_verdict() {
        let found = ask("node.memory.total >= quantity(variables.least)", node());
        assert_eq!((found.reason(), found.all_evidence().len()), ("holds", 2), "{found:?}");
        let found = ask("node.cpu.count >= 8", node());
        assert_eq!((found.reason(), found.message()), ("does-not-hold", "only 4"));
        let found = ask("node.kernel.version.isGreaterThan(semver('7.0.0'))", node());
        assert_eq!(found.outcome(), &Outcome::Problem);
        let denied = || node().error("/proc/meminfo", ReadErrorKind::Denied("EACCES"));
        let found = ask("node.memory.total > 1", denied());
        assert!(matches!(found.outcome(), Outcome::Undetermined(Some(_))), "{found:?}");
        assert_eq!(
            ask("node.memory.total > 1 || node.cpu.count == 4", denied()).reason(),
            "holds",
            "the rest decides"
        );
        assert_eq!(ask("node.memory.total > 1 && node.cpu.count == 5", denied()).reason(), "does-not-hold");
        for none in [
            "node.cpu.count",
            "node.cpu.count / 0 == 1",
            "node.kernel.parameters[99] == ''",
            "variables.x == node.cpu.count",
        ] {
            assert!(matches!(ask(none, node()).outcome(), Outcome::Undetermined(_)), "{none}");
        }
    }

    #[test]
    fn a_message_that_has_no_value_is_not_told() {
        let found = ask("node.memory.total < 1", node().without("/sys/devices/system/cpu/online"));
        assert_eq!(found.message(), "it is not so");
    }

    #[test]
    fn mistakes_are_found_when_the_policy_is_read() {
        for (expression, says) in [
            ("node.cpu.count >=", "line 1, column"),
            (
                "node.cpu.cuont >= 2",
                "line 1, column 10: there is no fact `node.cpu.cuont`; did you mean `node.cpu.count`?",
            ),
            ("node.cpu >= 2", "it has node.cpu.count, node.cpu.features"),
            (
                "true &&\n  sice(node.modules) > 1",
                "line 2, column 3: there is no function `sice`; did you mean `size`?",
            ),
            ("cluster.name == 'x'", "there is no fact `cluster.name`"),
        ] {
            let error = validation(expression).unwrap_err();
            assert!(error.contains(says), "{expression}: {error}");
        }
        let constant =
            ExpressionParams { validations: vec![validation("1 == 1").unwrap()], ..Default::default() };
        assert!(Expression::validate(&constant).unwrap_err().contains("asks nothing"));
    }

    #[test]
    fn every_function_that_asks_is_in_the_documentation() {
        let documented = include_str!("expression.rs");
        assert!(FUNCTIONS.iter().all(|(name, _)| documented.contains(&format!("`{name}(\"…\")`"))));
    }
}
