//! The long run of the simulation: `cargo run --release -p aibaas-model --example simulate -- --steps 10000000`.
//!
//! Plays episodes from `--seed` on, each with the seed after the last, on `--threads` threads, and reports how many
//! steps, requests and faults there were. At the first broken invariant it shortens the episode and prints how to play
//! it again: `--seed N --episode STEPS --only LIST`; `--verbose` prints every request and answer.

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use aibaas_model::{
    faults::Counts,
    plan,
    run::{Episode, Outcome},
    shrink,
};

/// The options of the command line.
struct Options {
    steps: u64,
    seed: u64,
    episode: u32,
    threads: u64,
    only: Option<String>,
    verbose: bool,
}

fn options() -> Result<Options, String> {
    let mut options = Options { steps: 100_000, seed: 0, episode: 2500, threads: 1, only: None, verbose: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--verbose" {
            options.verbose = true;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name}: {value:?} is no number"));
        match name.as_str() {
            "--steps" => options.steps = number()?,
            "--seed" => options.seed = number()?,
            "--episode" => options.episode = number()?.try_into().map_err(|_| "--episode is too large".to_owned())?,
            "--threads" => options.threads = number()?.max(1),
            "--only" => options.only = Some(value),
            _ => return Err(format!("{name} is unknown: --steps --seed --episode --threads --only --verbose")),
        }
    }
    Ok(options)
}

/// Totals over all episodes that were played.
#[derive(Default)]
struct Sum {
    steps: u64,
    requests: u64,
    answers: BTreeMap<u16, u64>,
    faults: Counts,
    mails: (usize, usize),
    cut_short: u64,
}

impl Sum {
    fn add(&mut self, outcome: &Outcome) {
        self.steps += outcome.steps;
        self.requests += outcome.requests;
        self.mails.0 += outcome.mails.0;
        self.mails.1 += outcome.mails.1;
        self.cut_short += u64::from(outcome.cut_short);
        outcome.answers.iter().for_each(|(status, count)| *self.answers.entry(*status).or_default() += count);
        outcome.faults.iter().for_each(|(fault, count)| *self.faults.entry(*fault).or_default() += count);
    }

    fn report(&self, seconds: f64) {
        println!(
            "{} steps, {} requests in {seconds:.0} s ({:.0} steps/s)",
            self.steps,
            self.requests,
            self.steps as f64 / seconds
        );
        println!("answers: {:?}", self.answers);
        println!("faults: {} in all; {:?}", self.faults.values().sum::<u64>(), self.faults);
        println!("mails: {}, of which handed over more than once {}", self.mails.0, self.mails.1);
        println!("episodes cut short, since too much was unknown: {}", self.cut_short);
    }
}

fn only(options: &Options, list: &str) -> Result<ExitCode, String> {
    let steps = shrink::read(list, &plan::steps(options.seed, options.episode))?;
    print!("{}", shrink::describe(&steps));
    let episode = Episode::new(options.seed);
    let outcome = if options.verbose { episode.verbose() } else { episode }.play(&steps);
    match outcome.broken {
        Some(broken) => println!("broken: {broken}"),
        None => println!("nothing is broken"),
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    if let Some(list) = &options.only {
        return only(&options, list).unwrap_or_else(|error| {
            eprintln!("{error}");
            ExitCode::from(2)
        });
    }
    let begun = Instant::now();
    let next = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    let sum = Mutex::new(Sum::default());
    let episodes = options.steps.div_ceil(options.episode.into());
    let work = || {
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= episodes {
                return;
            }
            let seed = options.seed + number;
            let steps = plan::steps(seed, options.episode);
            let outcome = shrink::play(seed, &steps);
            let mut sum = sum.lock().expect("no panic");
            sum.add(&outcome);
            if number % 100 == 99 {
                sum.report(begun.elapsed().as_secs_f64());
            }
            drop(sum);
            if let Some(broken) = outcome.broken {
                failed.store(true, Ordering::Relaxed);
                println!("seed {seed}: broken: {broken}\nmaking it shorter…");
                let breaks = &mut |steps: &[plan::Step]| shrink::play(seed, steps).broken;
                let short = shrink::shrink(&steps, 1000, breaks);
                println!("{}", shrink::describe(&short));
                println!("--seed {seed} --episode {} --only {} --verbose", options.episode, shrink::list(&short));
            }
        }
    };
    std::thread::scope(|scope| (0..options.threads).for_each(|_| drop(scope.spawn(work))));
    sum.lock().expect("no panic").report(begun.elapsed().as_secs_f64());
    println!("broken invariants: {}", u32::from(failed.load(Ordering::Relaxed)));
    if failed.load(Ordering::Relaxed) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
