//! 1101 and 2102: public keys, and the AES keys that are wrapped with them.

use super::{Setting, must, only, should};
use crate::cell::Step;
use crate::examine::case::Case;
use crate::message::{Field, Kind};

/// Where the modulus begins in a public key of 160 bytes, and where its exponent stands (4.1).
const MODULUS: usize = 29;
const EXPONENT: usize = 159;

pub(super) const CASES: &[Case<Setting>] = &[
    must(
        "server/keys/answer",
        "2",
        "sends a public key",
        "2102 with the client ID and an AES key, wrapped by OAEP with SHA-1",
        |s| {
            let link = s.connect()?;
            s.client(&link, "alice").map(drop)
        },
    ),
    must(
        "server/keys/new-key-each-time",
        "2.4",
        "sends the same public key three times",
        "another AES key each time",
        |s| {
            let link = s.connect()?;
            let mut client = s.registered(&link, "alice")?;
            for _ in 0..3 {
                s.exchanged(&link, &mut client)?;
            }
            Ok(())
        },
    ),
    must(
        "server/keys/on-a-new-connection",
        "1.3",
        "registers on one connection and sends the public key on another",
        "2102",
        |s| {
            let link = s.connect()?;
            let mut client = s.registered(&link, "alice")?;
            let other = s.connect_after(&link)?;
            s.exchanged(&other, &mut client)
        },
    ),
    must(
        "server/keys/after-restart",
        "7.2",
        "registers, restarts the server, sends the public key",
        "2102: the server knows the client still",
        |s| {
            s.own_server()?;
            let link = s.connect()?;
            let mut client = s.registered(&link, "alice")?;
            s.stop_server()?;
            let other = s.connect()?;
            s.exchanged(&other, &mut client)
        },
    ),
    must(
        "server/keys/another-pair",
        "2.4",
        "sends a public key, and then that of another pair",
        "the second AES key wrapped with the second public key",
        |s| {
            let link = s.connect()?;
            let mut client = s.client(&link, "alice")?;
            client.pair = s.pair(1)?;
            s.exchanged(&link, &mut client)
        },
    ),
    must(
        "server/keys/unknown-client",
        "2.10",
        "sends a public key under a client ID that was never given out",
        "a refusal, and the connection goes on",
        |s| {
            let link = s.connect()?;
            let client = s.stranger("alice")?;
            link.send(s.public_key(&client).bytes())?;
            s.refused_and_goes_on(&link, Kind::SendPublicKey)
        },
    ),
    must(
        "server/keys/name-of-another",
        "2.2",
        "sends a public key under one client's ID and another's name",
        "a refusal, and the connection goes on",
        |s| {
            let link = s.connect()?;
            let mut client = s.registered(&link, "alice")?;
            client.name = s.registered(&link, "bob")?.name;
            link.send(s.public_key(&client).bytes())?;
            s.refused_and_goes_on(&link, Kind::SendPublicKey)
        },
    ),
    must(
        "server/keys/name-of-nobody",
        "2.2",
        "sends a public key under a client's ID and a name that nobody has",
        "a refusal, and the connection goes on",
        |s| {
            let link = s.connect()?;
            let mut client = s.registered(&link, "alice")?;
            client.name = s.name("nobody");
            link.send(s.public_key(&client).bytes())?;
            s.refused_and_goes_on(&link, Kind::SendPublicKey)
        },
    ),
    must(
        "server/keys/bytes-behind-the-nul",
        "1.8",
        "sends a public key with other bytes than zeros behind the name's NUL",
        "2102: what follows the NUL is no part of the name",
        |s| {
            let link = s.connect()?;
            let mut client = s.registered(&link, "alice")?;
            let width = s.dialect().name_width;
            let mut name = client.name.clone();
            name.push(0);
            name.resize(width, b'x');
            let request = s.public_key(&client).with(Field::ClientName, &name);
            link.send(request.bytes())?;
            let response = link.expect(Kind::AesKey)?;
            s.take_key(&mut client, &response)
        },
    ),
    must(
        "server/keys/garbage",
        "4.1",
        "sends 160 bytes that are no key",
        "a refusal, and the connection goes on",
        |s| changed_key(s, |key| key.fill(0x5a)),
    ),
    must(
        "server/keys/zeros",
        "4.1",
        "sends 160 zero bytes for a key",
        "a refusal, and the connection goes on",
        |s| changed_key(s, |key| key.fill(0)),
    ),
    must(
        "server/keys/other-algorithm",
        "4.1",
        "sends a key whose algorithm is not RSA",
        "a refusal, and the connection goes on",
        |s| {
            changed_key(s, |key| {
                // The last byte of the object identifier rsaEncryption, which makes it another one.
                if let Some(byte) = key.get_mut(16) {
                    *byte = 0x63;
                }
            })
        },
    ),
    must(
        "server/keys/small-modulus",
        "4.1",
        "sends a key whose modulus has fewer than 1024 bits",
        "a refusal, and the connection goes on",
        |s| {
            changed_key(s, |key| {
                if let Some(byte) = key.get_mut(MODULUS) {
                    *byte &= 0x7f;
                }
            })
        },
    ),
    must(
        "server/keys/even-exponent",
        "4.1",
        "sends a key with the exponent 18",
        "a refusal, and the connection goes on",
        |s| {
            changed_key(s, |key| {
                if let Some(byte) = key.get_mut(EXPONENT) {
                    *byte = 18;
                }
            })
        },
    ),
    must(
        "server/keys/exponent-1",
        "4.1",
        "sends a key with the exponent 1",
        "a refusal, and the connection goes on",
        |s| {
            changed_key(s, |key| {
                if let Some(byte) = key.get_mut(EXPONENT) {
                    *byte = 1;
                }
            })
        },
    ),
    must(
        "server/keys/exponent-3",
        "4.1",
        "sends a key with the exponent 3",
        "2102: odd exponents from 3 to 127 are accepted",
        |s| exponent(s, 3),
    ),
    must(
        "server/keys/exponent-127",
        "4.1",
        "sends a key with the exponent 127",
        "2102: odd exponents from 3 to 127 are accepted",
        |s| exponent(s, 127),
    ),
    only(
        |dialect| dialect.public_key_sizes.contains(&162),
        must(
            "server/keys/exponent-65537",
            "10.8",
            "sends a key of 162 bytes with the exponent 65537",
            "2102",
            |s| exponent(s, 65537),
        ),
    ),
    must(
        "server/keys/key-outlives-the-connection",
        "2.4",
        "exchanges keys on one connection and sends the file on another",
        "2103: the content is decrypted with the stored key",
        |s| {
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            let other = s.connect_after(&link)?;
            s.uploaded(&other, &client, b"a.txt", b"under the stored key")
                .map(drop)
        },
    ),
    must(
        "server/keys/key-outlives-the-program",
        "2.4",
        "exchanges keys, restarts the server, sends the file",
        "2103: the content is decrypted with the stored key",
        |s| {
            s.own_server()?;
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            s.stop_server()?;
            let other = s.connect()?;
            s.uploaded(&other, &client, b"a.txt", b"under the stored key")
                .map(drop)
        },
    ),
    must(
        "server/keys/last-key-counts",
        "2.4",
        "exchanges keys twice on a connection and encrypts with the second",
        "2103 with the right cksum",
        |s| {
            let link = s.connect()?;
            let mut client = s.client(&link, "alice")?;
            s.exchanged(&link, &mut client)?;
            s.uploaded(&link, &client, b"a.txt", b"under the second key")
                .map(drop)
        },
    ),
    must(
        "server/keys/refused-key-changes-nothing",
        "2.4",
        "exchanges keys, sends a key that is refused, and encrypts with the one it has",
        "2103 with the right cksum",
        |s| {
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            let request = s.public_key(&client).filled(Field::PublicKey, 0x5a);
            link.send(request.bytes())?;
            link.expect(s.dialect().negative(Some(Kind::SendPublicKey)))?;
            s.uploaded(&link, &client, b"a.txt", b"under the first key")
                .map(drop)
        },
    ),
    should(
        "server/keys/key-of-its-own-connection",
        "2.4",
        "exchanges keys on two connections at once, then sends a file on the first, under the first key",
        "2103: a content is decrypted with the last key of its own connection",
        |s| {
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            let other = s.connect()?;
            s.exchanged(&other, &mut client.clone())?;
            s.uploaded(&link, &client, b"a.txt", b"under the key of its connection")
                .map(drop)
        },
    ),
];

fn exponent(s: &mut Setting, exponent: u64) -> Step {
    let link = s.connect()?;
    let mut client = s.registered(&link, "alice")?;
    client.pair = s.pair_with(exponent)?;
    s.exchanged(&link, &mut client)
}

/// Sends a key that was changed so that it has to be refused.
fn changed_key(s: &mut Setting, change: fn(&mut [u8])) -> Step {
    let link = s.connect()?;
    let client = s.registered(&link, "alice")?;
    let mut key = client.pair.public_der().to_vec();
    change(&mut key);
    let request = s.public_key(&client).with(Field::PublicKey, &key);
    link.send(request.bytes())?;
    s.refused_and_goes_on(&link, Kind::SendPublicKey)
}
