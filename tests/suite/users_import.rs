//! Accounts of the old backend, taken over by the native program, and administrators named on its command line.

use std::path::{Path, PathBuf};

use aibaas_core::store::migrations::{CREATE_LOG, MIGRATIONS, Migration};
use aibaas_tests::{
    Client, User, eventually,
    fixtures::PASSWORD,
    host::{
        Host, Kind, Setup,
        native::{self, Server},
    },
};
use rusqlite::Connection;
use serde_json::{Value, json};

/// Hashes of [`PASSWORD`] as other systems make them, by Python 3.11: `bcrypt` 5.0, `passlib` 1.7, `hashlib` (Django's
/// form of PBKDF2, and the second scrypt), `argon2-cffi` 25.1. Cheap ones: what they cost changes nothing here.
const HASHES: [(&str, &str); 8] = [
    // bcrypt.hashpw(password, bcrypt.gensalt(6))
    ("bcrypt", "$2b$06$D0xGM/rQ6DSeXZPSwkOseeHkKRKm9LxLim/jkLBBOEVxEC2JvPFbO"),
    // The same as PHP writes it.
    ("bcrypt-php", "$2y$06$D0xGM/rQ6DSeXZPSwkOseeHkKRKm9LxLim/jkLBBOEVxEC2JvPFbO"),
    // passlib.hash.pbkdf2_sha256.using(rounds=29000).hash(password)
    ("passlib", "$pbkdf2-sha256$29000$P8c4B6B0TglBqHVu7d1baw$Oovh/oI/3eBvrpvAXvcEsngpgvfpVW/3p6FMvKCZJzg"),
    // base64(hashlib.pbkdf2_hmac("sha256", password, b"oldbackendsalt", 20000))
    ("django", "pbkdf2_sha256$20000$oldbackendsalt$XwTZz6lTfTjJ8X+R6EFWRtVCrsRTJXhvr3yiQRXUR2o="),
    // passlib.hash.scrypt.using(rounds=12, block_size=8, parallelism=1).hash(password)
    ("scrypt", "$scrypt$ln=12,r=8,p=1$ZgxhTAlBaG1tTWmNcQ7hHA$WxQ5jU2l/e1gL3mcO7nfTObVSUBxrdLwtsrA4QsQRBU"),
    // hashlib.scrypt(password, salt=b"0123456789abcdef", n=4096, r=8, p=1, dklen=32)
    ("scrypt-openssl", "$scrypt$ln=12,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$GuavoXBMT0dNFmnlJTET7GEp1Ud0rMBD/XBxEKAtwUc"),
    // argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=4, type=Type.ID).hash(password)
    ("argon2id", "$argon2id$v=19$m=8192,t=1,p=4$/XI4bjh/q8LFzHXJUZvl9w$aM9EtpZw9Uq3/5qzL+gYrmb0t78X5wWgSEaSFpBIBRU"),
    // argon2.PasswordHasher(time_cost=2, memory_cost=4096, parallelism=1, type=Type.I).hash(password)
    ("argon2i", "$argon2i$v=19$m=4096,t=2,p=1$dV/HlE9+P8Y5ZtSi28ljYQ$SrhUv8DFCQrZ5ldzjasHVfW/UfBbNIAIVlBcj/OgweQ"),
];
/// What no row and no message may give away.
const BAD_HASH: &str = "5f4dcc3b5aa765d61d8327deb882cf99";

/// Good rows, one a kind of hash and two without a hash, then bad ones; CSV as PostgreSQL writes it.
fn csv() -> String {
    let mut csv = "id,email,password_hash,full_name,email_verified,created_at\n".to_owned();
    for (n, (kind, hash)) in (1..).zip(HASHES) {
        // PHC strings hold commas.
        csv += &format!(
            "{n},{kind}@example.com,\"{hash}\",\"Imported by {kind}; O'Neill\",t,2024-01-02 03:04:05.123456+00\n"
        );
    }
    csv += "0190f3a1-0000-7000-8000-00000000000A,No.Password@Example.com,,,t,2023-05-06T07:08:09Z\n";
    csv += &format!("eleven,unverified@example.com,\"{}\",,f,2024-01-02 03:04:05+00\n", HASHES[0].1);
    csv += &format!("12,unknown-hash@example.com,{BAD_HASH},,t,2024-01-02 03:04:05+00\n");
    csv += "13,two-lines@example.com,,\"two\nlines\",t,2024-01-02 03:04:05+00\n";
    csv += "14,BCRYPT@example.com,,,t,2024-01-02 03:04:05+00\n";
    csv += "15,from-the-future@example.com,,,t,2924-01-02 03:04:05+00\n";
    csv += "16,short@example.com\n";
    csv
}

