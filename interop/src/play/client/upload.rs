//! One file: transmissions, verdicts, and how it ends (PROTOCOL.md 2.11, 2.12, 6).

use std::io::ErrorKind;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::dialect::AfterAnswer;
use crate::frame::{self, Id, Values};
use crate::message::{Field, Kind};
use crate::oracle::{self, AesKey};
use crate::play::client::content::{Plain, ZeroContent};
use crate::play::client::wire::{Broken, Response};
use crate::play::client::{Client, End, Fault, Step, TRIES};

/// What one file is sent as.
struct Sent<'a> {
    id: &'a Id,
    key: &'a AesKey,
    plain: &'a Plain,
    content: Vec<u8>,
    name: Vec<u8>,
}

impl Client {
    pub(super) fn send(&mut self, path: &Path, id: &Id, key: &AesKey) -> Step<End> {
        let plain = self.read_file(path)?;
        if plain.size() == 0 && self.is(Fault::NoEmptyFile) {
            return Ok(End::Done);
        }
        if plain.size() > crate::play::client::content::LARGEST {
            return Ok(End::Ours);
        }
        let mut sent = Sent {
            id,
            key,
            plain: &plain,
            content: match &plain {
                Plain::Bytes(bytes) => self.content(key, bytes),
                Plain::Zeros(_) => Vec::new(),
            },
            name: self.file_name(path),
        };
        if self.is(Fault::OtherFileName) {
            sent.name = self.name_field("other.txt");
        }
        let right = self.checksum(&plain, &sent.content);
        let transmissions = self.dialect().transmissions;
        let last = match self.job.fault {
            Some(Fault::OneMore) => transmissions + 1,
            Some(Fault::OneLess) => transmissions - 1,
            _ => transmissions,
        };
        let mut verdict = Vec::new();
        let mut transmission = 1;
        loop {
            let before = std::mem::take(&mut verdict);
            let Some(response) = self.transmit(&sent, before, &mut transmission)? else {
                return Ok(End::Refused);
            };
            let cksum = self
                .dialect()
                .byte_order
                .number(&response.get(Field::Cksum));
            let missing = cksum == 0 && self.is(Fault::NoCksumIsRight);
            let judgement = if cksum == right || missing || self.is(Fault::AlwaysRight) {
                Kind::CksumRight
            } else if transmission < last {
                Kind::CksumWrong
            } else {
                Kind::GiveUp
            };
            if self.is(Fault::Silent) {
                return Ok(End::Done);
            }
            let bytes = self.verdict(judgement, &sent);
            if judgement != Kind::CksumWrong {
                return self.last_verdict(judgement, &bytes);
            }
            verdict = self.wrong_verdict(bytes)?;
            transmission += 1;
            if self.is(Fault::ResendsNothing) {
                sent.content = sent.key.encrypt(&[]);
            }
        }
    }

    /// Sends the file until it is answered by something else than a refusal; `None` if that was all.
    fn transmit(
        &mut self,
        sent: &Sent<'_>,
        mut before: Vec<u8>,
        transmission: &mut u32,
    ) -> Step<Option<Response>> {
        let tries = match self.job.fault {
            Some(Fault::NoRetryOfFile) => 1,
            Some(Fault::FourTriesOfFile) => TRIES + 1,
            _ => TRIES,
        };
        for _ in 0..tries {
            self.send_content(sent, std::mem::take(&mut before))?;
            if self.is(Fault::VerdictAtOnce) && self.is_slow_to_answer()? {
                let verdict = self.verdict(Kind::CksumRight, sent);
                self.put(&verdict)?;
                return Err(Broken::End(End::Done));
            }
            let response = match self.answer(&[Kind::FileReceived]) {
                // A reset is none, and which of the two comes is not ours to say.
                Err(Broken::Io(error))
                    if error.kind() == ErrorKind::UnexpectedEof
                        && self.is(Fault::EndIsReceived) =>
                {
                    self.stream = None;
                    let verdict = self.verdict(Kind::CksumRight, sent);
                    self.put(&verdict)?;
                    return Err(Broken::End(End::Done));
                }
                response => response?,
            };
            if response.kind == Kind::FileReceived {
                self.is_echo(&response, sent)?;
                return Ok(Some(response));
            }
            if self.is(Fault::CountsRefusals) {
                *transmission += 1;
            }
        }
        Ok(None)
    }

    /// Whether a 2103 repeats the request (6.2).
    fn is_echo(&self, response: &Response, sent: &Sent<'_>) -> Step<()> {
        let dialect = self.dialect();
        self.is_own(response, sent.id, Fault::IgnoresIdInReceived)?;
        let name = response.get(Field::FileName);
        let same_name = match self.is(Fault::ComparesPadding) {
            true => name == sent.name,
            false => frame::name_text(&name) == frame::name_text(&sent.name),
        };
        let size = response.get(Field::ContentSize);
        let due = match dialect.echoed_size {
            crate::dialect::EchoedSize::Content => oracle::content_size(sent.plain.size()),
            crate::dialect::EchoedSize::Plain => sent.plain.size(),
        };
        let due = match self.is(Fault::PlainContentSize) {
            true => sent.plain.size(),
            false => due,
        };
        let same_size = size.is_empty() || u64::from(dialect.byte_order.number(&size)) == due;
        let zeros = response.get(Field::Zeros).iter().all(|byte| *byte == 0);
        let right = (same_name || self.is(Fault::IgnoresFileName))
            && (same_size || self.is(Fault::IgnoresContentSize))
            && (zeros || self.is(Fault::IgnoresZeros));
        // Only the faults that change what is sent make these differ.
        let changed = match self.job.fault {
            Some(Fault::NoPaddingBlock) => sent.plain.size().is_multiple_of(oracle::BLOCK as u64),
            Some(Fault::OtherIdInFile | Fault::PacketContentSize | Fault::ResendsNothing) => true,
            _ => false,
        };
        match right || changed {
            true => Ok(()),
            false => Err(Broken::End(End::Violation)),
        }
    }

