//! Every case of every table: for `list`, `explain` and `docs/CASES.md`.

use std::fmt::Write as _;

use crate::examine::case::About;
use crate::examine::event::CaseLevel;
use crate::examine::{client, server};

/// The roles, and the cases of each in the order in which they run.
pub(crate) fn tables() -> Vec<(&'static str, Vec<About>)> {
    vec![
        ("server", server::TABLE.abouts().collect()),
        ("client", client::TABLE.abouts().collect()),
    ]
}

/// The level as a word.
pub(crate) fn level(level: CaseLevel) -> &'static str {
    match level {
        CaseLevel::Must => "must",
        CaseLevel::Should => "should",
        CaseLevel::May => "may",
    }
}

/// The command that runs a case alone.
pub(crate) fn alone(about: &About) -> String {
    let role = about.id.split('/').next().unwrap_or_default();
    format!("backup-interop {role} --cmd 'COMMAND' --case {}", about.id)
}

/// The text of `docs/CASES.md`.
pub(crate) fn markdown() -> String {
    let mut text = String::from(
        "# The cases of the examiner\n\n\
         Written by `backup-interop list --markdown` (`make cases`) from the tables in the program; a test compares. One \
         is run alone with\n`--case ID`, and `backup-interop explain ID` says the same as this page. Sections are those \
         of [PROTOCOL.md](PROTOCOL.md).\n",
    );
    for (role, cases) in tables() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n## {role}: {} cases", cases.len());
        let mut chapter = "";
        for about in &cases {
            let of = about
                .id
                .rsplit_once('/')
                .map_or(about.id, |(chapter, _)| chapter);
            if of != chapter {
                chapter = of;
                let _ = writeln!(
                    text,
                    "\n### {chapter}\n\n| case | section | level | does | expects |\n|---|---|---|---|---|"
                );
            }
            let behaviour = about.id.rsplit('/').next().unwrap_or_default();
            let _ = writeln!(
                text,
                "| `{behaviour}` | {} | {} | {} | {} |",
                about.section,
                level(about.level),
                cell(about.does),
                cell(about.expects)
            );
        }
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_page_of_the_cases_is_what_the_tables_say() {
        let page = include_str!("../../../docs/CASES.md");
        assert!(
            page == markdown(),
            "docs/CASES.md is stale: `make cases` writes it again"
        );
    }

    #[test]
    fn every_case_has_an_id_of_its_own_a_section_and_words() {
        let protocol = include_str!("../../../docs/PROTOCOL.md");
        let mut ids = BTreeSet::new();
        for (role, cases) in tables() {
            for about in cases {
                assert!(ids.insert(about.id), "{} is there twice", about.id);
                let parts: Vec<_> = about.id.split('/').collect();
                assert!(parts.len() == 3 && parts[0] == role, "{}", about.id);
                let slug = |part: &&str| {
                    !part.is_empty()
                        && part
                            .bytes()
                            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                };
                assert!(parts.iter().all(slug), "{}", about.id);
                assert!(
                    !about.does.is_empty() && !about.expects.is_empty(),
                    "{}",
                    about.id
                );
                let heading = protocol.lines().any(|line| {
                    let number = line.trim_start_matches('#').trim_start();
                    line.starts_with('#')
                        && number
                            .strip_prefix(about.section)
                            .is_some_and(|rest| rest.starts_with(' ') || rest.starts_with(". "))
                });
                let numbered = protocol.split("**").any(|part| {
                    part.strip_prefix(about.section)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
                });
                assert!(
                    heading || numbered,
                    "{}: no section {}",
                    about.id,
                    about.section
                );
            }
        }
    }
}