/// The lines of the bad rows, and what is told of them.
const REFUSED: [(&str, &str); 5] = [
    ("line 12", "password_hash"),
    ("line 13", "full_name"),
    ("line 15", "line 2 already"),
    ("line 16", "future"),
    ("line 17", "2 values"),
];

/// The same rows as NDJSON.
fn ndjson() -> String {
    let mut lines = Vec::new();
    for (n, (kind, hash)) in (1..).zip(HASHES) {
        lines.push(json!({
            "id": n, "email": format!("{kind}@example.com"), "password_hash": hash,
            "full_name": format!("Imported by {kind}; O'Neill"), "email_verified": true, "created_at": 1_704_164_645_123_i64,
        }));
    }
    lines.push(json!({
        "id": "0190f3a1-0000-7000-8000-00000000000a", "email": "no.password@example.com", "password_hash": null,
        "full_name": null, "email_verified": 1, "created_at": "2023-05-06T09:08:09+02:00",
    }));
    lines.push(json!({
        "created_at": "2024-01-02 03:04:05", "id": "eleven", "email": "unverified@example.com",
        "password_hash": HASHES[0].1, "email_verified": "false",
    }));
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

/// Runs the program, and tells how it ended and what it said.
fn run(arguments: &[&str]) -> (bool, String) {
    let output = native::command().expect("the binary").args(arguments).output().expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for (_, hash) in HASHES {
        assert!(!said.contains(hash), "a hash is never shown: {said}");
    }
    assert!(!said.contains(BAD_HASH), "a hash is never shown: {said}");
    (output.status.success(), said)
}

fn import(file: &Path, option: &str, target: &Path) -> String {
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (well, said) = run(&["import", "users", &path(file), option, &path(target)]);
    assert!(well, "{said}");
    said
}

/// Every row of the table, every column.
fn users(database: &Connection) -> Vec<Vec<rusqlite::types::Value>> {
    let mut rows = database.prepare("SELECT * FROM users ORDER BY id").expect("the table");
    let count = rows.column_count();
    let read = rows.query_map([], |row| (0..count).map(|column| row.get(column)).collect()).expect("the rows");
    read.collect::<Result<_, _>>().expect("the rows")
}

fn database(folder: &Path) -> Connection {
    Connection::open(folder.join("aibaas.db")).expect("the database")
}

fn hash_of(database: &Connection, email: &str) -> Option<String> {
    let sql = "SELECT password_hash FROM users WHERE email = ?1";
    database.query_row(sql, [email], |row| row.get(0)).unwrap_or_else(|error| panic!("{email}: {error}"))
}

async fn login(api: &Client, email: &str) -> Value {
    api.post("/api/v1/auth/login").json(json!({ "email": email, "password": PASSWORD })).await.expect(200)
}

/// Every kind of hash logs in, and is an Argon2id of ours afterwards; bad rows are told; nothing is overwritten.
pub async fn accounts_move_with_their_passwords() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("users.csv"));
    std::fs::write(&file, csv()).expect("written");

    let said = import(&file, "--data-dir", &data);
    assert!(said.contains("imported 10, already there 0, refused 5"), "{said}");
    for (line, reason) in REFUSED {
        assert!(said.lines().any(|said| said.contains(line) && said.contains(reason)), "{line} {reason} in {said}");
    }
    let imported = users(&database(&data));
    let said = import(&file, "--data-dir", &data);
    assert!(said.contains("imported 0, already there 10, refused 5"), "{said}");
    assert_eq!(users(&database(&data)), imported);

    let server = Server::start(&data, &Setup::KeepsMail.variables()).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    for (kind, hash) in HASHES {
        let (api, email) = (host.client(), format!("{kind}@example.com"));
        let wrong = json!({ "email": email, "password": "something else entirely" });
        api.post("/api/v1/auth/login").json(wrong).await.problem(401, "invalid_credentials");
        assert_eq!(hash_of(&database(&data), &email).as_deref(), Some(hash));

        let tokens = login(&api, &email).await;
        let me = api.with(tokens["accessToken"].as_str().expect("a token")).get("/api/v1/users/me").await.expect(200);
        let user = if me["user"].is_object() { &me["user"] } else { &me };
        assert_eq!(user["fullName"], format!("Imported by {kind}; O'Neill"));
        assert_eq!(user["createdAt"], "2024-01-02T03:04:05.123Z");

        let rehashed = rehashed(&data, &email, hash).await;
        assert!(rehashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kind}: {rehashed}");
        login(&api, &email).await;
        assert_eq!(hash_of(&database(&data), &email), Some(rehashed), "{kind}: a current hash stays");
    }
    for (email, status, code) in
        [("no.password@example.com", 401, "invalid_credentials"), ("unverified@example.com", 403, "email_not_verified")]
    {
        let request = json!({ "email": email, "password": PASSWORD });
        host.client().post("/api/v1/auth/login").json(request).await.problem(status, code);
    }

    // While the server runs: the newer hashes stay, somebody else's address is not taken, who is new comes in.
    let somebody = User::verified(&host).await;
    let more = format!(
        "90,{},,,t,2024-01-02 03:04:05+00\n91,late@example.com,\"{}\",,t,2024-01-02\n",
        somebody.email, HASHES[2].1
    );
    std::fs::write(&file, csv() + &more).expect("written");
    let before = users(&database(&data));
    let said = import(&file, "--data-dir", &data);
    assert!(said.contains("imported 1, already there 10, refused 6"), "{said}");
    assert!(said.contains("line 18") && said.contains("belongs to another account"), "{said}");
    let after = users(&database(&data));
    assert!(
        after.len() == before.len() + 1 && before.iter().all(|row| after.contains(row)),
        "something was overwritten"
    );
    login(&host.client(), "late@example.com").await;
}

