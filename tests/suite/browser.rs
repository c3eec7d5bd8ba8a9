//! What a person's browser makes of the API: Chromium, with a page on another origin. `tests/browser` drives it.

use std::{process::Stdio, time::Duration};

use aibaas_tests::{
    User,
    host::{Host, Kind, Setup},
    tools,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt as _, process::Command};

/// On two busy cores it takes a quarter of a minute.
const PATIENCE: Duration = Duration::from_secs(240);

/// Register, verify, log in, refresh, change address and password and log out, in cookie mode.
pub async fn cookie_mode(kind: Kind) -> Result<(), String> {
    let prepared = tokio::task::spawn_blocking(|| {
        tools::npm_packages("tests/browser")?;
        Ok::<_, String>((tools::node()?, tools::chromium()?))
    });
    let (node, chromium) = prepared.await.map_err(|error| error.to_string())??;
    let host = Host::of(kind, Setup::KeepsMail).await?;
    // What a browser leaves behind, wherever it means to.
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let options = json!({ "chromium": chromium, "api": host.url(), "links": own_address(&host).await });
    let mut command = Command::new(node);
    command.arg("cookie-mode.mjs").arg(options.to_string()).current_dir(tools::root().join("tests/browser"));
    for variable in ["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"] {
        command.env(variable, folder.path());
    }
    // It ends with its standard input, and the browser with it, even where this process is killed.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let _input = child.stdin.take();
    let (mut output, mut errors) = (child.stdout.take().ok_or("no output")?, child.stderr.take().ok_or("no errors")?);
    let (mut said, mut complained) = (String::new(), String::new());
    let whole = async {
        _ = tokio::join!(output.read_to_string(&mut said), errors.read_to_string(&mut complained));
        child.wait().await
    };
    let ended = tokio::time::timeout(PATIENCE, whole).await;
    match ended {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("{status}\n{said}{complained}")),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it has not ended after {} s\n{said}{complained}", PATIENCE.as_secs())),
    }
}

/// The address that the host has for itself: its tokens say it.
async fn own_address(host: &Host) -> String {
    let user = User::verified(host).await;
    let claims = user.api.credential().and_then(|token| token.split('.').nth(1)).unwrap_or_default();
    let claims = URL_SAFE_NO_PAD.decode(claims).ok().and_then(|claims| serde_json::from_slice::<Value>(&claims).ok());
    claims.and_then(|claims| Some(claims["iss"].as_str()?.to_owned())).expect("access tokens have an issuer")
}
