//! What a public read costs the database does not grow with the results that are stored.

use aibaas_tests::{
    reads::{Size, described, public_reads},
    simulation::Simulation,
};

/// The steps of SQLite of every public read, by its name.
async fn steps(tasks: usize) -> Vec<(&'static str, u64)> {
    let size = Size { benchmarks: 2, models: 5, tasks };
    let simulation = Simulation::new(&[]).await;
    size.publish(&simulation).await;
    let described = described(&simulation).await;
    let reads = public_reads(&simulation, size).await;
    for path in &described {
        assert!(reads.iter().any(|read| read.template == path), "{path} is read by nobody here");
    }
    let mut steps = Vec::new();
    for read in reads.iter().filter(|read| described.iter().any(|path| path == read.template)) {
        let ((status, body), cost) = simulation.cost(simulation.read(&read.path)).await;
        assert_eq!(status, 200, "{}: {}", read.path, String::from_utf8_lossy(&body));
        steps.push((read.name, cost.steps));
    }
    steps
}

#[tokio::test]
async fn no_public_read_costs_more_where_ten_times_the_results_are_stored() {
    let (few, many) = (steps(20).await, steps(200).await);
    assert!(few.len() > 30, "{few:?}");
    for ((name, few), (_, many)) in few.into_iter().zip(many) {
        assert_eq!(few, many, "steps of SQLite: {name}");
    }
}
