//! A policy, as on standard input. One that is right is right again as `policy show` prints it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight::policy::{Date, LoadError, Policy, Source};

fuzz_target!(|data: &[u8]| {
    let source = Source::Stdin(data.to_vec());
    match Policy::load(&source, &[]) {
        Ok(policy) => {
            assert!(!policy.rules.is_empty(), "a policy without a rule");
            let shown = policy.to_yaml();
            let again = Policy::load(&Source::Stdin(shown.clone().into_bytes()), &[]);
            let again = again.unwrap_or_else(|wrong| panic!("what is shown is wrong:\n{shown}\n{wrong}"));
            // Comments say where a rule comes from, which is another place now.
            let says = |yaml: &str| {
                yaml.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<String>()
            };
            assert!(says(&shown) == says(&again.to_yaml()), "{shown}\nis shown as\n{}", again.to_yaml());
            let _ = policy.explained();
            let today = Date { year: 2026, month: 11, day: 22 };
            let _ = Policy::lint(&source, &[], today).unwrap_or_else(|wrong| panic!("{wrong}")).render(false);
        }
        Err(LoadError::Policy(wrong)) => {
            assert!(wrong.errors() > 0, "refused without a reason");
            let _ = (wrong.render(false), wrong.render(true));
        }
        Err(LoadError::Usage(wrong)) => panic!("nothing was set: {wrong}"),
    }
});
