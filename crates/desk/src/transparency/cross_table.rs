//! Hides the small cells of a cross-table, so that its totals do not give them away.
//!
//! Totals are cells too: the table gets a row and a column of totals. Then each row and each column
//! is an equation, and each cell is in two equations. So the hidden cells are the edges of a graph
//! whose nodes are the rows and columns. The published cells determine a hidden one exactly if it
//! is on no cycle of hidden cells. (Gusfield, “A Graph Theoretic Approach to Statistical Data
//! Security”)

use thiserror::Error;

use super::record;

/// Smallest value of a published cell: smaller ones could point to persons.
pub const MIN_CELL: u64 = 10;
/// Most rows, and most columns, of a table. Bounds the work of hiding cells.
pub const MAX_LINES: usize = 64;

/// What CSV has in place of a hidden cell.
const HIDDEN: &str = "hidden";
/// Name of the row and the column of totals.
const TOTAL: &str = "total";

/// A table of the provider's own data, such as decisions by country and reason.
///
/// Do not publish it. Publish what [`suppress`](Self::suppress) returns.
///
/// ```
/// use waxseal_desk::transparency::CrossTable;
///
/// let (rows, columns) = (["AT", "DE"], ["spam", "threat"]);
/// let table = CrossTable::new(&rows, &columns, &[vec![120, 4], vec![300, 80]]).unwrap();
/// let public = table.suppress();
/// assert_eq!(public.cell(0, 1), None); // 4 is below ten
/// assert_eq!(public.cell(0, 0), None); // or the row's total would give it away
/// assert_eq!(public.total(), Some(504));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CrossTable {
    rows: Vec<String>,
    columns: Vec<String>,
    /// Row by row, each with its total; the last row has the totals.
    cells: Vec<Vec<u64>>,
}

impl CrossTable {
    /// Joins the names of rows and columns with the cells, row by row.
    ///
    /// # Errors
    /// [`CrossTableError`] if there are no cells, too many lines, lines of other lengths than there
    /// are names, or a total above 2^64.
    pub fn new<T: AsRef<str>>(
        rows: &[T],
        columns: &[T],
        cells: &[Vec<u64>],
    ) -> Result<Self, CrossTableError> {
        let lengths = [rows.len(), columns.len()];
        if lengths.contains(&0) || lengths.iter().any(|len| *len > MAX_LINES) {
            return Err(CrossTableError::Size);
        }
        if cells.len() != rows.len() || cells.iter().any(|row| row.len() != columns.len()) {
            return Err(CrossTableError::Shape);
        }
        let mut totals = vec![0; columns.len()];
        for row in cells {
            totals = add(&totals, row).ok_or(CrossTableError::Total)?;
        }
        let mut with_totals = Vec::new();
        for row in cells.iter().chain([&totals]) {
            let mut row = row.clone();
            row.push(sum(&row).ok_or(CrossTableError::Total)?);
            with_totals.push(row);
        }
        let names = |names: &[T]| names.iter().map(|name| name.as_ref().to_owned()).collect();
        Ok(Self {
            rows: names(rows),
            columns: names(columns),
            cells: with_totals,
        })
    }

    /// Hides each cell and total below [`MIN_CELL`], and as many others as it takes so that
    ///
    /// - no hidden cell follows from the equations of rows and columns, whatever their combination,
    /// - in each line whose total is published, the hidden cells together are [`MIN_CELL`] or more.
    ///
    /// The result does not tell which cells were hidden for their size.
    ///
    /// # Security
    /// It protects exact values. A reader who knows that no cell is negative still learns limits:
    /// none is larger than the rest of its line. Two tables over the same data are not protected
    /// against each other.
    pub fn suppress(&self) -> PublicTable {
        let mut hiding = Hiding::new(&self.cells);
        hiding.hide_small();
        hiding.hide_others();
        PublicTable {
            rows: self.rows.clone(),
            columns: self.columns.clone(),
            cells: hiding.published(),
        }
    }
}

/// A table without its small cells. This may be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicTable {
    rows: Vec<String>,
    columns: Vec<String>,
    cells: Vec<Vec<Option<u64>>>,
}

