//! Draws plots as SVG: one per operation, and one for the cost model.

use std::error::Error;
use std::io;
use std::ops::Range;
use std::path::Path;

use plotters::prelude::{
    BLACK, ChartBuilder, Circle, Color, IntoDrawingArea, IntoLogRange, IntoSegmentedCoord,
    LineSeries, Palette, Palette99, Rectangle, SVGBackend, SegmentValue, WHITE,
};

use crate::model::{Model, bounds};
use crate::results::{Results, Row};

const WIDTH: u32 = 900;
const HEIGHT: u32 = 500;
/// Height of a bar, including the space around it.
const BAR: u32 = 24;

type Plotted = Result<(), Box<dyn Error + Send + Sync>>;

/// Draws one plot for each operation. Its bars show the medians of all systems in microseconds, on
/// a logarithmic scale.
///
/// # Errors
/// A file cannot be written.
pub fn comparison(results: &Results, folder: &Path) -> io::Result<()> {
    for operation in operations(results) {
        let bars: Vec<_> = rows(results, operation)
            .map(|row| {
                let label = format!("{} {} {}", row.system, row.variant, row.size);
                (label, row.cost.median / 1_000.0, row.variant)
            })
            .collect();
        let path = folder.join(format!("{}.svg", file_name(operation)));
        draw_bars(&path, &format!("{operation}, µs"), &bars).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Draws one bar for each operation: its cost as a multiple of its lower bound.
///
/// # Errors
/// The file cannot be written.
pub fn multiples(model: &Model, folder: &Path) -> io::Result<()> {
    let bars: Vec<_> = bounds()
        .iter()
        .filter_map(|bound| {
            let results = &model.results;
            let measured = results.median(bound.operation, bound.size, bound.variant)?;
            let label = format!("{} {} {}", bound.operation, bound.variant, bound.size);
            Some((label, measured / model.cost(bound), bound.variant))
        })
        .collect();
    let path = folder.join("bounds.svg");
    draw_bars(&path, "measured, as a multiple of the bound", &bars).map_err(io::Error::other)
}

/// Draws one plot for each operation: its cost against its size, one line per variant.
///
/// # Errors
/// A file cannot be written.
pub fn curves(results: &Results, folder: &Path) -> io::Result<()> {
    for operation in operations(results) {
        let path = folder.join(format!("{}.svg", file_name(operation)));
        let rows: Vec<_> = rows(results, operation).collect();
        draw_curves(&path, operation, &rows).map_err(io::Error::other)?;
    }
    Ok(())
}

fn operations(results: &Results) -> Vec<&'static str> {
    let mut operations: Vec<_> = results.rows.iter().map(|row| row.operation).collect();
    operations.dedup();
    operations.sort_unstable();
    operations.dedup();
    operations
}

fn rows<'a>(results: &'a Results, operation: &'a str) -> impl Iterator<Item = &'a Row> {
    let rows = results.rows.iter();
    rows.filter(move |row| row.operation == operation)
}

fn file_name(operation: &str) -> String {
    let plain = |letter: char| {
        if letter.is_alphanumeric() {
            letter
        } else {
            '_'
        }
    };
    operation.chars().map(plain).collect()
}

/// The range from the power of ten below all values to the one above them.
fn decades(values: impl Iterator<Item = f64> + Clone) -> Range<f64> {
    let least = values.clone().fold(f64::MAX, f64::min).max(1e-3);
    let most = values.fold(least, f64::max);
    10f64.powf(least.log10().floor())..10f64.powf(most.log10().floor() + 1.0)
}

/// The number of a variant's colour. Variants get colours in the order in which they first appear.
fn colour(variants: &mut Vec<&'static str>, variant: &'static str) -> usize {
    variants
        .iter()
        .position(|known| *known == variant)
        .unwrap_or_else(|| {
            variants.push(variant);
            variants.len() - 1
        })
}

fn draw_bars(path: &Path, title: &str, bars: &[(String, f64, &'static str)]) -> Plotted {
    let height = 90 + BAR * u32::try_from(bars.len())?;
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let costs = decades(bars.iter().map(|(_, value, _)| *value));
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(260)
        .build_cartesian_2d(costs.clone().log_scale(), (0..bars.len()).into_segmented())?;
    let label = |value: &SegmentValue<usize>| match value {
        SegmentValue::CenterOf(index) => {
            let bar = bars
                .len()
                .checked_sub(index + 1)
                .and_then(|index| bars.get(index));
            bar.map_or_else(String::new, |(label, ..)| label.clone())
        }
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(bars.len())
        .y_label_formatter(&label)
        .draw()?;
    let mut variants = Vec::new();
    for (index, (_, value, variant)) in bars.iter().enumerate() {
        let colour = Palette99::pick(colour(&mut variants, variant));
        let line = bars.len() - 1 - index;
        let corners = [
            (costs.start, SegmentValue::Exact(line)),
            (*value, SegmentValue::Exact(line + 1)),
        ];
        let mut bar = Rectangle::new(corners, colour.filled());
        bar.set_margin(3, 3, 0, 0);
        chart.draw_series([bar])?;
    }
    area.present()?;
    Ok(())
}

fn draw_curves(path: &Path, title: &str, rows: &[&Row]) -> Plotted {
    let area = SVGBackend::new(path, (WIDTH, HEIGHT)).into_drawing_area();
    area.fill(&WHITE)?;
    // A logarithmic scale has no place for size 0, so it is drawn at 1.
    let at = |row: &Row| (row.size.max(1) as f64, row.cost.median / 1_000.0);
    let sizes = decades(rows.iter().map(|row| at(row).0));
    let costs = decades(rows.iter().map(|row| at(row).1));
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("{title}, µs"), ("sans-serif", 20))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(70)
        .build_cartesian_2d(sizes.log_scale(), costs.log_scale())?;
    chart.configure_mesh().draw()?;
    let mut variants = Vec::new();
    for row in rows {
        colour(&mut variants, row.variant);
    }
    for (index, variant) in variants.iter().enumerate() {
        let colour = Palette99::pick(index).to_rgba();
        let points: Vec<_> = rows
            .iter()
            .filter(|row| row.variant == *variant)
            .map(|row| at(row))
            .collect();
        chart
            .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?
            .label(*variant)
            .legend(move |(x, y)| Circle::new((x + 8, y), 5, colour.filled()));
        chart.draw_series(
            points
                .into_iter()
                .map(|point| Circle::new(point, 4, colour.filled())),
        )?;
    }
    chart
        .configure_series_labels()
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    area.present()?;
    Ok(())
}
