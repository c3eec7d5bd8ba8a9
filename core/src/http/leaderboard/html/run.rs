//! A run as a page: what it claims to be, its score, and each of its results.

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    LeaderboardPageError, QueryParameters, TaggedPage, more,
    table::{label, links_of},
    text::{Scale, address, count, day, duration, minute, model_address, system_name, usd, words},
    unless_hidden,
};
use crate::{
    app::App,
    domain::{
        RunId, TaskAttempt,
        benchmark::Evidence,
        evaluator::EvaluatorRelationship,
        leaderboard::{Aggregates, Entry, Flag, Score},
        run_status::RunStatus,
        seal::SealCounts,
        system::System,
    },
    http::{
        moderation::refuse_hidden,
        openapi::IfNoneMatch,
        page::{Summary, html_page, read_cursor, take_rows},
        request::Path,
    },
    store::{
        Batch,
        pages::{self, OtherRun, RunEntry, RunSlice},
        results::{self, TaskResult},
        runs::{self, Run},
    },
};

/// Number of results on a page.
const RESULTS: u32 = 50;
const SLICES: u32 = 150;
const OTHERS: u32 = 20;

#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Parameters {
    /// Where the page of results begins.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// Shows a run as a page.
///
/// What it claims to be, what came of it, its scores on parts of the tasks, other runs of its system, and its results,
/// fifty a page, unless the tasks are private.
#[utoipa::path(
    get,
    path = "/runs/{id}",
    operation_id = "runPage",
    tag = "Service",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(("id" = RunId, Path), Parameters, IfNoneMatch),
    responses(
        (status = 200, description = "The page.", content_type = "text/html", body = String),
        (status = 404, description = "There is no such run, as a page.", content_type = "text/html", body = String),
        (
            status = 410,
            description = "An administrator hid its model or its benchmark; the page says why.",
            content_type = "text/html",
            body = String
        ),
    ),
)]
pub async fn run(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Path(id): Path<RunId>,
) -> Result<Response, LeaderboardPageError> {
    let path = format!("/runs/{id}");
    let choices = QueryParameters::of(&uri, "")?;
    let parameters = choices.parse::<Parameters>()?;
    let (task, attempt) = read_cursor::<(String, i64)>(parameters.cursor.as_deref())?.unwrap_or_default();
    let mut batch = Batch::new();
    let run = batch.push(runs::find(&id));
    let entry = batch.push(pages::run_entry(&id));
    let slices = batch.push(pages::run_slices(&id, SLICES));
    let others = batch.push(pages::runs_of_system(&id, OTHERS));
    let results = batch.push(results::list(&id, &TaskAttempt { task, attempt }, RESULTS.saturating_add(1)));
    let (mut answers, read) = batch.run_with_fingerprint(app.database()).await?;
    let (Some(run), Some(entry)) = (answers.take(run)?, answers.take(entry)?) else {
        let nothing = html! { p { "There is no such run." } p { a href="/changes" { "What was published" } } };
        return Ok(html_page(StatusCode::NOT_FOUND, "No such run", &nothing));
    };
    unless_hidden(refuse_hidden("run's model or benchmark", run.hidden_reason.clone()))?;
    let tagged = TaggedPage::new(&app, &("page of a run", &choices.given, read))?.kept_if(choices.are_none());
    if let Some(answer) = tagged.rendered_before(&app, &headers) {
        return Ok(answer);
    }
    let results = if run.private_tasks { Vec::new() } else { answers.take(results)? };
    let (results, next) = take_rows(results, RESULTS, |result| (result.task.clone(), result.attempt));
    let page = Page {
        scale: Scale::of(&run.measure),
        slices: answers.take(slices)?,
        others: answers.take(others)?,
        run: &run,
        entry: &entry,
        results,
    };
    let title = format!("{} on {}", page.system(), entry.title);
    let described = format!("A run of {} on {}, version {}.", page.system(), entry.title, run.declared.version);
    let content = html! {
        (page.markup())
        (more(&choices, next.as_deref(), "Next results"))
        nav class="data" aria-label="Data" {
            a href={ "/api/v1/runs/" (id) } { "JSON" }
            @if !run.private_tasks && run.evidence == Evidence::Results { a href={ "/api/v1/runs/" (id) "/results" } { "Results as JSON" } }
            @if run.published_at.is_some() { a href={ "/api/v1/runs/" (id) "/every-eval-ever" } { "every_eval_ever" } }
        }
    };
    Ok(tagged.answer(&app, &Summary { title: &title, description: &described, path: &path }, &content))
}

struct Page<'a> {
    scale: Scale<'a>,
    run: &'a Run,
    entry: &'a RunEntry,
    slices: Vec<RunSlice>,
    others: Vec<OtherRun>,
    results: Vec<TaskResult>,
}

