//! What the targets have in common: dialects, and a server whose store is in memory.

pub mod server;

use std::sync::LazyLock;

use backup_protocol::Dialect;

/// The named dialects, and those with modifiers in which a parser takes another way. Their order is part
/// of the form of the inputs: `seeds.py` counts on it.
const DIALECTS: [&str; 16] = [
    "seed",
    "readme",
    "2022c",
    "2023a",
    "2023c",
    "2024a",
    "2024c",
    "seed,order=big",
    "seed,align=natural",
    "seed,name=256",
    "2024a,align=natural",
    "seed,id=no",
    "2023a,pad=1024,size=padded",
    "seed,request-pad=1024",
    "2022c,key=160+162",
    "2024c,connection=request,packet=48",
];

static LOADED: LazyLock<Vec<Dialect>> = LazyLock::new(|| {
    let load = |name: &&str| {
        Dialect::parse_or_load(name, |_| Err(std::io::ErrorKind::NotFound.into()))
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    DIALECTS.iter().map(load).collect()
});

/// The first byte of an input is the dialect; the rest is what the peer sends.
pub fn split(input: &[u8]) -> Option<(&'static Dialect, &[u8])> {
    let (first, rest) = input.split_first()?;
    LOADED
        .get(usize::from(*first))
        .map(|dialect| (dialect, rest))
}
