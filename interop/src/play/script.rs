//! `--script FILE`: a played peer that does everything right, and what a script makes of it.
//!
//! The peer is played as ever, and its messages pass a tap that makes the changes: the same as `proxy --script` makes.

use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::dialect::Dialect;
use crate::message::Direction;
use crate::play::ClientArguments;
use crate::proxy::{self, Changes};
use crate::record::Ended;
use crate::tap::{Observe, Plan, Tap};

/// Longer than any peer is played: the tap gives up what it holds at a deadline.
const DEADLINE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Looks at nothing. A tap that is looked at keeps nothing, and so may run for long.
struct Nobody;

impl Observe for Nobody {
    fn opened(&self, _: usize, _: SocketAddr, _: Option<SocketAddr>) {}
    fn bytes(&self, _: usize, _: Direction, _: &[u8]) {}
    fn ended(&self, _: usize, _: Direction, _: Ended) {}
}

/// A tap to `target` that makes the changes of a script, and the address at which it listens.
pub(super) fn tap(
    script: &Path,
    dialect: &Dialect,
    listen: SocketAddr,
    target: SocketAddr,
) -> io::Result<(Tap, SocketAddr)> {
    let dialect = Arc::new(dialect.clone());
    let changes = proxy::script(script).map_err(io::Error::other)?;
    let tell = Box::new(|text: &str| drop(writeln!(io::stderr(), "{text}")));
    let meddle = Changes::new(&dialect, &changes, tell)
        .map_err(|error| io::Error::other(format!("{}: {error}", script.display())))?;
    let mut tap = Tap::new(None, Instant::now() + DEADLINE);
    tap.set_target(target);
    let plan = Plan {
        meddle: Some(Box::new(meddle)),
        observe: Some(Arc::new(Nobody)),
        ..Plan::default()
    };
    let door = tap.open_door_at(listen, plan, &dialect)?;
    Ok((tap, door))
}

/// Puts a tap before the server of a client that has a script; without one nothing changes.
pub(super) fn before(mut arguments: ClientArguments) -> io::Result<(ClientArguments, Option<Tap>)> {
    let Some(script) = arguments.script.take() else {
        return Ok((arguments, None));
    };
    let server = address(arguments.server.as_deref().unwrap_or_default())?;
    let (tap, door) = tap(
        &script,
        &arguments.dialect,
        SocketAddr::from(([127, 0, 0, 1], 0)),
        server,
    )?;
    arguments.server = Some(door.to_string());
    Ok((arguments, Some(tap)))
}

/// The address that a text says.
pub(super) fn address(text: &str) -> io::Result<SocketAddr> {
    let none = || io::Error::other(format!("'{text}' has no address"));
    text.to_socket_addrs()?.next().ok_or_else(none)
}
