//! Files, in one packet or many (PROTOCOL.md 2.3, 10.7).

use super::super::packets::{Claim, Following, Incoming, out_of_order};
use super::super::{Action, Ask, Content, NewFile, UploadId};
use super::{Machine, State};
use crate::cksum::FileCksum;
use crate::crypto::AesKey;
use crate::dialect::EchoedSize;
use crate::session::Refusal;
use crate::wire::{
    ClientId, FileReceived, Name, Request, RequestHeader, RequestKind, Response, SendFile,
};

/// How many uploads of a connection are remembered for their verdicts. An older one is still found by
/// the store as the newest of its name that nobody judged.
const REMEMBERED_UPLOADS: usize = 256;

impl Machine {
    pub(super) fn on_file(&mut self, header: &RequestHeader) -> Action {
        let decoded = Request::decode(header, &self.payload, &self.dialect);
        self.claim = self.read_claim(header);
        if let Some(following) = self.following
            && self.claim.number != 1
        {
            return self.discard_following(following);
        }
        self.following = None;
        match decoded {
            Ok(Request::SendFile(file)) => match &file.packet {
                Some(packet) if packet.number != 1 => self.on_packet(header.client_id, file),
                _ => self.ask_for_file(header.client_id, file),
            },
            Ok(_) => self.close(),
            Err(error) => self.refuse_file(error.into(), self.claim.size.into()),
        }
    }

    pub(super) fn ask_for_file(&mut self, client: ClientId, file: SendFile) -> Action {
        self.file = None;
        if file.file_name.base_name().is_none() {
            return self.refuse_file(Refusal::FileName, file.size().into());
        }
        let ask = Ask::SendFile {
            client,
            file_name: file.file_name.clone(),
            content_size: file.content_size,
        };
        self.state = State::AskingForFile(client, file);
        Action::Ask(ask)
    }

    /// Parallel connections of one client each made a key of their own, and the store has the last of
    /// them: the key of this connection is the one that the client encrypts with here.
    pub(super) fn begin_file(
        &mut self,
        client: ClientId,
        file: SendFile,
        stored_key: Option<AesKey>,
    ) -> Action {
        let own_key = self.key.as_ref().filter(|(owner, _)| *owner == client);
        let Some(key) = own_key.map(|(_, key)| key.clone()).or(stored_key) else {
            return self.refuse_file(Refusal::NoKey, file.size().into());
        };
        let new = NewFile {
            client,
            file_name: file.file_name.clone(),
            content_size: file.content_size,
            key,
            cksum: FileCksum::new(&self.dialect),
        };
        self.file = Some(Incoming::new(client, file.clone()));
        self.state = State::BeginningFile(file);
        Action::BeginFile(Box::new(new))
    }

    pub(super) fn on_packet(&mut self, client: ClientId, file: SendFile) -> Action {
        let offset = self.content_size_offset();
        let own = self.file.as_mut().filter(|it| it.client == client);
        let taken = match (own, &file.packet) {
            (Some(incoming), _) => incoming.take(&file, offset),
            (None, Some(packet)) => Err(out_of_order(packet, offset, 1)),
            (None, None) => return self.close(),
        };
        match taken {
            Ok(()) => self.receive(file),
            Err(error) => self.refuse_file(error.into(), file.size().into()),
        }
    }

    pub(super) fn receive(&mut self, file: SendFile) -> Action {
        let (size, last) = (file.size(), Incoming::is_last(&file));
        self.state = State::ReceivingContent(file);
        Action::ReceiveContent { size, last }
    }

