//! The habits of the described programs (PROTOCOL.md 3.1): each side meets those of the other.
//! That a response is read with one read of 512 bytes shows in every scenario, since the judge wants
//! every response in one write.

use crate::cell::{Cell, Outcome, Send, Step, Stop};
use crate::info_file::InfoFile;
use crate::message::{Direction, Kind};
use crate::oracle::KeyPair;
use crate::peer::Ability;
use crate::scenarios::meddlers::{
    Damage, EndAfter, HoldEnd, ReceivedNothing, RegisterBefore, server_closes,
};
use crate::scenarios::{FIRST, Place, Scenario, always, bytes, known};
use crate::tap::{Fate, Meddle, Plan};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "matrix/habit-waits-after-1104",
        section: "3.1",
        title: "the client's end reaches a server that closes after 1104 only once it has closed",
        needs: &[],
        patience: 1,
        place: Place::Full,
        applies: always,
        run: waits_after_1104,
    },
    Scenario {
        id: "matrix/habit-closes-after-1104",
        section: "3.1",
        title: "the client sees the server close after 1104, in whatever dialect",
        needs: &[],
        patience: 1,
        place: Place::Full,
        applies: always,
        run: closes_after_1104,
    },
    Scenario {
        id: "matrix/habit-closes-after-1106",
        section: "3.1",
        title: "the client sees the server close after 1106, without a word in whatever dialect",
        needs: &[],
        patience: 1,
        place: Place::Full,
        applies: always,
        run: closes_after_1106,
    },
    Scenario {
        id: "matrix/habit-new-key-after-2101",
        section: "3.1",
        title: "1100 is refused, and 1101 follows under the stored ID with a new RSA pair",
        needs: &[Ability::KnownClient],
        patience: 1,
        place: Place::Full,
        applies: |dialect| !dialect.reconnects(),
        run: new_key_after_2101,
    },
    Scenario {
        id: "matrix/habit-whole-path",
        section: "3.1",
        title: "the file name is a whole path with backslashes",
        needs: &[Ability::SendAs],
        patience: 1,
        place: Place::Full,
        applies: always,
        run: whole_path,
    },
    Scenario {
        id: "matrix/habit-set-up-files",
        section: "3.1",
        title: "the set-up files end lines in CRLF, and Me.info wraps its key",
        needs: &[Ability::KnownClient, Ability::SetUpFiles],
        patience: 1,
        place: Place::Full,
        applies: always,
        run: set_up_files,
    },
    Scenario {
        id: "matrix/set-up-files-alone",
        section: "8",
        title: "a new client is set up by the files in its folder alone, and comes again so",
        needs: &[Ability::KnownClient, Ability::SetUpFiles],
        patience: 1,
        place: Place::Core,
        applies: always,
        run: set_up_files_alone,
    },
    Scenario {
        id: "matrix/habit-received-nothing",
        section: "3.1",
        title: "the server answers content that does not decrypt with the cksum of nothing",
        needs: &[],
        patience: 1,
        place: Place::Full,
        applies: always,
        run: received_nothing,
    },
    Scenario {
        id: "matrix/habit-one-client-at-a-time",
        section: "3.1",
        title: "three clients at once meet a server that serves one at a time",
        needs: &[],
        patience: 1,
        place: Place::Full,
        applies: always,
        run: one_client_at_a_time,
    },
];

fn waits_after_1104(cell: &mut Cell) -> Step {
    let file = cell.file("patient.bin", &bytes(60, 20))?;
    cell.serve()?;
    let client = cell.client("mallory")?;
    let send = Send::of([&file]);
    // Where the connection stays, the client's end is what ends it.
    let send = match server_closes(cell.dialect()) {
        true => send.meddled(HoldEnd::default()),
        false => send,
    };
    let run = cell.send(client, send, Outcome::Done)?;
    cell.expect_course(run, &FIRST)?;
    cell.expect_stored(&file)
}

fn closes_after_1104(cell: &mut Cell) -> Step {
    let file = cell.file("closed.bin", &bytes(60, 21))?;
    cell.serve()?;
    let client = cell.client("niaj")?;
    let send = Send::of([&file]).meddled(EndAfter {
        kind: Kind::CksumRight,
    });
    let run = cell.send(client, send, Outcome::Done)?;
    cell.expect_course(run, &FIRST)?;
    cell.expect_stored(&file)
}

fn closes_after_1106(cell: &mut Cell) -> Step {
    let file = cell.file("given-up.bin", &bytes(60, 19))?;
    cell.serve()?;
    let client = cell.client("nina")?;
    let times = cell.dialect().transmissions;
    let meddler = DamageAndEnd {
        damage: Damage::new(times, 3, 0x10),
        end: EndAfter { kind: Kind::GiveUp },
    };
    cell.send(client, Send::of([&file]).meddled(meddler), Outcome::GaveUp)?;
    cell.settle()?;
    cell.expect_not_stored(&file)
}

struct DamageAndEnd {
    damage: Damage,
    end: EndAfter,
}

impl Meddle for DamageAndEnd {
    fn head(&mut self, direction: Direction, kind: Option<Kind>, head: &mut Vec<u8>) -> Fate {
        self.damage.head(direction, kind, head);
        self.end.head(direction, kind, head)
    }

