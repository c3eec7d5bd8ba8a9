//! Conversion of the results' declarations to a run.

use aibaas_core::{
    domain::{BenchmarkId, VersionName, strict_json::StrictObject},
    wire::RunCreate,
};
use serde_json::{Map, Value};

use super::{
    chosen::Chosen,
    model::{PUBLIC_ARGS, arguments},
    task::Task,
};
use crate::import::{names, plan::Model, times::unix};

impl Task<'_> {
    /// Creates the body that opens the run.
    ///
    /// # Errors
    /// A text that names what the results lack.
    pub fn run(
        &self,
        chosen: &Chosen,
        model: &Model,
        id: &BenchmarkId,
        version: &VersionName,
    ) -> Result<RunCreate, String> {
        let Self { document, options, .. } = self;
        let commit = options.provenance.commit.clone().or_else(|| document.git_hash.clone());
        let harness_version = options.harness_version.as_ref().or(document.lm_eval_version.as_ref());
        let date = document.date.ok_or("date is missing")?;
        let seconds = document.total_evaluation_time_seconds.as_deref().and_then(|text| text.parse::<f64>().ok());
        let harness_version = harness_version.ok_or("lm_eval_version is missing: give --harness-version")?.as_str();
        let model = model.id();
        let name = ["lm-eval", id.as_str(), version.as_str(), &chosen.key(), model.as_str(), &date.to_string()];
        let external_id = names::external_id(&name);
        Ok(RunCreate {
            commit,
            prompt_hash: document.task_hashes.get(self.name).cloned(),
            generation_config: StrictObject(self.generation_config(chosen)),
            evaluator_relationship: options.provenance.evaluator.into(),
            started_at: Some(unix(date)?),
            completed_at: seconds.filter(|seconds| *seconds >= 0.0).map(|seconds| unix(date + seconds)).transpose()?,
            external_id: Some(external_id),
            ..RunCreate::new(model, id.clone(), version.clone(), "lm-evaluation-harness", harness_version)
        })
    }

    fn generation_config(&self, chosen: &Chosen) -> Map<String, Value> {
        let Self { document, .. } = self;
        let config = &document.config;
        let text = |text: &Option<String>| text.clone().map(Value::String);
        let members = [
            ("modelSource", text(&document.model_source).or_else(|| text(&config.model))),
            ("modelDtype", text(&config.model_dtype)),
            ("modelRevision", text(&config.model_revision)),
            ("modelSha", text(&config.model_sha)),
            ("numFewshot", self.shots().map(Value::from)),
            ("filter", Some(chosen.filter.clone().into())),
            ("generationKwargs", self.config().and_then(|config| config.generation_kwargs.clone())),
            ("genKwargs", config.gen_kwargs.clone()),
            ("chatTemplateSha", text(&document.chat_template_sha)),
            ("systemInstructionSha", text(&document.system_instruction_sha)),
            ("fewshotAsMultiturn", document.fewshot_as_multiturn.map(Value::from)),
            ("randomSeed", config.random_seed.clone()),
            ("numpySeed", config.numpy_seed.clone()),
            ("torchSeed", config.torch_seed.clone()),
            ("fewshotSeed", config.fewshot_seed.clone()),
        ];
        let told = members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|value| !value.is_null())?)));
        let arguments =
            arguments(config.model_args.as_ref()).into_iter().filter(|(name, _)| PUBLIC_ARGS.contains(&name.as_str()));
        told.chain(arguments).collect()
    }
}
