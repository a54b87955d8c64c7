//! Reconnecting, in the dialects that have it.

use super::{Setting, must, only};
use crate::cell::Step;
use crate::dialect::Dialect;
use crate::examine::case::Case;
use crate::examine::server::setting::Client;
use crate::message::Kind;

const HAS_IT: fn(&Dialect) -> bool = Dialect::reconnects;

pub(super) const CASES: &[Case<Setting>] = &[
    only(
        HAS_IT,
        must(
            "server/reconnect/granted",
            "10.4",
            "reconnects as a client that sent a public key, and sends a file",
            "2105 with an AES key, wrapped with the public key that is stored, then 2103",
            |s| {
                let link = s.connect()?;
                let mut client = s.client(&link, "alice")?;
                let other = s.connect_after(&link)?;
                other.send(s.reconnect(&client).bytes())?;
                let response = other.expect(Kind::Reconnected)?;
                s.take_key(&mut client, &response)?;
                s.uploaded(&other, &client, b"a.txt", b"after a reconnect")
                    .map(drop)
            },
        ),
    ),
    only(
        HAS_IT,
        must(
            "server/reconnect/unknown-client",
            "10.4",
            "reconnects under a client ID that was never given out",
            "2106 with the client ID of the header",
            |s| {
                let client = s.stranger("alice")?;
                refused(s, &client)
            },
        ),
    ),
    only(
        HAS_IT,
        must(
            "server/reconnect/name-of-another",
            "10.4",
            "reconnects under one client's ID and another's name",
            "2106 with the client ID of the header",
            |s| {
                let link = s.connect()?;
                let mut client = s.client(&link, "alice")?;
                client.name = s.client(&link, "bob")?.name;
                link.end()?;
                link.closed()?;
                refused(s, &client)
            },
        ),
    ),
    only(
        HAS_IT,
        must(
            "server/reconnect/without-a-public-key",
            "10.4",
            "reconnects as a client that registered and never sent a public key",
            "2106 with the client ID of the header",
            |s| {
                let link = s.connect()?;
                let client = s.registered(&link, "alice")?;
                link.end()?;
                link.closed()?;
                refused(s, &client)
            },
        ),
    ),
    only(
        HAS_IT,
        must(
            "server/reconnect/after-restart",
            "10.4",
            "exchanges keys, restarts the server, and reconnects",
            "2105: the public key is stored",
            |s| {
                s.own_server()?;
                let link = s.connect()?;
                let client = s.client(&link, "alice")?;
                s.stop_server()?;
                let other = s.connect()?;
                other.send(s.reconnect(&client).bytes())?;
                other.expect(Kind::Reconnected).map(drop)
            },
        ),
    ),
];

/// Has a reconnect refused and goes on with a registration on the same connection.
fn refused(s: &mut Setting, client: &Client) -> Step {
    let link = s.connect()?;
    link.send(s.reconnect(client).bytes())?;
    link.expect(Kind::ReconnectRefused)?;
    s.registered(&link, "after").map(drop)
}