impl PublicTable {
    /// Names of the rows.
    pub fn rows(&self) -> &[String] {
        &self.rows
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// A cell; `None` if it is hidden or does not exist.
    ///
    /// The row after the last one has the totals of the columns, and the column after the last one
    /// those of the rows.
    pub fn cell(&self, row: usize, column: usize) -> Option<u64> {
        *self.cells.get(row)?.get(column)?
    }

    /// The total of a row; `None` if it is hidden.
    pub fn row_total(&self, row: usize) -> Option<u64> {
        self.cell(row, self.columns.len())
    }

    /// The total of a column; `None` if it is hidden.
    pub fn column_total(&self, column: usize) -> Option<u64> {
        self.cell(self.rows.len(), column)
    }

    /// The total of all cells; `None` if it is hidden.
    pub fn total(&self) -> Option<u64> {
        self.cell(self.rows.len(), self.columns.len())
    }

    /// The table as CSV, with the totals last. A hidden cell is the word `hidden`. (RFC 4180)
    pub fn csv(&self) -> String {
        let mut first = vec![String::new()];
        first.extend(self.columns.iter().cloned());
        first.push(TOTAL.to_owned());
        let mut out = record(&first);
        let total = TOTAL.to_owned();
        for (name, cells) in self.rows.iter().chain([&total]).zip(&self.cells) {
            let mut fields = vec![name.clone()];
            let shown =
                |cell: &Option<u64>| cell.map_or(HIDDEN.to_owned(), |cell| cell.to_string());
            fields.extend(cells.iter().map(shown));
            out.push_str(&record(&fields));
        }
        out
    }
}

/// A cell, with the numbers of its row and its column.
type At = (usize, usize);

/// Which cells are hidden so far.
struct Hiding<'a> {
    cells: &'a [Vec<u64>],
    height: usize,
    width: usize,
    hidden: Vec<Vec<bool>>,
    /// Hidden cells that may be on no cycle yet.
    open: Vec<At>,
}

impl<'a> Hiding<'a> {
    fn new(cells: &'a [Vec<u64>]) -> Self {
        Self {
            cells,
            height: cells.len(),
            width: cells.first().map_or(0, Vec::len),
            hidden: cells.iter().map(|row| vec![false; row.len()]).collect(),
            open: Vec::new(),
        }
    }

    fn value(&self, (row, column): At) -> u64 {
        let cell = self.cells.get(row).and_then(|row| row.get(column));
        cell.copied().unwrap_or_default()
    }

    fn is_hidden(&self, (row, column): At) -> bool {
        let cell = self.hidden.get(row).and_then(|row| row.get(column));
        cell.copied().unwrap_or_default()
    }

    /// Hides a cell. `true` if it was not hidden before.
    fn hide(&mut self, (row, column): At) -> bool {
        let cell = self.hidden.get_mut(row).and_then(|row| row.get_mut(column));
        cell.is_some_and(|cell| !core::mem::replace(cell, true))
    }

    fn hide_small(&mut self) {
        for row in 0..self.height {
            for column in 0..self.width {
                if self.value((row, column)) < MIN_CELL && self.hide((row, column)) {
                    self.open.push((row, column));
                }
            }
        }
    }

    /// Hides further cells until each hidden one is on a cycle and no line gives too much away.
    /// Each round hides a cell, so it ends.
    fn hide_others(&mut self) {
        loop {
            while let Some(at) = self.open.pop() {
                // The cells of the path are on the cycle too, so they are not open.
                for other in self.path_around(at) {
                    self.hide(other);
                }
            }
            match self.smallest_of_light_line() {
                Some(at) if self.hide(at) => self.open.push(at),
                _ => return,
            }
        }
    }

