//! Messages survive the way over the wire, and no bytes do harm.

use backup_protocol::Dialect;
use backup_protocol::crypto::{AesKey, decrypt, encrypt};
use backup_protocol::dialect::{RefusedPayload, SizeCounts};
use backup_protocol::wire::{
    Acknowledged, ClientId, FileReceived, Name, Packet, Reconnect, ReconnectRefused, Refused,
    Register, Registered, Request, RequestHeader, RequestKind, Response, ResponseHeader, SendFile,
    SendPublicKey, Verdict, VerdictKind, WrappedKey,
};
use proptest::array::{uniform16, uniform32};
use proptest::collection::vec;
use proptest::prelude::*;

fn name() -> impl Strategy<Value = Name> {
    let fits = vec(any::<char>(), 1..=254);
    fits.prop_map(|chars| chars.into_iter().filter(|&c| c != '\0').collect::<String>())
        .prop_filter_map("is a name", |text| Name::new(&text).ok())
}

fn client_id() -> impl Strategy<Value = ClientId> {
    uniform16(any::<u8>()).prop_map(ClientId::from_bytes)
}

fn request(dialect: &Dialect) -> impl Strategy<Value = Request> + use<> {
    let long = dialect.public_key_sizes.accept(162);
    let key = any::<bool>().prop_flat_map(move |other| {
        let size = if long && other { 162 } else { 160 };
        vec(any::<u8>(), size)
    });
    let kind = prop_oneof![
        Just(VerdictKind::Right),
        Just(VerdictKind::Wrong),
        Just(VerdictKind::GiveUp)
    ];
    let named = match dialect.has_reconnect() {
        true => name()
            .prop_map(|name| Request::Reconnect(Reconnect { name }))
            .boxed(),
        false => name()
            .prop_map(|name| Request::Register(Register { name }))
            .boxed(),
    };
    prop_oneof![
        named,
        name().prop_map(|name| Request::Register(Register { name })),
        (name(), key).prop_map(|(name, public_key)| Request::SendPublicKey(SendPublicKey {
            name,
            public_key
        })),
        send_file(dialect),
        (kind, name()).prop_map(|(kind, file_name)| Request::Verdict(Verdict { kind, file_name })),
    ]
}

fn send_file(dialect: &Dialect) -> impl Strategy<Value = Request> + use<> {
    let packets = dialect.packets;
    let numbers = (0..=0xFFFF_FE00u32, 1..=u16::MAX, 1..=u16::MAX, any::<u32>());
    (numbers, name()).prop_map(move |((original_size, a, b, part), file_name)| {
        let content_size = (original_size & !15) + 16;
        let (number, total) = (a.min(b), a.max(b));
        let size = match total {
            1 => content_size,
            _ => part % (content_size + 1),
        };
        let packet = packets.then_some(Packet {
            original_size,
            number,
            total,
            size,
        });
        Request::SendFile(SendFile {
            content_size,
            packet,
            file_name,
        })
    })
}

/// Responses as the dialect has them.
fn response(dialect: &Dialect) -> impl Strategy<Value = Response> + use<> {
    let refused_with_id = dialect.refused_payload == RefusedPayload::ClientId;
    let fields = dialect.file_received_fields;
    let wrapped = || vec(any::<u8>(), 128).prop_map(|key| key.try_into().expect("128 bytes"));
    let later = match dialect.has_reconnect() {
        true => prop_oneof![
            (client_id(), wrapped()).prop_map(|(client_id, wrapped)| Response::Reconnected(
                WrappedKey { client_id, wrapped }
            )),
            client_id()
                .prop_map(|client_id| Response::ReconnectRefused(ReconnectRefused { client_id })),
            Just(Response::GeneralError),
        ]
        .boxed(),
        false => client_id()
            .prop_map(|client_id| Response::Registered(Registered { client_id }))
            .boxed(),
    };
    prop_oneof![
        later,
        client_id().prop_map(|client_id| Response::Registered(Registered { client_id })),
        client_id().prop_map(move |id| Response::Refused(Refused {
            client_id: refused_with_id.then_some(id)
        })),
        (client_id(), wrapped())
            .prop_map(|(client_id, wrapped)| Response::AesKey(WrappedKey { client_id, wrapped })),
        (client_id(), any::<u32>(), name(), any::<u32>()).prop_map(
            move |(client_id, content_size, file_name, cksum)| {
                Response::FileReceived(FileReceived {
                    client_id: fields.has_client_id().then_some(client_id),
                    content_size: fields.has_content_size().then_some(content_size),
                    file_name,
                    cksum,
                })
            }
        ),
        proptest::option::of(client_id())
            .prop_map(|client_id| Response::Acknowledged(Acknowledged { client_id })),
    ]
}

/// A named dialect with any of the modifiers that change a layout.
fn dialect() -> impl Strategy<Value = Dialect> {
    let modifiers = proptest::sample::subsequence(LAYOUTS.to_vec(), 0..=LAYOUTS.len());
    let named = proptest::sample::select(Dialect::all());
    (named, modifiers).prop_map(|(dialect, modifiers)| match modifiers.is_empty() {
        true => dialect,
        false => dialect.modified(&modifiers.join(",")).expect("is one"),
    })
}

