//! A client's dialect, told from its requests as far as they show it (PROTOCOL.md 10.10).
//!
//! Candidates are the operator's bases, then the built-in dialects. What a request shows leaves some
//! of them, and the first that is left says the rest.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::crypto::content_size;
use crate::dialect::{Alignment, ByteOrder, Dialect, PacketSize, Parameters, RequestCodes};
use crate::wire::{ClientId, RequestCode, RequestHeader, RequestKind};

/// Learns dialects: what all connections of a server have in common, and what one of them has seen.
#[derive(Clone, Debug)]
pub struct Auto {
    /// The bases, and behind them the built-in dialects.
    candidates: Arc<[Dialect]>,
    bases: usize,
    facts: Facts,
    /// Whose facts these are; `None` for a client without ID.
    whose: Option<ClientId>,
    /// Whether the facts are to be kept.
    changed: bool,
}

/// What was learned of a client's dialect, to be kept with it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Learned {
    dialect: String,
    #[serde(flatten)]
    facts: Facts,
}

/// What requests have shown.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
struct Facts {
    /// Those of the dialect that fits, without that of a reconnect.
    request_codes: Option<RequestCodes>,
    /// Whether there was a reconnect.
    reconnects: bool,
    byte_order: Option<ByteOrder>,
    alignment: Option<Alignment>,
    client_id_in_payload: Option<bool>,
    packets: Option<bool>,
    packet_byte_order: Option<ByteOrder>,
}

/// What a header tells.
#[derive(Debug)]
pub(super) enum Told {
    /// So many more bytes are needed.
    NeedMore(usize),
    /// It is in this dialect.
    Dialect(Dialect),
    /// It is in the dialect of before, or in none.
    Same,
}

impl Learned {
    /// The dialect that the client was answered in last, as [`Dialect`] is shown.
    #[must_use]
    pub fn dialect(&self) -> &str {
        &self.dialect
    }

    /// Writes it, for a database.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Numbers, words and a text: there is nothing in it that JSON cannot say.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Learned::to_json`] wrote; `None` for what some other release understands.
    #[must_use]
    pub fn from_json(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }
}

impl Auto {
    /// Bytes of a send file request, after its header, that tell how its fields lie: those up to the
    /// total of packets, with the client ID before them.
    pub(super) const FILE_BYTES: usize = 28;

    /// Learns dialects. What a client does not show is that of the first of `bases` that agrees with
    /// what it does show, or else of the first such built-in dialect.
    #[must_use]
    pub fn new(bases: Vec<Dialect>) -> Self {
        let count = bases.len();
        let mut candidates = bases;
        candidates.extend_from_slice(Dialect::all());
        Self {
            candidates: candidates.into(),
            bases: count,
            facts: Facts::default(),
            whose: None,
            changed: false,
        }
    }

    /// The dialect of a client that has shown nothing.
    #[must_use]
    pub fn first(&self) -> Dialect {
        self.candidates.first().cloned().unwrap_or_default()
    }

    /// The bases that it was given.
    #[must_use]
    pub fn bases(&self) -> &[Dialect] {
        self.candidates.get(..self.bases).unwrap_or_default()
    }

    /// Whether what was learned before of this client was recalled.
    pub(super) fn knows(&self, client: ClientId) -> bool {
        self.whose == Some(client)
    }

    /// A client that had no ID got one.
    pub(super) const fn registered(&mut self, client: ClientId) {
        self.whose = Some(client);
        self.changed = true;
    }

    pub(super) fn take_learned(&mut self, dialect: &Dialect) -> Option<(ClientId, Learned)> {
        let client = self.whose.filter(|_| self.changed)?;
        self.changed = false;
        let learned = Learned {
            dialect: dialect.to_string(),
            facts: self.facts,
        };
        Some((client, learned))
    }
}

// What requests show.

impl Auto {
    /// Bytes of a header that are read first: those of a packed one.
    pub(super) const HEADER_BYTES: usize = 23;

