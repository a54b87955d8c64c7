//! One picture: processor time and time of every contestant.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::report::Report;

const WIDTH: u32 = 900;
const ROW: u32 = 46;
const CPU: RGBColor = RGBColor(0, 114, 178);
const WALL: RGBColor = RGBColor(230, 159, 0);

/// Draws two bars a contestant, in seconds a GiB.
pub(crate) fn draw(report: &Report, path: &Path) -> Result<()> {
    picture(report, path).map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))
}

fn picture(report: &Report, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let medians = report.medians();
    let rows = medians.len();
    let most = medians
        .iter()
        .map(|(_, wall, cpu)| wall.max(*cpu))
        .fold(0.0, f64::max);
    let height = ROW * (rows as u32 + 3);
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(report.title(), ("sans-serif", 15))
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(240)
        .build_cartesian_2d(0.0..most * 1.08, 0.0..rows as f64)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_desc("seconds a GiB, median")
        .draw()?;
    for (row, (name, wall, cpu)) in medians.iter().enumerate() {
        // The first one on top.
        let top = (rows - row) as f64;
        let bar = |value: f64, from: f64, color: RGBColor| {
            Rectangle::new(
                [(0.0, top - from), (value, top - from - 0.36)],
                color.filled(),
            )
        };
        chart.draw_series([bar(*cpu, 0.12, CPU), bar(*wall, 0.50, WALL)])?;
        let (x, y) = chart.backend_coord(&(0.0, top - 0.5));
        let style = ("sans-serif", 14).into_font().color(&BLACK);
        area.draw_text(name, &style, (x - 235, y - 8))?;
    }
    for (line, (label, color)) in [("processor time, both sides", CPU), ("time", WALL)]
        .iter()
        .enumerate()
    {
        let y = 36 + 18 * line as i32;
        let x = WIDTH as i32 - 230;
        area.draw(&Rectangle::new([(x, y), (x + 12, y + 12)], color.filled()))?;
        area.draw_text(
            label,
            &("sans-serif", 13).into_font().color(&BLACK),
            (x + 18, y),
        )?;
    }
    area.present()?;
    Ok(())
}
