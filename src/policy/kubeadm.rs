//! `--kubeadm-config`: what a file for `kubeadm --config` says, as inputs of a policy.
//!
//! Such a file is made of several documents. Those that say something about the node are read, of the kubelet and of
//! kube-proxy too; each value keeps its place, so that a wrong one is told with line and column.

mod documents;
mod fields;

use super::{
    Source,
    diagnostics::{Diagnostic, Diagnostics, Place, Text, quoted},
    yaml,
};
use documents::documents;
use fields::Reader;

/// What is known of a node from a kubeadm file.
#[derive(Clone, Debug, Default)]
pub struct KubeadmConfig {
    /// Values for inputs of the policy.
    pub inputs: Vec<Given>,
    /// The names below `ignorePreflightErrors`.
    pub ignored: Vec<String>,
    /// What is odd but stops nothing: keys that kubeadm would pass over.
    pub warnings: Diagnostics,
}

/// A value for an input of the policy, if the policy has that input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The input.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Where it was found: `kubeadm.yaml:12:3`.
    pub from: String,
}

impl KubeadmConfig {
    /// Reads a file. `role` is what the user says that the node is for: a file may hold the configuration of both
    /// `init` and `join`.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    pub fn read(source: &Source, role: Option<&str>) -> Result<Self, Diagnostics> {
        let name = source.to_string();
        let text = match source.bytes().map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => return Err(of_file(&name, "is not UTF-8", None)),
            Err(e) => return Err(of_file(&name, &e.message, e.help)),
        };
        if text.len() > yaml::SIZE_LIMIT {
            return Err(of_file(&name, "has more bytes than such a file may have", None));
        }
        Self::parse(&name, &text, role)
    }

    /// Reads the text of a file that is called `name` in messages.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(name: &str, text: &str, role: Option<&str>) -> Result<Self, Diagnostics> {
        let texts = vec![Text::new(name, text)];
        let mut out = Vec::new();
        let documents = documents(text, &mut out);
        let mut reader = Reader::new(name, &texts, &mut out);
        for document in &documents {
            reader.document(document);
        }
        reader.role(role);
        let (inputs, ignored) = reader.finish();
        let all = Diagnostics::new(texts, out);
        if all.errors() > 0 {
            return Err(all);
        }
        Ok(Self { inputs, ignored, warnings: all })
    }
}

fn of_file(name: &str, message: &str, help: Option<String>) -> Diagnostics {
    let diagnostic = Diagnostic::of_file(0, message).help(help);
    Diagnostics::new(vec![Text::new(name, "")], vec![diagnostic])
}

#[cfg(test)]
mod tests;
