//! Every fact of a node that has a name: what expressions ask by it, and `preflight facts` prints.

mod calls;
mod facts;

pub use calls::FUNCTIONS;

use crate::{
    cel::{Facts, Value},
    evidence::Evidence,
    facts::Known,
    node::Node,
};

/// What a fact is, or why it could not be determined, and what showed it.
pub type Told = Known<(Value, Vec<Evidence>)>;

/// A fact that has a name.
pub struct Fact {
    /// Its name: `node.memory.total`.
    pub path: &'static str,
    /// Its type, in the words of CEL.
    pub kind: &'static str,
    /// What it tells.
    pub summary: &'static str,
    /// Asks the node.
    pub(crate) ask: fn(&Node) -> Told,
}

impl Fact {
    /// Asks the node.
    ///
    /// # Errors
    /// Why it could not be determined.
    pub fn of(&self, node: &Node) -> Told {
        (self.ask)(node)
    }
}

/// All facts, in the order in which they are printed.
#[must_use]
pub fn all() -> &'static [Fact] {
    facts::FACTS
}

/// The names of all facts.
#[must_use]
pub fn paths() -> Vec<&'static str> {
    all().iter().map(|fact| fact.path).collect()
}

/// A node, and the variables of a policy, for expressions.
pub(crate) struct Inventory<'a> {
    pub(crate) node: &'a Node,
    /// Name of the variable, as expressions write it, and its value.
    pub(crate) variables: (&'static str, &'a Value),
}

impl Facts for Inventory<'_> {
    fn get(&self, path: &str) -> Option<Told> {
        if path == self.variables.0 {
            return Some(Ok((self.variables.1.clone(), Vec::new())));
        }
        all().iter().find(|fact| fact.path == path).map(|fact| fact.of(self.node))
    }

    fn call(&self, function: &str, argument: &str) -> Option<Told> {
        calls::call(function, argument, self.node)
    }
}
