//! Codes and sizes that follow from the parameters, all sizes in bytes.

use super::FileTooLarge;
use super::parameters::{
    After, Alignment, Connection, FileReceivedFields, LONG_PUBLIC_KEY, Parameters, RefusedPayload,
    SHORT_PUBLIC_KEY, SizeCounts,
};
use crate::wire::{
    ClientId, RequestCode, RequestKind, ResponseCode, ResponseKind, VerdictKind, WRAPPED_KEY_SIZE,
};

impl Parameters {
    /// The request that a code stands for.
    #[must_use]
    pub fn request_kind(&self, code: RequestCode) -> Option<RequestKind> {
        RequestKind::ALL
            .into_iter()
            .find(|&kind| self.request_code(kind) == Some(code))
    }

    /// The code of a request; `None` if the dialect does not have it.
    #[must_use]
    pub const fn request_code(&self, kind: RequestKind) -> Option<RequestCode> {
        let codes = &self.request_codes;
        Some(match kind {
            RequestKind::Register => codes.register,
            RequestKind::SendPublicKey => codes.send_public_key,
            RequestKind::Reconnect => return codes.reconnect,
            RequestKind::SendFile => codes.send_file,
            RequestKind::Verdict(VerdictKind::Right) => codes.cksum_right,
            RequestKind::Verdict(VerdictKind::Wrong) => codes.cksum_wrong,
            RequestKind::Verdict(VerdictKind::GiveUp) => codes.give_up,
        })
    }

    /// The response that a code stands for.
    #[must_use]
    pub fn response_kind(&self, code: ResponseCode) -> Option<ResponseKind> {
        ResponseKind::ALL
            .into_iter()
            .find(|&kind| self.response_code(kind) == Some(code))
    }

    /// The code of a response; `None` if the dialect does not have it.
    #[must_use]
    pub const fn response_code(&self, kind: ResponseKind) -> Option<ResponseCode> {
        let codes = &self.response_codes;
        Some(match kind {
            ResponseKind::Registered => codes.registered,
            ResponseKind::Refused => codes.refused,
            ResponseKind::AesKey => codes.aes_key,
            ResponseKind::FileReceived => codes.file_received,
            ResponseKind::Acknowledged => codes.acknowledged,
            ResponseKind::Reconnected => return codes.reconnected,
            ResponseKind::ReconnectRefused => return codes.reconnect_refused,
            ResponseKind::GeneralError => return codes.general_error,
        })
    }

    /// The negative answer to a request, where it is not a reconnect that is refused with reason
    /// (10.6).
    #[must_use]
    pub const fn negative_answer(&self, request: Option<RequestKind>) -> ResponseKind {
        match request {
            Some(RequestKind::Register) => ResponseKind::Refused,
            _ if self.response_codes.general_error.is_some() => ResponseKind::GeneralError,
            _ => ResponseKind::Refused,
        }
    }

    /// Whether there is a reconnect (10.4).
    #[must_use]
    pub const fn has_reconnect(&self) -> bool {
        self.request_codes.reconnect.is_some()
    }

    /// Whether the server closes after each answer (10.9).
    #[must_use]
    pub const fn closes_after_each(&self) -> bool {
        matches!(self.connection, Connection::Request)
    }

    /// Size of a request header.
    #[must_use]
    pub const fn request_header_size(&self) -> usize {
        match self.alignment {
            Alignment::Packed => 23,
            Alignment::Natural => 24,
        }
    }

    /// Size of a request's payload, without the content of a send file request; of a public key
    /// request, the smallest.
    #[must_use]
    pub const fn request_fixed_size(&self, kind: RequestKind) -> u32 {
        let name = self.name_width as u32;
        let client_id = if self.client_id_in_payload {
            CLIENT_ID
        } else {
            0
        };
        let packet_fields = if self.packets { PACKET_FIELDS } else { 0 };
        match kind {
            RequestKind::Register | RequestKind::Reconnect => name,
            RequestKind::SendPublicKey => name.saturating_add(SHORT_PUBLIC_KEY as u32),
            RequestKind::SendFile => client_id
                .saturating_add(CONTENT_SIZE)
                .saturating_add(packet_fields)
                .saturating_add(name),
            RequestKind::Verdict(_) => client_id.saturating_add(name),
        }
    }

