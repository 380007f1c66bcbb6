//! Facts for people: model and usage, through `sysinfo`.

use std::time::Instant;

use relink_core::{Error, Facts};
use sysinfo::{Cpu, CpuRefreshKind, MINIMUM_CPU_UPDATE_INTERVAL, System};

/// With more CPUs than this, a row for each would be no help.
const FEW: usize = 8;

/// What is kept between two readings of usage.
#[derive(Default)]
pub(crate) struct CpuFacts {
    primed: Option<(System, Instant)>,
}

impl CpuFacts {
    /// Adds the rows; usage from the second call on.
    pub(crate) fn push(&mut self, out: &mut Facts) -> Result<(), Error> {
        let usage = CpuRefreshKind::nothing().with_usage();
        let (system, since) = match &mut self.primed {
            Some((system, since)) => {
                system.refresh_cpu_specifics(usage);
                (system, *since)
            }
            None => {
                let mut system = System::new()?;
                system.refresh_cpu_list(usage);
                let now = Instant::now();
                (&mut self.primed.insert((system, now)).0, now)
            }
        };
        let cpus = system.cpus();
        if let Some(first) = cpus.first() {
            out.push("model", model(first.brand(), cpus.len(), first.vendor_id()));
        }
        // Until that time has passed, sysinfo still shows the mean since boot.
        if since.elapsed() >= MINIMUM_CPU_UPDATE_INTERVAL {
            push_usage(cpus, out);
        }
        Ok(())
    }
}

fn push_usage(cpus: &[Cpu], out: &mut Facts) {
    if cpus.len() <= FEW {
        for cpu in cpus {
            out.push(format!("usage {}", cpu.name()), format!("{:.0} %", cpu.usage()));
        }
        return;
    }
    let mean = cpus.iter().map(Cpu::usage).sum::<f32>() / cpus.len() as f32;
    out.push("usage", format!("{mean:.0} % on average"));
    if let Some(busiest) = cpus.iter().max_by(|a, b| a.usage().total_cmp(&b.usage())) {
        out.push("busiest", format!("{:.0} % ({})", busiest.usage(), busiest.name()));
    }
}

fn model(brand: &str, count: usize, vendor: &str) -> String {
    let count = if count == 1 { "1 CPU".to_owned() } else { format!("{count} CPUs") };
    match (brand, vendor) {
        ("", "") => count,
        ("", name) | (name, "") => format!("{name}, {count}"),
        (brand, vendor) => format!("{brand}, {count}, {vendor}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_for_people() {
        assert_eq!(model("Some CPU", 2, "SomeVendor"), "Some CPU, 2 CPUs, SomeVendor");
        assert_eq!(model("", 1, ""), "1 CPU");
        assert_eq!(model("", 4, "ARM"), "ARM, 4 CPUs");
    }

    #[test]
    fn usage_is_told_from_two_readings() {
        let mut facts = CpuFacts::default();
        let mut rows = Facts::default();
        facts.push(&mut rows).unwrap();
        assert!(rows.rows().iter().any(|row| row.0 == "model"), "{rows:?}");
        assert!(!rows.rows().iter().any(|row| row.0.starts_with("usage")), "{rows:?}");
        // What is waited for is the clock itself: sysinfo refuses to measure over a shorter time.
        let since = facts.primed.as_ref().unwrap().1;
        std::thread::sleep((since + MINIMUM_CPU_UPDATE_INTERVAL).saturating_duration_since(Instant::now()));
        let mut rows = Facts::default();
        facts.push(&mut rows).unwrap();
        assert!(rows.rows().iter().any(|row| row.0.starts_with("usage") && row.1.ends_with('%')), "{rows:?}");
    }
}
