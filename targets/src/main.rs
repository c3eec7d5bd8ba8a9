//! The native server and its command line.

fn main() -> std::process::ExitCode {
    aibaas::native::main()
}
