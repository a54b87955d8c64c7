//! Every bit that is turned over is named by its field.

use super::*;
use crate::dialect::ConnectionUse;

/// Every bit of every byte of a conversation is turned over, one at a time: the first finding has to
/// name the field in which it lies.
#[test]
fn names_the_field_of_every_flipped_bit() {
    for dialect in [named("seed"), named("readme")] {
        flip(&Play::first_backup(&dialect), 0..8, 1);
    }
}

/// The same with a bit of each byte, with every parameter in turn and in every dialect.
#[test]
fn names_the_field_of_a_flipped_bit_in_every_dialect() {
    let mut all = Dialect::built_in().to_vec();
    let bases = [named("seed"), named("2024a")];
    let on_one = |dialect: &Dialect| dialect.connection == ConnectionUse::Session;
    for base in &bases {
        let neighbours = base.neighbours().iter().map(|(_, dialect)| dialect);
        all.extend(neighbours.filter(|dialect| on_one(dialect)).cloned());
    }
    all.push(named("seed,align=natural,order=big,pad=1024,size=message"));
    all.push(named("2024a,packet-order=big,request-pad=1024"));
    for dialect in all {
        flip(&Play::first_backup(&dialect), 0..1, 37);
    }
}

/// Turns over bits of every byte of short fields, and of every so many bytes of long ones.
fn flip(play: &Play, bits: std::ops::Range<u8>, stride: usize) {
    let dialect = &play.dialect;
    for (line, Line(direction, bytes)) in play.lines.iter().enumerate() {
        let (frames, _) = frame::split(dialect, *direction, bytes);
        let kind = frames[0].kind.expect("a known message");
        for place in frames[0].places().to_vec() {
            // A bit of a public key or a content is as good as another: some will do.
            let step = match place.range.len() {
                0..20 => 1,
                20..100 => stride,
                _ if matches!(place.field, Field::ClientName | Field::FileName) => stride,
                _ if stride > 1 => stride,
                _ => 13,
            };
            for at in place.range.clone().step_by(step) {
                for bit in bits.clone() {
                    let mut spoiled = play.clone();
                    spoiled.lines[line].1[at] ^= 1 << bit;
                    let within = at - place.range.start;
                    check_flip(&spoiled, kind, place.field, within, bytes, at);
                }
            }
        }
    }
}

fn check_flip(play: &Play, kind: Kind, field: Field, within: usize, right: &[u8], at: usize) {
    let findings = play.judge().findings;
    let first = findings.first();
    let told = format!(
        "{} {field} byte {within} of {kind:?}: {first:#?}",
        play.dialect
    );
    let first = first.unwrap_or_else(|| panic!("unseen: {told}"));
    let name_part = |text: &str| match within {
        _ if within < text.len() => field,
        _ if within == text.len() => Field::Nul,
        _ => Field::Padding,
    };
    let expected = match field {
        Field::ClientName => name_part(NAME),
        Field::FileName => name_part(FILE),
        _ => field,
    };
    assert_eq!(first.field, expected, "{told}");
    let of_register = kind == Kind::Register && field == Field::ClientId;
    let level = if of_register {
        Level::Should
    } else {
        Level::Must
    };
    assert_eq!(first.level, level, "{told}");
    // An ID that was just given out is only wrong by what follows.
    if kind == Kind::Registered && field == Field::ClientId {
        return;
    }
    let place = first
        .place
        .as_ref()
        .unwrap_or_else(|| panic!("no place: {told}"));
    let whose = match kind.direction() {
        Direction::Request => Whose::Client,
        Direction::Response => Whose::Server,
    };
    assert_eq!(first.whose, whose, "{told}");
    assert_eq!(place.direction, kind.direction(), "{told}");
    if !field.is_number() && !matches!(field, Field::Content | Field::WrappedKey | Field::PublicKey)
    {
        assert_eq!(place.offset, at, "{told}");
    }
    assert!(place.offset < right.len(), "{told}");
}
