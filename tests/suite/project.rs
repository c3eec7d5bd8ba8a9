//! What holds for the project itself.

use std::{fs, process::Command};

use aibaas_tests::{host::cloudflare, tools};

/// `wrangler deploy --dry-run`: the Worker deploys, and wrangler knows every key of its configuration.
pub fn the_worker_deploys() -> Result<(), String> {
    let (node, _) = cloudflare::built()?;
    // It builds the Worker once more, in the same folder.
    let _writing = cloudflare::BUNDLE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let output = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut wrangler = Command::new(node);
    wrangler
        .arg("tests/cloudflare/node_modules/wrangler/bin/wrangler.js")
        .args(["deploy", "--dry-run", "--outdir"])
        .arg(output.path());
    let output =
        wrangler.envs(cloudflare::QUIET).current_dir(tools::root()).output().map_err(|error| error.to_string())?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() || said.contains("Unexpected fields") {
        return Err(said);
    }
    let size = said.lines().find(|line| line.contains("Total Upload")).ok_or("no upload size")?;
    println!("{size}");
    Ok(())
}

/// A webhook of a stranger may name a host of the zone that the Worker is in: without the flag that request would go past
/// Cloudflare, straight to the origin.
pub fn the_worker_reaches_its_own_zone_as_everybody_does() {
    let text = fs::read_to_string(tools::root().join("wrangler.toml")).expect("wrangler.toml");
    let flags = "compatibility_flags = [\"global_fetch_strictly_public\"]";
    let top = text.split("\n[").next().expect("what comes before the first table");
    assert!(top.lines().any(|line| line == flags), "{flags}");
}

/// The suite runs on the `spin` program only where that can run the component.
pub fn a_fit_spin_is_known_by_its_version() {
    for version in ["spin 4.1.0 (1234567 2026-11-01)", "spin 4.1.0-pre0", "spin 4.12.3", "spin 5.0.0"] {
        assert_eq!(tools::fit_spin(version).as_deref(), Ok(version));
    }
    for version in ["spin 4.0.2 (1234567 2026-06-01)", "spin 3.9.9", "spin", "", "spun 4.1.0"] {
        let reason = tools::fit_spin(version).expect_err(version);
        assert!(reason.contains(version) && reason.contains("4.1 or later"), "{reason}");
    }
}

/// The requirements of OWASP ASVS 5.0, chapters 6 to 9, that `docs/security/asvs.md` answers: those of level 1.
const ASVS_LEVEL_1: &str = "V6.1.1 V6.2.1 V6.2.2 V6.2.3 V6.2.4 V6.2.5 V6.2.6 V6.2.7 V6.2.8 V6.3.1 V6.3.2 V6.4.1 V6.4.2 \
    V7.2.1 V7.2.2 V7.2.3 V7.2.4 V7.4.1 V7.4.2 V8.1.1 V8.2.1 V8.2.2 V8.3.1 V9.1.1 V9.1.2 V9.1.3 V9.2.1";
/// And those of level 2.
const ASVS_LEVEL_2: &str = "V6.1.2 V6.1.3 V6.2.9 V6.2.10 V6.2.11 V6.2.12 V6.3.3 V6.3.4 V6.4.3 V6.4.4 V6.5.1 V6.5.2 \
    V6.5.3 V6.5.4 V6.5.5 V6.6.1 V6.6.2 V6.6.3 V6.8.1 V6.8.2 V6.8.3 V6.8.4 V7.1.1 V7.1.2 V7.1.3 V7.3.1 V7.3.2 V7.4.3 \
    V7.4.4 V7.4.5 V7.5.1 V7.5.2 V7.6.1 V7.6.2 V8.1.2 V8.2.3 V8.4.1 V9.2.2 V9.2.3 V9.2.4";

/// Every requirement has its row; each row names tests, which exist, or a section of the documentation, or says why
/// it does not apply.
pub fn asvs_rows_name_tests_that_exist() {
    let folder = tools::root().join("docs/security");
    let table = fs::read_to_string(folder.join("asvs.md")).expect("docs/security/asvs.md");
    let wanted = |level, ids: &str| ids.split(' ').map(|id| (id.to_owned(), level)).collect::<Vec<_>>();
    let mut missing = [wanted("1", ASVS_LEVEL_1), wanted("2", ASVS_LEVEL_2)].concat();
    assert_eq!(missing.len(), 67);
    for row in table.lines().filter(|line| line.starts_with("| V")) {
        let cells = row.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>();
        let [id, level, what, proof] = cells[..] else { panic!("four cells: {row}") };
        let place = missing.iter().position(|wanted| *wanted == (id.to_owned(), level));
        missing.swap_remove(place.unwrap_or_else(|| panic!("{id} of level {level}, once")));
        let tests = proof.split('`').skip(1).step_by(2).collect::<Vec<_>>();
        for test in &tests {
            assert!(is_a_test(test), "{id}: there is no test {test}");
        }
        let mut sections = proof.split("](").skip(1).filter_map(|link| link.split_once(')')).map(|(target, _)| target);
        assert!(sections.clone().all(|target| is_a_section(&folder, target)), "{id}: {proof}");
        assert!(!tests.is_empty() || sections.next().is_some() || what.starts_with("Not applicable: "), "{row}");
    }
    assert!(missing.is_empty(), "no row: {missing:?}");
}

/// Whether `area::name` is a case of this suite, or `path/to/file.rs::name` a test there.
fn is_a_test(test: &str) -> bool {
    let Some((place, name)) = test.rsplit_once("::") else { return false };
    let source = |path: &str| fs::read_to_string(tools::root().join(path)).unwrap_or_default();
    if !place.ends_with(".rs") {
        // A case that is not in its module's list is dead code, which the compiler refuses.
        return source(&format!("tests/suite/{place}.rs")).contains(&format!("fn {name}("));
    }
    let source = source(place);
    let (lines, function) = (source.lines().map(str::trim), format!("fn {name}("));
    lines.clone().zip(lines.skip(1)).any(|(before, line)| before.ends_with("test]") && line.contains(&function))
}

/// Whether `file.md#heading` leads to a heading.
fn is_a_section(folder: &std::path::Path, target: &str) -> bool {
    let Some((file, anchor)) = target.split_once('#') else { return false };
    let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings.map(|heading| heading.to_lowercase().replace(' ', "-").replace(',', "")).any(|slug| slug == anchor)
}