    fn content(&mut self, direction: Direction, offset: usize, bytes: &mut Vec<u8>) -> Fate {
        self.damage.content(direction, offset, bytes)
    }
}

fn new_key_after_2101(cell: &mut Cell) -> Step {
    let first = cell.file("before.bin", &bytes(60, 22))?;
    let second = cell.file("after.bin", &bytes(60, 23))?;
    cell.serve()?;
    let client = cell.client("olivia")?;
    cell.send(client, Send::of([&first]), Outcome::Done)?;
    let (info, folder) = cell.identity(client)?;
    let keys = KeyPair::generate().map_err(Stop::Ours)?;
    let renewed = InfoFile { keys, ..info };
    renewed.write_plain(&folder).map_err(Stop::Ours)?;
    let registers = RegisterBefore::new(cell.dialect(), "olivia");
    let run = cell.send(
        client,
        Send::of([&second]).meddled(registers),
        Outcome::Done,
    )?;
    let course = known(cell.dialect());
    cell.expect_course(run, &course)?;
    cell.expect_stored(&first)?;
    cell.expect_stored(&second)
}

fn whole_path(cell: &mut Cell) -> Step {
    let file = cell.file("report.bin", &bytes(60, 24))?;
    cell.serve()?;
    let client = cell.client("peggy")?;
    let path = "C:\\Users\\peggy\\..\\My Documents\\report.bin";
    let send = Send::of([&file]).able(&[Ability::SendAs]).named(path);
    let run = cell.send(client, send, Outcome::Done)?;
    cell.expect_course(run, &FIRST)?;
    cell.expect_stored(&file)
}

fn set_up_files(cell: &mut Cell) -> Step {
    let first = cell.file("before.bin", &bytes(60, 25))?;
    let second = cell.file("after.bin", &bytes(60, 26))?;
    cell.serve()?;
    let client = cell.client("rupert")?;
    cell.send(client, Send::of([&first]), Outcome::Done)?;
    let (info, folder) = cell.identity(client)?;
    let abilities = &[Ability::SetUpFiles];
    let new_folder = cell.identity_folder(client, abilities)?;
    if new_folder != folder {
        std::fs::remove_dir_all(&folder).map_err(|error| Stop::Ours(error.to_string()))?;
    }
    info.write_wrapped(&new_folder).map_err(Stop::Ours)?;
    let send = Send::of([&second]).able(abilities);
    // A client that is set up by those files alone has to find out a dialect that is not near to `seed`.
    let learns = cell.has_to_look(abilities);
    let send = if learns { send.learning() } else { send };
    let run = cell.send(client, send, Outcome::Done)?;
    let course = known(cell.dialect());
    if learns {
        cell.expect_course_to_end(run, &[Kind::SendFile, Kind::CksumRight])?;
    } else {
        cell.expect_course(run, &course)?;
    }
    cell.expect_stored(&second)
}

fn set_up_files_alone(cell: &mut Cell) -> Step {
    let first = cell.file("first.bin", &bytes(60, 65))?;
    let second = cell.file("second.bin", &bytes(60, 66))?;
    cell.serve()?;
    let client = cell.client("quentin")?;
    let abilities = &[Ability::SetUpFiles];
    let send = Send::of([&first]).able(abilities);
    let looks = cell.has_to_look(abilities);
    let send = if looks { send.learning() } else { send };
    let run = cell.send(client, send, Outcome::Done)?;
    if looks {
        cell.expect_course_to_end(run, &[Kind::SendFile, Kind::CksumRight])?;
    } else {
        cell.expect_course(run, &FIRST)?;
    }
    let send = Send::of([&second]).able(abilities).same_server_as(run);
    let run = cell.send(client, send, Outcome::Done)?;
    let course = known(cell.dialect());
    cell.expect_course(run, &course)?;
    cell.expect_stored(&first)?;
    cell.expect_stored(&second)
}

fn received_nothing(cell: &mut Cell) -> Step {
    let plain = bytes(40, 27);
    let file = cell.file("nothing.bin", &plain)?;
    cell.serve()?;
    let client = cell.client("sybil")?;
    // The last byte of the block before the last one: it turns the last byte of the padding, 8, into
    // one that cannot be.
    let damage = Damage::new(1, 31, 0x80);
    let meddler = ReceivedNothing::new(cell.dialect(), damage);
    let run = cell.send(client, Send::of([&file]).meddled(meddler), Outcome::Done)?;
    let course = [
        Kind::Register,
        Kind::SendPublicKey,
        Kind::SendFile,
        Kind::CksumWrong,
        Kind::SendFile,
        Kind::CksumRight,
    ];
    cell.expect_course(run, &course)?;
    cell.expect_stored(&file)
}

fn one_client_at_a_time(cell: &mut Cell) -> Step {
    cell.serve()?;
    let mut running = Vec::new();
    let mut files = Vec::new();
    for number in 0..3 {
        let file = cell.file("turn.bin", &bytes(60, 28 + number))?;
        let client = cell.client(&format!("trent {number}"))?;
        let send = Send::of([&file]).through(Plan {
            one_at_a_time: true,
            ..Plan::default()
        });
        running.push(cell.start(client, send)?);
        files.push(file);
    }
    for client in running {
        let run = cell.finish_run(client, Outcome::Done)?;
        cell.expect_course(run, &FIRST)?;
    }
    files.iter().try_for_each(|file| cell.expect_stored(file))
}
