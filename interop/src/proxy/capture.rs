//! What passes as pcapng, for Wireshark and its like. The proxy sees bytes, not packets: the packets are made, with the
//! addresses of the client and of the server, as if there were no proxy.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use etherparse::PacketBuilder;
use pcap_file::DataLink;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};

use crate::message::Direction;
use crate::record::Ended;

/// Bytes of payload in a packet: with its headers it stays below the 65,535 that IP can say.
const SEGMENT: usize = 32 * 1024;
const WINDOW: u16 = 0xffff;
const TTL: u8 = 64;

/// A capture file. Every packet is in the file as soon as it is written.
pub(crate) struct Capture {
    writer: PcapNgWriter<File>,
    flows: BTreeMap<usize, Flow>,
}

#[derive(Clone, Copy)]
struct Flow {
    client: SocketAddr,
    server: SocketAddr,
    /// The next sequence number of client and server.
    next: [u32; 2],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flag {
    Syn,
    SynAck,
    Data,
    Fin,
    Reset,
}

impl Capture {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut writer = PcapNgWriter::new(File::create(path)?).map_err(io::Error::other)?;
        writer
            .write_pcapng_block(InterfaceDescriptionBlock {
                linktype: DataLink::RAW,
                snaplen: 0,
                // The library writes nanoseconds.
                options: vec![InterfaceDescriptionOption::IfTsResol(9)],
            })
            .map_err(io::Error::other)?;
        Ok(Self {
            writer,
            flows: BTreeMap::new(),
        })
    }

    pub(crate) fn open(
        &mut self,
        connection: usize,
        client: SocketAddr,
        server: SocketAddr,
    ) -> io::Result<()> {
        let flow = Flow {
            client,
            server,
            next: [0, 0],
        };
        self.flows.insert(connection, flow);
        self.write(connection, Direction::Request, Flag::Syn, &[])?;
        self.write(connection, Direction::Response, Flag::SynAck, &[])?;
        self.write(connection, Direction::Request, Flag::Data, &[])
    }

    pub(crate) fn bytes(
        &mut self,
        connection: usize,
        direction: Direction,
        bytes: &[u8],
    ) -> io::Result<()> {
        bytes
            .chunks(SEGMENT)
            .try_for_each(|part| self.write(connection, direction, Flag::Data, part))
    }

    pub(crate) fn end(
        &mut self,
        connection: usize,
        direction: Direction,
        how: Ended,
    ) -> io::Result<()> {
        let flag = match how {
            Ended::Finished => Flag::Fin,
            Ended::Reset => Flag::Reset,
        };
        self.write(connection, direction, flag, &[])
    }

    fn write(
        &mut self,
        connection: usize,
        direction: Direction,
        flag: Flag,
        payload: &[u8],
    ) -> io::Result<()> {
        let Some(flow) = self.flows.get_mut(&connection) else {
            return Ok(());
        };
        let [of_client, of_server] = flow.next;
        let (from, to, sequence, acknowledged) = match direction {
            Direction::Request => (flow.client, flow.server, of_client, of_server),
            Direction::Response => (flow.server, flow.client, of_server, of_client),
        };
        let ip = match (from, to) {
            (SocketAddr::V4(from), SocketAddr::V4(to)) => {
                PacketBuilder::ipv4(from.ip().octets(), to.ip().octets(), TTL)
            }
            (from, to) => {
                let octets = |address: SocketAddr| match address {
                    SocketAddr::V4(address) => address.ip().to_ipv6_mapped().octets(),
                    SocketAddr::V6(address) => address.ip().octets(),
                };
                PacketBuilder::ipv6(octets(from), octets(to), TTL)
            }
        };
        let tcp = ip.tcp(from.port(), to.port(), sequence, WINDOW);
        let packet = match flag {
            Flag::Syn => tcp.syn(),
            Flag::SynAck => tcp.syn().ack(acknowledged),
            Flag::Data if payload.is_empty() => tcp.ack(acknowledged),
            Flag::Data => tcp.psh().ack(acknowledged),
            Flag::Fin => tcp.fin().ack(acknowledged),
            Flag::Reset => tcp.rst().ack(acknowledged),
        };
        let mut bytes = Vec::with_capacity(packet.size(payload.len()));
        packet
            .write(&mut bytes, payload)
            .map_err(io::Error::other)?;
        let taken = match flag {
            Flag::Data | Flag::Reset => payload.len() as u32,
            Flag::Syn | Flag::SynAck | Flag::Fin => 1,
        };
        let [of_client, of_server] = &mut flow.next;
        let mine = match direction {
            Direction::Request => of_client,
            Direction::Response => of_server,
        };
        *mine = mine.wrapping_add(taken);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.writer
            .write_pcapng_block(EnhancedPacketBlock {
                interface_id: 0,
                timestamp: now.unwrap_or_default(),
                original_len: bytes.len() as u32,
                data: Cow::Owned(bytes),
                options: Vec::new(),
            })
            .map_err(io::Error::other)?;
        Ok(())
    }
}
