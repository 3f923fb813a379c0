//! What screen readers, keyboards and weak eyes need, checked by the browser's own tools.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::browser::Browser;

/// Roles of which each thing needs a name.
const NAMED: [&str; 10] = [
    "link",
    "button",
    "textbox",
    "combobox",
    "checkbox",
    "spinbutton",
    "table",
    "image",
    "region",
    "Date",
];

/// What is wrong with the page that is shown.
pub fn faults(browser: &mut Browser) -> Vec<String> {
    let mut found = roles(browser);
    found.extend(contrast(browser));
    let more = browser.eval(
        "(() => { const found = []; \
         const ids = [...document.querySelectorAll('[id]')].map(e => e.id); \
         ids.filter((id, i) => ids.indexOf(id) !== i).forEach(id => found.push('id twice: ' + id)); \
         if (document.documentElement.lang !== 'en') found.push('no language'); \
         if (!document.title) found.push('no title'); \
         const de = document.documentElement; \
         if (de.scrollWidth > de.clientWidth) { const wide = [...document.querySelectorAll('main *')] \
           .filter(e => e.getBoundingClientRect().right > de.clientWidth + 1 && !e.closest('.scroll')); \
           found.push('wider than the window: ' + de.scrollWidth + ' of ' + de.clientWidth + ': ' + \
           wide.slice(0, 3).map(e => e.outerHTML.slice(0, 100))); } \
         if (document.documentElement.translate) found.push('it may be translated elsewhere'); \
         document.querySelectorAll('input[type=text], textarea').forEach(e => { \
           if (e.spellcheck || e.getAttribute('writingsuggestions') !== 'false') \
             found.push('text that is sent away: ' + e.id); }); \
         document.querySelectorAll('.said, .written').forEach(e => { \
           const is = (one, words) => one?.className === 'unseen' && one.textContent.trim() === words; \
           if (!is(e.previousElementSibling, 'Quote:') || !is(e.nextElementSibling, 'End of quote.')) \
             found.push('a quote that is not heard: ' + e.outerHTML.slice(0, 80)); }); \
         document.querySelectorAll('body *').forEach(e => { const s = getComputedStyle(e); \
           const [left, right] = [parseFloat(s.borderLeftWidth), parseFloat(s.borderRightWidth)]; \
           if (left > right !== e.matches('bdi.said')) \
             found.push('a bar that is missing or none of a user: ' + e.outerHTML.slice(0, 80)); }); \
         document.querySelectorAll('.errors a').forEach(e => { \
           const field = document.querySelector(e.hash); \
           const says = (field.getAttribute('aria-describedby') ?? '').split(' ') \
             .map(id => document.getElementById(id)?.textContent ?? ''); \
           const is = field.matches('fieldset') || field.getAttribute('aria-invalid') === 'true'; \
           if (!is || !says.includes(e.textContent)) \
             found.push('a field that does not say what is wrong: ' + e.hash); }); \
         document.querySelectorAll('a[href^=\"#\"]').forEach(e => { \
           if (!document.querySelector(CSS.escape ? '#' + CSS.escape(e.hash.slice(1)) : 'x')) \
             found.push('leads nowhere: ' + e.hash); }); \
         return found; })()",
    );
    found.extend(more.as_array().unwrap().iter().map(Value::to_string));
    found
}

