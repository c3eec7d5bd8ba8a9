//! The client's program.

fn main() -> std::process::ExitCode {
    aibaas_client::main()
}
