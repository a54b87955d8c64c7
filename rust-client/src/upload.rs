//! The content of one 1103: read, summed and encrypted here, written by a thread of its own.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;

use backup_protocol::crypto::Encryptor;
use backup_protocol::session::client::{ContentSums, Packets, Transmission};

use crate::connection::Connection;
use crate::source::{FileError, SourceFile};

/// Bytes that are read at a time. A multiple of 16, so that every chunk is encrypted where it is.
const CHUNK: usize = 256 * 1024;

/// Chunks in flight: one is read, one is written, the others take up what comes in bursts.
const CHUNKS: usize = 4;

/// How the transmission of a content ended.
#[derive(Debug)]
pub(crate) enum Streamed {
    /// All of it was handed to the connection; the checksums are of what was sent.
    Whole(ContentSums),
    /// The server spoke before it had everything, or the connection failed: what it said, if
    /// anything, can still be read.
    Interrupted(Option<io::Error>),
}

/// Sends the content of a transmission, and what goes between its packets; the prefix is sent already.
/// `progress` hears how many bytes of the file have been read. Where an answer can only be a refusal, one
/// that comes before the end stops the transmission.
///
/// Memory is constant: [`CHUNKS`] buffers of [`CHUNK`] bytes go round between reader and writer.
///
/// # Errors
/// [`FileError`] if there are not exactly `plain_size` bytes to read. The server then holds a request
/// that never ends: the caller must drop the connection, and must not pad or cut (a wrong file that
/// verifies would be worse than none).
pub(crate) fn stream(
    connection: &Connection,
    source: &SourceFile,
    file: File,
    transmission: Transmission,
    progress: &mut dyn FnMut(u64),
) -> Result<Streamed, FileError> {
    let size = transmission.plain_size;
    let watch = transmission.stop_if_answered;
    let mut cut = Cut {
        left: transmission.first_packet,
        packets: transmission.packets,
        packet: Vec::new(),
    };
    let mut content = Content {
        source,
        file,
        size,
        sums: transmission.sums,
        encryptor: Some(Encryptor::new(&transmission.key)),
    };
    if size < CHUNK as u64 {
        // One chunk: not worth a thread.
        let mut buffer = Vec::with_capacity(CHUNK);
        content.fill(&mut buffer)?;
        return Ok(match cut.write(connection, &buffer) {
            Ok(()) => {
                progress(size);
                Streamed::Whole(content.sums)
            }
            Err(error) => Streamed::Interrupted(Some(error)),
        });
    }

    let (full, to_write) = mpsc::sync_channel(CHUNKS);
    let (done, empty) = mpsc::channel();
    for _ in 0..CHUNKS {
        // The block of padding may come on top of a full chunk.
        let _ = done.send(Vec::with_capacity(CHUNK + 16));
    }
    thread::scope(|scope| {
        let writer = scope.spawn(move || write(connection, cut, &to_write, &done));
        let read = read(connection, &mut content, &full, &empty, watch, progress);
        match read {
            // The writer may be waiting for a server that takes nothing any more. What the server
            // said can be read all the same.
            Ok(Reading::Answered) => drop(connection.end_sending()),
            Err(_) => connection.abort(),
            Ok(Reading::Whole | Reading::WriterGone) => {}
        }
        drop(full);
        let written = writer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match (read?, written) {
            (Reading::Whole, Ok(())) => Ok(Streamed::Whole(content.sums)),
            (Reading::Answered | Reading::WriterGone, Ok(())) | (Reading::Answered, Err(_)) => {
                Ok(Streamed::Interrupted(None))
            }
            (_, Err(error)) => Ok(Streamed::Interrupted(Some(error))),
        }
    })
}

/// Sends content that is there already, with what goes between its packets.
pub(crate) fn send_ready(
    connection: &Connection,
    transmission: Transmission,
    content: &[u8],
    sums: ContentSums,
) -> Streamed {
    let mut cut = Cut {
        left: transmission.first_packet,
        packets: transmission.packets,
        packet: Vec::new(),
    };
    match cut.write(connection, content) {
        Ok(()) => Streamed::Whole(sums),
        Err(error) => Streamed::Interrupted(Some(error)),
    }
}

