//! SIGKILL: at random moments, and at every named step of the store.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use backup_protocol::Dialect;
use backup_protocol::dialect::VerdictAnswer;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::campaign::{Campaign, Figures, dialects};
use crate::common::Data;

/// Kills that one data folder goes through.
const KILLS_OF_A_FOLDER: u64 = 40;

/// How long the campaign may take if nobody says how many kills.
const BOUND: Duration = Duration::from_secs(20);

/// Each operation of the store, and the moments of its database. What comes after one has `:done` at its
/// end.
const STEPS: [&str; 13] = [
    "create:incoming",
    "write:incoming",
    "sync:incoming",
    "link:versions",
    "sync_dir:versions",
    "commit",
    "remove:incoming",
    "remove:versions",
    "create_dirs:client",
    "sync_dir:clients",
    "link:incoming",
    "rename:client",
    "sync_dir:client",
];

/// The steps that a server goes through once in each client's life.
const ONCE: [&str; 2] = ["create_dirs:client", "sync_dir:clients"];

/// Without those in which the end of the stream alone tells: here it may always be the kill.
fn dialects_that_answer() -> Vec<Dialect> {
    let mut dialects = dialects();
    dialects.retain(|it| !it.after_right.close || it.after_right.answer != VerdictAnswer::None);
    dialects
}

fn kills() -> Option<u64> {
    std::env::var("KILLS").ok()?.parse().ok()
}

#[test]
fn kills_at_random_moments_lose_nothing() {
    random_kills("kills at random moments", &[]);
}

fn random_kills(campaign_name: &str, options: &[&str]) {
    let (wanted, begun) = (kills(), Instant::now());
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| rand::random_range(0..1_000_000));
    println!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut figures = Figures::default();
    let dialects = dialects();
    let goes_on = |kills| match wanted {
        Some(wanted) => kills < wanted,
        None => begun.elapsed() < BOUND,
    };
    while goes_on(figures.kills) {
        let dialect = &dialects[figures.runs as usize % dialects.len()];
        let campaign = Campaign::new(Data::new(), dialect, options);
        figures.runs += 1;
        for _ in 0..KILLS_OF_A_FOLDER {
            if !goes_on(figures.kills) {
                break;
            }
            let server = campaign.start("");
            let clients = campaign.work(&server, figures.kills);
            // The moment is the point here.
            std::thread::sleep(Duration::from_micros(rng.random_range(0..120_000)));
            campaign.world.killed.store(true, Ordering::SeqCst);
            server.kill();
            for client in clients {
                client.join().expect("no panic of a client");
            }
            figures.kills += 1;
            let when = format!("{dialect}, kill {}", figures.kills);
            campaign.compare(&mut figures, &when);
        }
    }
    figures.close(campaign_name);
}

#[test]
fn relaxed_durability_loses_nothing_in_kills_either() {
    let wanted = kills().map(|kills| kills / 10);
    let mut figures = Figures::default();
    let dialect = &dialects()[0];
    let campaign = Campaign::new(Data::new(), dialect, &["--durability", "relaxed"]);
    figures.runs += 1;
    for kill in 0..wanted.unwrap_or(10) {
        let server = campaign.start("");
        let clients = campaign.work(&server, kill);
        std::thread::sleep(Duration::from_millis(5 + kill * 7 % 100));
        campaign.world.killed.store(true, Ordering::SeqCst);
        server.kill();
        for client in clients {
            client.join().expect("no panic of a client");
        }
        figures.kills += 1;
        campaign.compare(&mut figures, &format!("relaxed, kill {kill}"));
    }
    figures.close("kills with relaxed durability");
}

#[test]
fn kills_at_every_step_of_the_store_lose_nothing() {
    let mut figures = Figures::default();
    let dialects = dialects_that_answer();
    let rounds = kills().map_or(1, |kills| (kills / 200).max(1));
    for round in 0..rounds {
        let dialect = &dialects[round as usize % dialects.len()];
        let mut campaign = Campaign::new(Data::new(), dialect, &[]);
        figures.runs += 1;
        for step in STEPS {
            for done in ["", ":done"] {
                // What happens once is killed at once, in a folder that is new.
                let passed = if ONCE.contains(&step) {
                    campaign = Campaign::new(Data::new(), dialect, &[]);
                    String::new()
                } else {
                    // One or two of its kind take place at the start.
                    format!("{}*off->", rand::random_range(4..12))
                };
                let point = format!("{step}{done}={passed}return(kill)");
                let server = campaign.start(&point);
                for client in campaign.work(&server, figures.kills) {
                    client.join().expect("no panic of a client");
                }
                let (status, log) = server.end();
                assert_eq!(
                    std::os::unix::process::ExitStatusExt::signal(&status),
                    Some(9),
                    "{point} was not reached; log:\n{log}"
                );
                figures.kills += 1;
                campaign.compare(&mut figures, &format!("{dialect}, {point}"));
            }
        }
    }
    figures.close("kills at every step");
}

/// The start after a kill can be killed too, at each step of its own.
#[test]
fn kills_of_a_start_lose_nothing() {
    let mut figures = Figures::default();
    let mut killed = 0;
    let dialect = &dialects_that_answer()[0];
    let campaign = Campaign::new(Data::new(), dialect, &[]);
    figures.runs += 1;
    for (cut, steps) in [
        // An upload whose row was not committed, one whose row was, and a verdict without its name.
        (
            "commit=6*off->return(kill)",
            ["remove:versions", "remove:incoming"].as_slice(),
        ),
        (
            "remove:incoming=6*off->return(kill)",
            ["remove:incoming"].as_slice(),
        ),
        (
            "link:incoming=6*off->return(kill)",
            [
                "link:incoming",
                "rename:client",
                "sync_dir:client",
                "commit",
            ]
            .as_slice(),
        ),
    ] {
        for step in steps {
            for done in ["", ":done"] {
                let server = campaign.start(cut);
                for client in campaign.work(&server, figures.kills) {
                    client.join().expect("no panic of a client");
                }
                drop(server.end());
                figures.kills += 1;
                // One of its kind belongs to the test for hard links.
                let passed = if step.ends_with(":incoming") {
                    "1*off->"
                } else {
                    ""
                };
                let point = format!("{step}{done}={passed}return(kill)");
                // Not every kill leaves work of each kind.
                if campaign.is_start_killed(&point) {
                    figures.kills += 1;
                    killed += 1;
                }
                campaign.compare(&mut figures, &format!("{cut}, then {step}{done}"));
            }
        }
    }
    assert!(killed > 0, "no start was killed");
    figures.close("kills of a start");
}