/// Landmarks, names and headings, as assistive software gets them.
fn roles(browser: &mut Browser) -> Vec<String> {
    let tree = browser.call("Accessibility.getFullAXTree", json!({}));
    let (mut found, mut counts) = (Vec::new(), BTreeMap::<String, usize>::new());
    let mut level = 0;
    for node in tree["nodes"].as_array().unwrap() {
        if node["ignored"] == json!(true) {
            continue;
        }
        let role = node["role"]["value"].as_str().unwrap_or_default();
        let name = node["name"]["value"].as_str().unwrap_or_default();
        *counts.entry(role.to_owned()).or_default() += 1;
        if NAMED.contains(&role) && name.trim().is_empty() {
            found.push(format!("a {role} without a name: {node}"));
        }
        if role == "heading" {
            let properties = node["properties"].as_array().unwrap().iter();
            let own = properties
                .filter(|one| one["name"] == "level")
                .map(|one| one["value"]["value"].as_u64().unwrap())
                .next()
                .unwrap();
            if own > level + 1 {
                found.push(format!(
                    "a heading of level {own} after one of level {level}: {name}"
                ));
            }
            level = own;
        }
    }
    let quotes = "[...document.querySelectorAll('.said, .written')].some(e => e.checkVisibility())";
    let is_heard = |node: &Value| node["name"]["value"].as_str().map(str::trim) == Some("Quote:");
    if browser.eval(quotes) == json!(true)
        && !tree["nodes"].as_array().unwrap().iter().any(is_heard)
    {
        found.push("no quote is heard".to_owned());
    }
    for (role, wanted) in [
        ("banner", 1),
        ("navigation", 1),
        ("main", 1),
        ("contentinfo", 1),
    ] {
        let count = counts.get(role).copied().unwrap_or(0);
        if count != wanted {
            found.push(format!("{count} times {role}"));
        }
    }
    found
}

/// Text whose contrast is too low, as WCAG 2 level AA has it, by the colours that the browser
/// computed. All grounds of these pages are plain colours.
fn contrast(browser: &mut Browser) -> Vec<String> {
    let low = browser.eval(
        "(() => { const found = new Set(); const cache = new Map(); \
         const parse = c => c.match(/[\\d.]+/g).map(Number); \
         const light = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255; \
           return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); \
           return 0.2126 * r + 0.7152 * g + 0.0722 * b; }; \
         const ground = e => { for (let o = e; o; o = o.parentElement) { \
           const c = parse(getComputedStyle(o).backgroundColor); \
           if (c.length < 4 || c[3] === 1) return c; \
           if (c[3] !== 0) found.add('a ground that is not plain: ' + o.outerHTML.slice(0, 80)); } \
           return parse(getComputedStyle(document.documentElement).colorScheme.includes('dark') && \
             matchMedia('(prefers-color-scheme: dark)').matches ? 'rgb(18,18,18)' : 'rgb(255,255,255)'); }; \
         const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); \
         while (walk.nextNode()) { const e = walk.currentNode.parentElement; \
           if (!walk.currentNode.data.trim() || cache.has(e)) continue; cache.set(e, 1); \
           const s = getComputedStyle(e); const b = e.getClientRects(); \
           if (s.visibility !== 'visible' || !b.length) continue; \
           const ink = parse(e.namespaceURI.endsWith('svg') ? s.fill : s.color); \
           const [x, y] = [light(ink), light(ground(e))].sort((a, b) => b - a); \
           const size = parseFloat(s.fontSize); const bold = Number(s.fontWeight) >= 700; \
           const need = size >= 24 || bold && size >= 18.66 ? 3 : 4.5; \
           const ratio = (x + 0.05) / (y + 0.05); \
           if (ratio < need) found.add('contrast ' + ratio.toFixed(2) + ' of ' + need + ': ' + \
             e.outerHTML.slice(0, 80)); } \
         return [...found]; })()",
    );
    low.as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect()
}

/// The ways in which each page is looked at.
const LOOKS: [(&str, &str, u32, f64); 4] = [
    ("light", "light", 1280, 1.0),
    ("dark", "dark", 1280, 1.0),
    ("200-percent", "light", 1280, 2.0),
    ("320-px", "dark", 320, 1.0),
];

/// Looks at the page that is shown in all ways, and takes a picture of each.
pub fn look(browser: &mut Browser, name: &str) {
    for (look, scheme, width, zoom) in LOOKS {
        browser.look(scheme, width, zoom);
        let faults = faults(browser);
        browser.picture(&format!("{name}-{look}"));
        assert_eq!(faults, Vec::<String>::new(), "{name}, {look}");
    }
    browser.look("light", 1280, 1.0);
}
