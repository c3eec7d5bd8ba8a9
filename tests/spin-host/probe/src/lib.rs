//! `GET /what?argument`: tries it and answers what came of it.
#![cfg(target_os = "wasi")]

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use spin_sdk::{
    http::{self, Request},
    http_service,
    key_value::Store,
    sqlite::{Connection, Value},
    time::sleep,
    variables,
    wasip3::spawn,
};

static USES: AtomicU32 = AtomicU32::new(0);
static RUNNING: AtomicU32 = AtomicU32::new(0);

#[http_service]
async fn handle(request: Request) -> String {
    let argument = request.uri().query().unwrap_or_default().replace("%20", " ");
    match request.uri().path() {
        "/uses" => USES.fetch_add(1, Ordering::SeqCst).to_string(),
        "/at-once" => {
            RUNNING.fetch_add(1, Ordering::SeqCst);
            // Until another one runs, unless none ever does.
            for _ in 0..2000 {
                if RUNNING.load(Ordering::SeqCst) > 1 {
                    break;
                }
                sleep(Duration::from_millis(10)).await;
            }
            RUNNING.load(Ordering::SeqCst).to_string()
        }
        "/peers" => {
            let peers = request.headers().get_all("spin-client-addr").iter();
            peers.map(|peer| peer.to_str().unwrap()).collect::<Vec<_>>().join(" ")
        }
        "/variable" => variables::get(argument).await.unwrap_or_else(|error| format!("{error:?}")),
        "/store" => match Store::open(argument).await {
            Ok(store) => {
                store.set("key", "value").await.unwrap();
                String::from_utf8(store.get("key").await.unwrap().unwrap()).unwrap()
            }
            Err(error) => format!("{error:?}"),
        },
        "/database" => match Connection::open(argument).await {
            Ok(_) => "opened".to_owned(),
            Err(error) => format!("{error:?}"),
        },
        "/sql" => {
            let connection = Connection::open_default().await.unwrap();
            match connection.execute(argument, []).await {
                Ok(result) => format!("{:?}", result.collect().await.map(|rows| rows.len())),
                Err(error) => format!("{error:?}"),
            }
        }
        "/undrained" => {
            let connection = Connection::open_default().await.unwrap();
            let rows =
                "WITH RECURSIVE one(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM one WHERE n < ?) SELECT n FROM one";
            let count = Value::Integer(argument.parse().unwrap());
            let first = connection.execute(rows, [count]).await.unwrap();
            let second = connection.execute("SELECT 1", []).await.unwrap().collect().await.unwrap();
            format!("{} {}", first.columns().len(), second.len())
        }
        "/allocate" => {
            let bytes = argument.parse::<usize>().unwrap() << 20;
            let taken = std::hint::black_box(Vec::<u8>::new()).try_reserve_exact(bytes);
            if taken.is_ok() { "taken".to_owned() } else { "refused".to_owned() }
        }
        "/wait" => {
            eprintln!("waits");
            sleep(Duration::from_secs(600)).await;
            "waited".to_owned()
        }
        "/after" => {
            spawn(async move {
                _ = http::get(argument).await;
                Store::open_default().await.unwrap().set("after", "done").await.unwrap();
            });
            "answered".to_owned()
        }
        "/get" => match http::get(argument).await {
            Ok(response) => response.status().as_u16().to_string(),
            Err(error) => format!("{error:?}"),
        },
        _ => panic!("as asked"),
    }
}
