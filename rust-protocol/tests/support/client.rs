//! The owner of a client session, against the server of a [`World`].

use backup_protocol::crypto::{KeyPair, encrypt};
use backup_protocol::session::client::{
    self, ClientSession, Event, File, FileOutcome, MAX_READ, Transmission,
};
use backup_protocol::session::{ClientError, ClientOptions};

use super::{Connection, World, name};

impl World {
    /// Runs a client against this server to its end.
    pub fn backup(
        &mut self,
        options: ClientOptions,
        files: &[(&str, Vec<u8>)],
    ) -> (ClientSession, Result<Vec<FileOutcome>, ClientError>) {
        self.run(options, files, false)
    }

    /// As [`World::backup`], of no file at all.
    pub fn exchange_keys(
        &mut self,
        options: ClientOptions,
    ) -> (ClientSession, Result<Vec<FileOutcome>, ClientError>) {
        self.run(options, &[], true)
    }

    fn run(
        &mut self,
        options: ClientOptions,
        files: &[(&str, Vec<u8>)],
        mut keys_only: bool,
    ) -> (ClientSession, Result<Vec<FileOutcome>, ClientError>) {
        let rng = &mut rand::rng();
        let mut session = ClientSession::new(options);
        let mut action = session.start();
        let mut files = files.iter();
        let mut plain: &[u8] = &[];
        let mut connection: Option<Connection> = None;
        for _ in 0..100_000 {
            let mut bytes = Vec::new();
            let event = match action {
                client::Action::NextFile => match files.next() {
                    Some((file_name, content)) => {
                        plain = content;
                        Event::File(File {
                            name: name(file_name),
                            plain_size: plain.len() as u64,
                        })
                    }
                    None if std::mem::take(&mut keys_only) => Event::KeysOnly,
                    None => Event::NoMoreFiles,
                },
                client::Action::Connect => {
                    self.hang_up(connection.take());
                    self.log.push("connect".into());
                    connection = Some(self.connection());
                    Event::Connected
                }
                client::Action::MakeKey => {
                    self.log.push("make key".into());
                    Event::KeyMade(Box::new(KeyPair::generate(rng).unwrap()))
                }
                client::Action::KeepIdentity { client_id } => {
                    assert!(self.store.clients.contains_key(&client_id));
                    Event::IdentityKept
                }
                client::Action::Send(bytes) => {
                    match self.write(connection.as_mut().unwrap(), &bytes) {
                        true => Event::Sent,
                        false => Event::SendFailed,
                    }
                }
                client::Action::SendContent(transmission) => {
                    self.send_content(connection.as_mut().unwrap(), transmission, plain)
                }
                client::Action::Read { max, .. } => {
                    assert!((1..=MAX_READ).contains(&max), "{max}");
                    let connection = connection.as_mut().unwrap();
                    connection.run(self);
                    let size = max.min(self.chunk).min(connection.to_client.len());
                    bytes.extend(connection.to_client.drain(..size));
                    match size {
                        0 if connection.server_ended => Event::Ended,
                        0 => Event::TimedOut,
                        _ => Event::Received(&bytes),
                    }
                }
                client::Action::EndSending => {
                    connection.as_mut().unwrap().client_ended = true;
                    Event::SendingEnded
                }
                client::Action::Done => {
                    self.hang_up(connection);
                    let outcomes = session.outcomes().to_vec();
                    return (session, Ok(outcomes));
                }
                client::Action::Failed(error) => {
                    self.hang_up(connection);
                    return (session, Err(error));
                }
            };
            action = session.handle(event, rng);
        }
        panic!("a session without end: {:?}", self.log);
    }

    fn send_content(
        &mut self,
        connection: &mut Connection,
        mut transmission: Transmission,
        plain: &[u8],
    ) -> Event<'static> {
        assert_eq!(transmission.plain_size, plain.len() as u64);
        let content = encrypt(&transmission.key, plain);
        assert_eq!(content.len(), transmission.content_size as usize);
        transmission.sums.plain(plain);
        transmission.sums.content(&content);
        let mut prefix = transmission.prefix;
        let mut size = transmission.first_packet;
        let mut left = content.as_slice();
        loop {
            let (part, rest) = left.split_at(size as usize);
            left = rest;
            if !self.write(connection, &prefix) || !self.write(connection, part) {
                return Event::SendFailed;
            }
            let Some(next) = transmission.packets.next_packet() else {
                break;
            };
            (prefix, size) = next;
        }
        assert!(left.is_empty(), "{} bytes of content were left", left.len());
        let sums = transmission.sums;
        Event::ContentSent { sums }
    }

    /// Lets the server see the end of a connection that the client closes.
    fn hang_up(&mut self, connection: Option<Connection>) {
        if let Some(mut connection) = connection {
            connection.client_ended = true;
            connection.run(self);
        }
    }

    fn write(&mut self, connection: &mut Connection, bytes: &[u8]) -> bool {
        self.writes.push(bytes.to_vec());
        for chunk in bytes.chunks(self.chunk) {
            if connection.server_ended {
                return false;
            }
            connection.to_server.extend(chunk);
            connection.run(self);
        }
        true
    }
}
