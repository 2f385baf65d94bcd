//! The events that fetch the masks: what each is called, and the line that makes it.

use super::Request;

/// `cgrp_dfl_implicit_ss_mask` and `cgrp_dfl_inhibit_ss_mask`, kernel/cgroup/cgroup.c, since Linux 4.6.
const SYMBOLS: [&str; 2] = ["cgrp_dfl_implicit_ss_mask", "cgrp_dfl_inhibit_ss_mask"];

/// One way to have the kernel print its masks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Method {
    /// The name of the event in our group.
    pub(super) event: &'static str,
    /// The function on which it lies.
    pub(super) place: &'static str,
    /// What reports call it.
    pub(super) title: String,
    /// What it fetches; none where the addresses are not known.
    pub(super) arguments: Option<String>,
    /// Whether it fires when the function returns, and fetches what it returns.
    pub(super) returns: bool,
}

impl Method {
    /// Every method, that of the article first.
    ///
    /// `cgroup_control` is static, and gcc inlines it in every kernel after 5.10 that was looked at (18 kernels of
    /// Debian); `cgroup_controllers_show` is called by way of a pointer, so it stays a function, and so does
    /// `proc_cgroup_show`, which shows /proc/PID/cgroup: it fires where no cgroup2 is mounted. A mask is a global
    /// variable, the same wherever it is fetched.
    pub(super) fn all(request: &Request) -> [Self; 3] {
        let shows = if request.unified.is_some() { "cgroup_controllers_show" } else { "proc_cgroup_show" };
        let width = request.width();
        let fetch = |[implicit, inhibit]: [String; 2]| {
            format!("implicit=@{implicit}:u{width} inhibit=@{inhibit}:u{width}")
        };
        let by_symbol = fetch(SYMBOLS.map(str::to_owned));
        let by_address = request
            .addresses
            .as_ref()
            .ok()
            .map(|(implicit, inhibit)| fetch([implicit, inhibit].map(|a| format!("{a:#x}"))));
        [
            Self {
                event: "returned",
                place: "cgroup_control",
                title: "kretprobe on cgroup_control, masks by symbol".to_owned(),
                arguments: Some(format!("{by_symbol} ret=$retval:u{width}")),
                returns: true,
            },
            Self {
                event: "by_symbol",
                place: shows,
                title: format!("kprobe on {shows}, masks by symbol"),
                arguments: Some(by_symbol),
                returns: false,
            },
            Self {
                event: "by_address",
                place: shows,
                title: format!("kprobe on {shows}, masks by address"),
                arguments: by_address,
                returns: false,
            },
        ]
    }

    /// The line for `kprobe_events` (Documentation/trace/kprobetrace.rst) that makes the event in `group`.
    pub(super) fn line(&self, group: &str) -> Option<String> {
        let kind = if self.returns { 'r' } else { 'p' };
        let arguments = self.arguments.as_ref()?;
        Some(format!("{kind}:{group}/{} {} {arguments}\n", self.event, self.place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Unknown;

    #[test]
    fn the_lines() {
        let mut request = Request {
            width_bits: Some(32),
            addresses: Ok((0xffff_ffff_8200_1234, 0xffff_ffff_8200_1236)),
            unified: Some("/sys/fs/cgroup".to_owned()),
            lockdown: None,
        };
        let lines = Method::all(&request).map(|m| m.line("preflight_7"));
        assert_eq!(
            lines[0].as_deref(),
            Some(
                "r:preflight_7/returned cgroup_control implicit=@cgrp_dfl_implicit_ss_mask:u32 \
                 inhibit=@cgrp_dfl_inhibit_ss_mask:u32 ret=$retval:u32\n"
            )
        );
        assert_eq!(
            lines[2].as_deref(),
            Some(
                "p:preflight_7/by_address cgroup_controllers_show implicit=@0xffffffff82001234:u32 \
                 inhibit=@0xffffffff82001236:u32\n"
            )
        );
        request.addresses = Err(Unknown::new("kptr_restrict"));
        request.unified = None;
        request.width_bits = None;
        let methods = Method::all(&request);
        assert_eq!(methods[2].line("preflight_7"), None);
        assert_eq!(
            methods[1].line("preflight_7").as_deref(),
            Some(
                "p:preflight_7/by_symbol proc_cgroup_show implicit=@cgrp_dfl_implicit_ss_mask:u16 \
                 inhibit=@cgrp_dfl_inhibit_ss_mask:u16\n"
            )
        );
        for method in methods {
            assert!(method.title.contains(method.place), "{}", method.title);
        }
    }
}