enum Reading {
    Whole,
    Answered,
    WriterGone,
}

fn read(
    connection: &Connection,
    content: &mut Content<'_>,
    full: &SyncSender<Vec<u8>>,
    empty: &Receiver<Vec<u8>>,
    watch: bool,
    progress: &mut dyn FnMut(u64),
) -> Result<Reading, FileError> {
    while content.encryptor.is_some() {
        // A server that refuses in the middle of a large file says so at once and then closes: the
        // rest of the file would be sent for nothing, or into a reset (PROTOCOL.md 2.10).
        if watch && connection.has_answered() {
            return Ok(Reading::Answered);
        }
        // An end of either channel is the writer's failure, which it reports itself.
        let Ok(mut buffer) = empty.recv() else {
            return Ok(Reading::WriterGone);
        };
        content.fill(&mut buffer)?;
        if full.send(buffer).is_err() {
            return Ok(Reading::WriterGone);
        }
        progress(content.sums.plain_size());
    }
    Ok(Reading::Whole)
}

fn write(
    connection: &Connection,
    mut cut: Cut,
    full: &Receiver<Vec<u8>>,
    empty: &Sender<Vec<u8>>,
) -> io::Result<()> {
    for buffer in full {
        cut.write(connection, &buffer)?;
        // The reader is gone after its last chunk.
        let _ = empty.send(buffer);
    }
    Ok(())
}

/// Cuts the content into packets.
struct Cut {
    packets: Packets,
    /// Bytes of content that the packet under way still has.
    left: u32,
    /// Header of the packet under way, and its content so far, if it is not out yet.
    packet: Vec<u8>,
}

impl Cut {
    /// Writes the next bytes of the content: a whole packet in one write, as far as it is there.
    fn write(&mut self, connection: &Connection, mut content: &[u8]) -> io::Result<()> {
        while !content.is_empty() {
            if self.left == 0 {
                // The sizes were reckoned with the same content: there is always another packet.
                let Some((header, size)) = self.packets.next_packet() else {
                    return Err(io::ErrorKind::InvalidInput.into());
                };
                self.packet = header;
                self.left = size;
            }
            let size = content.len().min(self.left as usize);
            let (part, rest) = content.split_at(size);
            content = rest;
            self.left -= size as u32;
            if self.packet.is_empty() {
                connection.write_all(part)?;
            } else {
                self.packet.extend_from_slice(part);
                connection.write_all(&self.packet)?;
                self.packet.clear();
            }
        }
        Ok(())
    }
}

/// Turns a file into content, chunk by chunk.
struct Content<'a> {
    source: &'a SourceFile,
    file: File,
    size: u64,
    sums: ContentSums,
    /// `None` once the padding is out.
    encryptor: Option<Encryptor>,
}

