//! One line for each vector that fails, then the whole report as JSON.

use std::process::ExitCode;

fn main() -> ExitCode {
    let report = aibaas_vectors::run();
    for set in &report {
        for failure in &set.failures {
            println!("{}: {failure}", set.name);
        }
    }
    println!("{}", serde_json::to_string(&report).expect("plain data"));
    if report.iter().all(|set| set.failures.is_empty()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
