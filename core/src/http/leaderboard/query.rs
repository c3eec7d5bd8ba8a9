//! Parameters of a leaderboard: which one, which slice, which rows, in which order, and where a page begins.

use std::{cmp::Ordering, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    board::{BoardSelector, RowBody},
    caching,
};
use crate::{
    domain::{BenchmarkId, ModelId, RunId, Timestamp, VersionName, benchmark::Slices, measure::Direction, system},
    http::{
        page::{fitting, json_size, read_cursor, write_cursor},
        parameters::{self, Slug, Uuid},
        problem::{ApiError, MALFORMED_REQUEST},
    },
    store::leaderboard::Entries,
};

const DAY_SECONDS: i64 = 86_400;

/// The parameters of a leaderboard, of its page and of its downloads.
#[derive(Clone, Debug, Default, Deserialize, Serialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BoardQuery {
    /// The featured one where it is not given; without one 400 `benchmark_required`.
    #[serde(deserialize_with = "parameters::benchmark")]
    #[param(example = "aider-polyglot")]
    pub benchmark: Option<BenchmarkId>,
    /// The current one when absent; without one 400 `version_required`.
    #[serde(deserialize_with = "parameters::version")]
    pub version: Option<VersionName>,
    /// An earlier state, by its `snapshotId`; the newest without it.
    #[serde(deserialize_with = "parameters::uuid")]
    #[param(value_type = Option<Uuid>)]
    pub snapshot: Option<String>,
    /// Only tasks of this scenario.
    #[serde(deserialize_with = "parameters::label")]
    #[param(min_length = 1, max_length = 100)]
    pub scenario: Option<String>,
    /// Only tasks of this language.
    #[serde(deserialize_with = "parameters::label")]
    #[param(min_length = 1, max_length = 100)]
    pub language: Option<String>,
    /// Only tasks of this difficulty.
    #[serde(deserialize_with = "parameters::label")]
    #[param(min_length = 1, max_length = 100)]
    pub difficulty: Option<String>,
    /// Only this provider's models.
    #[serde(deserialize_with = "parameters::provider")]
    #[param(value_type = Option<Slug>)]
    pub provider: Option<String>,
    /// Only this model and those that are variants of it.
    #[serde(rename = "baseModel", deserialize_with = "parameters::model")]
    #[param(example = "openai/gpt-5")]
    pub base_model: Option<ModelId>,
    /// Part of a model's id or display name, of its agent or its configuration.
    #[serde(deserialize_with = "parameters::label")]
    #[param(min_length = 1, max_length = 100)]
    pub q: Option<String>,
    /// Published, or evaluated, within.
    #[param(default = "all")]
    pub period: Period,
    /// Which date `period` looks at.
    #[serde(rename = "periodOf")]
    #[param(default = "published")]
    pub period_of: PeriodOf,
    /// Which runs are listed: the one of each system that is ranked, or all that stand, each under the ranked one of its
    /// system.
    #[param(default = "ranked")]
    pub evidence: EvidenceShown,
    /// Only runs under these conditions.
    #[param(default = "all")]
    pub conditions: ConditionsFilter,
    /// `true`: only runs that were sealed before they were made; `false`: only others.
    pub sealed: Option<bool>,
    /// What stands together: each system alone, or the variants of a model under the one that stands first.
    #[param(default = "none")]
    pub group: Group,
    /// By what the rows are sorted.
    #[param(default = "rank")]
    pub sort: Sort,
    /// Best first when absent: rank, cost, latency and model ascending, dates descending, score as its direction says.
    /// What is unknown stands last either way.
    pub order: Option<Order>,
    /// How many.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    pub cursor: Option<String>,
}

/// How long ago a run was published at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub enum Period {
    #[serde(rename = "7d")]
    Week,
    #[serde(rename = "30d")]
    Month,
    #[serde(rename = "90d")]
    Quarter,
    #[default]
    #[serde(rename = "all")]
    All,
}

/// Which runs, by their conditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConditionsFilter {
    /// Every run.
    #[default]
    All,
    /// Those that say nothing else than the benchmark version prescribes.
    Prescribed,
}

/// Which date of a run a period looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PeriodOf {
    #[default]
    Published,
    Evaluated,
}

/// What stands together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RowGroup)]
pub enum Group {
    #[default]
    None,
    /// A model and those that name it as their `baseModel`.
    BaseModel,
}

/// Which runs of a system are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceShown {
    #[default]
    Ranked,
    All,
}

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SortKey)]
pub enum Sort {
    #[default]
    Rank,
    Score,
    Cost,
    Latency,
    Date,
    EvaluatedAt,
    Model,
}

/// Which way rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = SortOrder)]
pub enum Order {
    Asc,
    Desc,
}

