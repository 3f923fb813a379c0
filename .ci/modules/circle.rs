//! Finds circles among the files of a crate.

use crate::resolve::{Edges, File};
use std::collections::{BTreeSet, HashMap};

/// Returns the circles, each as the set of its files.
///
/// A module and the modules below it may use each other. So a circle counts only if it joins
/// different children of one module without passing through that module.
pub fn circles(files: &[File], edges: &Edges) -> Vec<BTreeSet<usize>> {
    let mut found = Vec::new();
    for top in files {
        let depth = top.module.len();
        let below: BTreeSet<usize> = (0..files.len())
            .filter(|file| files[*file].module.len() > depth)
            .filter(|file| files[*file].module.starts_with(&top.module))
            .collect();
        for circle in components(&below, edges) {
            let children: BTreeSet<_> = circle
                .iter()
                .map(|file| &files[*file].module[depth])
                .collect();
            if children.len() > 1 {
                found.push(circle);
            }
        }
    }
    found
}

/// Returns the strongly connected components of the graph on `nodes`.
fn components(nodes: &BTreeSet<usize>, edges: &Edges) -> Vec<BTreeSet<usize>> {
    let reached: HashMap<usize, BTreeSet<usize>> = nodes
        .iter()
        .map(|node| (*node, reachable(*node, nodes, edges)))
        .collect();
    let mut found: Vec<BTreeSet<usize>> = Vec::new();
    for node in nodes {
        if found.iter().any(|component| component.contains(node)) {
            continue;
        }
        found.push(
            nodes
                .iter()
                .filter(|other| reached[node].contains(other) && reached[*other].contains(node))
                .copied()
                .chain([*node])
                .collect(),
        );
    }
    found
}

fn reachable(from: usize, nodes: &BTreeSet<usize>, edges: &Edges) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(node) = next.pop() {
        for (_, to) in edges.keys().filter(|(from, _)| *from == node) {
            if nodes.contains(to) && reached.insert(*to) {
                next.push(*to);
            }
        }
    }
    reached
}