    /// Whether a request of this kind can have a payload of so many bytes.
    #[must_use]
    pub const fn request_size_fits(&self, kind: RequestKind, payload_size: u32) -> bool {
        let smallest = self.request_fixed_size(kind);
        match kind {
            RequestKind::SendFile => payload_size >= smallest,
            RequestKind::SendPublicKey => {
                let other = payload_size.saturating_sub(self.name_width as u32);
                payload_size > smallest && self.public_key_sizes.accept(other as usize)
                    || payload_size == smallest
            }
            _ => payload_size == smallest,
        }
    }

    /// Zero bytes that follow a request other than send file with a payload of so many bytes (10.3).
    #[must_use]
    pub const fn request_padding_size(&self, payload_size: u32) -> usize {
        let message = self
            .request_header_size()
            .saturating_add(payload_size as usize);
        self.request_padding.bytes().saturating_sub(message)
    }

    /// Size of a response header.
    #[must_use]
    pub const fn response_header_size(&self) -> usize {
        let before_size: usize = match self.alignment {
            Alignment::Packed => 3,
            Alignment::Natural => 4,
        };
        before_size.saturating_add(self.response_size_width.bytes())
    }

    /// Size of a response's payload; of an acknowledgement, the larger of the two it may have.
    #[must_use]
    pub const fn response_size(&self, kind: ResponseKind) -> u32 {
        match kind {
            ResponseKind::Registered
            | ResponseKind::Acknowledged
            | ResponseKind::ReconnectRefused => CLIENT_ID,
            ResponseKind::Refused => match self.refused_payload {
                RefusedPayload::Empty => 0,
                RefusedPayload::ClientId => CLIENT_ID,
            },
            ResponseKind::AesKey | ResponseKind::Reconnected => CLIENT_ID + WRAPPED_KEY,
            ResponseKind::FileReceived => {
                let before_name = match self.file_received_fields {
                    FileReceivedFields::All => CLIENT_ID + CONTENT_SIZE,
                    FileReceivedFields::NoContentSize => CLIENT_ID,
                    FileReceivedFields::NoClientId => CONTENT_SIZE,
                };
                (self.name_width as u32)
                    .saturating_add(before_name)
                    .saturating_add(self.cksum_width as u32)
            }
            ResponseKind::GeneralError => 0,
        }
    }

    /// Zero bytes that follow a response with a payload of so many bytes (10.3).
    #[must_use]
    pub const fn response_padding_size(&self, payload_size: u32) -> usize {
        let message = self
            .response_header_size()
            .saturating_add(payload_size as usize);
        self.response_padding.bytes().saturating_sub(message)
    }

    /// What the header of a response says whose payload has so many bytes (1.6).
    #[must_use]
    pub const fn claimed_response_size(&self, payload_size: u32) -> u32 {
        let more = match self.size_counts {
            SizeCounts::Payload => 0,
            SizeCounts::Message => self.response_header_size(),
            SizeCounts::Padded => self.response_padding_size(payload_size),
        };
        payload_size.saturating_add(more as u32)
    }

    /// What follows an honoured verdict.
    #[must_use]
    pub const fn after(&self, kind: VerdictKind) -> After {
        match kind {
            VerdictKind::Right => self.after_right,
            VerdictKind::Wrong => self.after_wrong,
            VerdictKind::GiveUp => self.after_give_up,
        }
    }

    /// The largest encrypted content that can be sent: what the payload size can count (2.3), or what
    /// as many packets as can be numbered hold (10.7).
    #[must_use]
    pub const fn max_content_size(&self) -> u32 {
        let fixed = self.request_fixed_size(RequestKind::SendFile);
        let one_packet = u32::MAX.saturating_sub(fixed) & !15;
        match self.packet_size.bytes() {
            0 => one_packet,
            size => {
                let all = size.saturating_mul(u16::MAX as u32);
                let most = !15;
                let all = if all < most { all } else { most };
                // One packet of that size is none that can be sent.
                if size > one_packet { one_packet } else { all }
            }
        }
    }

    /// The largest file that can be sent: at least one byte of its content is padding (2.3).
    #[must_use]
    pub const fn max_plain_size(&self) -> u64 {
        (self.max_content_size() as u64).saturating_sub(1)
    }

    /// Size of the encrypted content of a file of `plain_size` bytes: the next multiple of 16 above
    /// it (4.3).
    ///
    /// # Errors
    ///
    /// The file has more than [`Parameters::max_plain_size`] bytes.
    pub fn content_size(&self, plain_size: u64) -> Result<u32, FileTooLarge> {
        u32::try_from(crate::crypto::content_size(plain_size))
            .ok()
            .filter(|&size| size <= self.max_content_size())
            .ok_or_else(|| FileTooLarge {
                size: plain_size,
                limit: self.max_plain_size(),
            })
    }
}

