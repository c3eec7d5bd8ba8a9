use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use aibaas_core::{
    domain::{api_key::Scope, key_use::Denial},
    migrate,
    ports::{Rows, Statement},
};

use super::{
    super::{
        database::{Durability, SqliteDatabase},
        system_clock::SystemClock,
    },
    *,
};

const START: Timestamp = Timestamp(1_795_395_723_004);
const REVOKE: &str = "UPDATE api_keys SET status = 'revoked' WHERE key_hash = ?1";
const REINSTATE: &str = "UPDATE api_keys SET status = 'active' WHERE key_hash = ?1";
const SUSPEND: &str = "UPDATE users SET status = 'suspended'";

struct Fixture {
    directory: PathBuf,
    database: Arc<SqliteDatabase>,
    gate: Arc<MemoryKeyGate>,
}

impl Fixture {
    /// Creates a database with this many keys, each with a limit of 100 in a minute.
    async fn new(keys: u32) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("aibaas-gate-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (database, gate) = open(&directory);
        migrate(&*database).await.unwrap();
        let user =
            "INSERT INTO users (id, email, created_at, updated_at, password_changed_at) VALUES ('u', 'a@b.c', 0, 0, 0)";
        let key = "INSERT INTO api_keys (id, user_id, name, key_hash, key_prefix, scopes, rate_limit, \
             rate_limit_window_seconds, environment, created_at) VALUES (?1, 'u', '', ?2, '', '[\"keys:verify\"]', 100, 60, 'live', 0)";
        let keys = (0..keys).map(|key_| Statement::new(key).bind(format!("k{key_}")).bind(hash(key_)));
        database.batch(std::iter::once(Statement::new(user)).chain(keys).collect()).await.unwrap();
        Self { directory, database, gate }
    }

    /// Closes the gate, and starts again.
    async fn restart(&mut self, now: Timestamp) {
        self.gate.close(now).await;
        self.database.close();
        (self.database, self.gate) = open(&self.directory);
    }

    async fn ask(&self, key: u32, now: Timestamp) -> Decision {
        self.gate.admit(&[with(key)], now).await.unwrap().remove(0)
    }

    /// Counts how many of `requests` requests are admitted.
    async fn burst(&self, requests: u32, now: Timestamp) -> u32 {
        let mut allowed = 0;
        for _ in 0..requests {
            allowed = u32::from(self.ask(0, now).await.is_allowed()).saturating_add(allowed);
        }
        allowed
    }

    /// Opens a connection as another process would.
    fn another_connection(&self) -> Connection {
        Connection::open(self.directory.join("test.db")).unwrap()
    }

    /// Returns the saved counts of the key: hour, allowed, limited, denied.
    async fn saved(&self, key: u32) -> Vec<(i64, u64, u64, u64)> {
        let of = key_uses::by_hour(&format!("k{key}").into(), Timestamp(0), Timestamp(i64::MAX));
        let hours = of.run(&*self.database).await.unwrap().into_iter();
        hours.map(|hour| (hour.start_ms, hour.allowed, hour.limited, hour.denied)).collect()
    }