impl Content<'_> {
    /// Makes `buffer` the next chunk of content, the padding included if it is the last.
    fn fill(&mut self, buffer: &mut Vec<u8>) -> Result<(), FileError> {
        let Some(mut encryptor) = self.encryptor.take() else {
            return Ok(());
        };
        let read = self.sums.plain_size();
        let left = self.size.saturating_sub(read);
        let wanted = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        // A buffer that comes back is as long as a chunk: nothing is cleared twice.
        buffer.resize(wanted, 0);
        let got = self.read_up_to(buffer)?;
        if got < wanted {
            return Err(self.changed(read + got as u64));
        }
        self.sums.plain(buffer);
        encryptor.update_in_place(buffer);
        if left > wanted as u64 {
            self.encryptor = Some(encryptor);
        } else {
            if self.read_up_to(&mut [0])? != 0 {
                return Err(self.changed(self.size.saturating_add(1)));
            }
            encryptor.finish(buffer);
        }
        // Nothing, unless the dialect sums the content.
        self.sums.content(buffer);
        Ok(())
    }

    /// Fills `buffer`, or as much of it as the file still has.
    fn read_up_to(&self, buffer: &mut [u8]) -> Result<usize, FileError> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match (&self.file).read(rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let path = self.source.path().to_owned();
                    return Err(FileError::Unreadable { path, source });
                }
            }
        }
        Ok(filled)
    }

    fn changed(&self, read: u64) -> FileError {
        self.source.changed(self.size, read)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use backup_protocol::crypto::{AesKey, decrypt};
    use backup_protocol::wire::{ClientId, Request, RequestHeader};
    use backup_protocol::{Cksum, Dialect};

    use super::*;

    /// Streams `actual` as if `announced` bytes had been announced, to a peer that keeps everything.
    fn run(
        dialect: &Dialect,
        actual: &[u8],
        announced: u64,
    ) -> (Result<Streamed, FileError>, Vec<u8>, Vec<u64>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, actual).unwrap();
        let source = SourceFile::check(&path, None).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap().to_string().parse().unwrap();
        let connection = Connection::open(&server, Duration::from_secs(10), None).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let peer = thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = peer.read_to_end(&mut bytes);
            bytes
        });
        let mut heard = Vec::new();
        let (file, _) = source.open().unwrap();
        let name = source.wire_name();
        let transmission =
            Transmission::new(dialect, ClientId::ZERO, name, announced, key()).unwrap();
        connection.write_all(&transmission.prefix).unwrap();
        let result = stream(&connection, &source, file, transmission, &mut |n| {
            heard.push(n);
        });
        drop(connection);
        (result, peer.join().unwrap(), heard)
    }

    fn key() -> AesKey {
        AesKey::from_bytes(&[7; 16]).unwrap()
    }

    /// What is left of the messages without headers and fixed fields, each checked to be as large as
    /// it says.
    fn content(dialect: &Dialect, mut bytes: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        while !bytes.is_empty() {
            let (header, rest) = bytes.split_at(dialect.request_header_size());
            let header = RequestHeader::decode(header, dialect).unwrap();
            let (fixed, rest) = rest.split_at(header.rest_size(dialect).unwrap());
            let Ok(Request::SendFile(file)) = Request::decode(&header, fixed, dialect) else {
                panic!("{header:?}")
            };
            let Some((part, rest)) = rest.split_at_checked(file.size() as usize) else {
                content.extend(rest);
                break;
            };
            content.extend(part);
            bytes = rest;
        }
        content
    }

    #[test]
    fn every_size_around_a_chunk_arrives_whole() {
        for size in [
            0,
            1,
            15,
            16,
            CHUNK - 1,
            CHUNK,
            CHUNK + 1,
            CHUNK * 9,
            CHUNK * 9 + 15,
        ] {
            for text in [
                "seed",
                "seed,crc-input=content",
                "2024a",
                "2024a,packet=1024",
            ] {
                let dialect = Dialect::parse(text).unwrap();
                let plain: Vec<u8> = (0..251).cycle().take(size).collect();
                let (result, bytes, heard) = run(&dialect, &plain, size as u64);
                let Streamed::Whole(sums) = result.unwrap() else {
                    panic!("interrupted")
                };
                let content = content(&dialect, &bytes);
                assert_eq!(content.len(), size / 16 * 16 + 16);
                assert_eq!(decrypt(&key(), &content).unwrap(), plain);
                let summed = if sums.wants_content() {
                    &content
                } else {
                    &plain
                };
                let expected = format!("{}", Cksum::of(summed));
                assert!(format!("{sums:?}").contains(&expected), "{text}: {sums:?}");
                assert_eq!(heard.last(), Some(&(size as u64)));
            }
        }
    }

    #[test]
    fn a_file_that_shrank_or_grew_is_never_completed() {
        for (actual, announced) in [
            (10, 11),
            (11, 10),
            (CHUNK * 2, CHUNK * 2 + 1),
            (CHUNK * 2 + 1, CHUNK * 2),
            (CHUNK * 2 - 1, CHUNK * 12),
        ] {
            let dialect = Dialect::parse("seed").unwrap();
            let (result, bytes, _) = run(&dialect, &vec![0; actual], announced as u64);
            let content = content(&dialect, &bytes);
            assert!(
                matches!(result, Err(FileError::Changed { .. })),
                "{actual} {announced}"
            );
            assert!(content.len() < announced / 16 * 16 + 16);
        }
    }
}
