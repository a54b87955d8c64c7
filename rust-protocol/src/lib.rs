//! The backup protocol, without I/O.
//!
//! This crate knows what goes over the wire and what it leads to: the codec of every request and
//! response ([`wire`]), the ciphers with the protocol's parameters ([`crypto`]), its checksum
//! ([`cksum`]), its dialects ([`dialect`]) and the two sides of a conversation ([`session`]). Section
//! numbers in this documentation are those of `docs/PROTOCOL.md`, which is normative.
//!
//! It has no socket, no file, no clock and no thread, and takes random numbers as an argument: all of
//! that is the business of the programs around it. It never panics at bytes that a peer chose.
//!
//! The protocol protects less than one would like. RSA has 1024 bits, the IV is constant, there is no
//! MAC, and the client ID travels in clear: see section 9 before relying on it.
//!
//! # Example
//!
//! The codec, and then a client session. The loop is the whole client: over
//! a network each arm would be a call on a `TcpStream` or a `File`.
//!
//! ```
//! use backup_protocol::session::client::{Action, ClientSession, Event, File};
//! use backup_protocol::session::ClientOptions;
//! use backup_protocol::wire::{ClientId, Name, Register, Request, RequestHeader, VERSION};
//! use backup_protocol::{Cksum, Dialect, crypto};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dialect = Dialect::named("seed").ok_or("is built in")?;
//!
//! // A message is encoded in one buffer, for one write.
//! let request = Request::Register(Register { name: Name::new("alice")? });
//! let bytes = request.encode(&dialect, ClientId::ZERO, VERSION);
//! assert_eq!(bytes.len(), 23 + 255);
//!
//! // Its header is judged before a byte of the payload is read.
//! let (header, payload) = bytes.split_at(dialect.request_header_size());
//! let header = RequestHeader::decode(header, &dialect)?;
//! header.check(&dialect)?;
//! assert_eq!(Request::decode(&header, payload, &dialect)?, request);
//!
//! // A client says what is to be done, and hears what came of it.
//! let mut rng = rand::rng();
//! let key = crypto::KeyPair::generate(&mut rng)?;
//! let mut session = ClientSession::new(ClientOptions::new(Name::new("alice")?, key, dialect));
//! let mut sent = Vec::new();
//! let mut action = session.start();
//! loop {
//!     let event = match action {
//!         Action::NextFile => Event::File(File { name: Name::new("a.txt")?, plain_size: 9 }),
//!         Action::Connect => Event::Connected,
//!         Action::Send(bytes) => {
//!             sent.extend(bytes);
//!             Event::Sent
//!         }
//!         Action::SendContent(mut transmission) => {
//!             let content = crypto::encrypt(&transmission.key, b"123456789");
//!             sent.extend(transmission.prefix);
//!             sent.extend(&content);
//!             transmission.sums.plain(b"123456789");
//!             transmission.sums.content(&content);
//!             Event::ContentSent { sums: transmission.sums }
//!         }
//!         // This server is silent; a real one is read from here.
//!         Action::Read { max, .. } => {
//!             assert_eq!(max, 7);
//!             Event::TimedOut
//!         }
//!         // Only for a client with an ID.
//!         Action::MakeKey => Event::KeyMade(Box::new(crypto::KeyPair::generate(&mut rng)?)),
//!         Action::EndSending => Event::SendingEnded,
//!         // The place to write me.info.
//!         Action::KeepIdentity { .. } => Event::IdentityKept,
//!         Action::Done => break,
//!         Action::Failed(error) => {
//!             assert_eq!(error.to_string(), "no answer to the request \"register\" in time");
//!             break;
//!         }
//!     };
//!     action = session.handle(event, &mut rng);
//! }
//! assert_eq!(sent, bytes);
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

pub mod cksum;
pub mod crypto;
pub mod dialect;
pub mod hardware;
pub mod session;
pub mod wire;

pub use cksum::Cksum;
pub use dialect::Dialect;
/// What the random number generators that are passed in have to be, in the version used here.
pub use rsa::rand_core;
