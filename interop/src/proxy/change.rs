//! What a proxy, or a played peer with a script, does to messages on their way.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;

use crate::dialect::Dialect;
use crate::frame;
use crate::message::{Direction, Field, Kind};
use crate::report::from_hex;
use crate::tap::{Fate, Gate, Meddle};

/// One change: to which message, and what.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Change {
    /// A message by its name (`file-received`) or its number in the dialect (2103).
    message: Named,
    /// Only the first, the second .. of the run; all of them where it is left out.
    nth: Option<usize>,
    /// The message is swallowed.
    #[serde(default)]
    drop: bool,
    /// In its place the receiver sees the end of the stream; the other direction stays open.
    #[serde(default)]
    end: bool,
    /// Fields with what is to stand in them: a number, the text of a name, or `hex:` and bytes.
    #[serde(default)]
    set: BTreeMap<String, Value>,
    /// Hex of bytes to send in its place.
    send: Option<String>,
    /// Hex of bytes to send behind it.
    append: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Named {
    Code(u16),
    Name(String),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Value {
    Number(u32),
    Text(String),
}

/// The file of a script.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    change: Vec<Change>,
}

/// Reads a script: a TOML file of `[[change]]`.
pub(crate) fn script(path: &Path) -> Result<Vec<Change>, String> {
    let about = |reason: String| format!("{}: {reason}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| about(error.to_string()))?;
    let script: Script = toml::from_str(&text).map_err(|error| about(error.to_string()))?;
    Ok(script.change)
}

impl FromStr for Change {
    type Err = String;

    /// `MESSAGE` or `MESSAGE:NTH`, as a knob of the command line names it.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, nth) = match text.split_once(':') {
            Some((name, nth)) => {
                let nth = nth.parse().ok().filter(|nth| *nth > 0);
                (
                    name,
                    Some(nth.ok_or("behind the colon stands which one, from 1")?),
                )
            }
            None => (text, None),
        };
        Ok(Self {
            message: match name.parse() {
                Ok(code) => Named::Code(code),
                Err(_) => Named::Name(name.into()),
            },
            nth,
            drop: false,
            end: false,
            set: BTreeMap::new(),
            send: None,
            append: None,
        })
    }
}

impl Change {
    pub(crate) fn dropping(mut self) -> Self {
        self.drop = true;
        self
    }

    pub(crate) fn ending(mut self) -> Self {
        self.end = true;
        self
    }
}

/// What is told of a change that is made.
pub(crate) type Tell = Box<dyn Fn(&str) + Send>;

/// Makes changes, each counted over all connections.
pub(crate) struct Changes {
    dialect: Arc<Dialect>,
    changes: Vec<Ready>,
    /// For each direction, whether the content of the present message is swallowed with it.
    swallow: [bool; 2],
    tell: Tell,
}

/// A change that was checked against the dialect.
struct Ready {
    kind: Kind,
    nth: Option<usize>,
    seen: usize,
    what: What,
}

enum What {
    Drop,
    End,
    Send(Vec<u8>),
    Edit {
        set: Vec<(Field, Vec<u8>)>,
        append: Vec<u8>,
    },
}

impl Changes {
    /// Checks everything at once, so that a wrong name is said before anybody connects.
    pub(crate) fn new(
        dialect: &Arc<Dialect>,
        changes: &[Change],
        tell: Tell,
    ) -> Result<Self, String> {
        let ready = changes.iter().map(|change| Ready::new(dialect, change));
        Ok(Self {
            dialect: Arc::clone(dialect),
            changes: ready.collect::<Result<_, _>>()?,
            swallow: [false; 2],
            tell,
        })
    }

    fn swallow(&mut self, direction: Direction) -> &mut bool {
        let [requests, responses] = &mut self.swallow;
        match direction {
            Direction::Request => requests,
            Direction::Response => responses,
        }
    }
}