const CLIENT_ID: u32 = ClientId::SIZE as u32;
const CONTENT_SIZE: u32 = 4;
/// Original size, packet number, total.
const PACKET_FIELDS: u32 = 4 + 2 + 2;
const WRAPPED_KEY: u32 = WRAPPED_KEY_SIZE as u32;
const _: () = assert!(LONG_PUBLIC_KEY > SHORT_PUBLIC_KEY);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;

    fn dialect(text: &str) -> Dialect {
        Dialect::parse(text).unwrap()
    }

    #[test]
    fn has_the_sizes_of_the_specification() {
        let sizes = |text| RequestKind::ALL.map(|kind| dialect(text).request_fixed_size(kind));
        assert_eq!(sizes("seed"), [255, 415, 255, 275, 271, 271, 271]);
        assert_eq!(sizes("readme"), [255, 415, 255, 275, 271, 271, 271]);
        assert_eq!(sizes("2023a"), [255, 415, 255, 259, 255, 255, 255]);
        assert_eq!(sizes("2024a"), [255, 415, 255, 267, 255, 255, 255]);
        let wide = "2024a,name=256,id=yes";
        assert_eq!(sizes(wide), [256, 416, 256, 284, 272, 272, 272]);

        let sizes = |text| ResponseKind::ALL.map(|kind| dialect(text).response_size(kind));
        assert_eq!(sizes("seed"), [16, 0, 144, 279, 16, 144, 16, 0]);
        assert_eq!(sizes("readme"), [16, 16, 144, 291, 16, 144, 16, 0]);
        let short = "seed,received=client_id+file_name+cksum";
        assert_eq!(
            dialect(short).response_size(ResponseKind::FileReceived),
            275
        );
        let short = "seed,received=content_size+file_name+cksum";
        assert_eq!(
            dialect(short).response_size(ResponseKind::FileReceived),
            263
        );

        for (text, request, response) in [
            ("seed", 23, 7),
            ("readme", 23, 5),
            ("seed,align=natural", 24, 8),
            ("readme,align=natural", 24, 6),
        ] {
            assert_eq!(dialect(text).request_header_size(), request, "{text}");
            assert_eq!(dialect(text).response_header_size(), response, "{text}");
        }
    }

    #[test]
    fn counts_and_pads_responses_as_it_is_told() {
        for (text, padding, claimed) in [
            ("seed", 0, 16),
            ("seed,pad=1024", 1001, 16),
            ("seed,pad=1024,size=message", 1001, 23),
            ("seed,pad=1024,size=padded", 1001, 1017),
            ("seed,pad=2048,size=padded,align=natural", 2024, 2040),
            ("seed,size=padded", 0, 16),
        ] {
            assert_eq!(dialect(text).response_padding_size(16), padding, "{text}");
            assert_eq!(dialect(text).claimed_response_size(16), claimed, "{text}");
        }
    }

    #[test]
    fn takes_longer_public_keys_where_they_are_accepted() {
        let fits = |text, size| dialect(text).request_size_fits(RequestKind::SendPublicKey, size);
        for (size, short, both) in [
            (414, false, false),
            (415, true, true),
            (416, false, false),
            (417, false, true),
            (418, false, false),
            (0, false, false),
        ] {
            assert_eq!(fits("seed", size), short, "{size}");
            assert_eq!(fits("seed,key=160+162", size), both, "{size}");
        }
    }

    #[test]
    fn limits_files_to_what_the_sizes_can_count() {
        let seed = dialect("seed");
        let limit = 4_294_967_007;
        assert_eq!(seed.max_plain_size(), limit);
        assert_eq!(seed.content_size(limit), Ok(4_294_967_008));
        assert_eq!(
            seed.content_size(limit + 1),
            Err(FileTooLarge {
                size: limit + 1,
                limit
            })
        );
        assert!(seed.content_size(u64::MAX).is_err());
        assert_eq!(seed.content_size(0), Ok(16));

        assert_eq!(dialect("2024a").max_content_size(), 4_294_967_024);
        let packets = dialect("2024a,packet=1024");
        assert_eq!(packets.max_content_size(), 1024 * 65_535);
        let packets = dialect("2024a,packet=1048576");
        assert_eq!(packets.max_content_size(), 4_294_967_280);
        let one = dialect("2024a,packet=4294967280");
        assert_eq!(one.max_content_size(), 4_294_967_024);
    }
}