    /// The smallest published cell of a line whose total is published, and whose hidden cells are
    /// together below the minimum.
    fn smallest_of_light_line(&self) -> Option<At> {
        let rows =
            (0..self.height).map(|row| (0..self.width).map(|column| (row, column)).collect());
        let columns =
            (0..self.width).map(|column| (0..self.height).map(|row| (row, column)).collect());
        rows.chain(columns).find_map(|line: Vec<At>| {
            let (total, cells) = line.split_last()?;
            let is_light = |sum: u64, count: usize| count > 0 && sum < MIN_CELL;
            let hidden = cells.iter().filter(|at| self.is_hidden(**at));
            let (sum, count) = hidden.fold((0u64, 0usize), |(sum, count), at| {
                (sum.saturating_add(self.value(*at)), count.saturating_add(1))
            });
            if self.is_hidden(*total) || !is_light(sum, count) {
                return None;
            }
            let shown = cells.iter().filter(|at| !self.is_hidden(**at));
            shown.min_by_key(|at| self.value(**at)).copied()
        })
    }

    /// The cells of the cheapest path from the row of a cell to its column, without the cell
    /// itself. A hidden cell costs nothing, and a published one its value. (Dijkstra)
    ///
    /// With the totals there are two rows and two columns at least, so there is always a path.
    fn path_around(&self, cell: At) -> Vec<At> {
        // Nodes are the rows, then the columns.
        let count = self.height.saturating_add(self.width);
        let (start, end) = (cell.0, self.height.saturating_add(cell.1));
        // Cost from the start, the node before, and whether the cost is final.
        let mut nodes: Vec<(u64, Option<usize>, bool)> = vec![(u64::MAX, None, false); count];
        if let Some(node) = nodes.get_mut(start) {
            node.0 = 0;
        }
        while let Some(nearest) = (0..count)
            .filter(|node| {
                nodes
                    .get(*node)
                    .is_some_and(|(cost, _, done)| !done && *cost < u64::MAX)
            })
            .min_by_key(|node| nodes.get(*node).map(|(cost, _, _)| *cost))
        {
            let Some(node) = nodes.get_mut(nearest) else {
                break;
            };
            node.2 = true;
            let cost = node.0;
            for (other, node) in nodes.iter_mut().enumerate() {
                let Some(at) = self.between(nearest, other).filter(|at| *at != cell) else {
                    continue;
                };
                let price = match self.is_hidden(at) {
                    true => 0,
                    false => self.value(at).saturating_add(1),
                };
                // The highest cost would mean that the node was not reached.
                let cost = cost.saturating_add(price).min(u64::MAX.saturating_sub(1));
                if !node.2 && cost < node.0 {
                    (node.0, node.1) = (cost, Some(nearest));
                }
            }
        }
        let mut path = Vec::new();
        let mut node = end;
        while let Some((_, Some(before), _)) = nodes.get(node) {
            path.extend(self.between(*before, node));
            node = *before;
        }
        path
    }

    /// The cell of a row and a column, given as nodes in any order.
    fn between(&self, one: usize, other: usize) -> Option<At> {
        let (row, column) = (one.min(other), one.max(other));
        let column = column.checked_sub(self.height)?;
        (row < self.height).then_some((row, column))
    }

    fn published(&self) -> Vec<Vec<Option<u64>>> {
        let shown = |(value, hidden): (&u64, &bool)| (!hidden).then_some(*value);
        let rows = self.cells.iter().zip(&self.hidden);
        rows.map(|(values, hidden)| values.iter().zip(hidden).map(shown).collect())
            .collect()
    }
}

fn add(one: &[u64], other: &[u64]) -> Option<Vec<u64>> {
    let pairs = one.iter().zip(other);
    pairs.map(|(a, b)| a.checked_add(*b)).collect()
}

fn sum(values: &[u64]) -> Option<u64> {
    values
        .iter()
        .try_fold(0u64, |sum, value| sum.checked_add(*value))
}

/// The cells form no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CrossTableError {
    /// There is no row or no column, or more than [`MAX_LINES`].
    #[error("a table has 1 to 64 rows and 1 to 64 columns; divide it")]
    Size,
    /// There are more or fewer cells than names.
    #[error("the cells do not fit the names of the rows and columns; add the missing ones")]
    Shape,
    /// A total is too large to count.
    #[error("a total is larger than 2^64; check the cells")]
    Total,
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test may overflow")]
mod tests;
