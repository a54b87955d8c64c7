use super::*;

#[test]
fn every_built_in_dialect_can_be_read() {
    assert_eq!(Dialect::built_in().len(), BUILT_IN.len());
    assert!(BUILT_IN.len() >= 7);
    for text in BUILT_IN {
        Dialect::parse(text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
    }
}

#[test]
fn refuses_a_name_that_is_neither_known_nor_a_file() {
    let error = Dialect::find("sead").expect_err("unknown");
    assert!(
        error.to_string().contains("known are seed, readme"),
        "{error}"
    );
}

#[test]
fn refuses_a_file_with_a_parameter_that_it_does_not_know() {
    let text = BUILT_IN[0].replacen('{', "{ \"endian\": \"big\",", 1);
    assert!(Dialect::parse(&text).is_err());
}

#[test]
fn modifiers_change_their_parameter_and_the_name() {
    let changed = Dialect::find("seed,crc=zlib,pad=1024,right=close,id=no").expect("modified");
    assert_eq!(changed.checksum, Checksum::Zlib);
    assert_eq!(changed.response_padding, 1024);
    assert!(!changed.client_id_in_payload);
    let after = changed.after(Kind::CksumRight).expect("a verdict");
    assert_eq!((after.answer, after.close), (AfterAnswer::None, true));
    assert_eq!(
        changed.to_string(),
        "seed,crc=zlib,pad=1024,right=close,id=no"
    );
    assert_eq!(changed.expression(), changed.to_string());
    assert_eq!(changed.argument(), None);
    assert_eq!(changed.name, "seed-crc-zlib-pad-1024-right-close-id-no");
    // The file that is written for others describes the same dialect.
    let read = Dialect::parse(&changed.to_file()).expect("a complete file");
    assert_eq!(read.name, changed.name);
    assert_eq!(read.checksum, Checksum::Zlib);
}

#[test]
fn a_file_takes_modifiers_as_a_name_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine,too.json");
    std::fs::write(&path, BUILT_IN[0].replace("\"2022c\"", "\"mine\"")).expect("written");
    let path = path.to_string_lossy();
    assert_eq!(Dialect::find(&path).expect("a file").to_string(), "mine");
}

#[test]
fn refuses_what_cannot_be_and_says_what_can() {
    for (argument, part) in [
        ("seed,crc", "key=value"),
        ("seed,crc=md5", "posix, zlib, crc8"),
        ("seed,what=1", "there are order, packet-order"),
        ("seed,packet=16", "packets alone"),
        ("2024a,packet=17", "a multiple of 16"),
        ("seed,right=general-error", "no code"),
        ("seed,transmissions=0", "from 1 to 255"),
        ("sead,crc=zlib", "known are seed"),
    ] {
        let error = Dialect::find(argument).expect_err(argument).to_string();
        assert!(error.contains(part), "{argument}: {error}");
    }
}

#[test]
fn every_neighbour_differs_in_one_parameter() {
    for dialect in Dialect::built_in() {
        let members = |dialect: &Dialect| dialect.json.as_object().cloned().unwrap_or_default();
        let own = members(dialect);
        let mut count = 0;
        for (modifier, other) in dialect.neighbours() {
            let other = members(other);
            let differing = own
                .iter()
                .filter(|(name, value)| *name != "name" && other.get(*name) != Some(value))
                .count();
            assert_eq!(differing, 1, "{dialect},{modifier}");
            count += 1;
        }
        assert!(count > 30, "{dialect}: {count}");
    }
}

#[test]
fn a_neighbour_says_something_else() {
    for (dialect, modifier, is_one) in [
        ("seed", "packet-order=big", false),
        ("2024a", "packet-order=big", true),
        ("seed,packets=yes", "packet-order=big", true),
        ("seed", "size=padded", false),
        ("seed", "size=message", true),
        ("seed,pad=1024", "size=padded", true),
        ("seed", "reconnect-key=same", false),
        ("2023a", "reconnect-key=same", true),
        ("seed", "echo=plain", true),
        (
            "seed,received=client_id+file_name+cksum",
            "echo=plain",
            false,
        ),
        ("seed", "key=160+162", true),
    ] {
        let dialect = Dialect::find(dialect).expect("a dialect");
        let mut neighbours = dialect.neighbours().iter();
        let found = neighbours.any(|(known, _)| known == modifier);
        assert_eq!(found, is_one, "{dialect},{modifier}");
    }
}

#[test]
fn integers_stand_in_either_order() {
    assert_eq!(ByteOrder::Little.bytes_of(0x0102, 4), [2, 1, 0, 0]);
    assert_eq!(ByteOrder::Big.bytes_of(0x0102, 4), [0, 0, 1, 2]);
    assert_eq!(ByteOrder::Big.bytes_of(0x0102, 2), [1, 2]);
    assert_eq!(ByteOrder::Big.number(&[0, 0, 1, 2]), 0x0102);
    assert_eq!(ByteOrder::Little.number(&[2, 1]), 0x0102);
    assert_eq!(ByteOrder::Big.number(&[]), 0);
}

#[test]
fn the_order_of_modifiers_is_no_matter() {
    let find = |argument| Dialect::find(argument).expect("a dialect");
    let one = find("seed,order=big,align=natural");
    assert!(one.says_the_same_as(&find("seed,align=natural,order=big")));
    assert!(!one.says_the_same_as(&find("seed,align=natural")));
}
