//! Bodies of the API that programs other than the server read and write too. All other bodies stand beside their
//! handlers.

#![expect(
    missing_docs,
    reason = "a member's doc comment is its description in the OpenAPI document, and some need no other than their type's"
)]

mod benchmark_version;
mod change;
mod counts;
mod data_set;
mod given_score;
mod log;
mod members;
mod model;
mod names;
mod result;
mod run;

pub use benchmark_version::{BenchmarkVersionPut, DefaultParts, OwnParts, PartsInput, TaskInput};
pub use change::Change;
pub use counts::{Counts, CountsPut};
pub use data_set::{DataSet, ExportedTable};
pub use given_score::{GivenInterval, GivenScore, GivenScorePut};
pub use log::{BoardCommitment, LogHead, LogLeaf, LogLeafList, RunCommitment, SealCommitment};
pub use model::ModelPut;
pub(crate) use names::{Name, name, optional_name};
pub use result::ResultInput;
pub use run::RunCreate;