/// The hash that took the old one's place; it may come a moment after the login was answered.
async fn rehashed(data: &Path, email: &str, old: &str) -> String {
    eventually(&format!("{email} has a new hash"), async || hash_of(&database(data), email).filter(|hash| hash != old))
        .await
}

/// CSV, NDJSON, and the SQL for `wrangler d1 execute` come to the same rows; a wrong file is refused as a whole.
pub fn every_way_in_leads_to_the_same_accounts() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let (csv, ndjson) = (file("users.csv", &csv()), file("users", &ndjson()));
    let (from_csv, from_json) = (folder.path().join("a"), folder.path().join("b"));
    import(&csv, "--data-dir", &from_csv);
    let said = import(&ndjson, "--data-dir", &from_json);
    assert!(said.contains("imported 10, already there 0, refused 0"), "{said}");
    let imported = users(&database(&from_csv)).into_iter().filter(|row| !is(row, "unverified@example.com"));
    let others = users(&database(&from_json)).into_iter().filter(|row| !is(row, "unverified@example.com"));
    assert_eq!(imported.collect::<Vec<_>>(), others.collect::<Vec<_>>());

    let sql = folder.path().join("users.sql");
    let said = import(&csv, "--sql", &sql);
    assert!(said.contains("written 10, refused 5"), "{said}");
    let text = std::fs::read_to_string(&sql).expect("the file");
    let d1 = Connection::open_in_memory().expect("a database in memory");
    d1.execute_batch(CREATE_LOG).expect("the log of migrations");
    MIGRATIONS
        .iter()
        .flat_map(Migration::statements)
        .for_each(|statement| d1.execute_batch(statement).expect(statement));
    for _ in 0..2 {
        d1.execute_batch(&text).expect("the file is SQL");
        assert_eq!(users(&d1), users(&database(&from_csv)));
    }
    assert!(text.split_inclusive(";\n").all(|statement| statement.len() < 100_000 && statement.ends_with(";\n")));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(sql.metadata().expect("the file").permissions().mode() & 0o777, 0o600);
    }

    let data = folder.path().join("none");
    for (name, text, reason) in [
        ("again.csv", "", "empty"),
        ("columns.csv", "id,email,password_hash,full_name,email_verified,created_at,is_active\n", "is_active"),
        ("missing.csv", "id,email\n", "password_hash"),
        ("array.json", "[{}]", "NDJSON"),
    ] {
        let file = file(name, text);
        let (well, said) =
            run(&["import", "users", file.to_str().expect("UTF-8"), "--data-dir", data.to_str().expect("UTF-8")]);
        assert!(!well && said.contains(reason) && said.contains(name), "{reason} in {said}");
    }
    assert!(!data.exists(), "nothing is made for a file that cannot be read");
    let (well, said) = run(&["import", "users", csv.to_str().expect("UTF-8"), "--sql", sql.to_str().expect("UTF-8")]);
    assert!(!well && said.contains("users.sql"), "a file that is there stays: {said}");
    assert_eq!(std::fs::read_to_string(&sql).expect("the file"), text);
}

