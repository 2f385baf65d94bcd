//! The `preflight` program.
fn main() {
    let mut args = std::env::args().skip(1);
    let door: std::sync::Arc<dyn preflight_checks::node::Door> = match args.next() {
        Some(d) => {
            std::sync::Arc::new(preflight_checks::node::Filesystem::under(std::path::Path::new(&d)).unwrap())
        }
        None => std::sync::Arc::new(preflight_checks::node::Filesystem::live().unwrap()),
    };
    let node = preflight_checks::Node::new(door, Default::default());
    let r = preflight::cgroups::report(&node).unwrap();
    if args.next().is_some() {
        print!("{}", preflight::cgroups::table(&r));
    } else {
        println!("{}", serde_json::to_string(&r).unwrap());
    }
}
