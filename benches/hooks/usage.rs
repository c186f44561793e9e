//! What a process uses, as Linux counts it.

use std::time::Duration;

/// A hundred a second, whatever the machine.
const TICK: Duration = Duration::from_millis(10);

/// The processor's time so far.
pub(crate) fn processor_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The program's name, in parentheses, may have blanks in it.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |place: usize| fields[place].parse::<u32>().unwrap();
    TICK * (ticks(11) + ticks(12))
}

/// The processors' time so far that was not idle, of all programs together.
pub(crate) fn all_processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    let fields = stat.lines().next().unwrap().split_whitespace().skip(1);
    // User, nice, system, idle, waiting, interrupts twice, and what other machines took; guests count in user.
    let busy = fields.take(8).enumerate().filter(|(place, _)| ![3, 4].contains(place));
    busy.map(|(_, ticks)| TICK * ticks.parse::<u32>().unwrap()).sum()
}

/// In megabytes; what it shares with others counts in part.
pub(crate) fn memory(process: u32) -> f64 {
    megabytes(&format!("/proc/{process}/smaps_rollup"), "Pss:")
}

/// The most that it ever had, in megabytes.
pub(crate) fn peak_memory(process: u32) -> f64 {
    megabytes(&format!("/proc/{process}/status"), "VmHWM:")
}

fn megabytes(path: &str, key: &str) -> f64 {
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
}