/// Where a page of a list begins: bound to the snapshot, the time and the parameters of the first page.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Position {
    /// Id of the snapshot that every page is of.
    pub snapshot: String,
    /// The time that a period is counted back from, in milliseconds since 1970 UTC; 0 without a period.
    pub as_of: i64,
    asked: String,
    /// Id of the run that the page before ended with.
    after: RunId,
}

impl BoardQuery {
    /// Reads the cursor; `None` for the first page.
    ///
    /// # Errors
    /// `malformed_request` where the cursor is not one of ours, is too long, or belongs to other parameters.
    pub fn position(&self) -> Result<Option<Position>, ApiError> {
        let position = read_cursor::<Position>(self.cursor.as_deref())?;
        if position.as_ref().is_some_and(|position| {
            position.asked != self.fingerprint()
                || self.snapshot.as_ref().is_some_and(|snapshot| *snapshot != position.snapshot)
        }) {
            return Err(ApiError::new(MALFORMED_REQUEST, "the cursor belongs to other parameters"));
        }
        Ok(position)
    }

    /// Returns which leaderboard is asked for; a cursor's snapshot takes precedence over the parameter.
    #[must_use]
    pub fn wanted<'a>(&'a self, position: Option<&'a Position>) -> BoardSelector<'a> {
        let snapshot = position.map(|position| position.snapshot.as_str()).or(self.snapshot.as_deref());
        BoardSelector { benchmark: self.benchmark.as_ref(), version: self.version.as_ref(), snapshot }
    }

    /// Returns the slice that is asked for: scenario, language, difficulty.
    #[must_use]
    pub fn slice(&self) -> [Option<&str>; 3] {
        [&self.scenario, &self.language, &self.difficulty].map(Option::as_deref)
    }

    /// Checks whether the version has tasks with each value of the slice.
    #[must_use]
    pub fn is_known_slice(&self, slices: &Slices) -> bool {
        let asked = [
            (&self.scenario, &slices.scenario),
            (&self.language, &slices.language),
            (&self.difficulty, &slices.difficulty),
        ];
        asked.iter().all(|(value, values)| value.as_ref().is_none_or(|value| values.contains(value)))
    }

    /// Checks whether all ranked rows of a slice are asked for, in their own order: then the answer depends only on the
    /// snapshot and its amendments.
    #[must_use]
    pub fn is_whole_slice(&self) -> bool {
        self.provider.is_none()
            && self.base_model.is_none()
            && self.q.is_none()
            && self.group == Group::None
            && self.period == Period::All
            && self.period_of == PeriodOf::Published
            && self.evidence == EvidenceShown::Ranked
            && self.conditions == ConditionsFilter::All
            && self.sealed.is_none()
            && self.sort == Sort::Rank
            && self.order.is_none()
    }

    /// Returns which entries are asked for: the ranked one of each system, or all.
    #[must_use]
    pub fn entries(&self) -> Entries {
        match self.evidence {
            EvidenceShown::Ranked => Entries::Ranked,
            EvidenceShown::All => Entries::All,
        }
    }

    /// Keeps the rows that are asked for, in the order that is asked for. Ranks stay as they are; a row that is not
    /// ranked stays under the ranked one of its system, and grouped variants of a model keep their order.
    pub fn apply(&self, rows: &mut Vec<RowBody>, as_of: Timestamp, direction: Direction) {
        let mut systems = Vec::<Vec<RowBody>>::with_capacity(rows.len());
        for row in rows.drain(..) {
            match systems.last_mut() {
                Some(system) if !row.ranked => system.push(row),
                _ => systems.push(vec![row]),
            }
        }
        self.sort(&mut systems, direction);
        if self.group == Group::BaseModel {
            systems = group_by_base_model(systems);
        }
        rows.extend(systems.into_iter().flatten().filter(|row| self.chooses(row, as_of)));
    }

    /// Returns one page of the rows that [`Self::apply`] left, and the cursor of the next page where there is one.
    ///
    /// # Errors
    /// `malformed_request` where the model of the run that the page before ended with has been hidden meanwhile.
    pub fn page(
        &self,
        rows: Vec<RowBody>,
        position: Option<&Position>,
        limit: usize,
        snapshot: Option<&str>,
        as_of: Timestamp,
    ) -> Result<(Vec<RowBody>, Option<String>), ApiError> {
        // A snapshot always holds the same runs, each once, except those of models that are hidden.
        let start = match position {
            None => 0,
            Some(position) => match rows.iter().position(|row| row.run_id == position.after) {
                Some(at) => at.saturating_add(1),
                None => {
                    return Err(ApiError::new(MALFORMED_REQUEST, "the list has changed: begin with its first page"));
                }
            },
        };
        let limit = limit.min(fitting(rows.get(start..).unwrap_or_default(), json_size));
        let is_more = rows.len() > start.saturating_add(limit);
        let page = rows.into_iter().skip(start).take(limit).collect::<Vec<_>>();
        let next = page.last().zip(snapshot).filter(|_| is_more).and_then(|(last, snapshot)| {
            let (snapshot, after) = (snapshot.to_owned(), last.run_id.clone());
            // Only a period depends on the time: without one, the same page has the same cursor whenever it is read.
            let as_of = if self.period == Period::All { 0 } else { as_of.0 };
            write_cursor(&Position { snapshot, as_of, asked: self.fingerprint(), after })
        });
        Ok((page, next))
    }

