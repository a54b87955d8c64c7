//! What was measured, and the table of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// One run of one contestant.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Figures {
    /// Seconds from the start of the client to its end.
    pub(crate) wall: f64,
    /// Seconds of processor time.
    pub(crate) client_cpu: f64,
    pub(crate) server_cpu: f64,
    /// The most memory at once, in KiB: of the largest process where there are several.
    pub(crate) client_rss: u64,
    pub(crate) server_rss: u64,
    /// The part of the machine that worked for somebody else meanwhile, of 1.
    pub(crate) others: f64,
}

impl Figures {
    fn cpu(&self) -> f64 {
        self.client_cpu + self.server_cpu
    }
}

/// All rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    size_mib: u64,
    folder: String,
    processor: String,
    processors: usize,
    /// Processes that wanted to run when it began, on average: above 0 the machine was busy with other things.
    load_before: String,
    /// By contestant, one entry a round.
    runs: BTreeMap<String, Vec<Figures>>,
    /// Contestants in order, with what each does for its time.
    contestants: Vec<(&'static str, &'static str)>,
}

/// Least, median, and most.
#[derive(Clone, Copy)]
pub(crate) struct Spread(pub(crate) f64, pub(crate) f64, pub(crate) f64);

impl Spread {
    fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |index| values.get(index).copied().unwrap_or(f64::NAN);
        Self(
            at(0),
            at(values.len() / 2),
            at(values.len().saturating_sub(1)),
        )
    }
}

impl Report {
    pub(crate) fn new(size_mib: u64, folder: &Path) -> Self {
        let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = information
            .lines()
            .find_map(|line| line.strip_prefix("model name"));
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            size_mib,
            folder: folder.display().to_string(),
            processor: name
                .unwrap_or("unknown")
                .trim_start_matches(['\t', ' ', ':'])
                .to_owned(),
            processors: thread::available_parallelism().map_or(0, usize::from),
            load_before: load.split(' ').next().unwrap_or("unknown").to_owned(),
            runs: BTreeMap::new(),
            contestants: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, name: &'static str, does: &'static str, figures: Figures) {
        if !self.contestants.contains(&(name, does)) {
            self.contestants.push((name, does));
        }
        self.runs.entry(name.to_owned()).or_default().push(figures);
    }

    /// Contestants in order, with wall seconds and seconds of processor time a GiB, in the median.
    pub(crate) fn medians(&self) -> Vec<(&'static str, f64, f64)> {
        let a_gib = 1024.0 / self.size_mib as f64;
        let line = |(name, _): &(&'static str, &'static str)| {
            let runs = self.runs.get(*name).map(Vec::as_slice).unwrap_or_default();
            let wall = Spread::of(runs.iter().map(|run| run.wall * a_gib)).1;
            let cpu = Spread::of(runs.iter().map(|run| run.cpu() * a_gib)).1;
            (*name, wall, cpu)
        };
        self.contestants.iter().map(line).collect()
    }

    pub(crate) fn title(&self) -> String {
        format!(
            "{} MiB in {}, {} x {}, load {} before",
            self.size_mib, self.folder, self.processors, self.processor, self.load_before
        )
    }

    /// The table: ratios are to the first contestant, within a round.
    pub(crate) fn print(&self, mut out: impl Write) -> io::Result<()> {
        writeln!(out, "{}", self.title())?;
        writeln!(
            out,
            "{:31} {:>8} {:>20} {:>20} {:>8} {:>8} {:>7} {:>11} {:>7}",
            "",
            "wall",
            "wall, ratio",
            "CPU, ratio",
            "client",
            "server",
            "wall/",
            "RSS, MiB",
            "others"
        )?;
        writeln!(
            out,
            "{:31} {:>8} {:>20} {:>20} {:>8} {:>8} {:>7} {:>11} {:>7}",
            "",
            "s",
            "min   med   max",
            "min   med   max",
            "s/GiB",
            "s/GiB",
            "floor",
            "cli    srv",
            "%"
        )?;
        let first = self.contestants.first();
        let Some(first) = first.and_then(|(name, _)| self.runs.get(*name)) else {
            return Ok(());
        };
        let a_gib = 1024.0 / self.size_mib as f64;
        for (name, does) in &self.contestants {
            let runs = self.runs.get(*name).map(Vec::as_slice).unwrap_or_default();
            let pairs = || runs.iter().zip(first);
            let wall = Spread::of(pairs().map(|(run, ours)| run.wall / ours.wall));
            let cpu = Spread::of(pairs().map(|(run, ours)| run.cpu() / ours.cpu()));
            let median = |value: fn(&Figures) -> f64| Spread::of(runs.iter().map(value)).1;
            // Everything at once on all processors could not be faster.
            let floor = Spread::of(
                runs.iter()
                    .map(|run| run.wall / (run.cpu() / self.processors.max(1) as f64)),
            );
            writeln!(
                out,
                "{name:31} {:8.3}   {:6.2}{:6.2}{:6.2}   {:6.2}{:6.2}{:6.2} {:8.2} {:8.2} {:7.2} {:5.0}{:6.0} {:7.0}  {does}",
                median(|run| run.wall),
                wall.0,
                wall.1,
                wall.2,
                cpu.0,
                cpu.1,
                cpu.2,
                median(|run| run.client_cpu) * a_gib,
                median(|run| run.server_cpu) * a_gib,
                floor.1,
                median(|run| run.client_rss as f64) / 1024.0,
                median(|run| run.server_rss as f64) / 1024.0,
                median(|run| run.others) * 100.0,
            )?;
        }
        Ok(())
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut out = BufWriter::new(file);
        serde_json::to_writer_pretty(&mut out, self)?;
        Ok(writeln!(out)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_one_within_a_round() {
        let mut report = Report::new(1024, Path::new("/x"));
        let figures = |wall: f64| Figures {
            wall,
            client_cpu: wall,
            server_cpu: wall,
            client_rss: 1024,
            server_rss: 2048,
            others: 0.0,
        };
        // The machine is ten times slower in the second round, for both.
        for (ours, theirs) in [(1.0, 3.0), (10.0, 40.0), (1.0, 5.0)] {
            report.add("ours", "", figures(ours));
            report.add("theirs", "", figures(theirs));
        }
        let mut table = Vec::new();
        assert!(report.print(&mut table).is_ok());
        let table = String::from_utf8_lossy(&table).into_owned();
        let line = table.lines().find(|line| line.starts_with("theirs"));
        let words: Vec<_> = line.unwrap_or_default().split_whitespace().collect();
        assert_eq!(
            words.get(2..5),
            Some(&["3.00", "4.00", "5.00"][..]),
            "{table}"
        );
        assert_eq!(report.medians().first(), Some(&("ours", 1.0, 2.0)));
    }
}
