//! Operations of the store that fail: a disk that is full, and one that is broken.

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::campaign::{Campaign, Figures, dialects};
use crate::common::Data;
use crate::workload::Outcome;

/// Every write, sync, link, rename and removal, and the commit.
const STEPS: [&str; 11] = [
    "create:incoming",
    "write:incoming",
    "sync:incoming",
    "link:versions",
    "sync_dir:versions",
    "commit",
    "remove:incoming",
    "remove:versions",
    "link:incoming",
    "rename:client",
    "sync_dir:client",
];

/// `ENOSPC` and `EIO`.
const ERRORS: [u32; 2] = [28, 5];

#[test]
fn errors_of_every_operation_lose_nothing_and_the_server_goes_on() {
    let mut figures = Figures::default();
    let dialect = &dialects()[0];
    let campaign = Campaign::new(Data::new(), dialect, &[]);
    for step in STEPS {
        for error in ERRORS {
            let point = format!("{step}=6*off->3*return({error})->off");
            let server = campaign.start(&point);
            figures.runs += 1;
            let mut client = campaign.client(0, &server);
            let mut rng = StdRng::seed_from_u64(figures.runs);
            for _ in 0..16 {
                if campaign.world.one_file(&mut client, &mut rng) == Outcome::Gone {
                    client = campaign.client(0, &server);
                }
            }
            // It goes on, by itself.
            let after = campaign
                .world
                .file(&mut campaign.client(1, &server), "after", 5000, 9);
            assert_eq!(after, Outcome::Verified, "{point}");
            server.kill();
            figures.kills += 1;
            campaign.compare(&mut figures, &point);
        }
    }
    figures.close("errors of every operation");
}
