//! Messages survive the way over the wire, and no bytes do harm.

use backup_protocol::Dialect;
use backup_protocol::crypto::{AesKey, decrypt, encrypt};
use backup_protocol::wire::{
    Acknowledged, ClientId, FileReceived, Name, Refused, Register, Registered, Request,
    RequestHeader, RequestKind, Response, ResponseHeader, SendFile, SendPublicKey, Verdict,
    VerdictKind, WrappedKey,
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

fn request() -> impl Strategy<Value = Request> {
    let key = vec(any::<u8>(), 160).prop_map(|key| key.try_into().expect("160 bytes"));
    let kind = prop_oneof![
        Just(VerdictKind::Right),
        Just(VerdictKind::Wrong),
        Just(VerdictKind::GiveUp)
    ];
    prop_oneof![
        name().prop_map(|name| Request::Register(Register { name })),
        (name(), key).prop_map(|(name, public_key)| Request::SendPublicKey(SendPublicKey {
            name,
            public_key
        })),
        (1..=0x0FFF_FFEEu32, name()).prop_map(|(blocks, file_name)| Request::SendFile(SendFile {
            content_size: blocks * 16,
            file_name
        })),
        (kind, name()).prop_map(|(kind, file_name)| Request::Verdict(Verdict { kind, file_name })),
    ]
}

/// Responses with the client ID that a refusal of the dialect carries.
fn response(dialect: &Dialect) -> impl Strategy<Value = Response> + use<> {
    let empty = dialect.refused_payload == backup_protocol::dialect::RefusedPayload::Empty;
    let wrapped = vec(any::<u8>(), 128).prop_map(|key| key.try_into().expect("128 bytes"));
    prop_oneof![
        client_id().prop_map(|client_id| Response::Registered(Registered { client_id })),
        client_id().prop_map(move |id| Response::Refused(Refused {
            client_id: (!empty).then_some(id)
        })),
        (client_id(), wrapped)
            .prop_map(|(client_id, wrapped)| Response::AesKey(WrappedKey { client_id, wrapped })),
        (client_id(), any::<u32>(), name(), any::<u32>()).prop_map(
            |(client_id, content_size, file_name, cksum)| {
                Response::FileReceived(FileReceived {
                    client_id,
                    content_size,
                    file_name,
                    cksum,
                })
            }
        ),
        proptest::option::of(client_id())
            .prop_map(|client_id| Response::Acknowledged(Acknowledged { client_id })),
    ]
}

fn dialect() -> impl Strategy<Value = Dialect> {
    proptest::sample::select(Dialect::all())
}

fn dialect_and_response() -> impl Strategy<Value = (Dialect, Response)> {
    dialect().prop_flat_map(|dialect| (Just(dialect.clone()), response(&dialect)))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_survive(
        dialect in dialect(), request in request(), id in client_id(), version in any::<u8>()
    ) {
        let bytes = request.encode(&dialect, id, version);
        let (header, fixed) = bytes.split_at(RequestHeader::SIZE);
        let header = RequestHeader::decode(header).expect("is a header");
        prop_assert_eq!((header.client_id, header.version), (id, version));
        prop_assert_eq!(header.check(&dialect), Ok(request.kind()));
        let fixed_size = dialect.request_fixed_size(request.kind());
        prop_assert_eq!(fixed.len(), fixed_size as usize);
        let content_size = match &request {
            Request::SendFile(file) => file.content_size,
            _ => 0,
        };
        prop_assert_eq!(header.payload_size, fixed_size + content_size);
        prop_assert_eq!(Request::decode(&header, fixed, &dialect), Ok(request));
    }

    #[test]
    fn a_request_cut_anywhere_is_truncated(
        dialect in dialect(), request in request(), id in client_id(), cut in any::<prop::sample::Index>()
    ) {
        let bytes = request.encode(&dialect, id, 3);
        let (header, fixed) = bytes.split_at(RequestHeader::SIZE);
        let header = RequestHeader::decode(header).expect("is a header");
        let cut = fixed.get(..cut.index(fixed.len())).expect("is within");
        let error = Request::decode(&header, cut, &dialect).expect_err("is cut");
        prop_assert_eq!(error.slug(), "truncated");
        prop_assert!(error.offset() <= RequestHeader::SIZE + cut.len());
    }

    #[test]
    fn responses_survive((dialect, response) in dialect_and_response(), version in any::<u8>()) {
        let bytes = response.encode(&dialect, version);
        let (header, payload) = bytes.split_at(dialect.response_header_size());
        let header = ResponseHeader::decode(header, &dialect).expect("is a header");
        prop_assert_eq!(header.version, version);
        prop_assert_eq!(header.payload_size as usize, payload.len());
        prop_assert_eq!(Response::decode(&header, payload, &dialect), Ok(response));
    }

    #[test]
    fn no_bytes_do_harm(
        dialect in dialect(),
        kind in proptest::sample::select(&RequestKind::ALL[..]),
        id in client_id(),
        payload_size in any::<u32>(),
        bytes in vec(any::<u8>(), 0..600),
    ) {
        let code = dialect.request_code(kind);
        let header = RequestHeader { client_id: id, version: 3, code, payload_size };
        let _ = Request::decode(&header, &bytes, &dialect);
        let _ = RequestHeader::decode(&bytes);
        let size = bytes.len().min(dialect.response_header_size());
        let (header, payload) = bytes.split_at(size);
        if let Ok(header) = ResponseHeader::decode(header, &dialect) {
            let _ = Response::decode(&header, payload, &dialect);
        }
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
