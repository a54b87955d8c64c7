//! `backup-interop list`: what there is to name on the command line.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::places::peers_folder;
use crate::cli::{Complaint, Exit};
use crate::dialect::Dialect;
use crate::examine::cases;
use crate::peer::Peer;
use crate::scenarios::{self, Scenario};
use crate::stdout::Stdout;
use crate::tap::Flip;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of the peers' TOML files
    #[arg(long, value_name = "DIR")]
    peers: Option<PathBuf>,
    /// The cases alone, as the Markdown of docs/CASES.md
    #[arg(long)]
    markdown: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Complaint> {
    if arguments.markdown {
        let text = cases::markdown();
        Stdout.write_all(text.as_bytes()).map_err(Complaint::ours)?;
        return Ok(Exit::Passed);
    }
    let peers = peers(arguments.peers.as_deref())?;
    let mut out = Stdout;
    let mut line = |text: String| writeln!(out, "{text}").map_err(Complaint::ours);
    for (role, cases) in cases::tables() {
        line(format!(
            "Cases of a {role} (level, PROTOCOL.md section, what happens)"
        ))?;
        for about in cases {
            let level = cases::level(about.level);
            line(format!(
                "  {:44} {level:6} {:>5}  {}",
                about.id, about.section, about.does
            ))?;
        }
    }
    line(
        "Scenarios (PROTOCOL.md section, what happens, what the client has to be able to do)"
            .into(),
    )?;
    for scenario in scenarios::all() {
        let needs: Vec<_> = scenario
            .needs
            .iter()
            .map(|ability| ability.slug())
            .collect();
        let needs = match &needs[..] {
            [] => String::new(),
            needs => format!(" [{}]", needs.join(", ")),
        };
        let Scenario {
            id, section, title, ..
        } = scenario;
        line(format!("  {id:36} {section:>5}  {title}{needs}"))?;
    }
    line("Peers, for matrix and --peer".into())?;
    if peers.is_empty() {
        line("  none: there is no interop/peers above this folder; --peers names another".into())?;
    }
    for peer in peers {
        line(format!(
            "  {:16} {:6}  {}",
            peer.name,
            peer.role.name(),
            peer.language
        ))?;
    }
    line("Dialects".into())?;
    for dialect in Dialect::built_in() {
        line(format!("  {:16} {}", dialect.name, dialect.title))?;
    }
    line("Modifiers, as in seed,crc=zlib (PROTOCOL.md 10.2)".into())?;
    for (key, values) in Dialect::modifiers() {
        line(format!("  {:16} {values}", format!("{key}=")))?;
    }
    line(format!("Fields for --flip\n  {}", Flip::fields()))?;
    Ok(Exit::Passed)
}

/// The peers of the folder that was told, or of the one above; none where there is none.
fn peers(told: Option<&Path>) -> Result<Vec<Peer>, Complaint> {
    match (told, peers_folder(told)) {
        (None, Err(_)) => Ok(Vec::new()),
        (_, folder) => Ok(Peer::read_folder(&folder?)?),
    }
}
