//! Requests, one after the other: none panics, and what is read is written again as it came.
#![no_main]

use backup_fuzz::split;
use backup_protocol::wire::{Request, RequestHeader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((dialect, mut rest)) = split(input) else {
        return;
    };
    while let Some((bytes, after)) = rest.split_at_checked(dialect.request_header_size()) {
        let header = RequestHeader::decode(bytes, dialect).expect("every value is a header");
        let Ok(size) = header.rest_size(dialect) else {
            return;
        };
        assert!(size <= 1024);
        let Some((payload, after)) = after.split_at_checked(size) else {
            // Too few bytes are an error, whatever they are.
            assert!(Request::decode(&header, after, dialect).is_err());
            return;
        };
        rest = after;
        if let Ok(request) = Request::decode(&header, payload, dialect) {
            let written = request.encode(dialect, header.client_id, header.version);
            let (again, tail) = written.split_at(bytes.len());
            let again = RequestHeader::decode(again, dialect).expect("a header");
            assert_eq!(again, header);
            assert_eq!(
                Request::decode(&again, tail, dialect).as_ref(),
                Ok(&request)
            );
        }
    }
});
