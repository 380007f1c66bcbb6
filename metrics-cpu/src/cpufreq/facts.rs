//! Facts for people: the frequency.

use relink_core::{Error, Facts};
use sysinfo::{CpuRefreshKind, System};

/// With more CPUs than this, `sysinfo` takes long to ask each for its frequency.
const FEW: usize = 8;

/// Adds the row: the range of these frequencies in hertz, or if there are none, of those that `sysinfo` finds.
pub(crate) fn push(hertz: impl Iterator<Item = f64>, out: &mut Facts) -> Result<(), Error> {
    let range = match range(hertz) {
        Some(range) => Some(range),
        None => range(measured()?.into_iter()),
    };
    if let Some((low, high)) = range {
        out.push("frequency", frequency(low, high));
    }
    Ok(())
}

/// What a machine without cpufreq, such as a virtual one, says of its CPUs elsewhere.
fn measured() -> Result<Vec<f64>, Error> {
    let mut system = System::new()?;
    system.refresh_cpu_list(CpuRefreshKind::nothing());
    if system.cpus().len() > FEW {
        return Ok(Vec::new());
    }
    system.refresh_cpu_frequency();
    let hertz = system.cpus().iter().map(|cpu| cpu.frequency() as f64 * 1e6);
    Ok(hertz.filter(|hertz| *hertz > 0.0).collect())
}

fn range(hertz: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    hertz.map(|hertz| (hertz, hertz)).reduce(|(low, high), (hertz, _)| (low.min(hertz), high.max(hertz)))
}

fn frequency(low: f64, high: f64) -> String {
    let (low, high) = (format!("{:.2}", low / 1e9), format!("{:.2}", high / 1e9));
    if low == high { format!("{high} GHz") } else { format!("{low} to {high} GHz") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_for_people() {
        assert_eq!(frequency(2.6e9, 2.6001e9), "2.60 GHz");
        assert_eq!(frequency(8e8, 3.5e9), "0.80 to 3.50 GHz");
        assert_eq!(range([3.0, 1.0, 2.0].into_iter()), Some((1.0, 3.0)));
        let mut rows = Facts::default();
        push([2e9, 1e9].into_iter(), &mut rows).unwrap();
        assert_eq!(rows.rows(), [("frequency".to_owned(), "1.00 to 2.00 GHz".to_owned())]);
    }
}
