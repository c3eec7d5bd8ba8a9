//! Ranked rows, as they are on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::{
        BenchmarkId, ModelId, RunId, SystemId, Timestamp, VersionName,
        conditions::ConditionDifference,
        evaluator::EvaluatorRelationship,
        leaderboard::{Entry, Flag, IntervalMethod, RankedEntry, rank},
        measure::Measure,
        run_links::RunLinks,
        seal::{BoundSeal, SealCounts},
        system::{Agent, System},
    },
    http::{
        moderation::refuse_hidden,
        problem::{ApiError, BENCHMARK_REQUIRED, Code, Problem, ProblemMembers, VERSION_REQUIRED},
    },
    store::{
        Answers, Batch, Handle, benchmarks,
        leaderboard::{self as store, Entries, Scope},
        standings,
    },
};

/// Most benchmarks or versions that an error suggests where none is named.
const MOST_CHOICES: u32 = 20;

/// One row of the leaderboard.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LeaderboardRow)]
pub struct RowBody {
    /// By score, the best first, whichever way is better; equal scores share it. Null, as all that tells of ranks, where `ranked` is false.
    #[schema(minimum = 1, example = 1)]
    pub rank: Option<usize>,
    /// Best rank that the intervals allow.
    #[schema(minimum = 1, example = 1)]
    pub rank_low: Option<usize>,
    /// Worst rank that the intervals allow.
    #[schema(minimum = 1, example = 9)]
    pub rank_high: Option<usize>,
    /// Rows with an equal `rankLow`, numbered from the best.
    #[schema(minimum = 1, example = 1)]
    pub tie_group: Option<usize>,
    /// Whether it is the run of its system that is ranked: the one of the strongest evidence, then the one evaluated last.
    pub ranked: bool,
    pub model: ModelId,
    /// What the row is of: model, agent and configuration.
    pub system_id: SystemId,
    /// What drove the model, where something did.
    pub agent: Option<Agent>,
    /// In what it ran, such as a reasoning effort.
    #[schema(min_length = 1, max_length = 100, example = "high")]
    pub configuration: Option<String>,
    /// The model that `model` is a variant of.
    pub base_model: Option<ModelId>,
    /// As it was when the run was published.
    #[schema(example = "gpt-5 (high)")]
    pub display_name: String,
    /// Within the version's bounds, in its unit.
    #[schema(example = 0.88)]
    pub score: f64,
    /// Where the 95 % interval begins; null where too few clusters carry one, or the source gives none.
    #[schema(example = 0.831_038_051_9)]
    pub score_low: Option<f64>,
    /// Where it ends.
    #[schema(example = 0.916_205_051_3)]
    pub score_high: Option<f64>,
    /// How the interval came to be; null where there is none.
    pub interval_method: Option<IntervalMethod>,
    /// Null where scores are no shares, or the source publishes only the score.
    #[schema(example = 198)]
    pub correct: Option<u64>,
    /// Attempts or samples; null where the source does not tell.
    #[schema(example = 225)]
    pub total: Option<u64>,
    /// US dollars; null when unknown.
    #[schema(minimum = 0, example = 29.0829)]
    pub cost_usd: Option<f64>,
    #[schema(minimum = 0, example = 0.1292)]
    pub cost_usd_per_task: Option<f64>,
    #[serde(rename = "latencyMsP50")]
    #[schema(minimum = 0)]
    pub latency_ms_p50: Option<f64>,
    #[serde(rename = "latencyMsP95")]
    #[schema(minimum = 0)]
    pub latency_ms_p95: Option<f64>,
    /// No other row scores as well for as little; null when the cost is unknown.
    pub pareto_optimal: Option<bool>,
    pub run_id: RunId,
    pub published_at: Timestamp,
    /// When the run was completed, else when it was started, else when it was published.
    pub evaluated_at: Timestamp,
    pub evaluator_relationship: EvaluatorRelationship,
    #[schema(value_type = std::collections::BTreeSet<Flag>)]
    pub flags: Vec<Flag>,
    /// Where to read more of the run.
    pub links: Option<RunLinks>,
    /// What the run was sealed as before it was made.
    pub seal: Option<BoundSeal>,
    /// How many seals the run's owner had made for this system on this version, and how many of them were opened: as of
    /// the snapshot.
    pub seals: SealCounts,
    /// What the run had otherwise than the version prescribes, where both say it: then it has the flag
    /// `other_conditions`.
    #[schema(max_items = 4)]
    pub condition_differences: Vec<ConditionDifference>,
}

impl RowBody {
    /// Returns the model that the row's model is a variant of, or else the row's model itself.
    pub fn base(&self) -> &ModelId {
        self.base_model.as_ref().unwrap_or(&self.model)
    }

    /// Checks whether the row is of the model `base` or of a variant of it.
    pub fn is_variant_of(&self, base: &ModelId) -> bool {
        self.model == *base || self.base_model.as_ref() == Some(base)
    }
}

