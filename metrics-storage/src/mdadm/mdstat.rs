//! The text of `/proc/mdstat`: for each array a line of its own, and lines below it that are set in.
//!
//! ```text
//! md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]
//!       195310144 blocks [2/1] [U_]
//!       [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec
//! ```

use relink_core::Error;

/// What the text says of an array.
#[derive(Debug, PartialEq)]
pub(super) struct Array<'a> {
    pub(super) name: &'a str,
    /// As the family has it; another word for what it has no label for.
    pub(super) state: &'a str,
    /// In 1 KiB, as all blocks here.
    pub(super) blocks: f64,
    pub(super) disks: Option<Disks>,
    pub(super) failed: usize,
    pub(super) spare: usize,
    pub(super) synced: Option<f64>,
}

/// How many disks an array needs, and has at work.
#[derive(Debug, PartialEq)]
pub(super) struct Disks {
    pub(super) required: f64,
    pub(super) active: f64,
}

/// Hands each array to `take`, with the number of its line, and what is odd of it.
pub(super) fn arrays<'a>(
    text: &'a str,
    mut take: impl FnMut(usize, Result<Array<'a>, Error>, Option<Error>),
) {
    let mut lines = text.lines().enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        let is_general = line.starts_with("Personalities") || line.starts_with("unused");
        if is_general || is_blank(line) || is_set_in(line) {
            continue;
        }
        let mut below =
            || lines.next_if(|(_, line)| is_set_in(line) && !is_blank(line)).map(|(_, line)| line);
        let status = below().unwrap_or_default();
        // The progress of a resynchronisation stands before the bitmap, on some kernels behind it.
        let mut progress = "";
        while let Some(line) = below() {
            if progress.is_empty() && !line.contains("bitmap") {
                progress = line;
            }
        }
        let mut odd = None;
        take(at + 1, array(line, status, progress, &mut odd), odd);
    }
}

fn is_blank(line: &str) -> bool {
    line.trim_ascii().is_empty()
}

fn is_set_in(line: &str) -> bool {
    line.starts_with([' ', '\t'])
}

fn array<'a>(
    line: &'a str,
    status: &str,
    progress: &str,
    odd: &mut Option<Error>,
) -> Result<Array<'a>, Error> {
    let mut words = line.split_ascii_whitespace();
    let (Some(name), Some(":"), Some(word)) = (words.next(), words.next(), words.next()) else {
        return Err(Error::expected("an array and its state", line));
    };
    let size = status.split_ascii_whitespace().next().and_then(|word| word.parse::<u64>().ok());
    let blocks =
        size.ok_or_else(|| Error::expected(format_args!("a number of blocks below {name}"), status))? as f64;
    let disks = disks(line, status);
    if disks.is_none() {
        *odd = Some(Error::expected(format_args!("[disks/disks at work] below {name}"), status));
    }
    let (state, synced) = match activity(progress) {
        None => (word, Some(blocks)),
        Some(state) => {
            let synced = synced(progress);
            *odd = synced.as_ref().err().cloned().or(odd.take());
            (state, synced.unwrap_or_default())
        }
    };
    let (failed, spare) = (line.matches("(F)").count(), line.matches("(S)").count());
    Ok(Array { name, state, blocks, disks, failed, spare, synced })
}

/// An array without redundancy has the disks that stand in its line, and one that is not started needs none.
fn disks(line: &str, status: &str) -> Option<Disks> {
    if line.contains("raid0") || line.contains("linear") {
        let all = line.matches('[').count() as f64;
        return Some(Disks { required: all, active: all });
    }
    if line.contains("inactive") {
        return Some(Disks { required: 0.0, active: 0.0 });
    }
    let pair = status.split_ascii_whitespace().rev().find_map(|word| {
        let (required, active) = word.strip_prefix('[')?.strip_suffix(']')?.split_once('/')?;
        Some((required.parse::<u64>().ok()?, active.parse::<u64>().ok()?))
    });
    pair.map(|(required, active)| Disks { required: required as f64, active: active as f64 })
}

