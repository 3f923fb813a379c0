#[test]
fn every_route_is_documented() {
    let documented = include_str!("../../../desk.rs");
    let routes = include_str!("../routes.rs").split(".route(").skip(1);
    let mut number = 0;
    for rest in routes {
        let route = rest.split('"').nth(1).unwrap().replace("{*path}", "{path}");
        let handlers = rest.split('"').nth(2).unwrap();
        for (call, method) in [("get(", "GET"), ("post(", "POST")] {
            let is_called = [format!(".{call}"), format!(" {call}")];
            if !is_called.iter().any(|call| handlers.contains(call)) {
                continue;
            }
            number += 1;
            let has_row = |row: &str| {
                let path = row.split(" | ").nth(1).unwrap();
                let paths = path.split('`').skip(1).step_by(2);
                let mut method_of_row = "";
                paths.into_iter().any(|shown| {
                    let (own, path) = shown.split_once(' ').unwrap_or((method_of_row, shown));
                    method_of_row = own;
                    own == method && path.split('?').next() == Some(route.as_str())
                })
            };
            let mut rows = documented
                .lines()
                .filter(|line| line.starts_with("//! | `"));
            assert!(rows.any(has_row), "{method} {route}");
        }
    }
    assert!(number > 25, "{number}");
}
