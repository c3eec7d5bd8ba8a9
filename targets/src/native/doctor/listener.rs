//! Checks whether the address to listen on is free, or a server answers there.

use std::{io::ErrorKind, net::SocketAddr};

use tokio::net::TcpListener;

use super::{
    super::{
        health::{self, Health},
        serve,
    },
    finding::Finding,
};

const ABOUT: &str = "listen";

/// Listens on the address for a moment; where it is taken, asks which server answers.
pub async fn check(listen: SocketAddr) -> Finding {
    match TcpListener::bind(listen).await {
        Ok(_) => Finding::ok(ABOUT, format!("{listen} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => who_answers(listen).await,
        Err(error) => Finding::failed(
            ABOUT,
            format!("{listen}: {error}"),
            "choose an address of this machine, and a port above 1023 (--listen, AIBAAS_LISTEN)",
        ),
    }
}

async fn who_answers(listen: SocketAddr) -> Finding {
    match health::ask(&format!("http://{}", serve::reachable(listen))).await {
        Health::Ready => Finding::ok(ABOUT, format!("a server answers at {listen}, and is ready")),
        Health::NotReady(why) => {
            Finding::failed(ABOUT, format!("a server answers at {listen}, and is not ready: {why}"), "look at its log")
        }
        Health::NotThere(why) => Finding::failed(
            ABOUT,
            format!("another program has {listen}: {why}"),
            "stop it, or choose another port (--listen, AIBAAS_LISTEN)",
        ),
    }
}
