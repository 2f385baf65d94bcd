//! Reads an expression, and finds what is wrong with it before any node is asked.

use super::{
    Facts, Value,
    eval::{Evaluation, Failure},
    functions,
};
use crate::{evidence::Evidence, names::nearest};
use cel::{
    common::ast::{ComprehensionExpr, EntryExpr, Expr, IdedExpr},
    parser::PrattParser,
};
use std::sync::Arc;

/// The longest expression, in bytes.
const LONGEST: usize = 4096;
/// How many parts an expression may have, the macros written out.
const PARTS: usize = 2000;
/// How deep it may be nested.
const DEPTH: u16 = 50;
/// How many macros that go through a list may be nested: each multiplies the work.
const LOOPS: usize = 3;

/// An expression that was read.
#[derive(Clone, Debug)]
pub struct Program {
    source: String,
    root: Arc<IdedExpr>,
    asks: bool,
}

/// The names that expressions may use.
pub struct Scope<'a> {
    /// Every fact by its whole path: `node.memory.total`.
    pub facts: &'a [&'a str],
    /// What may be called with a text, and asks the node.
    pub functions: &'a [&'a str],
    /// The variable of which any field may be asked: `variables`.
    pub open: &'a str,
}

impl Program {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong, with line and column, and the nearest valid name.
    pub fn compile(source: &str, scope: &Scope<'_>) -> Result<Self, String> {
        if source.len() > LONGEST {
            return Err(format!("an expression has at most {LONGEST} bytes"));
        }
        let parser = PrattParser::new().max_recursion_depth(DEPTH).max_expression_node_count(PARTS);
        let root = parser.error_reporting_limit(1).parse(source).map_err(|errors| {
            let Some(first) = errors.errors.first() else { return "this is no expression".to_owned() };
            let (line, column) = (first.pos.0.max(1), first.pos.1.max(1));
            format!("line {line}, column {column}: {}", first.msg.trim_start_matches("Syntax error: "))
        })?;
        let mut walk = Walk { source, scope, bound: Vec::new(), loops: 0, asks: false };
        walk.expr(&root)?;
        Ok(Self { source: source.trim().to_owned(), asks: walk.asks, root: Arc::new(root) })
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it asks the node anything.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.asks
    }

    /// Its value, and what was seen on the way, also where there is none.
    pub fn eval(&self, facts: &dyn Facts) -> (Result<Value, Failure>, Vec<Evidence>) {
        let mut run = Evaluation::new(facts);
        let value = run.eval(&self.root);
        (value, run.seen)
    }
}

/// `node.memory.total` of the selections that spell it. None for what is no such name.
pub(super) fn path_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => {
            Some(format!("{}.{}", path_of(&select.operand.expr)?, select.field))
        }
        _ => None,
    }
}

struct Walk<'a> {
    source: &'a str,
    scope: &'a Scope<'a>,
    /// The variables of the macros around.
    bound: Vec<&'a str>,
    loops: usize,
    asks: bool,
}

type Checked = Result<(), String>;

impl<'a> Walk<'a> {
    fn expr(&mut self, expr: &'a IdedExpr) -> Checked {
        match &expr.expr {
            Expr::Ident(_) => self.path(&expr.expr),
            Expr::Select(select) => match path_of(&expr.expr) {
                Some(_) => self.path(&expr.expr),
                None => self.expr(&select.operand),
            },
            Expr::Call(call) => {
                self.function(&call.func_name, call.target.is_some())?;
                call.target.iter().try_for_each(|target| self.expr(target))?;
                call.args.iter().try_for_each(|arg| self.expr(arg))
            }
            Expr::List(list) => list.elements.iter().try_for_each(|item| self.expr(item)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.expr(&entry.key)?;
                    self.expr(&entry.value)
                }
                EntryExpr::StructField(field) => self.expr(&field.value),
            }),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(message) => Err(self.at(&message.type_name, "there are no messages here")),
            Expr::Literal(_) | Expr::Unspecified => Ok(()),
        }
    }

    fn comprehension(&mut self, over: &'a ComprehensionExpr) -> Checked {
        self.expr(&over.iter_range)?;
        self.expr(&over.accu_init)?;
        self.loops += 1;
        if self.loops > LOOPS {
            return Err(format!("at most {LOOPS} macros such as all and exists may be nested"));
        }
        let outside = self.bound.len();
        self.bound.extend([over.iter_var.as_str(), over.accu_var.as_str()]);
        self.bound.extend(over.iter_var2.as_deref());
        for part in [&over.loop_cond, &over.loop_step, &over.result] {
            self.expr(part)?;
        }
        self.bound.truncate(outside);
        self.loops -= 1;
        Ok(())
    }

    /// A name with its fields: of a macro around, of the open variable, or of a fact.
    fn path(&mut self, expr: &Expr) -> Checked {
        let path = path_of(expr).unwrap_or_default();
        let root = path.split('.').next().unwrap_or_default();
        if self.bound.contains(&root) || root == self.scope.open {
            return Ok(());
        }
        let below =
            |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
        let facts = self.scope.facts;
        if facts.iter().any(|fact| *fact == path || below(fact, &path)) {
            self.asks = true;
            return Ok(());
        }
        let inside: Vec<&str> = facts.iter().copied().filter(|fact| below(&path, fact)).collect();
        if !inside.is_empty() {
            return Err(
                self.at(&path, &format!("`{path}` is no fact by itself; it has {}", inside.join(", ")))
            );
        }
        let near = nearest(&path, facts.iter().copied()).map_or_else(
            || "`preflight facts` lists all".to_owned(),
            |near| format!("did you mean `{near}`? `preflight facts` lists all"),
        );
        Err(self
            .at(path.rsplit('.').next().unwrap_or_default(), &format!("there is no fact `{path}`; {near}")))
    }

    fn function(&mut self, name: &str, on_a_value: bool) -> Checked {
        let operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !on_a_value && self.scope.functions.contains(&name) {
            self.asks = true;
            return Ok(());
        }
        if operator || functions::NAMES.contains(&name) {
            return Ok(());
        }
        let known = functions::NAMES.iter().chain(self.scope.functions).copied();
        let near = nearest(name, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Err(self.at(name, &format!("there is no function `{name}`{near}")))
    }

    /// A message with the place at which `word` stands first.
    fn at(&self, word: &str, message: &str) -> String {
        let last = word.rsplit('.').next().unwrap_or(word);
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let whole = self.source.match_indices(last).find(|(at, found)| {
            let (before, after) = (&self.source[..*at], &self.source[at + found.len()..]);
            !before.ends_with(is_name) && !after.starts_with(is_name)
        });
        let before = &self.source[..whole.map_or(0, |(at, _)| at)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("line {line}, column {column}: {message}")
    }
}
