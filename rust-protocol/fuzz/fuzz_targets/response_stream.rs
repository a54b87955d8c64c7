//! Responses, one after the other: none panics, and what is read is written again as it came.
#![no_main]

use backup_fuzz::split;
use backup_protocol::wire::{Response, ResponseHeader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((dialect, mut rest)) = split(input) else {
        return;
    };
    while let Some((bytes, after)) = rest.split_at_checked(dialect.response_header_size()) {
        let header = ResponseHeader::decode(bytes, dialect).expect("every value is a header");
        let Ok(sizes) = header.rest(dialect) else {
            return;
        };
        assert!(sizes.size() <= 4096);
        let Some((payload, after)) = after.split_at_checked(sizes.size()) else {
            assert!(Response::decode(&header, after, dialect).is_err());
            return;
        };
        rest = after;
        if let Ok(response) = Response::decode(&header, payload, dialect) {
            let written = response.encode(dialect, header.version);
            let (again, tail) = written.split_at(bytes.len());
            let again = ResponseHeader::decode(again, dialect).expect("a header");
            let again = Response::decode(&again, tail, dialect).expect("as written");
            // Not the values: where sizes count the padding, an ID of zeros is none.
            assert_eq!(again.encode(dialect, header.version), written);
        }
    }
});
