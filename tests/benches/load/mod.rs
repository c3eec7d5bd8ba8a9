//! The load that a benchmark puts on servers, and what it costs there.

use std::{
    io::{Error, ErrorKind, Read as _, Result, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use aibaas_tests::host::Kind;

use crate::hosts::{Outcome, Server, cpu, cpu_since, median};

/// Connections that are asked at once, each one request after the other.
const CONNECTIONS: usize = 8;
/// What is left to do after the last answer of a round is done in this time, and counts.
const AFTERWARDS: Duration = Duration::from_millis(300);

/// A request, as it goes over the wire: the method and the path, headers that end their lines, and the body.
pub fn request(address: SocketAddr, line: &str, headers: &str, body: &str) -> String {
    // Workerd is asked with nothing before it that would say the client's address.
    format!("{line} HTTP/1.1\r\nHost: {address}\r\nCF-Connecting-IP: 127.0.0.1\r\n{headers}\r\n{body}")
}

pub fn get(address: SocketAddr, path: &str) -> String {
    request(address, &format!("GET {path}"), "", "")
}

/// A connection that stays open.
pub struct Connection {
    stream: TcpStream,
    piece: Box<[u8]>,
    answer: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream, piece: vec![0; 64 * 1024].into(), answer: Vec::new() })
    }

    /// Asks, and reads the whole answer, which must be a good one.
    pub fn exchange(&mut self, request: &str) -> Result<&[u8]> {
        self.stream.write_all(request.as_bytes())?;
        self.answer.clear();
        while !is_whole(&self.answer)? {
            match self.stream.read(&mut self.piece)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                length => self.answer.extend_from_slice(&self.piece[..length]),
            }
        }
        Ok(&self.answer)
    }
}

fn is_whole(answer: &[u8]) -> Result<bool> {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(false) };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    if !head.starts_with("http/1.1 200 ") {
        return Err(unexpected(answer));
    }
    let header = |name| head.lines().filter_map(|line| line.split_once(": ")).find(|header| header.0 == name);
    match header("content-length").map(|(_, length)| length.parse::<usize>()) {
        Some(Ok(length)) => Ok(answer.len() >= end + 4 + length),
        _ if header("transfer-encoding").is_some() => Ok(answer.ends_with(b"\r\n0\r\n\r\n")),
        _ => Err(Error::other(format!("an answer without an end: {head}"))),
    }
}

/// Why to stop: the server is not measured at what it was asked for.
pub fn unexpected(answer: &[u8]) -> Error {
    Error::other(format!("answered {}", String::from_utf8_lossy(answer)))
}

/// Whether the answer has this in it.
pub fn tells(answer: &[u8], what: &str) -> bool {
    answer.windows(what.len()).any(|bytes| bytes == what.as_bytes())
}

/// What one request takes.
pub struct Cost {
    /// Seconds of CPU, where the system tells.
    pub cpu: Option<f64>,
    /// Seconds between two answers.
    pub wall: f64,
}

/// One request to one server, asked again and again.
pub struct Series {
    /// What is asked.
    pub name: &'static str,
    serving: u32,
    address: SocketAddr,
    request: String,
    /// What is in each answer.
    told: Option<&'static str>,
    rounds: Vec<Cost>,
}

impl Series {
    pub fn new(name: &'static str, server: &Server, request: String, told: Option<&'static str>) -> Self {
        let Server { serving, address, .. } = *server;
        Self { name, serving, address, request, told, rounds: Vec::new() }
    }

    /// Measures them by turns, so that whatever else the machine does meanwhile it does to all, after a round that does
    /// not count.
    pub fn measure(all: &mut [Self], rounds: usize, requests: usize) -> Outcome<()> {
        for series in &*all {
            series.ask(requests)?;
        }
        for _ in 0..rounds {
            for series in &mut *all {
                series.round(requests)?;
            }
        }
        Ok(())
    }

    /// Asks so often, on all connections at once. They are new: workerd closes who is idle for some seconds.
    fn ask(&self, requests: usize) -> Outcome<()> {
        let ask = || {
            let mut connection = Connection::open(self.address)?;
            (0..requests / CONNECTIONS).try_for_each(|_| {
                let answer = connection.exchange(&self.request)?;
                if self.told.is_none_or(|told| tells(answer, told)) { Ok(()) } else { Err(unexpected(answer)) }
            })
        };
        let outcome = std::thread::scope(|scope| {
            let asking = (0..CONNECTIONS).map(|_| scope.spawn(ask)).collect::<Vec<_>>();
            asking.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
        });
        outcome.map_err(|error| format!("{}: {error}", self.name).into())
    }

    fn round(&mut self, requests: usize) -> Outcome<()> {
        let asked = f64::from(u32::try_from(requests / CONNECTIONS * CONNECTIONS)?);
        let (before, start) = (cpu(self.serving), Instant::now());
        self.ask(requests)?;
        let wall = start.elapsed().as_secs_f64() / asked;
        std::thread::sleep(AFTERWARDS);
        let spent = cpu_since(before, self.serving).map(|spent| spent.as_secs_f64() / asked);
        self.rounds.push(Cost { cpu: spent, wall });
        Ok(())
    }

    /// How often a figure of the other is contained in this one's, round by round: the median.
    pub fn ratio_to(&self, other: &Self, figure: impl Fn(&Cost) -> Option<f64>) -> Option<f64> {
        let pairs = self.rounds.iter().zip(&other.rounds);
        pairs.map(|(one, other)| Some(figure(one)? / figure(other)?)).collect::<Option<_>>().map(median)
    }

    /// The median of the rounds, in microseconds; not a number where the system does not tell.
    pub fn cpu_micros(&self) -> f64 {
        median(self.rounds.iter().map(|cost| cost.cpu.unwrap_or(f64::NAN) * 1e6).collect())
    }

    /// What stands above the rows.
    pub fn heading() -> String {
        format!("{:<12}{:<24}{:>15}{:>13}{:>16}", "host", "request", "CPU, µs/request", "requests/s", "ratio to hello")
    }

    /// The medians. The ratio is that of CPU, or of time where the system does not tell CPU.
    pub fn row(&self, kind: Kind, hello: &Self) -> String {
        let cpu = self.cpu_micros();
        let cpu = if cpu.is_nan() { "not told".to_owned() } else { format!("{cpu:.1}") };
        let rate = median(self.rounds.iter().map(|cost| 1.0 / cost.wall).collect());
        let ratio = self.ratio_to(hello, |cost| cost.cpu).or_else(|| self.ratio_to(hello, |cost| Some(cost.wall)));
        let ratio = ratio.unwrap_or(f64::NAN);
        format!("{:<12}{:<24}{cpu:>15}{rate:>13.0}{ratio:>16.2}", kind.to_string(), self.name)
    }
}
