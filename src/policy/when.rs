//! Where a rule is asked: `when`, held against the inputs and the node.

use super::{Inputs, When};
use preflight_checks::{Evidence, Node, Unknown, facts::environment};

/// Whether a rule is asked on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applicability {
    /// It is.
    Applies,
    /// It is not.
    Not {
        /// Why, as a clause: `the role is worker, and the rule is for control-plane`.
        reason: String,
        /// What showed it; nothing where the inputs of the policy decide.
        evidence: Vec<Evidence>,
    },
    /// Nothing speaks against it, but not everything that `when` names could be determined.
    Unknown(Unknown),
}

impl When {
    /// Whether the rule is asked on `node`. Inputs come first, and the node is asked only for what `when` names;
    /// one condition that certainly fails decides, whatever else is unknown.
    #[must_use]
    pub fn applies(&self, inputs: &Inputs, node: &Node) -> Applicability {
        let conditions: [&dyn Fn() -> Applicability; 5] = [
            &|| self.inputs_hold(inputs),
            &|| self.kernel_holds(node),
            &|| self.architecture_holds(node),
            &|| self.environment_holds(node),
            &|| self.cgroup_holds(node),
        ];
        let mut answer = Applicability::Applies;
        for condition in conditions {
            match condition() {
                not @ Applicability::Not { .. } => return not,
                unknown @ Applicability::Unknown(_) if answer == Applicability::Applies => answer = unknown,
                _ => {}
            }
        }
        answer
    }

    fn inputs_hold(&self, inputs: &Inputs) -> Applicability {
        let value = |name: &str| inputs.0.get(name).map_or("not given", String::as_str);
        if !self.role.is_empty() && !self.role.iter().any(|r| r == value("role")) {
            return mismatch("role", value("role"), &self.role, []);
        }
        if let Some(range) = &self.kubernetes {
            let within = inputs.kubernetes_version().is_some_and(|v| range.contains(&v));
            if !within {
                let wanted = [range.to_string()];
                return mismatch("version of Kubernetes", value("kubernetesVersion"), &wanted, []);
            }
        }
        for (name, wanted) in &self.inputs {
            if !wanted.iter().any(|w| w == value(name)) {
                return mismatch(&format!("input {name}"), value(name), wanted, []);
            }
        }
        Applicability::Applies
    }

    fn kernel_holds(&self, node: &Node) -> Applicability {
        let Some(range) = &self.kernel else { return Applicability::Applies };
        match node.kernel_release() {
            Ok(release) if range.contains(&release.version) => Applicability::Applies,
            Ok(release) => {
                mismatch("kernel", &release.text, &[range.to_string()], [release.evidence.clone()])
            }
            Err(unknown) => Applicability::Unknown(unknown.clone()),
        }
    }

    fn architecture_holds(&self, node: &Node) -> Applicability {
        if self.architecture.is_empty() {
            return Applicability::Applies;
        }
        match node.architecture() {
            Some(a) if self.architecture.contains(&a) => Applicability::Applies,
            Some(a) => mismatch("architecture", &a, &self.architecture, [Evidence::new("uname", &*a)]),
            None => Applicability::Unknown(Unknown::new("the architecture of this node is not known")),
        }
    }

    fn environment_holds(&self, node: &Node) -> Applicability {
        if self.environment.is_empty() {
            return Applicability::Applies;
        }
        let found = node.environment();
        if self.environment.contains(&found.kind) {
            return Applicability::Applies;
        }
        if found.kind == environment::Kind::Unknown {
            let unknown = Unknown::new("it could not be told whether this is a machine, a VM or a container");
            return Applicability::Unknown(unknown.tried(found.evidence.iter().cloned()));
        }
        let wanted: Vec<_> = self.environment.iter().map(|k| k.as_str().to_owned()).collect();
        mismatch("environment", found.kind.as_str(), &wanted, found.evidence.iter().cloned())
    }

    fn cgroup_holds(&self, node: &Node) -> Applicability {
        if self.cgroup.is_empty() {
            return Applicability::Applies;
        }
        match node.cgroup_layout() {
            Ok(layout) if self.cgroup.contains(&layout.kind) => Applicability::Applies,
            Ok(layout) => {
                let wanted: Vec<_> = self.cgroup.iter().map(|k| k.as_str().to_owned()).collect();
                let found = layout.kind.as_str();
                mismatch("cgroup layout", found, &wanted, [Evidence::new("cgroup layout", found)])
            }
            Err(unknown) => Applicability::Unknown(unknown.clone()),
        }
    }
}

fn mismatch(
    what: &str,
    found: &str,
    wanted: &[String],
    evidence: impl IntoIterator<Item = Evidence>,
) -> Applicability {
    let reason = format!("the {what} is {found}, and the rule is for {}", wanted.join(" or "));
    Applicability::Not { reason, evidence: evidence.into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use preflight_checks::node::Memory;

    fn inputs() -> Inputs {
        let pairs = [("role", "worker"), ("kubernetesVersion", "1.35"), ("cni", "cilium")];
        Inputs(pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
    }

    fn node(release: &str) -> Node {
        Node::in_memory(Memory::new().file("/proc/sys/kernel/osrelease", release))
    }

    fn reason(when: &When, node: &Node) -> String {
        match when.applies(&inputs(), node) {
            Applicability::Not { reason, .. } => reason,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn nothing_named_always_applies_and_asks_nothing() {
        let empty = Node::in_memory(Memory::new());
        assert_eq!(When::default().applies(&inputs(), &empty), Applicability::Applies);
    }

    #[test]
    fn inputs_decide_before_the_node_is_asked() {
        let empty = Node::in_memory(Memory::new());
        let when = When { role: vec!["control-plane".into()], kernel: ">=5".parse().ok(), ..When::default() };
        assert_eq!(reason(&when, &empty), "the role is worker, and the rule is for control-plane");
        let when = When { kubernetes: "<1.31".parse().ok(), ..When::default() };
        assert_eq!(reason(&when, &empty), "the version of Kubernetes is 1.35, and the rule is for <1.31");
        let cni = [("cni".to_owned(), vec!["flannel".to_owned(), "bridge".to_owned()])];
        let when = When { inputs: cni.into(), ..When::default() };
        assert_eq!(reason(&when, &empty), "the input cni is cilium, and the rule is for flannel or bridge");
    }

    #[test]
    fn the_kernel() {
        let when = When { kernel: ">=5.8".parse().ok(), ..When::default() };
        assert_eq!(when.applies(&inputs(), &node("6.19-rc4")), Applicability::Applies);
        let not = when.applies(&inputs(), &node("5.4.0-1"));
        let Applicability::Not { reason, evidence } = not else { panic!("{not:?}") };
        assert_eq!(reason, "the kernel is 5.4.0-1, and the rule is for >=5.8");
        assert_eq!(evidence.len(), 1);
        let unknown = when.applies(&inputs(), &Node::in_memory(Memory::new()));
        assert!(matches!(unknown, Applicability::Unknown(_)), "{unknown:?}");
    }

    #[test]
    fn what_certainly_fails_wins_over_what_is_unknown() {
        let when =
            When { kernel: ">=5.8".parse().ok(), architecture: vec!["s390x".into()], ..When::default() };
        // No architecture in memory: unknown. The kernel fails for certain.
        assert_eq!(reason(&when, &node("4.1.0")), "the kernel is 4.1.0, and the rule is for >=5.8");
        let unknown = when.applies(&inputs(), &node("6.1.0"));
        assert!(matches!(unknown, Applicability::Unknown(_)), "{unknown:?}");
    }
}