    /// Tells by the first bytes of a request how its header lies, and by its code whose it is.
    pub(super) fn tell_header(&mut self, bytes: &[u8], current: &Dialect) -> Told {
        let read = |order, alignment| RequestHeader::decode_in(bytes, order, alignment).ok();
        let before = self.facts;
        if before.request_codes.is_some()
            && let Some(header) = read(current.byte_order, current.alignment)
            && let Some(kind) = possible(current, &header)
        {
            self.note(&header, kind, current);
            if self.facts == before {
                return Told::Same;
            }
            self.changed = true;
            return Told::Dialect(self.resolve(&header, current));
        }

        let natural = bytes.len() > Self::HEADER_BYTES;
        let alignment = match natural {
            true => Alignment::Natural,
            false => Alignment::Packed,
        };
        let orders = [ByteOrder::Little, ByteOrder::Big];
        let found = orders.into_iter().find_map(|order| {
            let header = read(order, alignment)?;
            let mut candidates = self.candidates.iter();
            candidates.find_map(|c| Some((order, header, possible(c, &header)?, c.clone())))
        });
        if let Some((order, header, kind, candidate)) = found {
            self.facts.byte_order = Some(order);
            self.facts.alignment = Some(alignment);
            self.note(&header, kind, &candidate);
            self.changed |= self.facts != before;
            return Told::Dialect(self.resolve(&header, &candidate));
        }
        if !natural && self.has_code_at(18, bytes) {
            return Told::NeedMore(1);
        }
        // A known code with a size that cannot be is refused in the dialect of the code.
        orders
            .into_iter()
            .find_map(|order| {
                let header = read(order, alignment)?;
                let mut candidates = self.candidates.iter();
                let candidate = candidates.find(|c| c.request_kind(header.code).is_some())?;
                Some(Told::Dialect(laid_out(candidate, order, alignment)))
            })
            .unwrap_or(Told::Same)
    }

    /// Whether a code that a candidate knows stands there, in either order.
    fn has_code_at(&self, offset: usize, bytes: &[u8]) -> bool {
        let code = bytes.get(offset..).and_then(<[u8]>::first_chunk);
        code.is_some_and(|&code| {
            [u16::from_le_bytes(code), u16::from_be_bytes(code)]
                .into_iter()
                .any(|code| {
                    let known = |c: &Dialect| c.request_kind(RequestCode(code)).is_some();
                    self.candidates.iter().any(known)
                })
        })
    }

    /// Takes up what was learned of the client before, which this request contradicts at most.
    pub(super) fn recall(
        &mut self,
        header: &RequestHeader,
        learned: Option<Learned>,
        current: &Dialect,
    ) -> Dialect {
        let before = learned.map(|learned| learned.facts);
        self.facts = Facts {
            byte_order: self.facts.byte_order,
            alignment: self.facts.alignment,
            ..before.unwrap_or_default()
        };
        if let Some(kind) = possible(current, header) {
            self.note(header, kind, current);
        }
        self.whose = Some(header.client_id);
        let dialect = self.resolve(header, current);
        self.changed = before != Some(self.facts);
        dialect
    }

    /// Tells by arithmetic how the fields of a send file request lie: its payload is as large as they
    /// and the content size say.
    pub(super) fn tell_file(
        &mut self,
        header: &RequestHeader,
        fields: &[u8],
        current: &Dialect,
    ) -> Option<Dialect> {
        let before = self.facts;
        for packets in [current.packets, !current.packets] {
            // The client ID, where it is, comes first: so does its layout.
            for client_id in [true, false] {
                let own = current.packet_byte_order;
                let packet_order = [own, other(own)].into_iter().find(|&packet_order| {
                    FileLayout {
                        client_id,
                        packets: packets.then_some(packet_order),
                    }
                    .fits(header, fields, current)
                });
                if let Some(packet_order) = packet_order {
                    self.facts.client_id_in_payload = Some(client_id);
                    self.facts.packets = Some(packets);
                    self.facts.packet_byte_order = packets.then_some(packet_order);
                    if self.facts == before {
                        return None;
                    }
                    self.changed = true;
                    return Some(self.resolve(header, current));
                }
            }
        }
        None
    }

    fn note(&mut self, header: &RequestHeader, kind: RequestKind, dialect: &Dialect) {
        match kind {
            RequestKind::Register => {
                // Whoever registers is not the client of before.
                self.facts.client_id_in_payload = None;
                self.facts.packets = None;
                self.facts.packet_byte_order = None;
                self.whose = None;
            }
            RequestKind::Reconnect => self.facts.reconnects = true,
            RequestKind::Verdict(_) => {
                let name = dialect.name_width as u32;
                self.facts.client_id_in_payload = Some(header.payload_size != name);
            }
            RequestKind::SendPublicKey | RequestKind::SendFile => {}
        }
    }

