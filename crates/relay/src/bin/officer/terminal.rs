//! The terminal of the officer: links are printed there, and a browser is let in.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Instant;

use waxseal_relay::system_rng;

use crate::app::App;

/// Says something to the officer.
pub fn say(what: &str) {
    eprintln!("{what}");
}

/// Prints the link with a code.
pub fn say_link(app: &App, code: &str) -> std::io::Result<()> {
    println!("open http://{}/enter?code={code}", app.host);
    std::io::stdout().flush()
}

/// Reads what the officer types: the number that the browser shows, or nothing for another link.
pub fn listen(app: Arc<App>) {
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines();
        for line in lines.map_while(Result::ok) {
            let (number, now) = (line.trim(), Instant::now());
            if !number.is_empty() {
                if app.sessions().let_in(number, now) {
                    say("This is the number. Continue in your browser.");
                    continue;
                }
                say("No browser waits with this number. Here is another link.");
            }
            let code = app.sessions().new_code(now, &mut system_rng());
            if say_link(&app, &code).is_err() {
                return;
            }
        }
    });
}
