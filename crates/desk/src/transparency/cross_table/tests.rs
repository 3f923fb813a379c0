use proptest::prelude::*;

use super::*;

fn names(count: usize, prefix: &str) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}{n}")).collect()
}

fn table(cells: &[Vec<u64>]) -> CrossTable {
    let (rows, columns) = (names(cells.len(), "r"), names(cells[0].len(), "c"));
    CrossTable::new(&rows, &columns, cells).unwrap()
}

fn hidden(public: &PublicTable) -> Vec<At> {
    let (height, width) = (public.rows.len() + 1, public.columns.len() + 1);
    let all = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
    all.filter(|(row, column)| public.cell(*row, *column).is_none())
        .collect()
}

/// The hidden cells that the published ones determine. Solves the equations of rows and columns by
/// Gaussian elimination, modulo a prime: all their minors are 0, 1 or -1.
fn determined(public: &PublicTable) -> Vec<At> {
    const PRIME: i64 = 1_000_003;
    let cells = hidden(public);
    let (height, width) = (public.rows.len() + 1, public.columns.len() + 1);
    // A total has the sign -1 in its line.
    let sign = |at: usize, last: usize| if at == last { PRIME - 1 } else { 1 };
    let rows = (0..height).map(|row| {
        let of = |at: &At| {
            if at.0 == row {
                sign(at.1, width - 1)
            } else {
                0
            }
        };
        cells.iter().map(of).collect::<Vec<_>>()
    });
    let columns = (0..width).map(|column| {
        let of = |at: &At| {
            if at.1 == column {
                sign(at.0, height - 1)
            } else {
                0
            }
        };
        cells.iter().map(of).collect::<Vec<_>>()
    });
    let mut lines: Vec<Vec<i64>> = rows.chain(columns).collect();
    let power = |mut base: i64, mut exponent: i64| {
        let mut product = 1;
        while exponent > 0 {
            if exponent % 2 == 1 {
                product = product * base % PRIME;
            }
            base = base * base % PRIME;
            exponent /= 2;
        }
        product
    };
    let mut done = 0;
    for column in 0..cells.len() {
        let Some(pivot) = (done..lines.len()).find(|line| lines[*line][column] != 0) else {
            continue;
        };
        lines.swap(done, pivot);
        let inverse = power(lines[done][column], PRIME - 2);
        for value in &mut lines[done] {
            *value = *value * inverse % PRIME;
        }
        let pivot = lines[done].clone();
        for (number, line) in lines.iter_mut().enumerate() {
            if number != done {
                let factor = line[column];
                for (value, by) in line.iter_mut().zip(&pivot) {
                    *value = (*value + (PRIME - factor) * by) % PRIME;
                }
            }
        }
        done += 1;
    }
    // A reduced line with one cell gives the value of that cell.
    lines
        .iter()
        .filter_map(|line| {
            let mut cells_of_line = line.iter().enumerate().filter(|(_, value)| **value != 0);
            let (at, _) = cells_of_line.next()?;
            cells_of_line.next().is_none().then(|| cells[at])
        })
        .collect()
}

/// Asserts all that a suppressed table promises.
fn assert_safe(table: &CrossTable, public: &PublicTable) {
    for (row, values) in table.cells.iter().enumerate() {
        for (column, value) in values.iter().enumerate() {
            let published = public.cell(row, column);
            assert!(published.is_none_or(|published| published == *value));
            assert!(*value >= MIN_CELL || published.is_none());
        }
    }
    assert_eq!(determined(public), []);
    let (height, width) = (table.cells.len(), table.cells[0].len());
    let rows = (0..height).map(|row| (0..width).map(|column| (row, column)).collect());
    let columns = (0..width).map(|column| (0..height).map(|row| (row, column)).collect());
    for line in rows.chain(columns) {
        let line: Vec<At> = line;
        let (total, cells) = line.split_last().unwrap();
        let hidden = cells.iter().filter(|at| public.cell(at.0, at.1).is_none());
        let hidden: Vec<u64> = hidden.map(|at| table.cells[at.0][at.1]).collect();
        if public.cell(total.0, total.1).is_some() && !hidden.is_empty() {
            assert!(hidden.iter().sum::<u64>() >= MIN_CELL, "{hidden:?}");
        }
    }
}

#[test]
fn a_table_of_large_cells_is_published_whole() {
    let public = table(&[vec![10, 20], vec![30, 40]]).suppress();
    assert_eq!(hidden(&public), []);
    assert_eq!(public.row_total(0), Some(30));
    assert_eq!(public.column_total(1), Some(60));
    assert_eq!(public.total(), Some(100));
}

#[test]
fn nine_is_hidden_and_ten_is_not() {
    let cells = |small| vec![vec![small, 100, 100], vec![100, 100, 100]];
    assert_eq!(hidden(&table(&cells(10)).suppress()), []);
    assert!(hidden(&table(&cells(9)).suppress()).contains(&(0, 0)));
}

