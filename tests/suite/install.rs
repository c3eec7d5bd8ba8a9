//! What installs the native server: the unit of systemd, the container, and what Cloudflare is told.

use std::{collections::BTreeMap, fs, process::Command};

use aibaas_tests::tools;

use crate::{
    doctor::{doctor, holds},
    native_program::run,
};

/// The worst exposure that the unit may have by the counting of systemd, in tenths: 0 is none, 100 is all.
const EXPOSURE: &str = "20";
const SECRET: &str = "gI8v2mN4qT6wY1zA3bC5dE7fH9jK0lPx";

/// The settings of the unit, by name, each with its values in order.
fn settings(unit: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut settings = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in unit.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('=')) {
        settings.entry(name).or_default().push(value);
    }
    settings
}

/// The program takes the arguments and knows the variables that the unit gives it, and reads secrets where systemd puts them.
pub fn the_unit_starts_the_program() {
    let unit = fs::read_to_string(tools::root().join("docs/deploy/aibaas.service")).expect("the unit");
    let settings = settings(&unit);
    let [start] = settings["ExecStart"][..] else { panic!("one command: {settings:?}") };
    let mut arguments = start.split(' ').skip(1).collect::<Vec<_>>();
    assert_eq!(arguments, ["serve"]);
    arguments.push("--help");
    let (output, said) = run(&arguments, &[]);
    assert!(output.status.success(), "{said}");

    let folder = tempfile::tempdir().expect("a folder");
    let credentials = folder.path().join("credentials");
    fs::create_dir(&credentials).expect("a folder");
    for credential in &settings["LoadCredential"] {
        let (name, source) = credential.split_once(':').expect("NAME:FILE");
        assert_eq!(source, format!("/etc/aibaas/{name}"));
        fs::write(credentials.join(name), format!("{SECRET}\n")).expect("written");
    }
    let here = credentials.display().to_string();
    let variables = settings["Environment"].iter().map(|variable| variable.split_once('=').expect("NAME=VALUE"));
    let variables = variables.map(|(name, value)| (name, value.replace("%d", &here)));
    let elsewhere = ["AIBAAS_LISTEN", "AIBAAS_DATA_DIR", "BACKUP_DIR"];
    let (moved, mut variables) = variables.partition::<Vec<_>, _>(|(name, _)| elsewhere.contains(name));
    assert_eq!(moved.len(), elsewhere.len(), "{moved:?}");
    assert!(variables.iter().any(|(name, _)| *name == "JWT_SECRET_FILE"), "{variables:?}");
    variables.extend([
        ("BASE_URL", "https://api.example.com".to_owned()),
        ("MAIL_FROM", "noreply@example.com".to_owned()),
        ("BACKUP_DIR", folder.path().join("backups").display().to_string()),
    ]);
    let variables = variables.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>();
    let (code, findings) = doctor(&folder.path().join("data"), "127.0.0.1:0", &["--offline"], &variables);
    assert_eq!(code, Some(0), "{findings:#?}");
    holds(&findings, "configuration", "ok", "for production");
    let doubts = findings.iter().filter(|finding| finding.about == "configuration" && finding.status != "ok");
    assert_eq!(doubts.count(), 0, "{findings:#?}");
}

/// `systemd-analyze`, where it is, knows every setting of the unit and finds little that it exposes.
pub fn the_unit_is_hardened() -> Result<(), String> {
    let unit =
        fs::read_to_string(tools::root().join("docs/deploy/aibaas.service")).map_err(|error| error.to_string())?;
    for setting in ["NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "User=aibaas"] {
        assert!(unit.lines().any(|line| line == setting), "{setting}");
    }
    let version = Command::new("systemd-analyze").arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let number = version.split_whitespace().nth(1).and_then(|number| number.parse::<u32>().ok());
    if number.is_none_or(|number| number < 250) {
        return Ok(());
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("aibaas.service");
    let program = tools::program("aibaas")?;
    // It looks whether there is such a program.
    let unit = unit.replace("/usr/local/bin/aibaas", &program.display().to_string());
    let analyze = |text: &str, arguments: &[&str]| {
        fs::write(&file, text).map_err(|error| error.to_string())?;
        let output = Command::new("systemd-analyze").args(arguments).arg(&file).output();
        let output = output.map_err(|error| error.to_string())?;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ok::<_, String>((output.status.success(), said))
    };
    let misspelt = unit.replace("ProtectClock=", "ProtectClocks=");
    assert!(analyze(&misspelt, &["verify"])?.1.contains("ProtectClocks"), "it tells what it does not know");
    let (is_fine, said) = analyze(&unit, &["verify"])?;
    assert!(is_fine && !said.contains("aibaas.service"), "{said}");
    let threshold = format!("--threshold={EXPOSURE}");
    let (is_fine, said) = analyze(&unit, &["security", "--offline=true", "--no-pager", &threshold])?;
    assert!(is_fine, "{said}");
    Ok(())
}
