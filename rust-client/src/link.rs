//! The connection of the moment, and how long it is waited for.

use std::io;
use std::time::{Duration, Instant};

use backup_protocol::session::client::{Event as Input, Patience, Transmission};

use crate::client::Client;
use crate::connection::Connection;
use crate::error::ClientError;
use crate::source::FileError;
use crate::upload::Streamed;

/// Content that a server is trusted to decrypt and sum in a second, in bytes, before it must answer:
/// far below what even an interpreted server does, far above what would be no limit.
const SERVER_BYTES_PER_SECOND: u64 = 2_000_000;

/// How long a server is waited for that may not have understood the question, since others are left to
/// ask. One that did understand answers far sooner.
const GUESS: Duration = Duration::from_secs(5);

/// How long to look whether a server closes, or says something that need not be said.
const GLANCE: Duration = Duration::from_secs(1);

/// The connection of the moment.
pub(crate) struct Link {
    connection: Option<Connection>,
    /// Of the answer that is being read, and how patiently.
    deadline: Option<(Patience, Instant)>,
    /// What the server may take longer for the request that was sent last.
    extra: Duration,
    /// Bytes of the first request that the file under way was sent in.
    pub(crate) request_size: Option<u64>,
    /// What the system said last, for the message.
    pub(crate) error: Option<io::Error>,
}

impl Link {
    pub(crate) const fn new() -> Self {
        Self {
            connection: None,
            deadline: None,
            extra: Duration::ZERO,
            request_size: None,
            error: None,
        }
    }

    pub(crate) fn connect(&mut self, client: &Client) -> Result<(), ClientError> {
        self.connection = None;
        self.deadline = None;
        self.error = None;
        let options = &client.options;
        match Connection::open(&options.server, options.timeout, options.tls.as_ref()) {
            Ok(connection) => {
                client.options.interrupt.watch(connection.handle());
                self.connection = Some(connection);
                Ok(())
            }
            Err(source) => Err(ClientError::Connect {
                server: client.options.server.clone(),
                source,
            }),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Input<'static> {
        self.deadline = None;
        self.extra = Duration::ZERO;
        let sent = match &self.connection {
            Some(connection) => connection.write_all(bytes),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        match sent {
            Ok(()) => Input::Sent,
            Err(error) => self.send_failed(error),
        }
    }

    fn send_failed(&mut self, error: io::Error) -> Input<'static> {
        self.error = Some(error);
        Input::SendFailed
    }

    pub(crate) fn read<'b>(&mut self, buffer: &'b mut [u8], patience: Patience) -> Input<'b> {
        let Some(connection) = &self.connection else {
            return Input::Ended;
        };
        let deadline = match self.deadline {
            Some((same, deadline)) if same == patience => deadline,
            _ => match patience {
                Patience::Answer => connection.deadline(Duration::MAX, self.extra),
                Patience::Guess => connection.deadline(GUESS, self.extra),
                Patience::Glance => connection.deadline(GLANCE, Duration::ZERO),
            },
        };
        self.deadline = Some((patience, deadline));
        match connection.read(buffer, deadline) {
            Ok(0) => Input::Ended,
            Ok(read) => Input::Received(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Input::TimedOut,
            Err(error) => {
                self.error = Some(error);
                Input::Reset
            }
        }
    }

    pub(crate) fn send_content(
        &mut self,
        transmission: Transmission,
        stream: impl FnOnce(&Connection, Transmission) -> Result<Streamed, FileError>,
    ) -> Result<Input<'static>, FileError> {
        let header = transmission.prefix.len() as u64;
        let size = header.saturating_add(transmission.first_packet.into());
        self.request_size.get_or_insert(size);
        let size = u64::from(transmission.content_size);
        if !matches!(self.send(&transmission.prefix), Input::Sent) {
            return Ok(Input::SendFailed);
        }
        self.extra = Duration::from_secs(size / SERVER_BYTES_PER_SECOND);
        let Some(connection) = &self.connection else {
            return Ok(Input::SendFailed);
        };
        Ok(match stream(connection, transmission)? {
            Streamed::Whole(sums) => Input::ContentSent { sums },
            Streamed::Interrupted(error) => {
                self.error = error;
                Input::SendFailed
            }
        })
    }

    pub(crate) fn end_sending(&mut self) -> Input<'static> {
        if let Some(connection) = &self.connection {
            // Fails if the server has reset the connection, which the next read says better.
            let _ = connection.end_sending();
        }
        self.deadline = None;
        self.extra = Duration::ZERO;
        Input::SendingEnded
    }
}
