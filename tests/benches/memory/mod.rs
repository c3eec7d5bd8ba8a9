//! The memory of a process that is measured, where Linux tells.

/// Megabytes that a line of its status tells, such as `VmRSS` or, at most so far, `VmHWM`.
pub fn megabytes(process: u32, line: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kib = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':')?.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse::<f64>().ok()).map_or("unknown".to_owned(), |kib| format!("{:.0} MB", kib / 1024.0))
}

/// Lets the peak begin anew.
pub fn forget_peak(process: u32) {
    _ = std::fs::write(format!("/proc/{process}/clear_refs"), "5");
}