/// A whole leaderboard, best first.
pub struct Board {
    /// The benchmark version, and the snapshot of it, that the rows are of.
    pub scope: Scope,
    /// The ranked rows; where all evidence is asked for, each is followed by the other current runs of its system.
    pub rows: Vec<RowBody>,
}

/// The leaderboard that a request asks for; a part is `None` where the request does not name it.
#[derive(Clone, Copy, Debug, Default)]
pub struct BoardSelector<'a> {
    pub benchmark: Option<&'a BenchmarkId>,
    pub version: Option<&'a VersionName>,
    pub snapshot: Option<&'a str>,
}

impl BoardSelector<'_> {
    /// Finds the selected leaderboard, at the newest snapshot unless another is named; `None` where there is none such.
    ///
    /// # Errors
    /// `benchmark_required` or `version_required` where none is named and none is featured or current; `hidden` where
    /// an administrator hid the benchmark.
    pub async fn find(self, app: &App) -> Result<Option<Scope>, ApiError> {
        match self.look_up(app).await? {
            BoardLookup::Board(scope) => Ok(Some(*scope)),
            BoardLookup::NotFound => Ok(None),
            BoardLookup::NoBenchmark => {
                let names = store::named(None, MOST_CHOICES).run(app.database()).await?;
                Err(name_required(BENCHMARK_REQUIRED, "benchmark", names))
            }
            BoardLookup::NoVersion(benchmark) => {
                let mut batch = Batch::new();
                let declaration = batch.push(benchmarks::declaration(benchmark));
                let names = batch.push(store::named(Some(benchmark), MOST_CHOICES));
                let mut answers = batch.run(app.database()).await?;
                let Some(declaration) = answers.take(declaration)? else { return Ok(None) };
                refuse_hidden("benchmark", declaration.hidden_reason)?;
                Err(name_required(VERSION_REQUIRED, "version", answers.take(names)?))
            }
        }
    }
}

impl<'a> BoardSelector<'a> {
    /// Looks up the selected leaderboard; unlike [`Self::find`], it returns what is missing, so that the caller can
    /// offer a choice.
    ///
    /// # Errors
    /// `hidden` where an administrator hid the benchmark.
    pub async fn look_up(self, app: &App) -> Result<BoardLookup<'a>, ApiError> {
        self.look_up_with(app, Batch::new()).await.map(|(found, _)| found)
    }

    /// Looks up the selected leaderboard in one round trip with the batch's other queries, and returns their answers
    /// too.
    ///
    /// # Errors
    /// `hidden` where an administrator hid the benchmark.
    pub async fn look_up_with(self, app: &App, mut batch: Batch) -> Result<(BoardLookup<'a>, Answers), ApiError> {
        let scope = batch.push(match self.snapshot {
            Some(snapshot) => store::scope_of_snapshot(snapshot, self.benchmark, self.version),
            None => store::scope(self.benchmark, self.version),
        });
        let mut answers = batch.run(app.database()).await?;
        let scope = answers.take(scope)?;
        refuse_hidden("benchmark", scope.as_ref().and_then(|scope| scope.hidden_reason.clone()))?;
        let found = match (scope, self.snapshot, self.benchmark, self.version) {
            (Some(scope), ..) => BoardLookup::Board(Box::new(scope)),
            (None, None, None, _) => BoardLookup::NoBenchmark,
            (None, None, Some(benchmark), None) => BoardLookup::NoVersion(benchmark),
            _ => BoardLookup::NotFound,
        };
        Ok((found, answers))
    }
}

/// Result of looking up a leaderboard: the leaderboard, or what is missing to choose one.
pub enum BoardLookup<'a> {
    /// The leaderboard that was selected.
    Board(Box<Scope>),
    /// What is named does not exist.
    NotFound,
    /// No benchmark is named, and none is featured.
    NoBenchmark,
    /// No version of this benchmark is named, and it has no current one; the benchmark itself may not exist.
    NoVersion(&'a BenchmarkId),
}

/// Creates the error that asks for a benchmark or a version, with names to choose from.
fn name_required(code: Code, what: &str, names: Vec<String>) -> ApiError {
    let detail = match &names[..] {
        [] => format!("there is no {what} yet"),
        names => format!("name a {what}, such as {}", names.join(", ")),
    };
    let members = ProblemMembers { choices: Some(names), ..ProblemMembers::default() };
    Problem::new(code, detail).with(members).into()
}

impl Board {
    /// Reads the board of a slice (scenario, language, difficulty), with the ranked entry of each system.
    pub async fn read(app: &App, scope: Scope, slice: [Option<&str>; 3]) -> Result<Self, ApiError> {
        Self::read_entries(app, scope, slice, Entries::Ranked).await
    }

    /// Reads the board of a slice (scenario, language, difficulty), with the entries chosen by `which`; empty without a
    /// snapshot.
    pub async fn read_entries(
        app: &App,
        scope: Scope,
        slice: [Option<&str>; 3],
        which: Entries,
    ) -> Result<Self, ApiError> {
        if scope.snapshot.is_none() {
            return Ok(Self { scope, rows: Vec::new() });
        }
        let mut batch = Batch::new();
        let board = Self::push_reads(&mut batch, scope, slice, which);
        board.take(&mut batch.run(app.database()).await?)
    }

