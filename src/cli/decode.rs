//! `preflight cgroups --decode`: masks as numbers from elsewhere.

use super::{
    args::{Format, NodeArgs},
    exit::{self, Stop},
    node, output,
};
use crate::cgroups::{self, Given, Ids};
use preflight_checks::{Node, facts::btf, node::Watch};
use std::sync::Arc;

/// What the command prints.
pub(super) fn text(given: &str, ids: Option<&str>, format: Format) -> Result<String, Stop> {
    let wrong = |option: &str, why: String| Stop::new(exit::USAGE, format!("{option}: {why}"));
    let given = Given::parse(given).map_err(|why| wrong("--decode", why))?;
    let ids = match ids {
        Some(ids) => Ids::parse(ids).map_err(|why| wrong("--ids", why))?,
        None => ids_of_this_kernel()?,
    };
    let decoded = cgroups::decode(&given, &ids);
    match format {
        Format::Human => Ok(decoded.text(output::table_width())),
        Format::Json => output::json(&decoded),
    }
}

fn ids_of_this_kernel() -> Result<Ids, Stop> {
    let node = Node::new(node::door(&NodeArgs::default())?, Arc::new(Watch::default()));
    let types = node.cgroup_types().as_ref().map_err(|unknown| {
        let help =
            "give --ids with the names in the order of include/linux/cgroup_subsys.h: --ids cpuset,cpu,…";
        let why = &unknown.reason;
        Stop::new(
            exit::USAGE,
            format!("the ids of this kernel's subsystems could not be read: {why}; {help}"),
        )
    })?;
    Ok(Ids { names: types.subsystems.clone(), source: btf::PATH.to_owned() })
}
