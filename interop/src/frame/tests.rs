use super::*;
use crate::dialect::Dialect;

/// Every built-in dialect, and every one that differs from it in one parameter.
fn dialects() -> Vec<Dialect> {
    let mut all = Dialect::built_in().to_vec();
    for dialect in Dialect::built_in() {
        all.extend(
            dialect
                .neighbours()
                .iter()
                .map(|(_, changed)| changed.clone()),
        );
        let both = ["align=natural", "order=big", "size-width=2", "pad=1024"];
        all.push(dialect.with(&both).expect("a dialect"));
        let padded = ["pad=2048", "size=padded", "request-pad=1024"];
        all.push(dialect.with(&padded).expect("a dialect"));
    }
    all
}

fn named(argument: &str) -> Dialect {
    Dialect::find(argument).expect("a dialect")
}

#[test]
fn payload_sizes_are_those_of_the_tables() {
    let sizes = |argument: &str, direction: Direction| {
        let dialect = named(argument);
        let known = |kind: &&Kind| dialect.code(**kind).is_some();
        let kinds = direction.kinds().iter().filter(known);
        kinds
            .map(|kind| fixed_payload_size(&dialect, *kind))
            .collect::<Vec<_>>()
    };
    let requests = |argument| sizes(argument, Direction::Request);
    assert_eq!(requests("seed"), [255, 415, 275, 271, 271, 271]);
    assert_eq!(requests("readme"), [255, 415, 275, 271, 271, 271]);
    assert_eq!(requests("2023a"), [255, 415, 255, 259, 255, 255, 255]);
    assert_eq!(requests("2024a"), [255, 415, 255, 267, 255, 255, 255]);
    assert_eq!(requests("2024a,id=yes")[3], 283);
    let responses = |argument| sizes(argument, Direction::Response);
    assert_eq!(responses("seed"), [16, 0, 144, 279, 0]);
    assert_eq!(responses("readme"), [16, 16, 144, 291, 0]);
    assert_eq!(responses("2024c"), [16, 0, 144, 279, 16, 144, 16, 0]);
}

#[test]
fn header_sizes_follow_alignment_and_width() {
    let sizes = |argument: &str| {
        let dialect = named(argument);
        [Direction::Request, Direction::Response].map(|way| header_size(&dialect, way))
    };
    assert_eq!(sizes("seed"), [23, 7]);
    assert_eq!(sizes("readme"), [23, 5]);
    assert_eq!(sizes("seed,align=natural"), [24, 8]);
    assert_eq!(sizes("seed,align=natural,size-width=2"), [24, 6]);
}

#[test]
fn cuts_a_stream_and_says_what_is_left() {
    for dialect in dialects() {
        let id = Values::default().bytes(Field::ClientId, &[7; 16]);
        let registered = payload(&dialect, Kind::Registered, &id);
        let mut stream = response(&dialect, Kind::Registered, &registered);
        let refused = payload(&dialect, Kind::Refused, &id);
        stream.extend(response(&dialect, Kind::Refused, &refused));
        stream.extend([3, 0x36]);
        let (frames, rest) = split(&dialect, Direction::Response, &stream);
        assert_eq!(frames.len(), 2, "{dialect}");
        assert_eq!(frames[0].get(Field::ClientId), [7; 16], "{dialect}");
        assert_eq!(frames[1].kind, Some(Kind::Refused), "{dialect}");
        assert_eq!(rest, [3, 0x36], "{dialect}");
        let padding = frames[0].get(Field::MessagePadding);
        let unpadded = header_size(&dialect, Direction::Response) + 16;
        let expected = dialect.response_padding.max(unpadded) - unpadded;
        assert_eq!(padding.len(), expected, "{dialect}");
    }
}

#[test]
fn a_claimed_size_sets_no_memory_aside() {
    let dialect = &named("seed");
    let mut stream = request(dialect, Kind::SendFile, &[0; 16], &[]);
    stream[19..23].fill(0xff);
    let (frames, rest) = split(dialect, Direction::Request, &stream);
    assert!(frames.is_empty());
    assert_eq!(rest.len(), 23);
}

#[test]
fn places_cover_every_byte_once() {
    for dialect in dialects() {
        for direction in [Direction::Request, Direction::Response] {
            for kind in direction.kinds() {
                if dialect.code(*kind).is_none() {
                    continue;
                }
                let mut body = payload(&dialect, *kind, &Values::default());
                if *kind == Kind::SendFile {
                    body.extend([5; 48]);
                }
                let bytes = request(&dialect, *kind, &[1; 16], &body);
                let (frames, rest) = split(&dialect, direction, &bytes);
                assert_eq!((frames.len(), rest.len()), (1, 0), "{dialect} {kind:?}");
                let mut at = 0;
                for place in frames[0].places() {
                    assert_eq!(place.range.start, at, "{dialect} {kind:?}");
                    assert_ne!(place.field, Field::TrailingData, "{dialect} {kind:?}");
                    at = place.range.end;
                }
                assert_eq!(at, bytes.len(), "{dialect} {kind:?}");
                assert_eq!(frames[0].header.version, VERSION);
            }
        }
    }
}

#[test]
fn sizes_count_what_the_dialect_says() {
    let size = |argument: &str| {
        let dialect = named(argument);
        let bytes = response(&dialect, Kind::Registered, &[9; 16]);
        let found = header(&dialect, Direction::Response, &bytes).expect("a header");
        (found.size, bytes.len())
    };
    assert_eq!(size("seed"), (16, 23));
    assert_eq!(size("seed,size=message"), (23, 23));
    assert_eq!(size("seed,pad=1024"), (16, 1024));
    assert_eq!(size("seed,pad=1024,size=message"), (23, 1024));
    assert_eq!(size("seed,pad=1024,size=padded"), (1017, 1024));
    assert_eq!(size("seed,size=padded"), (16, 23));
}

#[test]
fn packet_fields_have_an_order_of_their_own() {
    let dialect = named("2024a,packet-order=big");
    let values = Values::default()
        .number(&dialect, Field::ContentSize, 0x0102)
        .number(&dialect, Field::PacketNumber, 0x0304)
        .number(&dialect, Field::TotalPackets, 0x0506)
        .bytes(Field::Content, &[8; 16]);
    let body = payload(&dialect, Kind::SendFile, &values);
    assert_eq!(body[..12], [2, 1, 0, 0, 0, 0, 0, 0, 3, 4, 5, 6]);
    let bytes = request(&dialect, Kind::SendFile, &[1; 16], &body);
    let (frames, _) = split(&dialect, Direction::Request, &bytes);
    assert_eq!(frames[0].number(Field::PacketNumber), 0x0304);
    assert_eq!(frames[0].number(Field::TotalPackets), 0x0506);
    assert_eq!(frames[0].number(Field::ContentSize), 0x0102);
    assert_eq!(frames[0].content(), [8; 16]);
    assert!(frames[0].is_further_packet());
}
