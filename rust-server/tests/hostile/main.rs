//! What a peer can do that means harm, and what does not happen then.

#[path = "../common/mod.rs"]
mod common;

mod crowds;
mod limits;
mod oracle;
mod others;
mod paths;
mod slow;

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use backup_protocol::Dialect;
use socket2::{Domain, Socket, Type};

use common::{Client, Server};

fn seed() -> &'static Dialect {
    &Dialect::all()[0]
}

/// A connection from 127.0.0.`host`, as if from another machine.
fn connect_from(host: u8, server: &Server) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let from = SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0));
    socket.bind(&from.into()).expect("bound");
    let connected = socket.connect_timeout(&server.address.into(), common::DEADLINE);
    connected.expect("connected");
    let stream = TcpStream::from(socket);
    stream
        .set_read_timeout(Some(common::DEADLINE))
        .expect("set");
    stream.set_nodelay(true).expect("set");
    stream
}

/// A client from there.
fn client_from(host: u8, server: &Server) -> Client {
    let mut client = server.connect();
    client.stream = connect_from(host, server);
    client
}

/// A whole backup by somebody who has nothing to do with the attack.
fn a_good_client_is_served(server: &Server, name: &str) {
    let mut client = client_from(200, server).made_ready(name);
    client.send_file("good.txt", b"good content");
    client.right("good.txt");
}

/// Whether the server ended the connection, in whatever way, without having said anything. Looks for as
/// long as `patience`.
fn is_ended(stream: &TcpStream, patience: Duration) -> bool {
    stream.set_read_timeout(Some(patience)).expect("set");
    match stream.peek(&mut [0]) {
        Ok(read) => {
            assert_eq!(read, 0, "the server said something");
            true
        }
        Err(error) => !matches!(
            error.kind(),
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
        ),
    }
}