/// What is being done with an array, by the line of its progress. The words are in the order in which they count.
fn activity(progress: &str) -> Option<&'static str> {
    let states =
        [("recovery", "recovering"), ("reshape", "reshape"), ("check", "check"), ("resync", "resync")];
    states.iter().find(|(word, _)| progress.contains(word)).map(|(_, state)| *state)
}

/// How many blocks are done: nothing if another machine does it and knows.
fn synced(progress: &str) -> Result<Option<f64>, Error> {
    if progress.contains("PENDING") || progress.contains("DELAYED") {
        return Ok(Some(0.0));
    }
    if progress.contains("REMOTE") {
        return Ok(None);
    }
    let pair = progress.split('(').skip(1).find_map(|rest| {
        let (done, rest) = rest.split_once('/')?;
        rest.split_once(')')?.0.parse::<u64>().ok()?;
        done.parse::<u64>().ok()
    });
    let done = pair.ok_or_else(|| Error::expected("(blocks/blocks)", progress.trim_ascii()))?;
    Ok(Some(done as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The arrays of a text, and what is odd.
    fn read(text: &str) -> (Vec<Array<'_>>, Vec<String>) {
        let (mut found, mut odd) = (Vec::new(), Vec::new());
        arrays(text, |line, array, why| {
            odd.extend(why.map(|why| format!("{line}: {why}")));
            match array {
                Ok(array) => found.push(array),
                Err(why) => odd.push(format!("{line}: {why}")),
            }
        });
        (found, odd)
    }

    /// The one array of a text: state, blocks, blocks synced, required, active, failed, spare.
    fn one(text: &str) -> (&str, f64, Option<f64>, f64, f64, usize, usize) {
        let (found, odd) = read(text);
        assert!(odd.is_empty(), "{odd:?}");
        let [array] = <[Array<'_>; 1]>::try_from(found).unwrap();
        let disks = array.disks.unwrap();
        (array.state, array.blocks, array.synced, disks.required, disks.active, array.failed, array.spare)
    }

    #[test]
    fn an_array_at_rest() {
        // 2.6.9, without the metadata's version.
        let text = "Personalities : [raid1]\nread_ahead 1024 sectors\nEvent: 1\n";
        let (found, odd) = read(text);
        assert!(found.is_empty() && odd.len() == 2, "lines of Linux 2.4 are no arrays: {odd:?}");
        let text = "md127 : active raid1 sdi2[0] sdj2[1]\n      312319552 blocks [2/2] [UU]\n\nunused devices: <none>\n";
        assert_eq!(one(text), ("active", 312319552.0, Some(312319552.0), 2.0, 2.0, 0, 0));
        let text = "Personalities : [raid6] [raid5] [raid4]\n\
            md3 : active raid6 sda1[8] sdh1[7] sdg1[6] sdf1[5] sde1[11] sdd1[3] sdc1[10] sdb1[9] sdd1[10](S) sdd2[11](S)\n      \
            5853468288 blocks super 1.2 level 6, 64k chunk, algorithm 2 [8/8] [UUUUUUUU]\n      \
            bitmap: 0/8 pages [0KB], 65536KB chunk, file: /var/recovery\n\n";
        assert_eq!(one(text), ("active", 5853468288.0, Some(5853468288.0), 8.0, 8.0, 0, 2));
        let text = "md10 : active (auto-read-only) raid10 sda1[0] sdb1[1]\n      314159265 blocks 64K chunks 2 near-copies [2/2] [UU]\n";
        assert_eq!(one(text).3, 2.0);
    }

    #[test]
    fn arrays_without_redundancy_and_those_that_are_not_started() {
        let raid0 = "md00 : active raid0 xvdb[0]\n      4186624 blocks super 1.2 256k chunks\n      \n\n";
        assert_eq!(one(raid0), ("active", 4186624.0, Some(4186624.0), 1.0, 1.0, 0, 0));
        let linear = "md120 : active linear sda1[1] sdb1[0]\n      2095104 blocks super 1.2 0k rounding\n";
        assert_eq!(one(linear).4, 2.0);
        let broken = "md0 : broken raid0 sda1[1] sdb1[0]\n      8 blocks super 1.2 512k chunks\n";
        assert_eq!(one(broken), ("broken", 8.0, Some(8.0), 2.0, 2.0, 0, 0));
        let spares = "md219 : inactive sdb[2](S) sdc[1](S) sda[0](S)\n        7932 blocks super external:imsm\n       \n";
        assert_eq!(one(spares), ("inactive", 7932.0, Some(7932.0), 0.0, 0.0, 0, 3));
        let raid0 = "md4 : inactive raid0 sda3[0](F) sdb3[1](S)\n      4883648 blocks [2/2] [UU]\n";
        assert_eq!(one(raid0), ("inactive", 4883648.0, Some(4883648.0), 2.0, 2.0, 1, 1));
    }

    #[test]
    fn an_array_at_work() {
        let with = |progress: &str| {
            let text = format!(
                "md8 : active raid1 sdb1[1] sda1[0] sdc[2](S) sde[3](F)\n      \
                195310144 blocks super 1.2 [2/1] [U_]\n{progress}\n\nunused devices: <none>\n"
            );
            let (state, _, synced, required, active, failed, spare) = one(&text);
            assert_eq!((required, active, failed, spare), (2.0, 1.0, 1, 1));
            (state.to_owned(), synced)
        };
        let is = |state: &str, synced| (state.to_owned(), synced);
        let recovery = "      [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec";
        assert_eq!(with(recovery), is("recovering", Some(16775552.0)));
        assert_eq!(
            with(&format!("      bitmap: 1/1 pages [4KB], 65536KB chunk\n{recovery}")),
            is("recovering", Some(16775552.0))
        );
        assert_eq!(
            with(&format!("{recovery}\n      bitmap: 1/1 pages [4KB], 65536KB chunk")),
            is("recovering", Some(16775552.0))
        );
        assert_eq!(
            with(
                "      [>....................]  check =  5.7% (114176/1993728) finish=0.2min speed=114176K/sec"
            ),
            is("check", Some(114176.0))
        );
        assert_eq!(
            with("\t[==>..................]  resync = 14.5% (1/2) finish=2min speed=1K/sec"),
            is("resync", Some(1.0))
        );
        assert_eq!(with("      \tresync=DELAYED"), is("resync", Some(0.0)));
        assert_eq!(with("      \tresync=PENDING"), is("resync", Some(0.0)));
        assert_eq!(with("      \tresync=REMOTE"), is("resync", None));
        assert_eq!(
            with("      [===>.................]  reshape = 15.0% (3/20) finish=1min speed=1K/sec"),
            is("reshape", Some(3.0))
        );
    }

    #[test]
    fn what_makes_no_sense_is_told_and_the_others_are_read() {
        let text = "Personalities : [raid1]\nmd0 active\n      8 blocks [1/1] [U]\n\nmd1 : active raid1 sda[0]\nmd2 : active raid1 \
            sda[0]\n      many blocks [1/1] [U]\n\nmd3 : active raid1 sda[0]\n      8 blocks [1/x] [U]\n      resync = (x/8)\n\n\
            md4 : active raid1 sda[0]\n      8 blocks [1/1] [U]\n";
        let (found, odd) = read(text);
        assert_eq!(found.iter().map(|array| array.name).collect::<Vec<_>>(), ["md3", "md4"]);
        assert_eq!((found[0].state, found[0].synced, found[0].disks.is_none()), ("resync", None, true));
        assert_eq!(
            odd,
            [
                "2: expected an array and its state, found \"md0 active\"",
                "5: expected a number of blocks below md1, found \"\"",
                "6: expected a number of blocks below md2, found \"      many blocks [1/1] [U]\"",
                "9: expected (blocks/blocks), found \"resync = (x/8)\"",
            ]
        );
        assert_eq!(read("\n \n\t\n"), (vec![], vec![]));
    }
}
