//! `backup-interop explain`: one case or scenario in full.

use std::io::Write;

use clap::Args;

use crate::cli::{Complaint, Exit};
use crate::examine::cases;
use crate::glob::Glob;
use crate::scenarios;
use crate::stdout::Stdout;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Id of a case or a scenario, with or without its role; `*` stands for anything
    #[arg(value_name = "CASE", required = true)]
    cases: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Complaint> {
    let mut text = String::new();
    for pattern in &arguments.cases {
        let before = text.len();
        let glob = Glob::new(pattern);
        let cases = cases::tables().into_iter().flat_map(|(_, cases)| cases);
        for about in cases.filter(|about| glob.matches_id(about.id)) {
            text.push_str(&format!(
                "{}\n  section   PROTOCOL.md {}\n  level     {}\n  does      {}\n  expects   {}\n",
                about.id,
                about.section,
                cases::level(about.level),
                about.does,
                about.expects
            ));
            text.push_str(&format!("  alone     {}\n\n", cases::alone(&about)));
        }
        for scenario in scenarios::all().filter(|scenario| glob.matches_id(scenario.id)) {
            text.push_str(&format!(
                "{}\n  section   PROTOCOL.md {}\n  does      {}\n  expects   both sides do as PROTOCOL.md says\n  \
                 alone     backup-interop matrix --scenario {}\n\n",
                scenario.id, scenario.section, scenario.title, scenario.id
            ));
        }
        if text.len() == before {
            return Err(Complaint::usage(format!(
                "no case is called '{pattern}' (`backup-interop list` has them all)"
            )));
        }
    }
    Stdout.write_all(text.as_bytes()).map_err(Complaint::ours)?;
    Ok(Exit::Passed)
}