    /// Returns a fingerprint of which rows are asked for and in which order, which is the same for each page.
    fn fingerprint(&self) -> String {
        // The cursor's snapshot determines the leaderboard, however the request named it.
        let which = Self { benchmark: None, version: None, snapshot: None, limit: None, cursor: None, ..self.clone() };
        caching::etag(serde_json::json!(which).to_string().as_bytes()).trim_matches('"').chars().take(16).collect()
    }

    fn chooses(&self, row: &RowBody, as_of: Timestamp) -> bool {
        let days = match self.period {
            Period::Week => Some(7),
            Period::Month => Some(30),
            Period::Quarter => Some(90),
            Period::All => None,
        };
        let dated = match self.period_of {
            PeriodOf::Published => row.published_at,
            PeriodOf::Evaluated => row.evaluated_at,
        };
        let recent = days.is_none_or(|days: i64| dated >= as_of.plus_seconds(days.saturating_mul(-DAY_SECONDS)));
        let of_provider =
            self.provider.as_ref().is_none_or(|provider| row.model.provider().eq_ignore_ascii_case(provider));
        let of_base = self.base_model.as_ref().is_none_or(|base| row.is_variant_of(base));
        let matches = self.q.as_ref().is_none_or(|text| {
            let text = text.to_lowercase();
            let words = system::words(row.agent.as_ref(), row.configuration.as_deref());
            [row.model.as_str(), &row.display_name, &words].iter().any(|name| name.to_lowercase().contains(&text))
        });
        let as_prescribed = self.conditions == ConditionsFilter::All || row.condition_differences.is_empty();
        let as_sealed = self.sealed.is_none_or(|sealed| row.seal.is_some() == sealed);
        recent && of_provider && of_base && matches && as_prescribed && as_sealed
    }

    /// Sorts the systems, best first unless the request says otherwise; unknown values come last either way.
    fn sort(&self, systems: &mut [Vec<RowBody>], direction: Direction) {
        let best_is_most = match self.sort {
            Sort::Score => direction == Direction::HigherIsBetter,
            Sort::Date | Sort::EvaluatedAt => true,
            Sort::Rank | Sort::Cost | Sort::Latency | Sort::Model => false,
        };
        let descending = self.order.map_or(best_is_most, |order| order == Order::Desc);
        let directed = |ordering: Ordering| if descending { ordering.reverse() } else { ordering };
        let optional = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => directed(a.total_cmp(&b)),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        let by_row = |a: &RowBody, b: &RowBody| match self.sort {
            Sort::Rank => match (a.rank, b.rank) {
                (Some(a), Some(b)) => directed(a.cmp(&b)),
                (a, b) => b.is_some().cmp(&a.is_some()),
            },
            Sort::Score => directed(a.score.total_cmp(&b.score)),
            Sort::Cost => optional(a.cost_usd, b.cost_usd),
            Sort::Latency => optional(a.latency_ms_p50, b.latency_ms_p50),
            Sort::Date => directed(a.published_at.cmp(&b.published_at)),
            Sort::EvaluatedAt => directed(a.evaluated_at.cmp(&b.evaluated_at)),
            Sort::Model => directed((&a.model, &a.system_id).cmp(&(&b.model, &b.system_id))),
        };
        systems.sort_by(|a, b| match (a.first(), b.first()) {
            (Some(a), Some(b)) => by_row(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
    }
}

/// Groups the systems by base model, each group at the place of its first system.
fn group_by_base_model(systems: Vec<Vec<RowBody>>) -> Vec<Vec<RowBody>> {
    let mut places = BTreeMap::<ModelId, usize>::new();
    let mut groups = Vec::<Vec<Vec<RowBody>>>::with_capacity(systems.len());
    for system in systems {
        let Some(base) = system.first().map(|row| row.base().clone()) else { continue };
        let place = *places.entry(base).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(system),
            None => groups.push(vec![system]),
        }
    }
    groups.into_iter().flatten().collect()
}
