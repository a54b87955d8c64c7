//! A disk that is really full, where this account may mount one. Elsewhere the injected `ENOSPC` has to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::campaign::{Campaign, Figures, dialects};
use crate::common::Data;
use crate::workload::Outcome;

/// A file system of its own, in memory, gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"])
            .arg(at)
            .output();
        mount.ok()?.status.success().then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_loses_nothing_and_the_server_goes_on() {
    let mut figures = Figures::default();
    for (dialect, seed) in dialects().iter().zip(0..) {
        let data = Data::new();
        let Some(_disk) = SmallDisk::mount(data.path()) else {
            println!("full disk: SKIPPED, this account may not mount one");
            return;
        };
        let ballast = data.path().join("ballast");
        fs::write(&ballast, vec![1; 3 << 20]).expect("written");
        let campaign = Campaign::new(data, dialect, &[]);
        let server = campaign.start("");
        figures.runs += 1;
        let mut client = campaign.client(0, &server);
        let mut rng = StdRng::seed_from_u64(seed);
        let mut refused = 0;
        for _ in 0..400 {
            match campaign.world.one_file(&mut client, &mut rng) {
                Outcome::Gone => client = campaign.client(0, &server),
                Outcome::Refused => refused += 1,
                _ => {}
            }
            if refused == 20 {
                break;
            }
        }
        assert_eq!(refused, 20, "the disk was not full");
        // With room again it goes on, without a restart.
        fs::remove_file(&ballast).expect("removed");
        let after = campaign
            .world
            .file(&mut campaign.client(1, &server), "after", 5000, 9);
        assert_eq!(after, Outcome::Verified, "{dialect}");
        server.kill();
        figures.kills += 1;
        campaign.compare(&mut figures, &format!("{dialect}, full disk"));
    }
    figures.close("full disk");
}