    fn held(&self) -> usize {
        self.gate.shards.iter().map(|shard| lock(shard).entries.len()).sum()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.database.close();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn open(directory: &Path) -> (Arc<SqliteDatabase>, Arc<MemoryKeyGate>) {
    let path = directory.join("test.db");
    let database = Arc::new(SqliteDatabase::open(&path, Durability::Process, 1).unwrap());
    let gate = MemoryKeyGate::open(&path, 4, database.clone()).unwrap();
    (database, Arc::new(gate))
}

fn hash(key: u32) -> KeyHash {
    let [a, b, c, d] = key.to_le_bytes();
    let mut bytes = [7; 32];
    bytes[..4].copy_from_slice(&[a, b, c, d]);
    KeyHash::from_bytes(&bytes).unwrap()
}

fn with(key: u32) -> KeyUse {
    let scopes = vec![Scope::KeysVerify];
    KeyUse { hash: hash(key), scopes, address: None, cost: 1, publishes: false, optional: false, verifier: None }
}

fn hour(now: Timestamp) -> i64 {
    HourOfUse::of(now).start_ms
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_burst_gets_exactly_the_limit_while_others_commit() {
    let fixture = Arc::new(Fixture::new(2).await);
    let clients = (0..32_i64).map(|client| {
        let fixture = Arc::clone(&fixture);
        tokio::spawn(async move {
            let mut allowed = 0;
            for request in 0..20 {
                if request % 5 == 4 {
                    fixture.database.query(Statement::new(REINSTATE).bind(hash(1))).await.unwrap();
                }
                allowed += u32::from(fixture.ask(0, START.plus_ms(client + request)).await.is_allowed());
            }
            allowed
        })
    });
    let mut allowed = 0;
    for client in clients.collect::<Vec<_>>() {
        allowed += client.await.unwrap();
    }
    assert_eq!(allowed, 100);
    let [unsaved] = fixture.gate.unsaved(hash(0)).await.unwrap().try_into().unwrap();
    assert_eq!((unsaved.allowed, unsaved.limited, unsaved.denied), (100, 540, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_revocation_is_known_to_the_next_decision_of_every_thread() {
    let fixture = Arc::new(Fixture::new(1).await);
    let other = fixture.another_connection();
    // Four at once, so that every connection is in use and has remembered the key.
    let ask = |now: Timestamp| {
        let asking = (0..4).map(|_| {
            let fixture = Arc::clone(&fixture);
            tokio::spawn(async move { fixture.ask(0, now).await })
        });
        asking.collect::<Vec<_>>()
    };
    for round in 0..100 {
        let now = START.plus_seconds(round * 60);
        let change = |sql: &'static str, by_another: bool| {
            let (fixture, other) = (&fixture, &other);
            async move {
                if by_another {
                    other.execute(sql, [hash(0).as_bytes()]).unwrap();
                } else {
                    fixture.database.query(Statement::new(sql).bind(hash(0))).await.unwrap();
                }
            }
        };
        for decision in ask(now) {
            assert!(decision.await.unwrap().is_allowed(), "round {round}");
        }
        change(REVOKE, round % 2 == 0).await;
        for decision in ask(now) {
            assert!(matches!(decision.await.unwrap(), Decision::Denied(_, Denial::Revoked)), "round {round}");
        }
        change(REINSTATE, round % 3 == 0).await;
    }
    fixture.database.query(Statement::new(SUSPEND)).await.unwrap();
    assert!(matches!(fixture.ask(0, START).await, Decision::Denied(_, Denial::OwnerSuspended)));
    other.execute("DELETE FROM api_keys", []).unwrap();
    assert!(matches!(fixture.ask(0, START).await, Decision::Unknown));
}

#[tokio::test]
async fn a_second_use_is_looked_at_where_the_first_was_allowed() {
    let fixture = Fixture::new(2).await;
    let both = |first: KeyUse| [first, KeyUse { cost: 60, ..with(1) }];
    let decisions = fixture.gate.admit(&both(with(0)), START).await.unwrap();
    assert!(matches!(&decisions[..], [Decision::Allowed(..), Decision::Allowed(..)]), "{decisions:?}");
    let decisions = fixture.gate.admit(&both(with(0)), START).await.unwrap();
    let [Decision::Allowed(..), Decision::Limited(_, state)] = &decisions[..] else { panic!("{decisions:?}") };
    assert_eq!(state.remaining, 40);
    for first in [with(9), KeyUse { scopes: vec![Scope::ModelsWrite], ..with(0) }, KeyUse { cost: 99, ..with(0) }] {
        let decisions = fixture.gate.admit(&both(first), START).await.unwrap();
        assert!(decisions.len() == 1 && !decisions[0].is_allowed(), "{decisions:?}");
    }
    // The refused uses consumed nothing.
    let Decision::Allowed(_, state) = fixture.ask(0, START).await else { panic!() };
    assert_eq!(state.remaining, 97);
}

#[tokio::test]
async fn use_and_limits_go_on_after_a_restart() {
    let mut fixture = Fixture::new(1).await;
    assert_eq!(fixture.burst(30, START).await, 30);
    fixture.restart(START).await;
    assert_eq!(fixture.saved(0).await, [(hour(START), 30, 0, 0)]);
    assert_eq!(fixture.burst(30, START.plus_ms(10_000)).await, 30);
    // Restarted twice: the stored logs replace earlier ones.
    fixture.restart(START.plus_ms(20_000)).await;
    fixture.restart(START.plus_ms(20_000)).await;
    assert_eq!(fixture.burst(50, START.plus_ms(59_999)).await, 40);
    fixture.restart(START.plus_ms(60_000)).await;
    assert_eq!(fixture.saved(0).await, [(hour(START), 100, 10, 0)]);
    assert_eq!(fixture.burst(50, START.plus_ms(60_000)).await, 30);
}

#[tokio::test]
async fn counts_around_a_full_hour_fall_into_their_hours() {
    let mut fixture = Fixture::new(1).await;
    let next = Timestamp(hour(START) + HOUR_MS);
    let (last, limits) = (next.plus_ms(-1), [ApiKeyId::from("k0")]);
    assert_eq!(fixture.burst(3, last).await, 3);
    fixture.restart(last).await;
    // A use of the earlier hour may be decided after one of the later hour, around the full hour.
    assert_eq!(fixture.burst(1, next).await, 1);
    assert_eq!(fixture.burst(2, last).await, 2);
    assert_eq!(fixture.gate.save(&limits, next).await.unwrap(), limits);
    assert_eq!(fixture.burst(4, last).await, 4);
    assert_eq!(fixture.gate.save(&limits, next).await.unwrap(), limits);
    assert_eq!(fixture.gate.save(&limits, next).await.unwrap(), []);
    assert_eq!(fixture.saved(0).await, [(hour(last), 9, 0, 0), (hour(next), 1, 0, 0)]);
}

#[tokio::test]
async fn memory_comes_back_when_everything_is_saved_and_nothing_in_use() {
    let mut fixture = Fixture::new(400).await;
    Arc::get_mut(&mut fixture.gate).unwrap().limits_a_shard = 4;
    let mut refused = 0;
    for key in 0..400 {
        refused += usize::from(fixture.gate.admit(&[with(key)], START).await.is_err());
    }
    let held = fixture.held();
    assert!(refused == 400 - held && (200..=256).contains(&held), "{held} held, {refused} refused");
    let after = START.plus_seconds(60);
    fixture.gate.sweep(after);
    assert_eq!(fixture.held(), held, "not saved yet");
    let keys = (0..400).map(|key| ApiKeyId::from(format!("k{key}"))).collect::<Vec<_>>();
    assert_eq!(fixture.gate.save(&keys, START).await.unwrap().len(), held);
    assert_eq!(fixture.gate.save(&keys, START).await.unwrap().len(), 0);
    fixture.gate.sweep(after.plus_ms(-1));
    assert_eq!(fixture.held(), held, "still in use");
    // A full shard makes room for itself, and goes on from the earlier counts.
    let later = after.plus_seconds(1);
    assert!(fixture.ask(399, later).await.is_allowed() && fixture.ask(0, later).await.is_allowed());
    let [unsaved] = fixture.gate.unsaved(hash(0)).await.unwrap().try_into().unwrap();
    assert_eq!(unsaved.allowed, 2);
}

/// A database that fails when told to.
struct Failing {
    database: Arc<SqliteDatabase>,
    fails: AtomicBool,
    asked: AtomicUsize,
}

#[async_trait]
impl Database for Failing {
    async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.fails.load(Ordering::Relaxed) {
            return Err(DatabaseError::Unavailable("told to".to_owned()));
        }
        self.database.query(statement).await
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        self.database.batch(statements).await
    }
}

#[tokio::test]
async fn counts_are_saved_at_once_then_seldom_and_kept_while_that_fails() {
    let mut fixture = Fixture::new(2).await;
    let failing = Arc::new(Failing {
        database: Arc::clone(&fixture.database),
        fails: AtomicBool::new(false),
        asked: AtomicUsize::new(0),
    });
    let gate = Arc::get_mut(&mut fixture.gate).unwrap();
    (gate.database, gate.save_every) = (failing.clone(), Duration::from_secs(2));
    let stop = CancellationToken::new();
    let saving = {
        let (gate, stop) = (Arc::clone(&fixture.gate), stop.clone());
        tokio::spawn(async move { gate.save_in_time(&SystemClock, stop).await })
    };
    let now = SystemClock.now();
    let saves = || failing.asked.load(Ordering::Relaxed);
    let until_saved = async |key: u32, allowed: u64| {
        let started = Instant::now();
        while fixture.saved(key).await != [(hour(now), allowed, 0, 0)] {
            assert!(started.elapsed() < Duration::from_secs(180), "{:?}", fixture.saved(key).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };

    fixture.burst(3, now).await;
    until_saved(0, 3).await;
    fixture.burst(4, now).await;
    fixture.ask(1, now).await;
    until_saved(1, 1).await;
    until_saved(0, 7).await;
    let before = saves();
    assert!((2..=3).contains(&before), "{before} saves of eight uses");

    failing.fails.store(true, Ordering::Relaxed);
    fixture.burst(2, now).await;
    while saves() < before + 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(fixture.gate.unsaved(hash(0)).await.unwrap().len(), 1);
    failing.fails.store(false, Ordering::Relaxed);
    until_saved(0, 9).await;
    stop.cancel();
    saving.await.unwrap();
}