const LAYOUTS: [&str; 16] = [
    "order=big",
    "packet-order=big",
    "align=natural",
    "name=256",
    "size-width=2",
    "size=message",
    "pad=1024",
    "size=padded",
    "request-pad=1024",
    "id=yes",
    "id=no",
    "refused=client-id",
    "received=content_size+file_name+cksum",
    "cksum-width=16",
    "key=160+162",
    "packets=yes",
];

fn dialect_and_request() -> impl Strategy<Value = (Dialect, Request)> {
    dialect().prop_flat_map(|dialect| (Just(dialect.clone()), request(&dialect)))
}

fn dialect_and_response() -> impl Strategy<Value = (Dialect, Response)> {
    dialect().prop_flat_map(|dialect| (Just(dialect.clone()), response(&dialect)))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_survive(
        (dialect, request) in dialect_and_request(), id in client_id(), version in any::<u8>()
    ) {
        let bytes = request.encode(&dialect, id, version);
        let (header, rest) = bytes.split_at(dialect.request_header_size());
        let header = RequestHeader::decode(header, &dialect).expect("is a header");
        prop_assert_eq!((header.client_id, header.version), (id, version));
        prop_assert_eq!(header.check(&dialect), Ok(request.kind()));
        prop_assert_eq!(header.rest_size(&dialect), Ok(rest.len()));
        match &request {
            Request::SendFile(file) => {
                prop_assert_eq!(header.payload_size as usize, rest.len() + file.size() as usize);
            }
            _ => prop_assert!(bytes.len() >= dialect.request_padding.bytes()),
        }
        prop_assert_eq!(Request::decode(&header, rest, &dialect), Ok(request));
    }

    #[test]
    fn a_request_cut_anywhere_is_truncated(
        (dialect, request) in dialect_and_request(), id in client_id(), cut in any::<prop::sample::Index>()
    ) {
        let bytes = request.encode(&dialect, id, 3);
        let (header, rest) = bytes.split_at(dialect.request_header_size());
        let header = RequestHeader::decode(header, &dialect).expect("is a header");
        let cut = rest.get(..cut.index(rest.len())).expect("is within");
        let error = Request::decode(&header, cut, &dialect).expect_err("is cut");
        prop_assert_eq!(error.slug(), "truncated");
        prop_assert!(error.offset() <= dialect.request_header_size() + cut.len());
    }

    #[test]
    fn responses_survive((dialect, response) in dialect_and_response(), version in any::<u8>()) {
        let bytes = response.encode(&dialect, version);
        let (header, rest) = bytes.split_at(dialect.response_header_size());
        let header = ResponseHeader::decode(header, &dialect).expect("is a header");
        prop_assert_eq!(header.version, version);
        let sizes = header.rest(&dialect).expect("fits");
        prop_assert_eq!(sizes.kind, response.kind());
        prop_assert_eq!(sizes.size(), rest.len());
        prop_assert!(bytes.len() >= dialect.response_padding.bytes());
        let counted = match dialect.size_counts {
            SizeCounts::Payload => rest.len() - sizes.padding,
            SizeCounts::Message => bytes.len() - sizes.padding,
            SizeCounts::Padded => rest.len(),
        };
        if sizes.payload > 0 {
            prop_assert_eq!(header.payload_size as usize, counted);
        }
        prop_assert_eq!(Response::decode(&header, rest, &dialect), Ok(response));
    }

    #[test]
    fn no_bytes_do_harm(
        dialect in dialect(),
        kind in proptest::sample::select(&RequestKind::ALL[..]),
        id in client_id(),
        payload_size in any::<u32>(),
        bytes in vec(any::<u8>(), 0..600),
    ) {
        let code = dialect.request_code(kind).unwrap_or(dialect.request_codes.send_file);
        let header = RequestHeader { client_id: id, version: 3, code, payload_size };
        let _ = Request::decode(&header, &bytes, &dialect);
        let _ = RequestHeader::decode(&bytes, &dialect);
        let size = bytes.len().min(dialect.response_header_size());
        let (header, payload) = bytes.split_at(size);
        if let Ok(header) = ResponseHeader::decode(header, &dialect) {
            let _ = Response::decode(&header, payload, &dialect);
        }
    }

    #[test]
    fn what_a_dialect_is_shown_as_is_read_as_it(dialect in dialect()) {
        let shown = Dialect::parse(&dialect.to_string());
        prop_assert_eq!(&shown.expect("is one"), &dialect);
        let written = Dialect::from_json(&dialect.to_json());
        prop_assert_eq!(written.expect("is one"), dialect);
    }

    #[test]
    fn content_survives(key in uniform32(any::<u8>()), plain in vec(any::<u8>(), 0..300)) {
        for size in [16, 24, 32] {
            let key = AesKey::from_bytes(&key[..size]).expect("is a key size");
            let content = encrypt(&key, &plain);
            prop_assert_eq!(content.len() as u64, backup_protocol::crypto::content_size(plain.len() as u64));
            prop_assert_eq!(decrypt(&key, &content), Ok(plain.clone()));
        }
    }
}