    /// The dialect that agrees best with what was shown: a base in everything; a base, then a built-in
    /// one in all but the layout of integers, which says nothing about the rest; a base, then a
    /// built-in one that has the codes. What it does not agree in is then changed.
    fn resolve(&mut self, header: &RequestHeader, current: &Dialect) -> Dialect {
        let facts = self.facts;
        let same = |told: Option<bool>, own| told.is_none_or(|told| told == own);
        let has_codes =
            |c: &Dialect| possible(c, header).is_some() && (!facts.reconnects || c.has_reconnect());
        let known_codes = |c: &Dialect| {
            let known = facts.request_codes;
            has_codes(c) && known.is_none_or(|known| known == without_reconnect(c))
        };
        let told = |c: &Dialect| {
            same(facts.client_id_in_payload, c.client_id_in_payload)
                && same(facts.packets, c.packets)
        };
        let layout = |c: &Dialect| {
            facts.byte_order == Some(c.byte_order) && facts.alignment == Some(c.alignment)
        };
        let (bases, built_in) = self
            .candidates
            .split_at_checked(self.bases)
            .unwrap_or_default();
        let find = |codes: &dyn Fn(&Dialect) -> bool| {
            let in_all = |c: &&Dialect| codes(c) && told(c) && layout(c);
            let in_most = |c: &&Dialect| codes(c) && told(c);
            let in_codes = |c: &&Dialect| codes(c);
            let mut found = bases.iter().find(in_all);
            found = found.or_else(|| bases.iter().find(in_most));
            found = found.or_else(|| built_in.iter().find(in_most));
            found = found.or_else(|| bases.iter().find(in_codes));
            found.or_else(|| built_in.iter().find(in_codes))
        };
        let found = find(&known_codes).or_else(|| find(&has_codes));
        let candidate = found.unwrap_or(current);
        self.facts.request_codes = Some(without_reconnect(candidate));
        facts.apply(candidate)
    }
}

impl Facts {
    /// A dialect, changed to agree with what was shown.
    fn apply(&self, dialect: &Dialect) -> Dialect {
        let mut changed = Parameters::clone(dialect);
        let own = &mut changed;
        own.byte_order = self.byte_order.unwrap_or(own.byte_order);
        own.alignment = self.alignment.unwrap_or(own.alignment);
        own.client_id_in_payload = self
            .client_id_in_payload
            .unwrap_or(own.client_id_in_payload);
        own.packets = self.packets.unwrap_or(own.packets);
        own.packet_byte_order = self.packet_byte_order.unwrap_or(own.packet_byte_order);
        if !own.packets {
            own.packet_size = PacketSize::WHOLE;
        }
        if changed == **dialect {
            return dialect.clone();
        }
        Dialect::new(changed).unwrap_or_else(|_| dialect.clone())
    }
}

/// A way in which the fields of a send file request can lie.
struct FileLayout {
    client_id: bool,
    /// The byte order of packet number and total, if they are there.
    packets: Option<ByteOrder>,
}

impl FileLayout {
    /// Whether the sizes in a request, or in the first packet of a file, agree with its payload size.
    fn fits(&self, header: &RequestHeader, fields: &[u8], dialect: &Dialect) -> bool {
        let offset = match self.client_id {
            true => ClientId::SIZE,
            false => 0,
        };
        let fields = fields.get(offset..).unwrap_or_default();
        let sizes = match self.packets {
            Some(_) => 4 + 4 + 2 + 2,
            None => 4,
        };
        let fixed = (dialect.name_width as usize)
            .saturating_add(offset)
            .saturating_add(sizes);
        let size = u32::try_from(fixed)
            .ok()
            .and_then(|fixed| header.payload_size.checked_sub(fixed));
        let (Some(size), Some((content, fields))) = (size, fields.split_first_chunk()) else {
            return false;
        };
        let content = dialect.byte_order.read_u32(*content);
        // Zeros are no content size, but the padding of a short name that is taken for one.
        if content == 0 {
            return false;
        }
        let Some(order) = self.packets else {
            return content == size;
        };
        let &[a, b, c, d, e, f, g, h, ..] = fields else {
            return false;
        };
        let original = dialect.byte_order.read_u32([a, b, c, d]);
        let (number, total) = (order.read_u16([e, f]), order.read_u16([g, h]));
        content_size(original.into()) == u64::from(content)
            && number == 1
            && total >= 1
            && size <= content
    }
}

/// The request that a header can begin in some dialect like this one. Whether the client ID is in the
/// payload, and packet fields, is left open.
pub(super) fn possible(dialect: &Dialect, header: &RequestHeader) -> Option<RequestKind> {
    let kind = dialect.request_kind(header.code)?;
    let name = dialect.name_width as u32;
    let size = header.payload_size;
    let fits = match kind {
        RequestKind::SendFile => size >= name.saturating_add(4),
        RequestKind::Verdict(_) => size == name || size == name.saturating_add(16),
        _ => dialect.request_size_fits(kind, size),
    };
    fits.then_some(kind)
}

fn without_reconnect(dialect: &Dialect) -> RequestCodes {
    RequestCodes {
        reconnect: None,
        ..dialect.request_codes
    }
}

fn laid_out(dialect: &Dialect, byte_order: ByteOrder, alignment: Alignment) -> Dialect {
    Facts {
        byte_order: Some(byte_order),
        alignment: Some(alignment),
        ..Facts::default()
    }
    .apply(dialect)
}

const fn other(order: ByteOrder) -> ByteOrder {
    match order {
        ByteOrder::Little => ByteOrder::Big,
        ByteOrder::Big => ByteOrder::Little,
    }
}
