//! Plots as SVG in the page. They have no style and no script of their own.

use waxseal_relay::desk::SeriesPoint;

use crate::html::Html;
use crate::words;

/// What is plotted.
#[derive(Clone, Copy)]
pub enum Plot {
    Reports,
    Openings,
    Decisions,
    Appeals,
}

impl Plot {
    pub const ALL: [Self; 4] = [
        Self::Reports,
        Self::Openings,
        Self::Decisions,
        Self::Appeals,
    ];

    fn of(self, point: &SeriesPoint) -> u32 {
        match self {
            Self::Reports => point.reports,
            Self::Openings => point.openings,
            Self::Decisions => point.decisions,
            Self::Appeals => point.appeals,
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Reports => ("Reports that came in", "report"),
            Self::Openings => ("Openings of content", "opening"),
            Self::Decisions => ("Decisions", "decision"),
            Self::Appeals => ("Appeals", "appeal"),
        }
    }
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 44.0;
const BOTTOM: f64 = 22.0;
const TOP: f64 = 12.0;
/// Maximum number of bars. A longer range has bars of several days.
const BARS: u32 = 90;

/// Draws a plot of a range of days as bars.
pub fn plot(html: &mut Html, plotted: Plot, series: &[SeriesPoint], (from, to): (u32, u32)) {
    let (title, one) = plotted.words();
    let days = to.saturating_sub(from).saturating_add(1);
    let width = days.div_ceil(BARS).max(1);
    let bars = days.div_ceil(width).max(1);
    let mut sums = vec![0_u64; usize::try_from(bars).unwrap_or(0)];
    for point in series
        .iter()
        .filter(|point| (from..=to).contains(&point.day))
    {
        let place = point
            .day
            .saturating_sub(from)
            .checked_div(width)
            .unwrap_or(0);
        if let Some(sum) = sums.get_mut(usize::try_from(place).unwrap_or(usize::MAX)) {
            *sum = sum.saturating_add(plotted.of(point).into());
        }
    }
    let total = sums.iter().fold(0_u64, |sum, one| sum.saturating_add(*one));
    let most = sums.iter().copied().max().unwrap_or(0);
    let (first, last) = (words::day(from), words::day(to));
    let each = match width {
        1 => "a day".to_owned(),
        width => format!("each {width} days"),
    };
    let total = words::counted(total, one);
    let said = format!("{title}: {total} from {first} to {last}, at most {most} {each}");
    html.tag("figure").put(|html| {
        html.tag("figcaption").put(|html| {
            html.tag("strong").text(title);
            html.text(&format!(
                ": {total}, at most {} {each}",
                words::number(most)
            ));
        });
        let view = format!("0 0 {WIDTH} {HEIGHT}");
        let svg = html
            .tag("svg")
            .view_box(&view)
            .role("img")
            .aria_label(&said);
        svg.put(|html| draw(html, &sums, most, (&first, &last)));
    });
}

#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "coordinates on a screen"
)]
fn draw(html: &mut Html, sums: &[u64], most: u64, (first, last): (&str, &str)) {
    let (across, up) = (WIDTH - LEFT - 4.0, HEIGHT - TOP - BOTTOM);
    let base = HEIGHT - BOTTOM;
    let at = |number: f64| format!("{number:.1}");
    for (height, label) in [(base, 0), (TOP, most)] {
        if height < base && most == 0 {
            continue;
        }
        let line = html
            .tag("line")
            .class("grid")
            .x1(&at(LEFT))
            .x2(&at(WIDTH - 4.0));
        line.y1(&at(height)).y2(&at(height)).end();
        let text = html.tag("text").x(&at(LEFT - 6.0)).y(&at(height + 4.0));
        text.text_anchor("end").text(&words::number(label));
    }
    let step = across / (sums.len().max(1) as f64);
    for (place, sum) in sums.iter().enumerate().filter(|(_, sum)| **sum > 0) {
        let height = (*sum as f64 / most.max(1) as f64 * up).max(2.0);
        let bar = html
            .tag("rect")
            .class("bar")
            .x(&at(LEFT + step * place as f64 + step * 0.1));
        bar.y(&at(base - height))
            .width(&at((step * 0.8).max(1.0)))
            .height(&at(height))
            .end();
    }
    let y = at(HEIGHT - 6.0);
    html.tag("text").x(&at(LEFT)).y(&y).text(first);
    let end = html.tag("text").x(&at(WIDTH - 4.0)).y(&y);
    end.text_anchor("end").text(last);
}
