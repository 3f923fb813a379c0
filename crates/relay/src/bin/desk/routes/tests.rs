#[test]
fn every_route_is_documented() {
    let documented = include_str!("../../../desk.rs");
    let routes = include_str!("../routes.rs").split(".route(").skip(1);
    let routes: Vec<_> = routes.filter_map(|rest| rest.split('"').nth(1)).collect();
    assert!(routes.len() > 20);
    for route in routes {
        let route = route.replace("{*path}", "{path}");
        let row = |end: &str| documented.contains(&format!("{route}{end}"));
        assert!(row("`") || row("?"), "{route}");
    }
}
