//! The node of a case: a tree, files that the case writes, or these on top of the tree.

use crate::policy::{CaseNode, Cases};
use preflight_checks::node::{Access, Door, FileKind, Filesystem, Memory, Origin, ReadError, ReadErrorKind};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

/// Opens the node of a case.
///
/// # Errors
/// Why its tree can't be opened.
pub(super) fn door(cases: &Cases, node: &CaseNode) -> Result<Arc<dyn Door>, String> {
    let mut memory = Memory::new();
    for (path, text) in &node.files {
        memory = memory.file(path, text);
    }
    for (path, mode) in &node.modes {
        memory = memory.owned_by(path, 0, mode.0);
    }
    for (path, target) in &node.links {
        memory = memory.symlink(path, target);
    }
    for path in &node.denied {
        memory = memory.error(path, ReadErrorKind::Denied("EACCES"));
    }
    let Some(root) = &node.root else { return Ok(Arc::new(memory)) };
    let tree = Filesystem::under(&cases.path(root)).map_err(|e| e.to_string())?;
    let missing = node.missing.iter().cloned().collect();
    let own = node.files.keys().chain(node.links.keys()).chain(&node.denied).cloned().collect();
    Ok(Arc::new(Overlay { memory: memory.as_root(), own, missing, tree }))
}

/// Files on top of a tree.
struct Overlay {
    memory: Memory,
    /// The paths that the memory has.
    own: HashSet<String>,
    /// The paths that are not there.
    missing: HashSet<String>,
    tree: Filesystem,
}

impl Overlay {
    /// The door behind which a path lies.
    fn side(&self, path: &str) -> Result<&dyn Door, ReadError> {
        if self.own.contains(path) {
            Ok(&self.memory)
        } else if self.missing.iter().any(|gone| is_below(path, gone)) {
            Err(ReadError::new(path, ReadErrorKind::Missing))
        } else {
            Ok(&self.tree)
        }
    }
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Door for Overlay {
    fn origin(&self) -> Origin {
        Origin::Root
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadError> {
        self.side(path)?.read(path, limit)
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, ReadError> {
        self.side(path)?.read_at(path, offset, length)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        let (tree, own) = (self.side(path)?.list(path), self.memory.list(path));
        if tree.is_err() && own.is_err() {
            return tree;
        }
        let full = |name: &String| format!("{}/{name}", path.trim_end_matches('/'));
        let of_tree = tree.unwrap_or_default().into_iter().filter(|name| self.side(&full(name)).is_ok());
        let names: BTreeSet<String> = of_tree.chain(own.unwrap_or_default()).collect();
        Ok(names.into_iter().collect())
    }

    fn kind(&self, path: &str) -> Result<FileKind, ReadError> {
        let found = self.side(path)?.kind(path);
        // A directory that only the case's own files make.
        found.or_else(|e| self.memory.kind(path).map_err(|_| e))
    }

    fn link(&self, path: &str) -> Result<String, ReadError> {
        self.side(path)?.link(path)
    }

    fn access(&self, path: &str) -> Result<Access, ReadError> {
        if self.own.contains(path) { self.memory.access(path) } else { self.tree.access(path) }
    }
}
