//! What `expect` says of files and directories.

use super::{params::FileRule, problem, unknown};
use crate::{
    evidence::{Evidence, Unknown},
    expect::{Expected, Property},
    finding::Finding,
    matcher::Subject,
    node::{Access, Node, ReadError},
};

/// What was seen where all is as expected, else the finding.
pub(super) fn judge(rule: &FileRule, node: &Node) -> Result<Vec<Evidence>, Box<Finding>> {
    let (path, expect) = (rule.path.as_str(), &rule.expect);
    let mut expected = Expected::default();
    expected.ask("text", expect.text.as_ref(), &|| {
        let text = node.read(path).text().map_err(ReadError::unknown)?.trim().to_owned();
        Ok(Property::hidden(path, text))
    });
    expected.ask("size", expect.size.as_ref(), &|| {
        let size = node.read(path).bytes().map_err(ReadError::unknown)?.len();
        Ok(Property::shown(path, size.to_string()))
    });
    let access = |told: fn(Access) -> String| {
        let access = node.access(path).map_err(|e| e.unknown())?;
        Ok::<_, Unknown>(Property::shown(path, told(access)))
    };
    expected.ask("mode", expect.mode.as_ref(), &|| access(|a| format!("{:04o}", a.mode)));
    expected.ask("owner", expect.owner.as_ref(), &|| access(|a| a.owner.to_string()));
    expected.ask("group", expect.group.as_ref(), &|| access(|a| a.group.to_string()));
    expected.ask("entries", expect.entries.as_ref(), &|| {
        let names: Subject<'_> = node.list(path).map_err(|e| e.unknown())?.into_iter().collect();
        Ok(Property::shown(path, names))
    });
    let unexpected = |message, seen| problem(rule, "unexpected", message, Some(seen));
    expected.end().or(path, &unexpected, &|why| unknown(rule, why))
}
