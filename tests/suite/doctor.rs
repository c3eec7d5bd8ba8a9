//! `aibaas doctor`: what it finds, that it prints no secret, and that it changes nothing.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::Path,
};

use aibaas_tests::host::{Setup, native::Server};
use serde_json::Value;

use crate::native_program::run;

/// Runs it over a directory, listening there; its code, and what it found.
pub fn doctor(data: &Path, listen: &str, more: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, Vec<Finding>) {
    let folder = data.to_str().expect("UTF-8");
    let arguments = [&["doctor", "--json", "--data-dir", folder, "--listen", listen], more].concat();
    let (output, said) = run(&arguments, variables);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
    let findings = told["findings"].as_array().expect("a list").iter().map(|finding| Finding {
        about: text(&finding["about"]),
        status: text(&finding["status"]),
        found: format!("{} {}", text(&finding["found"]), text(&finding["advice"])),
    });
    (output.status.code(), findings.collect())
}

/// What it tells about one thing.
#[derive(Debug)]
pub struct Finding {
    pub about: String,
    pub status: String,
    pub found: String,
}

/// Looks for a finding of this kind, with this in it.
#[track_caller]
pub fn holds(findings: &[Finding], about: &str, status: &str, part: &str) {
    let is_there =
        |finding: &Finding| finding.about == about && finding.status == status && finding.found.contains(part);
    assert!(findings.iter().any(is_there), "{status} {about}: {part}: {findings:#?}");
}

/// On a machine where nothing is there yet nothing fails, and nothing is there afterwards either.
pub fn it_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (code, findings) = doctor(&data, "127.0.0.1:0", &[], &[]);
    assert_eq!(code, Some(0), "{findings:#?}");
    holds(&findings, "configuration", "ok", "for development");
    holds(&findings, "data directory", "ok", "a start makes it");
    holds(&findings, "mail", "ok", "/dev/mail");
    holds(&findings, "listen", "ok", "is free");
    assert!(!data.exists());
    let (output, said) = run(&["doctor", "--data-dir", data.to_str().expect("UTF-8"), "--listen", "127.0.0.1:0"], &[]);
    assert!(output.status.success(), "{said}");
    let lines = said.lines().collect::<Vec<_>>();
    assert_eq!(lines.len(), findings.len() + 1, "a line each, and the sum: {said}");
    assert!(lines.iter().any(|line| line.starts_with("ok       listen: ")), "{said}");
}

/// Every mistake and every risk of the variables is told, and no value of a secret.
pub fn it_tells_what_is_configured_wrongly() {
    let data = tempfile::tempdir().expect("a folder");
    let mistaken = [
        ("ENVIRONMENT", "production"),
        ("JWT_SECRET", "hunter2-hunter2"),
        ("SMTP_URL", "smtp://ada:hunter2@mail.example:70000"),
        ("BASE_URL", "http://api.example.com"),
        ("JWT_SECERT", "hunter2"),
    ];
    let (code, findings) = doctor(data.path(), "127.0.0.1:0", &[], &mistaken);
    assert_eq!(code, Some(1));
    for name in ["JWT_SECRET is too weak", "SMTP_URL must be", "BASE_URL must be an https", "MAIL_FROM is missing"] {
        holds(&findings, "configuration", "failed", name);
    }
    holds(&findings, "configuration", "warning", "is JWT_SECRET meant?");
    assert!(!format!("{findings:?}").contains("hunter2"), "{findings:?}");

    let risky = [
        ("ENVIRONMENT", "production"),
        ("JWT_SECRET", "gI8v2mN4qT6wY1zA3bC5dE7fH9jK0lPx"),
        ("SENDGRID_API_KEY", "SG.hunter2"),
        ("MAIL_FROM", "noreply@example.com"),
        ("BASE_URL", "https://api.example.com"),
        ("PUBLISHING", "open"),
    ];
    let (code, findings) = doctor(data.path(), "127.0.0.1:0", &["--offline"], &risky);
    assert_eq!(code, Some(0), "{findings:#?}");
    for risk in ["PUBLISHING is open", "BREACHED_PASSWORDS_URL is not set", "TRUSTED_PROXIES names no proxy"] {
        holds(&findings, "configuration", "warning", risk);
    }
    holds(&findings, "backups", "warning", "BACKUP_DIR");
    assert!(!format!("{findings:?}").contains("hunter2") && !format!("{findings:?}").contains("gI8v"), "{findings:?}");
    let (_, findings) = doctor(data.path(), "0.0.0.0:0", &[], &[]);
    holds(&findings, "configuration", "failed", "ENVIRONMENT is not set");
}

