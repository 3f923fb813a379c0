//! Collects what was measured, and formats it as JSON and as tables.

use serde_json::{Value, json};

use crate::allocations::Allocated;
use crate::machine;
use crate::measure::{Cost, Effort, Run, interleave};
use crate::systems::{SYSTEMS, System};

/// What one operation costs with one system.
#[derive(Clone)]
pub struct Row {
    pub operation: &'static str,
    /// The size at which the operation is measured: bytes of plaintext, or a number of keys or
    /// messages.
    pub size: u64,
    pub system: &'static str,
    pub variant: &'static str,
    pub cost: Cost,
}

/// A number of bytes on the wire or in storage.
pub struct Amount {
    pub what: String,
    pub system: &'static str,
    pub variant: &'static str,
    pub bytes: u64,
}

/// What an operation allocates on the heap.
pub struct Heap {
    pub operation: &'static str,
    pub size: u64,
    pub system: &'static str,
    pub variant: &'static str,
    pub allocated: Allocated,
}

/// Everything that one run measured. Each [`contest`](Results::contest) measures one operation with
/// several systems and adds their rows.
#[derive(Default)]
pub struct Results {
    pub rows: Vec<Row>,
    pub bytes: Vec<Amount>,
    pub heap: Vec<Heap>,
    /// Measure only the operations whose names begin like this.
    only: Option<String>,
}

/// One system that does an operation which is measured.
pub struct Contestant<'a> {
    pub system: &'static str,
    pub variant: &'static str,
    pub run: Run<'a>,
}

/// Makes a contestant of each system for which `make` returns what to run.
#[must_use]
pub fn contestants<'a>(make: impl Fn(&'static System) -> Option<Run<'a>>) -> Vec<Contestant<'a>> {
    let contestant = |system: &'static System| {
        Some(Contestant {
            system: system.name,
            variant: system.variant,
            run: make(system)?,
        })
    };
    SYSTEMS.iter().filter_map(contestant).collect()
}

impl Results {
    /// Empty results for one operation, or for all operations if it is `None`.
    #[must_use]
    pub fn only(operation: Option<&str>) -> Self {
        Self {
            only: operation.map(str::to_owned),
            ..Self::default()
        }
    }

    /// Whether this operation should be measured.
    #[must_use]
    pub fn wants(&self, operation: &str) -> bool {
        let only = self.only.as_deref();
        only.is_none_or(|only| operation.starts_with(only))
    }

    /// Measures one operation with all contestants in turn, and adds a row for each contestant.
    pub fn contest(
        &mut self,
        operation: &'static str,
        size: u64,
        effort: Effort,
        contestants: Vec<Contestant<'_>>,
    ) {
        if !self.wants(operation) {
            return;
        }
        eprintln!("{operation} {size}");
        let names: Vec<_> = contestants
            .iter()
            .map(|contestant| (contestant.system, contestant.variant))
            .collect();
        let mut runs: Vec<_> = contestants
            .into_iter()
            .map(|contestant| contestant.run)
            .collect();
        let costs = interleave(&mut runs, effort);
        for ((system, variant), cost) in names.into_iter().zip(costs) {
            self.rows.push(Row {
                operation,
                size,
                system,
                variant,
                cost,
            });
        }
    }

    /// The median of a row, in nanoseconds.
    #[must_use]
    pub fn median(&self, operation: &str, size: u64, variant: &str) -> Option<f64> {
        let row = self
            .rows
            .iter()
            .find(|row| row.operation == operation && row.size == size && row.variant == variant);
        row.map(|row| row.cost.median)
    }

    /// Formats all results as `{"machine", "rows", "bytes", "allocations"}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "operation": row.operation,
                "size": row.size,
                "system": row.system,
                "variant": row.variant,
                "median_ns": row.cost.median.round(),
                "min_ns": row.cost.min.round(),
                "samples": row.cost.samples,
            })
        });
        let bytes = self.bytes.iter().map(|amount| {
            json!({
                "what": amount.what,
                "system": amount.system,
                "variant": amount.variant,
                "bytes": amount.bytes,
            })
        });
        let heap = self.heap.iter().map(|heap| {
            json!({
                "operation": heap.operation,
                "size": heap.size,
                "system": heap.system,
                "variant": heap.variant,
                "count": heap.allocated.count,
                "bytes": heap.allocated.bytes,
            })
        });
        json!({
            "machine": machine::describe(),
            "rows": rows.collect::<Vec<_>>(),
            "bytes": bytes.collect::<Vec<_>>(),
            "allocations": heap.collect::<Vec<_>>(),
        })
    }

    /// Formats all results as tables in Markdown.
    #[must_use]
    pub fn to_tables(&self) -> String {
        let mut out = format!(
            "{}\n\n| operation | size | system | median µs | min µs | spread | to {} | does not have |\n|---|---:|---|---:|---:|---:|---:|---|\n",
            machine::line(),
            SYSTEMS[0].name,
        );
        for row in &self.rows {
            let peer = self
                .median(row.operation, row.size, SYSTEMS[0].variant)
                .map_or_else(String::new, |peer| format!("{:.2}", row.cost.median / peer));
            let lacks = SYSTEMS
                .iter()
                .find(|system| (system.name, system.variant) == (row.system, row.variant))
                .map_or("", |system| system.lacks);
            out += &format!(
                "| {} | {} | {} {} | {} | {} | {:.0} % | {} | {} |\n",
                row.operation,
                row.size,
                row.system,
                row.variant,
                micros(row.cost.median),
                micros(row.cost.min),
                row.cost.spread * 100.0,
                peer,
                lacks,
            );
        }
        out += "\n| bytes of | system | bytes |\n|---|---|---:|\n";
        for amount in &self.bytes {
            out += &format!(
                "| {} | {} {} | {} |\n",
                amount.what, amount.system, amount.variant, amount.bytes
            );
        }
        out +=
            "\n| from the heap | size | system | allocations | bytes |\n|---|---:|---|---:|---:|\n";
        for heap in &self.heap {
            out += &format!(
                "| {} | {} | {} {} | {} | {} |\n",
                heap.operation,
                heap.size,
                heap.system,
                heap.variant,
                heap.allocated.count,
                heap.allocated.bytes
            );
        }
        out
    }
}

/// Formats nanoseconds as microseconds, with three significant digits.
#[must_use]
pub fn micros(nanoseconds: f64) -> String {
    let micros = nanoseconds / 1_000.0;
    if micros >= 100.0 {
        format!("{micros:.0}")
    } else if micros >= 10.0 {
        format!("{micros:.1}")
    } else {
        format!("{micros:.2}")
    }
}