impl Ready {
    fn new(dialect: &Dialect, change: &Change) -> Result<Self, String> {
        let all = || [Direction::Request, Direction::Response].into_iter();
        let kind = match &change.message {
            Named::Code(code) => all().find_map(|direction| dialect.kind(direction, *code)),
            Named::Name(name) => all()
                .flat_map(|direction| direction.kinds())
                .find(|kind| kind.slug() == *name)
                .copied(),
        };
        let kind = kind.ok_or_else(|| {
            let names: Vec<_> = all()
                .flat_map(Direction::kinds)
                .map(|kind| kind.slug())
                .collect();
            let wrong = match &change.message {
                Named::Code(code) => code.to_string(),
                Named::Name(name) => name.clone(),
            };
            format!(
                "'{wrong}' is no message of {dialect}: a code of it, or one of {}",
                names.join(", ")
            )
        })?;
        let hex = |text: &String| {
            from_hex(text).ok_or_else(|| format!("'{text}' is not an even number of hex digits"))
        };
        let edits = !change.set.is_empty() || change.append.is_some();
        let what = match (change.drop, change.end, &change.send, edits) {
            (true, false, None, false) => What::Drop,
            (false, true, None, false) => What::End,
            (false, false, Some(bytes), false) => What::Send(hex(bytes)?),
            (false, false, None, true) => What::Edit {
                set: set(dialect, kind, &change.set)?,
                append: change
                    .append
                    .as_ref()
                    .map(hex)
                    .transpose()?
                    .unwrap_or_default(),
            },
            _ => {
                return Err(format!(
                    "a change of {} needs one of drop, end, send, or set and append",
                    kind.slug()
                ));
            }
        };
        if change.nth == Some(0) {
            return Err("nth counts from 1".into());
        }
        Ok(Self {
            kind,
            nth: change.nth,
            seen: 0,
            what,
        })
    }

    /// Counts a message, and says whether this change is for it.
    fn is_for(&mut self, kind: Kind) -> bool {
        if kind != self.kind {
            return false;
        }
        self.seen += 1;
        self.nth.is_none_or(|nth| nth == self.seen)
    }
}

fn set(
    dialect: &Dialect,
    kind: Kind,
    values: &BTreeMap<String, Value>,
) -> Result<Vec<(Field, Vec<u8>)>, String> {
    let template = match kind.direction() {
        Direction::Request => frame::request(dialect, kind, &[0; frame::ID_SIZE], &[]),
        Direction::Response => frame::response(dialect, kind, &[]),
    };
    let template = frame::head_of(dialect, kind.direction(), &template);
    let known = template
        .as_ref()
        .map(|frame| frame.places())
        .unwrap_or_default();
    values
        .iter()
        .map(|(name, value)| {
            let place = known.iter().find(|place| place.field.slug() == name);
            let place = place.ok_or_else(|| {
                let names: Vec<_> = known.iter().map(|place| place.field.slug()).collect();
                format!(
                    "{} has no field '{name}': {}",
                    kind.slug(),
                    names.join(", ")
                )
            })?;
            let width = place.range.len();
            let order = match place.field {
                Field::PacketNumber | Field::TotalPackets => dialect.packet_byte_order,
                _ => dialect.byte_order,
            };
            let mut bytes = match value {
                Value::Number(number) => order.bytes_of(*number, width.min(4)),
                Value::Text(text) => match text.strip_prefix("hex:") {
                    Some(hex) => from_hex(hex)
                        .ok_or_else(|| format!("'{hex}' is not an even number of hex digits"))?,
                    None => text.clone().into_bytes(),
                },
            };
            if bytes.len() > width {
                return Err(format!("{name} has {width} bytes, not {}", bytes.len()));
            }
            bytes.resize(width, 0);
            Ok((place.field, bytes))
        })
        .collect()
}

impl Meddle for Changes {
    fn head(&mut self, direction: Direction, kind: Option<Kind>, head: &mut Vec<u8>) -> Fate {
        *self.swallow(direction) = false;
        let Some(kind) = kind else { return Fate::Pass };
        let mut fate = Fate::Pass;
        let mut swallow = false;
        for change in &mut self.changes {
            if !change.is_for(kind) {
                continue;
            }
            let done = match &change.what {
                What::Drop => {
                    head.clear();
                    swallow = true;
                    "dropped"
                }
                What::End => {
                    let gate = Gate::new();
                    gate.open();
                    fate = Fate::HoldAndCut(gate);
                    "in its place the stream ends"
                }
                What::Send(bytes) => {
                    head.clone_from(bytes);
                    swallow = true;
                    "other bytes sent in its place"
                }
                What::Edit { set, append } => {
                    let places = frame::header(&self.dialect, direction, head)
                        .map(|header| frame::places(&self.dialect, direction, &header));
                    for (field, bytes) in set {
                        let place = places.iter().flatten().find(|place| place.field == *field);
                        let target = place.and_then(|place| head.get_mut(place.range.clone()));
                        if let Some(target) = target.filter(|target| target.len() == bytes.len()) {
                            target.copy_from_slice(bytes);
                        }
                    }
                    head.extend_from_slice(append);
                    "changed"
                }
            };
            (self.tell)(&format!("! {}: {done}", kind.name()));
        }
        *self.swallow(direction) = swallow;
        fate
    }

    fn content(&mut self, direction: Direction, _: usize, bytes: &mut Vec<u8>) -> Fate {
        if *self.swallow(direction) {
            bytes.clear();
        }
        Fate::Pass
    }
}
