//! Fixed work without sockets or threads, for counting instructions: `workloads NAME TIMES`; `workloads hardware`
//! says what code this processor runs.
//!
//! scripts/profile.py runs each under callgrind for two numbers of times, and takes the difference.
//! What is done must not depend on chance, or the count would.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::hint::black_box;

use backup_protocol::crypto::{self, AesKey, Decryptor, Encryptor, HEADROOM, KeyPair, LANES};
use backup_protocol::session::server::{
    Action, Answer, Ask, Content, Event, ServerSession, UploadId,
};
use backup_protocol::wire::{ClientId, Name, Request, SendFile, VERSION, Verdict, VerdictKind};
use backup_protocol::{Cksum, Dialect, hardware::Hardware};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

const MIB: usize = 1 << 20;
const CHUNK: usize = 256 << 10;

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let workload = arguments.next().unwrap_or_default();
    if workload == "hardware" {
        let selected = Hardware::selected();
        println!("{} {}", selected.cipher, selected.cksum);
        return;
    }
    let times = arguments.next().and_then(|times| times.parse().ok());
    let Some((_, work)) = WORKLOADS.iter().find(|(name, _)| *name == workload) else {
        for (name, _) in WORKLOADS {
            println!("{name}");
        }
        return;
    };
    let mut work = work();
    for _ in 0..times.unwrap_or(1) {
        work();
    }
}

/// Prepared, so that only the work itself is repeated.
type Work = Box<dyn FnMut()>;

type Named = (&'static str, fn() -> Work);

const WORKLOADS: &[Named] = &[
    ("encrypt-128-mib", || encrypt(16)),
    ("encrypt-256-mib", || encrypt(32)),
    ("encrypt-four-files-mib", encrypt_several),
    ("decrypt-128-mib", || decrypt(16)),
    ("decrypt-256-mib", || decrypt(32)),
    ("cksum-mib", cksum),
    ("rsa-wrap", wrap),
    ("rsa-unwrap", unwrap),
    ("server-file-readme", || server_file("readme")),
    ("server-file-2024a", || server_file("2024a")),
    ("server-file-modified", || {
        server_file("readme,order=big,align=natural,pad=1024")
    }),
];

fn key(size: usize) -> AesKey {
    AesKey::from_bytes(&vec![7; size]).unwrap()
}

fn encrypt(key_size: usize) -> Work {
    let mut encryptor = Encryptor::new(&key(key_size));
    let mut chunk = vec![1; CHUNK];
    Box::new(move || {
        for _ in 0..MIB / CHUNK {
            encryptor.update_in_place(black_box(&mut chunk));
        }
    })
}

fn encrypt_several() -> Work {
    let key = key(16);
    let mut plaintexts = vec![vec![1; MIB / LANES]; LANES];
    Box::new(move || {
        for plain in &mut plaintexts {
            plain.truncate(MIB / LANES);
        }
        crypto::encrypt_several(&key, black_box(&mut plaintexts));
    })
}

fn decrypt(key_size: usize) -> Work {
    let mut decryptor = Decryptor::new(&key(key_size));
    let mut buffer = vec![1; HEADROOM + CHUNK];
    Box::new(move || {
        for _ in 0..MIB / CHUNK {
            black_box(decryptor.update_in_place(black_box(&mut buffer)));
        }
    })
}

fn cksum() -> Work {
    let chunk = vec![1; CHUNK];
    Box::new(move || {
        let mut cksum = Cksum::new();
        for _ in 0..MIB / CHUNK {
            cksum.update(black_box(&chunk));
        }
        black_box(cksum.finish());
    })
}

fn pair() -> (KeyPair, StdRng) {
    let mut rng = StdRng::seed_from_u64(1);
    (KeyPair::generate(&mut rng).unwrap(), rng)
}

fn wrap() -> Work {
    let (pair, mut rng) = pair();
    let key = key(16);
    Box::new(move || {
        let _ = black_box(pair.public_key().wrap(&key, &mut rng));
    })
}

fn unwrap() -> Work {
    let (pair, mut rng) = pair();
    let wrapped = pair.public_key().wrap(&key(16), &mut rng).unwrap();
    Box::new(move || {
        let _ = black_box(pair.unwrap(&wrapped, &mut rng));
    })
}

/// What a server does for a file and its verdict, without the content: the price of a dialect.
fn server_file(dialect: &str) -> Work {
    let dialect = Dialect::parse(dialect).unwrap();
    let name = Name::new("a.txt").unwrap();
    let client = ClientId::from_bytes([7; 16]);
    let size = dialect.content_size(1000).unwrap();
    let encode = |request: Request| request.encode(&dialect, client, VERSION);
    let first = SendFile::requests(&dialect, 1000, &name).unwrap().next();
    let file = encode(Request::SendFile(first.unwrap()));
    let verdict = encode(Request::Verdict(Verdict {
        kind: VerdictKind::Right,
        file_name: name,
    }));
    let mut rng = StdRng::seed_from_u64(1);
    Box::new(move || {
        let mut session = ServerSession::new(dialect.clone());
        let mut action = session.start();
        for _ in 0..100 {
            for mut request in [&file[..], &verdict] {
                loop {
                    let event = match action {
                        Action::ReadHeader { .. } if request.is_empty() => break,
                        Action::ReadHeader { size } => Event::Header(take(&mut request, size)),
                        Action::ReadPayload { size } => Event::Payload(take(&mut request, size)),
                        Action::Ask(ask) => Event::Answer(answer(&ask)),
                        Action::ReceiveContent { .. } => Event::Content(Content::Stored {
                            upload: UploadId(1),
                            plain_size: size.into(),
                            cksum: 1,
                        }),
                        Action::BeginFile(_) | Action::Discard { .. } | Action::Send(_) => {
                            Event::Done
                        }
                        Action::Close => panic!("{:?}", session.refusal()),
                    };
                    action = session.handle(event, &mut rng);
                }
                assert!(session.refusal().is_none(), "{:?}", session.refusal());
            }
        }
    })
}

fn take<'a>(bytes: &mut &'a [u8], size: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(size);
    *bytes = rest;
    taken
}

fn answer(ask: &Ask) -> Answer {
    match ask {
        Ask::SendFile { .. } => Answer::Accepted {
            stored_key: Some(key(16)),
        },
        Ask::Verdict { .. } => Answer::VerdictTaken,
        other => panic!("{other:?}"),
    }
}