/// Beside a running server all is well; once its file is spoiled, or a newer release was there, that is told.
pub fn it_looks_beside_a_running_server() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &Setup::KeepsMail.variables()).expect("it starts");
    let listen = server.url.strip_prefix("http://").expect("a URL").to_owned();
    let (code, findings) = doctor(data.path(), &listen, &[], &[]);
    assert_eq!(code, Some(0), "{findings:#?}");
    holds(&findings, "listen", "ok", "and is ready");
    holds(&findings, "database", "ok", "is whole");
    holds(&findings, "database", "ok", "can be written");
    holds(&findings, "schema", "ok", ".sql");
    // Whatever there is here.
    assert!(!cfg!(unix) || findings.iter().any(|finding| finding.about == "disk"), "{findings:#?}");

    let file = data.path().join("aibaas.db");
    let database = rusqlite::Connection::open(&file).expect("a database");
    database.execute("INSERT INTO d1_migrations (name) VALUES ('9999_of_tomorrow.sql')", []).expect("a row");
    drop(database);
    let (code, findings) = doctor(data.path(), &listen, &[], &[]);
    assert_eq!(code, Some(1), "{findings:#?}");
    holds(&findings, "schema", "failed", "9999_of_tomorrow.sql");
    holds(&findings, "listen", "failed", "is not ready");
    server.kill();

    // What another program holds is not broken.
    let holder = rusqlite::Connection::open(&file).expect("a database");
    holder.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").expect("held");
    let (code, findings) = doctor(data.path(), "127.0.0.1:0", &[], &[]);
    assert_eq!(code, Some(1), "{findings:#?}");
    holds(&findings, "database", "failed", "another program holds it");
    drop(holder);

    // What is in the log beside it goes into the file.
    let database = rusqlite::Connection::open(&file).expect("a database");
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("a checkpoint");
    drop(database);
    let mut bytes = std::fs::read(&file).expect("a database");
    let pages = bytes.len() - 4096;
    bytes[4096..pages].fill(0xA5);
    std::fs::write(&file, bytes).expect("spoiled");
    let (code, findings) = doctor(data.path(), "127.0.0.1:0", &[], &[]);
    assert_eq!(code, Some(1), "{findings:#?}");
    holds(&findings, "database", "failed", "restore a backup");
}

/// A server that answers each request with this status, and this date.
fn answering(status: &'static str, date: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let head = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            let _ = head.count();
            let answer = format!("HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

/// It asks the servers that the configuration names, compares its clock with theirs, and goes on without them.
pub fn it_asks_others() {
    let data = tempfile::tempdir().expect("a folder");
    let old = answering("200 OK", "Sat, 28 Nov 2020 07:00:00 GMT");
    let url = format!("http://{old}/range");
    let (code, findings) = doctor(data.path(), "127.0.0.1:0", &[], &[("BREACHED_PASSWORDS_URL", &url)]);
    assert_eq!(code, Some(1), "{findings:#?}");
    holds(&findings, "breached passwords", "ok", "answers");
    holds(&findings, "clock", "failed", "ahead of 127.0.0.1");
    // What listens there is no server of ours.
    let (_, findings) = doctor(data.path(), &old, &[], &[]);
    holds(&findings, "listen", "failed", "another program");

    // A port that nobody listens on any more.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let url = format!("http://{closed}");
    let variables =
        [("BREACHED_PASSWORDS_URL", url.as_str()), ("RESEND_API_KEY", "re_hunter2"), ("RESEND_API_URL", &url)];
    let (code, findings) = doctor(data.path(), "127.0.0.1:0", &[], &variables);
    assert_eq!(code, Some(1), "mail cannot be sent: {findings:#?}");
    holds(&findings, "mail", "failed", "cannot be reached");
    holds(&findings, "breached passwords", "warning", "cannot be reached");
    holds(&findings, "clock", "warning", "no other clock");
    assert!(!format!("{findings:?}").contains("hunter2"), "{findings:?}");

    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("at once");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (code, findings) =
        doctor(data.path(), "127.0.0.1:0", &["--offline"], &[("RESEND_API_KEY", "re_1"), ("RESEND_API_URL", &url)]);
    assert_eq!(code, Some(0), "{findings:#?}");
    holds(&findings, "outbound", "warning", "--offline");
    assert!(listener.accept().is_err(), "nobody was asked");
}

/// A secret may stand in a file that a variable names; what is wrong with the file is told, and never what is in it.
pub fn secrets_come_from_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (secret, weak) = (folder.path().join("jwt"), folder.path().join("weak"));
    std::fs::write(&secret, "gI8v2mN4qT6wY1zA3bC5dE7fH9jK0lPx\n").expect("written");
    std::fs::write(&weak, "hunter2").expect("written");
    let (secret, weak) = (secret.to_str().expect("UTF-8"), weak.to_str().expect("UTF-8"));
    let data = folder.path().join("data");
    let with = |variables: &[(&str, &str)]| {
        let production = [("ENVIRONMENT", "production"), ("BASE_URL", "https://api.example.com")];
        let mail = [("MAIL_FROM", "noreply@example.com"), ("RESEND_API_KEY", "re_hunter2")];
        let variables = [&production[..], &mail, variables].concat();
        let (code, findings) = doctor(&data, "127.0.0.1:0", &["--offline"], &variables);
        assert!(!format!("{findings:?}").contains("hunter2"), "{findings:?}");
        (code, findings)
    };
    let (code, findings) = with(&[("JWT_SECRET_FILE", secret)]);
    assert_eq!(code, Some(0), "{findings:#?}");
    for (variables, told) in [
        (&[("JWT_SECRET_FILE", weak)][..], "JWT_SECRET is too weak"),
        (&[("JWT_SECRET_FILE", "/no/such/file")], "JWT_SECRET_FILE names /no/such/file, which cannot be read"),
        (&[("JWT_SECRET_FILE", secret), ("JWT_SECRET", "hunter2")], "JWT_SECRET and JWT_SECRET_FILE are both set"),
        (&[("JWT_SECRET_FILE", secret), ("TICK_SECRET_FILE", secret)], "TICK_SECRET is the same as JWT_SECRET"),
    ] {
        let (code, findings) = with(variables);
        assert_eq!(code, Some(1), "{findings:#?}");
        holds(&findings, "configuration", "failed", told);
    }
}