#[test]
fn a_small_cell_takes_a_cell_of_its_row_its_column_and_the_corner_along() {
    let table = table(&[vec![4, 50, 60], vec![70, 80, 90], vec![95, 96, 97]]);
    let public = table.suppress();
    assert_eq!(hidden(&public), [(0, 0), (0, 1), (1, 0), (1, 1)]);
    assert_safe(&table, &public);
}

#[test]
fn two_small_cells_of_a_line_do_not_show_that_both_are_zero() {
    // Hiding only the four zeros would publish that each line of them adds up to zero.
    let table = table(&[vec![0, 0, 50], vec![0, 0, 60], vec![70, 80, 90]]);
    let public = table.suppress();
    assert_safe(&table, &public);
    assert!(hidden(&public).len() > 4);
}

#[test]
fn a_small_total_is_hidden_too() {
    let table = table(&[vec![1, 2], vec![100, 200]]);
    let public = table.suppress();
    assert_eq!(public.row_total(0), None);
    assert_safe(&table, &public);
}

#[test]
fn a_small_table_hides_all() {
    let public = table(&[vec![3]]).suppress();
    assert_eq!(hidden(&public).len(), 4);
}

/// The attack that looks at single lines would find nothing here: each line has none or two hidden
/// cells. But two blocks joined by one cell give that cell away.
#[test]
fn a_cell_that_only_joins_two_blocks_is_not_left_on_no_cycle() {
    let mut cells = vec![vec![100; 4]; 4];
    for (row, column) in [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
        (1, 2),
        (2, 2),
        (2, 3),
        (3, 2),
        (3, 3),
    ] {
        cells[row][column] = 9;
    }
    let table = table(&cells);
    assert_safe(&table, &table.suppress());
}

#[test]
fn csv_names_rows_columns_and_totals() {
    let (rows, columns) = (["AT", "a \"b\""], ["spam", "x,y"]);
    let table = CrossTable::new(&rows, &columns, &[vec![10, 20], vec![30, 40]]).unwrap();
    let expected = ",spam,\"x,y\",total\r\nAT,10,20,30\r\n\"a \"\"b\"\"\",30,40,70\r\n\
                    total,40,60,100\r\n";
    assert_eq!(table.suppress().csv(), expected);
    let (rows, columns) = (["AT"], ["spam"]);
    let table = CrossTable::new(&rows, &columns, &[vec![3]]).unwrap();
    let expected = ",spam,total\r\nAT,hidden,hidden\r\ntotal,hidden,hidden\r\n";
    assert_eq!(table.suppress().csv(), expected);
}

#[test]
fn cells_that_form_no_table_are_refused() {
    let new = |rows: usize, columns: usize, cells: &[Vec<u64>]| {
        CrossTable::new(&names(rows, "r"), &names(columns, "c"), cells).err()
    };
    assert_eq!(new(0, 1, &[]), Some(CrossTableError::Size));
    assert_eq!(new(1, 0, &[vec![]]), Some(CrossTableError::Size));
    let row = vec![0; MAX_LINES];
    assert_eq!(
        new(MAX_LINES, MAX_LINES, &vec![row.clone(); MAX_LINES]),
        None
    );
    let more = MAX_LINES + 1;
    assert_eq!(
        new(more, MAX_LINES, &vec![row; more]),
        Some(CrossTableError::Size)
    );
    assert_eq!(new(1, more, &[vec![0; more]]), Some(CrossTableError::Size));
    assert_eq!(new(2, 1, &[vec![1]]), Some(CrossTableError::Shape));
    assert_eq!(new(1, 2, &[vec![1]]), Some(CrossTableError::Shape));
    assert_eq!(
        new(1, 2, &[vec![u64::MAX, 1]]),
        Some(CrossTableError::Total)
    );
    assert_eq!(
        new(2, 1, &[vec![u64::MAX], vec![1]]),
        Some(CrossTableError::Total)
    );
    let half = u64::MAX / 2 + 1;
    let cells = [vec![half, 0], vec![0, half]];
    assert_eq!(new(2, 2, &cells), Some(CrossTableError::Total));
}

#[test]
fn the_largest_table_is_done_soon() {
    let row = |row: u64| (0..64).map(|column| (row * 7 + column * 13) % 40).collect();
    let cells: Vec<Vec<u64>> = (0..64).map(row).collect();
    let public = table(&cells).suppress();
    assert!(hidden(&public).len() > 1_000);
}

proptest! {
    #[test]
    fn no_hidden_cell_follows_from_the_published_ones(
        (height, width) in (1usize..7, 1usize..7),
        values in prop::collection::vec(prop_oneof![0u64..12, 0u64..60], 36),
    ) {
        let cells: Vec<Vec<u64>> = (0..height)
            .map(|row| values[row * 6..row * 6 + width].to_vec())
            .collect();
        let table = table(&cells);
        assert_safe(&table, &table.suppress());
    }
}
