//! `completions` and `man`, made from the same declarations as `--help`.

use std::fs;
use std::io;
use std::path::Path;

use clap_mangen::Man;
use serde::Serialize;

use super::Done;
use crate::args::{self, Completions};
use crate::exit::Exit;
use crate::output::{Failure, json, print};

#[derive(Serialize)]
struct Text {
    text: String,
}

pub(crate) fn completions(args: &Completions) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut args::command(),
        "backup-server",
        &mut script,
    );
    write(
        String::from_utf8_lossy(&script).into_owned(),
        args.form.json,
    )
}

pub(crate) fn man(args: &args::Man) -> Done {
    let Some(folder) = &args.folder else {
        let mut page = Vec::new();
        Man::new(args::command()).render(&mut page)?;
        return write(String::from_utf8_lossy(&page).into_owned(), args.form.json);
    };
    let pages = pages(folder).map_err(|error| {
        let message = format!("cannot write to {}: {error}", folder.display());
        Failure::new(Exit::Failure, message, "choose another folder")
    })?;
    if args.form.json {
        json(&Pages { pages })?;
    } else {
        print(&(pages.join("\n") + "\n"))?;
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Pages {
    pages: Vec<String>,
}

/// Writes `backup-server.1`, `backup-server-files.1`, `backup-server-files-get.1` and so on.
fn pages(folder: &Path) -> io::Result<Vec<String>> {
    fs::create_dir_all(folder)?;
    let mut command = args::command();
    command.build();
    let mut written = Vec::new();
    page(&command, folder, &mut written)?;
    Ok(written)
}

fn page(command: &clap::Command, folder: &Path, written: &mut Vec<String>) -> io::Result<()> {
    let man = Man::new(command.clone());
    let path = folder.join(man.get_filename());
    man.render(&mut fs::File::create(&path)?)?;
    written.push(path.display().to_string());
    let commands = command
        .get_subcommands()
        .filter(|command| command.get_name() != "help");
    for command in commands {
        page(command, folder, written)?;
    }
    Ok(())
}

fn write(text: String, as_json: bool) -> Done {
    if as_json {
        json(&Text { text })?;
    } else {
        print(&text)?;
    }
    Ok(Exit::Done)
}
