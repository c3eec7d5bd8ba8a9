//! HTTP/1.1 by hand, over one connection, for what no client library does.

use std::{io, net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// A connection to a host.
pub struct Wire {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

/// An answer as it came over the connection.
#[derive(Clone, Debug)]
pub struct WireAnswer {
    /// The status code, which may be that of an interim answer.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl WireAnswer {
    /// Returns a header's value, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Checks whether the answer announces that the connection closes after it.
    pub fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// Returns the body as JSON; null where it is not JSON.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Wire {
    /// Connects to a host's URL, from a loopback address that no other client of this process calls from.
    ///
    /// # Errors
    /// Returns why there is no connection.
    pub async fn open(url: &str) -> io::Result<Self> {
        Self::open_from(url, crate::client::next_address()).await
    }

    /// Connects to a host's URL from this address, where the host is on loopback.
    ///
    /// # Errors
    /// Returns why there is no connection.
    pub async fn open_from(url: &str, from: std::net::IpAddr) -> io::Result<Self> {
        let authority = url.rsplit('/').next().unwrap_or(url).replace("localhost", "127.0.0.1");
        let address = authority.parse::<SocketAddr>().map_err(io::Error::other)?;
        let socket = TcpSocket::new_v4()?;
        if address.ip().is_loopback() {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        let stream: TcpStream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        Ok(Self { reader: BufReader::new(reader), writer })
    }

    /// Sends these bytes.
    ///
    /// # Errors
    /// Returns the connection's error.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.writer.write_all(bytes.as_ref()).await
    }

    /// Sends these bytes and reads an answer at the same time, as a client with a large request does.
    ///
    /// # Errors
    /// Returns the same errors as [`Wire::answer`].
    pub async fn exchange(&mut self, bytes: &[u8]) -> io::Result<Option<WireAnswer>> {
        self.exchange_repeated(bytes, 1).await
    }

    /// Sends these bytes `times` times and reads an answer at the same time.
    ///
    /// # Errors
    /// Returns the same errors as [`Wire::answer`].
    pub async fn exchange_repeated(&mut self, bytes: &[u8], times: usize) -> io::Result<Option<WireAnswer>> {
        let Self { reader, writer } = self;
        let sending = async {
            for _ in 0..times {
                // A host that has answered may stop reading.
                if writer.write_all(bytes).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await
        };
        tokio::select! {
            answer = answer(reader) => answer,
            () = sending => Ok(None),
        }
    }

    /// Sends a byte every 300 ms until an answer comes.
    ///
    /// # Errors
    /// Returns the same errors as [`Wire::answer`].
    pub async fn drip(&mut self) -> io::Result<Option<WireAnswer>> {
        let Self { reader, writer } = self;
        let dripping = async {
            while writer.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            std::future::pending::<()>().await
        };
        tokio::select! {
            answer = answer(reader) => answer,
            () = dripping => Ok(None),
        }
    }

    /// Reads the next answer; `None` where the host closed the connection instead.
    ///
    /// # Errors
    /// Returns the connection's error, or that what came was no answer.
    pub async fn answer(&mut self) -> io::Result<Option<WireAnswer>> {
        answer(&mut self.reader).await
    }
}

async fn line(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<String> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line).await?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

async fn answer(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<WireAnswer>> {
    let first = line(reader).await?;
    if first.is_empty() {
        return Ok(None);
    }
    let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse::<u16>().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no answer: {first:?}")))?;
    let mut headers = Vec::new();
    loop {
        let header = line(reader).await?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = WireAnswer { status, headers, body: Vec::new() };
    if answer.header("transfer-encoding").is_some() {
        loop {
            let length = usize::from_str_radix(&line(reader).await?, 16).map_err(io::Error::other)?;
            let mut chunk = vec![0; length];
            reader.read_exact(&mut chunk).await?;
            answer.body.extend(chunk);
            line(reader).await?;
            if length == 0 {
                break;
            }
        }
    } else if let Some(length) = answer.header("content-length").and_then(|length| length.parse().ok()) {
        answer.body = vec![0; length];
        reader.read_exact(&mut answer.body).await?;
    }
    Ok(Some(answer))
}