    /// Adds the query for a board to a batch, so that it is read in one round trip with the batch's other queries.
    pub fn push_reads(batch: &mut Batch, scope: Scope, slice: [Option<&str>; 3], which: Entries) -> BoardReads {
        let snapshot = scope.snapshot.as_ref();
        let entries = snapshot.map(|snapshot| batch.push(store::entries(&scope, snapshot, slice, which)));
        BoardReads { scope, entries }
    }

    /// Reads the ranked entries of several leaderboards in one round trip, and returns the boards in the same order.
    pub async fn read_several(app: &App, scopes: Vec<Scope>) -> Result<Vec<Self>, ApiError> {
        if scopes.iter().all(|scope| scope.snapshot.is_none()) {
            return Ok(scopes.into_iter().map(|scope| Self { scope, rows: Vec::new() }).collect());
        }
        let mut batch = Batch::new();
        let boards = Self::push_several(&mut batch, scopes);
        boards.take(&mut batch.run(app.database()).await?)
    }

    /// Adds the query for the ranked entries of several leaderboards to a batch.
    pub fn push_several(batch: &mut Batch, scopes: Vec<Scope>) -> SeveralBoardsReads {
        let entries = batch.push(standings::entries(&scopes));
        SeveralBoardsReads { scopes, entries }
    }

    fn ranked(scope: Scope, entries: Vec<Entry>) -> Self {
        let row = |ranked: RankedEntry| RowBody::of(ranked, &scope.measure);
        let ranked = rank(&scope.measure, scope.evidence, scope.conditions, entries);
        let rows = ranked.into_iter().map(row).collect();
        Self { scope, rows }
    }

    /// Returns when the most recently evaluated run on the board was evaluated; `None` where the board is empty.
    pub fn last_evaluated(&self) -> Option<Timestamp> {
        self.rows.iter().map(|row| row.evaluated_at).max()
    }
}

/// A leaderboard that a batch reads.
pub struct BoardReads {
    scope: Scope,
    entries: Option<Handle<Vec<Entry>>>,
}

impl BoardReads {
    /// Takes the entries from the batch's answers and ranks them.
    ///
    /// # Errors
    /// Where the rows are not what the code expects.
    pub fn take(self, answers: &mut Answers) -> Result<Board, ApiError> {
        let entries = self.entries.map(|entries| answers.take(entries)).transpose()?;
        Ok(Board::ranked(self.scope, entries.unwrap_or_default()))
    }
}

/// Leaderboards that a batch reads.
pub struct SeveralBoardsReads {
    scopes: Vec<Scope>,
    entries: Handle<Vec<(usize, Entry)>>,
}

impl SeveralBoardsReads {
    /// Takes the entries from the batch's answers and ranks them, board by board.
    ///
    /// # Errors
    /// Where the rows are not what the code expects.
    pub fn take(self, answers: &mut Answers) -> Result<Vec<Board>, ApiError> {
        let mut entries = self.scopes.iter().map(|_| Vec::new()).collect::<Vec<_>>();
        for (board, entry) in answers.take(self.entries)? {
            if let Some(entries) = entries.get_mut(board) {
                entries.push(entry);
            }
        }
        Ok(self.scopes.into_iter().zip(entries).map(|(scope, entries)| Board::ranked(scope, entries)).collect())
    }
}

impl RowBody {
    fn of(ranked: RankedEntry, measure: &Measure) -> Self {
        let RankedEntry { entry, score, .. } = ranked;
        let place = ranked.place;
        let System { model, id, agent, configuration } = entry.system;
        Self {
            rank: place.map(|place| place.rank),
            rank_low: place.map(|place| place.range.low),
            rank_high: place.map(|place| place.range.high),
            tie_group: place.map(|place| place.tie_group),
            ranked: entry.ranked,
            model,
            system_id: id,
            agent,
            configuration,
            base_model: entry.base_model,
            display_name: entry.display_name,
            score: score.score,
            score_low: score.interval.map(|interval| interval.low),
            score_high: score.interval.map(|interval| interval.high),
            interval_method: score.method,
            correct: entry.aggregates.passes(measure),
            total: entry.aggregates.samples(),
            cost_usd: ranked.cost_usd,
            cost_usd_per_task: ranked.cost_usd_per_task,
            latency_ms_p50: entry.aggregates.p50_ms,
            latency_ms_p95: entry.aggregates.p95_ms,
            pareto_optimal: place.and_then(|place| place.pareto_optimal),
            run_id: entry.run_id,
            published_at: entry.published_at,
            evaluated_at: entry.evaluated_at,
            evaluator_relationship: entry.evaluator_relationship,
            flags: ranked.flags,
            links: entry.links,
            seal: entry.seal,
            seals: entry.seals,
            condition_differences: ranked.condition_differences,
        }
    }
}
