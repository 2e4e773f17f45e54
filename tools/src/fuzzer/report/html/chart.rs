//! One chart, drawn by plotters as SVG that an HTML page holds.
//!
//! Colours in the drawing are names rather than colours: the style sheet says by `[stroke="#2A78D6"]` what each of them is
//! in light and in dark.

use std::ops::Range;

use anyhow::anyhow;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle};

use super::axis::Axis;
use super::escape::Escaped;

/// What something is drawn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    First,
    Second,
    Third,
    Bad,
    /// Light, middle and dark of one colour: for quantiles.
    Light,
    Middle,
    Dark,
}

const INK: RGBColor = RGBColor(0x52, 0x51, 0x4E);
const GRID: RGBColor = RGBColor(0xE1, 0xE0, 0xD9);
const BAND: RGBColor = RGBColor(0xF1, 0xF0, 0xEA);

impl Tone {
    fn colour(self) -> RGBColor {
        match self {
            Self::First => RGBColor(0x2A, 0x78, 0xD6),
            Self::Second => RGBColor(0x1B, 0xAF, 0x7A),
            Self::Third => RGBColor(0xEB, 0x68, 0x34),
            Self::Bad => RGBColor(0xD0, 0x3B, 0x3B),
            Self::Light => RGBColor(0x86, 0xB6, 0xEF),
            Self::Middle => RGBColor(0x2A, 0x78, 0xD7),
            Self::Dark => RGBColor(0x10, 0x42, 0x81),
        }
    }
}

/// A line with its name at its end.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) tone: Tone,
    /// In places of the axes, in the order of x. A place that is not a number breaks the line.
    pub(super) points: Vec<(f64, f64)>,
}

/// Something to draw.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// What it shows, for those who do not see it.
    pub(super) label: String,
    pub(super) size: (u32, u32),
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// Stretches of x with another ground.
    pub(super) bands: Vec<Range<f64>>,
    /// From zero up: where each begins and ends, and how high it is.
    pub(super) bars: Vec<(Range<f64>, f64)>,
    /// Thin lines across, with a name above.
    pub(super) rules: Vec<(f64, String)>,
    pub(super) lines: Vec<Line>,
}

/// In pixels of the drawing, which the page may show larger or smaller.
const TEXT: f64 = 12.0;
/// Room for the names of lines on the right.
const NAMES: u32 = 74;
/// plotters takes a size that is larger by this than what it writes into SVG.
const PER_PIXEL: f64 = 1.24;

type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

impl Chart {
    /// The chart as an `svg` element.
    pub(super) fn svg(&self) -> anyhow::Result<String> {
        let mut svg = String::new();
        self.draw(&mut svg)
            .map_err(|error| anyhow!("drawing {}: {error}", self.label))?;
        // Inside of HTML no name space is needed; what a reader without eyes is told is.
        let label = format!(r#" role="img" aria-label="{}""#, Escaped(&self.label));
        Ok(svg.replacen(r#" xmlns="http://www.w3.org/2000/svg""#, &label, 1))
    }

    fn draw(&self, to: &mut String) -> Drawn {
        let root = SVGBackend::with_string(to, self.size).into_drawing_area();
        let named = self.lines.iter().any(|line| !line.name.is_empty());
        let right = if named { NAMES } else { 16 };
        let mut chart = ChartBuilder::on(&root)
            .margin_top(20)
            .margin_right(right)
            .x_label_area_size(44)
            .y_label_area_size(62)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        for band in &self.bands {
            let corners = [
                (band.start, self.y.range.start),
                (band.end, self.y.range.end),
            ];
            chart.draw_series([Rectangle::new(corners, BAND.filled())])?;
        }
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(GRID)
            .label_style(text(INK, HPos::Center, VPos::Top))
            .x_desc(&self.x.title)
            .axis_desc_style(text(INK, HPos::Center, VPos::Top))
            .draw()?;
        let bars = self.bars.iter().map(|(across, high)| {
            let corners = [(across.start, 0.0), (across.end, *high)];
            let mut bar = Rectangle::new(corners, Tone::First.colour().filled());
            bar.set_margin(0, 0, 0, 1);
            bar
        });
        chart.draw_series(bars)?;
        for line in &self.lines {
            let runs = line.points.split(|(_, y)| !y.is_finite());
            for run in runs.filter(|run| !run.is_empty()) {
                let style = line.tone.colour().stroke_width(2);
                chart.draw_series(LineSeries::new(run.iter().copied(), style))?;
            }
        }
        let pixel = |place: (f64, f64)| chart.backend_coord(&place);
        let mut free_from = i32::MIN;
        for (x, name) in &self.rules {
            let (left, top) = pixel((*x, self.y.range.end));
            let (_, bottom) = pixel((*x, self.y.range.start));
            root.draw(&PathElement::new([(left, top), (left, bottom)], INK))?;
            // a name that would stand in another one is left out; the table has it
            let half = (name.chars().count() as f64 * TEXT * 0.3) as i32;
            if left - half > free_from {
                root.draw_text(
                    name,
                    &text(INK, HPos::Center, VPos::Bottom),
                    (left, top - 3),
                )?;
                free_from = left + half;
            }
        }
        for (at, line) in self.names(&pixel) {
            let style = text(line.tone.colour(), HPos::Left, VPos::Center);
            root.draw_text(&line.name, &style, at)?;
        }
        root.present()
    }

    /// Where the names of lines are written: at their ends, and apart from each other.
    fn names(&self, pixel: &impl Fn((f64, f64)) -> (i32, i32)) -> Vec<((i32, i32), &Line)> {
        const APART: i32 = 15;
        let mut names: Vec<((i32, i32), &Line)> = Vec::new();
        for line in self.lines.iter().filter(|line| !line.name.is_empty()) {
            let end = line.points.iter().rev().find(|(_, y)| y.is_finite());
            if let Some(&(_, y)) = end {
                let (x, y) = pixel((self.x.range.end, y));
                names.push(((x + 6, y), line));
            }
        }
        names.sort_by_key(|((_, y), _)| *y);
        for place in 1..names.len() {
            let above = names[place - 1].0.1;
            names[place].0.1 = names[place].0.1.max(above + APART);
        }
        // pushed below the axis: the whole row moves up
        let (_, floor) = pixel((self.x.range.end, self.y.range.start));
        let mut floor = floor;
        for ((_, y), _) in names.iter_mut().rev() {
            *y = (*y).min(floor);
            floor = *y - APART;
        }
        names
    }
}

fn text(colour: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    let font = FontDesc::new(FontFamily::SansSerif, TEXT * PER_PIXEL, FontStyle::Normal);
    TextStyle {
        font,
        color: colour.to_backend_color(),
        pos: Pos::new(h, v),
    }
}