    /// The 1103, or all packets of it.
    fn send_content(&mut self, sent: &Sent<'_>, mut before: Vec<u8>) -> Step<()> {
        let header_id = match self.is(Fault::OtherIdInFile) {
            true => [9; 16],
            false => *sent.id,
        };
        if let Plain::Zeros(size) = sent.plain {
            let content = oracle::content_size(*size) as u32;
            let payload = self.file_payload(sent, content, 1, 1, &[]);
            let dialect = &self.job.dialect;
            let mut bytes = before;
            bytes.extend(frame::request(
                dialect,
                Kind::SendFile,
                &header_id,
                &payload,
            ));
            frame::set_request_size(dialect, &mut bytes, payload.len() as u32 + content);
            self.put(&bytes)?;
            for piece in ZeroContent::new(sent.key, *size) {
                self.put(&piece)?;
            }
            return Ok(());
        }
        let most = match self.dialect().packet_size as usize {
            0 => sent.content.len(),
            size if self.is(Fault::LargePackets) => size + 16,
            size => size,
        };
        let packets: Vec<_> = sent.content.chunks(most).collect();
        for (number, packet) in (1_u32..).zip(&packets) {
            let size = match self.job.fault {
                Some(Fault::PlainContentSize) => sent.plain.size() as usize,
                Some(Fault::PacketContentSize) => packet.len(),
                _ => sent.content.len(),
            };
            let number = number - u32::from(self.is(Fault::PacketsFrom0));
            let total = packets.len() as u32;
            let payload = self.file_payload(sent, size as u32, number, total, packet);
            let before = std::mem::take(&mut before);
            self.write(Kind::SendFile, &header_id, &payload, before)?;
        }
        Ok(())
    }

    fn file_payload(
        &self,
        sent: &Sent<'_>,
        size: u32,
        number: u32,
        total: u32,
        packet: &[u8],
    ) -> Vec<u8> {
        let dialect = self.dialect();
        let original = u32::try_from(sent.plain.size()).unwrap_or(u32::MAX);
        let values = Values::default()
            .bytes(Field::PayloadClientId, sent.id)
            .number(dialect, Field::ContentSize, size)
            .number(dialect, Field::OriginalSize, original)
            .number(dialect, Field::PacketNumber, number)
            .number(dialect, Field::TotalPackets, total)
            .bytes(Field::FileName, &sent.name)
            .bytes(Field::Content, packet);
        frame::payload(dialect, Kind::SendFile, &values)
    }

    fn verdict(&self, judgement: Kind, sent: &Sent<'_>) -> Vec<u8> {
        let id = match self.is(Fault::OtherIdInVerdict) {
            true => [9; 16],
            false => *sent.id,
        };
        let name = match self.is(Fault::OtherNameInVerdict) {
            true => self.name_field("other.txt"),
            false => sent.name.clone(),
        };
        let values = Values::default()
            .bytes(Field::PayloadClientId, &id)
            .bytes(Field::FileName, &name);
        let payload = frame::payload(self.dialect(), judgement, &values);
        self.request(judgement, sent.id, &payload)
    }

    /// Sends a 1105, or gives back what goes into one write with the next 1103.
    fn wrong_verdict(&mut self, bytes: Vec<u8>) -> Step<Vec<u8>> {
        let after = self.dialect().after(Kind::CksumWrong);
        let read = after.is_some_and(|after| says_no(after.answer));
        let ends = after.is_none_or(|after| after.close) || self.per_request();
        if self.is(Fault::NoVerdictBetween) {
            return Ok(Vec::new());
        }
        if !read && !ends && !self.is(Fault::Apart) {
            return Ok(bytes);
        }
        self.put(&bytes)?;
        if read {
            self.read()?;
        } else if ends {
            self.finish()?;
        } else {
            thread::sleep(Duration::from_millis(30));
        }
        Ok(Vec::new())
    }

    fn last_verdict(&mut self, verdict: Kind, bytes: &[u8]) -> Step<End> {
        let mut bytes = bytes.to_vec();
        if self.is(Fault::Trailing) {
            bytes.extend([0; 4]);
        }
        self.put(&bytes)?;
        let after = self.dialect().after(verdict);
        let mut end = match verdict {
            Kind::GiveUp => End::GaveUp,
            _ => End::Done,
        };
        let mut answered = false;
        let no_is_yes = after.is_some_and(|after| says_no(after.answer));
        if after.is_some_and(|after| after.answer != AfterAnswer::None) {
            // A server that ends the stream in place of its answer is obeyed no less (2.12).
            answered = self.read().is_ok_and(|response| {
                let negative = response.kind.is_some_and(Kind::is_negative);
                // Where the dialect answers so, it is the answer to a verdict that was taken in.
                verdict == Kind::CksumRight && negative && !no_is_yes
            });
        }
        let closes = after.is_none_or(|after| after.close) || self.per_request();
        if closes || self.job.files.len() < 2 || answered {
            let refused = self.finish()?;
            if verdict == Kind::CksumRight && (refused || answered) {
                end = End::Refused;
            }
        }
        Ok(end)
    }
}

/// Whether an answer to a verdict is a negative one.
fn says_no(answer: AfterAnswer) -> bool {
    matches!(answer, AfterAnswer::Refused | AfterAnswer::GeneralError)
}
