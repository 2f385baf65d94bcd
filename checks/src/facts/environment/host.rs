//! What of a remedy has to be done elsewhere: a container has no kernel of its own.

use super::Kind;
use crate::{finding::Remedy, node::Node};

impl Node {
    /// A remedy that changes the kernel (its modules, its parameters, which kernel is booted), in words that fit: from a
    /// container it can't be done, for the kernel is that of the host.
    #[must_use]
    pub fn on_the_host(&self, mut remedy: Remedy) -> Remedy {
        if self.environment().kind == Kind::Container {
            let summary = remedy.summary;
            remedy.summary = format!("On the host, whose kernel this container shares: {}", lower(&summary));
        }
        remedy
    }
}

/// The sentence as it goes on after a colon. A word that is all capitals or a name stays as it is.
fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;

    #[test]
    fn a_container_is_told_where_to_do_it() {
        let remedy = || Remedy::new("Load overlay now").command("modprobe overlay");
        let summary = |memory| Node::in_memory(memory).on_the_host(remedy()).summary;
        assert_eq!(
            summary(Memory::new().file("/run/systemd/container", "docker\n")),
            "On the host, whose kernel this container shares: load overlay now."
        );
        assert_eq!(summary(Memory::new()), "Load overlay now.");
        assert_eq!(lower("UEK has it"), "UEK has it");
    }
}