impl Page<'_> {
    fn system(&self) -> String {
        let declared = &self.run.declared;
        let model = self.entry.display_name.as_deref().unwrap_or(declared.model.as_str());
        system_name(model, declared.agent.as_ref(), declared.configuration.as_deref())
    }

    fn markup(&self) -> Markup {
        let run = self.run;
        let board = address(
            "/leaderboard",
            &[("benchmark", run.declared.benchmark.as_str()), ("version", run.declared.version.as_str())],
        );
        html! {
            p class="meta" {
                a href=(model_address(&run.declared.model)) { (run.declared.model) } " · "
                a href=(board) { (run.declared.benchmark) " " (run.declared.version) }
                " · run " code { (run.id) }
            }
            (self.standing())
            (self.score())
            (self.flags())
            (self.facts())
            (self.slices())
            (self.results())
            (self.others())
        }
    }

    /// Renders the status of the run: open, ranked, replaced, withdrawn or rejected, and why.
    fn standing(&self) -> Markup {
        let run = self.run;
        let text = match run.status {
            RunStatus::Open => "It is open: nothing of it is published yet.",
            RunStatus::Published if self.entry.stands && self.entry.ranked => {
                "It is the run that is ranked for its system."
            }
            RunStatus::Published if self.entry.stands => {
                "It stands beside another owner's run of the same system, which is ranked."
            }
            RunStatus::Published => "A later run of its owner has taken its place.",
            RunStatus::Withdrawn => "Its publisher withdrew it.",
            RunStatus::Rejected => "An administrator rejected it.",
        };
        html! {
            p class="note" {
                (text)
                @if let Some(at) = run.withdrawn_at { " " time datetime=(at) { (day(at)) } "." }
                @if let Some(reason) = &run.reason { " “" (reason) "”" }
            }
        }
    }

    fn score(&self) -> Markup {
        let Some(aggregates) = &self.run.aggregates else { return html! {} };
        let score = Score::of(&self.run.measure, aggregates);
        html! {
            dl class="facts" {
                div { dt { "Score" } dd { (self.scale.score(score.score)) @if let Some(interval) = score.interval { " " (self.scale.interval(interval.low, interval.high)) } } }
                @if self.scale.is_percent() && self.run.evidence != Evidence::Score { div { dt { "Passed" } dd { (aggregates.correct) " of " (aggregates.total) } } }
                div { dt { "Tasks" } dd { (aggregates.tasks) @if self.run.private_tasks { " (private)" } } }
                @if let Some(cost) = aggregates.known_cost() { div { dt { "Cost" } dd { "$" (usd(cost)) } } }
                @if let Some(ms) = aggregates.p50_ms { div { dt { "Latency, median" } dd { (duration(ms)) } } }
                @if let Some(ms) = aggregates.p95_ms { div { dt { "95th percentile" } dd { (duration(ms)) } } }
            }
        }
    }

    fn flags(&self) -> Markup {
        let run = self.run;
        let actual = run.declared.conditions.unwrap_or_default();
        let differences = self.entry.conditions.differences(actual);
        let flags = self.as_entry().map(|entry| Flag::of(&entry, run.evidence, &differences));
        html! {
            @if let Some(flags) = flags.filter(|flags| !flags.is_empty()) {
                p { @for flag in &flags { span class="flag" { (label(*flag)) } " " } }
            }
            @for difference in &differences { p class="meta" { (difference) } }
        }
    }

    /// Returns the run as an entry of a board, which its flags are computed from; `None` where it was never published.
    fn as_entry(&self) -> Option<Entry> {
        let (run, declared) = (self.run, &self.run.declared);
        Some(Entry {
            system: System {
                model: declared.model.clone(),
                id: declared.system_id.clone(),
                agent: declared.agent.clone(),
                configuration: declared.configuration.clone(),
            },
            ranked: self.entry.ranked,
            base_model: None,
            display_name: String::new(),
            run_id: run.id.clone(),
            published_at: run.published_at?,
            evaluated_at: run.evaluated_at?,
            links: None,
            seal: None,
            seals: SealCounts::default(),
            evaluator_relationship: declared.evaluator_relationship,
            dirty: declared.dirty,
            pinned: declared.commit.is_some(),
            conditions: declared.conditions.unwrap_or_default(),
            contaminated: self.entry.contaminated,
            attempts_policy: declared.attempts_policy.clone(),
            aggregates: run.aggregates?,
        })
    }

    fn facts(&self) -> Markup {
        let (run, declared) = (self.run, &self.run.declared);
        let conditions = declared.conditions.unwrap_or_default();
        let config = declared.generation_config.as_object().filter(|config| !config.is_empty());
        html! {
            h2 { "How it was made" }
            dl class="facts" {
                div { dt { "Evaluated by" } dd { (words(declared.evaluator_relationship.as_str())) } }
                @if let Some(at) = run.evaluated_at { div { dt { "Evaluated" } dd { (minute(at)) } } }
                @if let Some(at) = run.published_at { div { dt { "Published" } dd { (minute(at)) } } }
                div { dt { "Harness" } dd { (declared.harness) " " (declared.harness_version) } }
                @if let Some(commit) = &declared.commit { div { dt { "Commit" } dd { code { (commit) } @if declared.dirty { " (with changes)" } } } }
                @if let Some(seal) = &declared.seal { div { dt { "Sealed as" } dd { a href={ "/api/v1/seals/" (seal) } { code { (seal) } } } } }
                @if let Some(policy) = &declared.attempts_policy { div { dt { "Attempts" } dd { (policy) } } }
                @for (name, value) in conditions.said() { div { dt { (name.words()) } dd { (name.value(value)) } } }
                @if let Some(hash) = &declared.prompt_hash { div { dt { "Prompts" } dd { code { (hash) } } } }
                @if let Some(id) = &declared.external_id { div { dt { "Its source calls it" } dd { (id) } } }
                @if let Some(links) = &declared.links { div { dt { "Read more" } dd { (links_of(links)) } } }
            }
            @if let Some(command) = &declared.command { details { summary { "Command" } pre { (command) } } }
            @if let Some(config) = config { details { summary { "Generation configuration" } pre { (serde_json::to_string_pretty(config).unwrap_or_default()) } } }
        }
    }

    fn slices(&self) -> Markup {
        html! {
            @if !self.slices.is_empty() {
                h2 id="slices" { "On parts of the tasks" }
                div class="wide" role="region" tabindex="0" aria-labelledby="slices" {
                    table class="fit" {
                        thead { tr { th scope="col" { "Tasks" } th scope="col" class="n" { "How many" } th scope="col" class="n" { "Score" } } }
                        tbody { @for slice in &self.slices {
                            tr {
                                th scope="row" { (slice.value) small { (slice.dimension) } }
                                td class="n" { (slice.aggregates.tasks) }
                                (self.score_cell(Some(&slice.aggregates)))
                            }
                        } }
                    }
                }
            }
        }
    }

    fn score_cell(&self, aggregates: Option<&Aggregates>) -> Markup {
        let score = aggregates.map(|aggregates| Score::of(&self.run.measure, aggregates));
        html! {
            td class="n" {
                @match score { Some(score) => (self.scale.score(score.score)), None => span class="none" { "–" } }
                @if let Some(interval) = score.and_then(|score| score.interval) { small { (self.scale.interval(interval.low, interval.high)) } }
            }
        }
    }

    fn results(&self) -> Markup {
        if self.run.evidence == Evidence::Counts {
            return self.counts();
        }
        html! {
            h2 id="results" { "Results" }
            @if self.run.private_tasks {
                p class="note" { "The tasks are private, so that no model is trained on them: only what results add up to is told." }
            } @else if self.results.is_empty() {
                p { "There are no results yet." }
            } @else {
                div class="wide" role="region" tabindex="0" aria-labelledby="results" {
                    table {
                        thead { tr {
                            th scope="col" { "Task" }
                            th scope="col" { "Ended" }
                            th scope="col" class="n" { "Score" }
                            th scope="col" class="n" { "Latency" }
                            th scope="col" class="n" { "Cost, $" }
                        } }
                        tbody { @for result in &self.results {
                            tr {
                                th scope="row" { (result.task) @if self.run.attempts_per_task > 1 { small { "attempt " (result.attempt) } } }
                                td { (words(result.status.as_str())) }
                                td class="n" {
                                    @if self.scale.is_share() { (format!("{:.3}", result.score)) } @else { (self.scale.score(result.score)) }
                                    @if let Some((correct, samples)) = result.correct.zip(result.samples) { small { (correct) " of " (samples) } }
                                }
                                td class="n" { @match result.latency_ms { Some(ms) => (duration(ms)), None => span class="none" { "–" } } }
                                td class="n" { @match result.cost_usd { Some(cost) => (usd(cost)), None => span class="none" { "–" } } }
                            }
                        } }
                    }
                }
            }
        }
    }

    /// Renders the counts that a source gave.
    fn counts(&self) -> Markup {
        let Some(counts) = &self.run.counts else { return html! { h2 { "Counts" } p { "There are none yet." } } };
        html! {
            h2 { "Counts" }
            p class="meta" { "The source tells how many of " (count(usize::try_from(counts.total).unwrap_or(0), "task")) " passed, and not which." }
            dl class="facts" {
                @for (n, correct) in counts.correct_by_attempt.iter().enumerate() {
                    div { dt { "By attempt " (n.saturating_add(1)) } dd { (correct) } }
                }
            }
        }
    }

    fn others(&self) -> Markup {
        let status = |run: &OtherRun| words(run.status.as_str());
        let by = |evaluator: EvaluatorRelationship| words(evaluator.as_str());
        html! {
            @if !self.others.is_empty() {
                h2 id="others" { "Other runs of this system" }
                div class="wide" role="region" tabindex="0" aria-labelledby="others" {
                    table class="fit" {
                        thead { tr { th scope="col" { "Evaluated" } th scope="col" { "Status" } th scope="col" { "By" } th scope="col" class="n" { "Score" } } }
                        tbody { @for other in &self.others {
                            tr {
                                td { a href={ "/runs/" (other.id) } { (minute(other.evaluated_at)) } }
                                td { (status(other)) }
                                td { (by(other.evaluator_relationship)) }
                                (self.score_cell(other.aggregates.as_ref()))
                            }
                        } }
                    }
                }
            }
        }
    }
}