    pub(super) fn on_content(&mut self, file: &SendFile, content: Content) -> Action {
        match content {
            Content::Refused { refusal, unread } => self.refuse_file(refusal, unread),
            Content::Received if !Incoming::is_last(file) => self.read_header(),
            Content::Stored {
                upload,
                plain_size,
                cksum,
            } if Incoming::is_last(file) => {
                self.file = None;
                let client_id = self.asking();
                self.remember(client_id, &file.file_name, upload);
                let size = match self.dialect.echoed_size {
                    EchoedSize::Content => file.content_size,
                    EchoedSize::Plain => u32::try_from(plain_size).unwrap_or(u32::MAX),
                };
                let fields = self.dialect.file_received_fields;
                let response = Response::FileReceived(FileReceived {
                    client_id: fields.has_client_id().then_some(client_id),
                    content_size: fields.has_content_size().then_some(size),
                    file_name: file.file_name.clone(),
                    cksum,
                });
                self.send(&response, false)
            }
            _ => self.close(),
        }
    }

    /// Sizes and packet fields of a request, whatever else is wrong with it.
    pub(super) fn read_claim(&self, header: &RequestHeader) -> Claim {
        let offset = match self.dialect.client_id_in_payload {
            true => ClientId::SIZE,
            false => 0,
        };
        let fields = self.payload.get(offset..).unwrap_or_default();
        let number = |bytes: [u8; 2]| self.dialect.packet_byte_order.read_u16(bytes);
        let fixed = self.dialect.request_fixed_size(RequestKind::SendFile);
        let (number, total) = match fields {
            [_, _, _, _, _, _, _, _, a, b, c, d, ..] if self.dialect.packets => {
                (number([*a, *b]), number([*c, *d]))
            }
            _ => (1, 1),
        };
        Claim {
            content_size: fields
                .first_chunk()
                .map_or(0, |&bytes| self.dialect.byte_order.read_u32(bytes)),
            size: header.payload_size.saturating_sub(fixed),
            number,
            total,
        }
    }

    pub(super) fn content_size_offset(&self) -> usize {
        let client_id = match self.dialect.client_id_in_payload {
            true => ClientId::SIZE,
            false => 0,
        };
        self.dialect.request_header_size().saturating_add(client_id)
    }

    /// Refuses a file of which `unread` bytes of this request are still to come, and perhaps further
    /// packets.
    pub(super) fn refuse_file(&mut self, refusal: Refusal, unread: u64) -> Action {
        self.refusal = Some(refusal);
        let Claim {
            content_size,
            number,
            mut total,
            ..
        } = self.claim;
        let begun = self.file.take();
        if let Some(first) = begun.and_then(|file| file.first.packet)
            && number != 1
        {
            // A packet that contradicts packet 1 says nothing about how many there will be.
            total = first.total;
        }
        let mut to_come = unread;
        self.following = (number < total).then(|| Following {
            total,
            budget: self.discard_limit.saturating_sub(unread),
        });
        if self.following.is_some() {
            to_come = to_come.max(content_size.into());
        }
        if to_come > self.discard_limit {
            self.send_negative(true)
        } else if unread > 0 {
            self.state = State::Discarding;
            Action::Discard { size: unread }
        } else {
            self.send_negative(false)
        }
    }

    pub(super) fn discard_following(&mut self, mut following: Following) -> Action {
        let size = u64::from(self.claim.size);
        if size > following.budget {
            return self.close();
        }
        following.budget = following.budget.saturating_sub(size);
        self.following = (self.claim.number < following.total).then_some(following);
        if size == 0 {
            return self.read_header();
        }
        self.state = State::DiscardingSilently;
        Action::Discard { size }
    }

    /// Remembers an upload even once it is judged: a verdict that is repeated must not fall on the
    /// upload of another connection.
    pub(super) fn remember(&mut self, client: ClientId, file_name: &Name, upload: UploadId) {
        self.uploads
            .retain(|(owner, name, _)| (*owner, name) != (client, file_name));
        if self.uploads.len() >= REMEMBERED_UPLOADS {
            self.uploads.remove(0);
        }
        self.uploads.push((client, file_name.clone(), upload));
    }

    pub(super) fn upload(&self, client: ClientId, file_name: &Name) -> Option<UploadId> {
        let mut found = self.uploads.iter();
        found
            .find(|(owner, name, _)| (*owner, name) == (client, file_name))
            .map(|&(_, _, upload)| upload)
    }
}