/// Of an import that stops half-way, what was refused until then is told besides where it stopped.
pub fn an_import_that_stops_tells_what_it_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("users.csv"));
    let header = "id,email,password_hash,full_name,email_verified,created_at\n";
    std::fs::write(&file, header).expect("written");
    import(&file, "--data-dir", &data);
    let full = "CREATE TRIGGER full BEFORE INSERT ON users BEGIN SELECT RAISE(ABORT, 'no room'); END";
    database(&data).execute_batch(full).expect("a trigger");

    std::fs::write(&file, format!("{header}1,ada@example.com,,,t,2024-01-02\n2,nobody,,,t,2024-01-02\n"))
        .expect("written");
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (well, said) = run(&["import", "users", &path(&file), "--data-dir", &path(&data)]);
    assert!(!well && said.contains("stopped before line 2"), "{said}");
    assert!(said.contains("imported 0, already there 0, refused 1"), "{said}");
    assert!(said.contains("refused: line 3: "), "{said}");
}

fn is(row: &[rusqlite::types::Value], email: &str) -> bool {
    row.contains(&rusqlite::types::Value::Text(email.to_owned()))
}

/// The command line makes an administrator, and no administrator any more, while the server runs.
pub async fn the_command_line_names_administrators() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("UTF-8");
    let (well, said) = run(&["admin", "grant", "ada@example.com", "--data-dir", data]);
    assert!(!well && said.contains("no database"), "{said}");

    let server = Server::start(folder.path(), &Setup::KeepsMail.variables()).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    let user = User::verified(&host).await;
    let users = || user.api.get("/api/v1/admin/users");
    users().await.problem(403, "role_required");

    for said in ["is an administrator now", "is an administrator already"] {
        let told = run(&["admin", "grant", &user.email.to_uppercase(), "--data-dir", data]);
        assert!(told.0 && told.1.contains(said) && told.1.contains(&user.email), "{told:?}");
        let page = users().await.expect(200);
        assert_eq!((&page["data"][0]["email"], &page["data"][0]["role"]), (&json!(user.email), &json!("admin")));
    }
    let log = user.api.get("/api/v1/admin/audit-log").await.expect(200);
    let changes = |log: &Value| {
        let events = log["data"].as_array().expect("events").iter().filter(|event| event["event"] == "role_changed");
        events.cloned().collect::<Vec<_>>()
    };
    let [change] = changes(&log).try_into().expect("one change of role");
    assert_eq!(
        (&change["actorId"], &change["details"]),
        (&Value::Null, &json!({ "role": "admin", "by": "command line" }))
    );

    for said in ["is no administrator any more", "is no administrator"] {
        let told = run(&["admin", "revoke", &user.email, "--data-dir", data]);
        assert!(told.0 && told.1.contains(said), "{told:?}");
        users().await.problem(403, "role_required");
    }
    let recorded: u32 = database(folder.path())
        .query_row("SELECT count(*) FROM audit_events WHERE event = 'role_changed'", [], |row| row.get(0))
        .expect("the events");
    assert_eq!(recorded, 2);

    let unverified = User::unverified(&host.client()).await;
    for (email, reason) in [(unverified.as_str(), "not verified"), ("nobody@example.com", "nobody has an account")] {
        let (well, said) = run(&["admin", "grant", email, "--data-dir", data]);
        assert!(!well && said.contains(reason), "{said}");
    }
}
