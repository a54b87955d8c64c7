//! The bar on a terminal.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const TEMPLATE: &str = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";

/// Shows how far the current transmission is. On anything but a terminal it shows nothing.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    wanted: bool,
}

impl Progress {
    pub(crate) fn new(wanted: bool) -> Self {
        Self {
            bar: None,
            wanted: wanted && std::io::stderr().is_terminal(),
        }
    }

    /// A transmission of `total` bytes begins.
    pub(crate) fn begin(&mut self, name: &str, total: u64) {
        self.end();
        if self.wanted {
            let style = ProgressStyle::with_template(TEMPLATE)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> ");
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
                .with_style(style)
                .with_message(name.to_owned());
            self.bar = Some(bar);
        }
    }

    pub(crate) fn at(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        }
    }

    pub(crate) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Runs `print` with the bar out of its way.
    pub(crate) fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}
