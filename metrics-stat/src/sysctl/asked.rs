//! What the operator asks for.

use relink_core::Error;

/// A setting: `kernel.threads-max`, or `fs.file-nr:total,current,max`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// As it was given.
    pub(super) given: String,
    pub(super) name: String,
    /// The name of the family, without those of keys.
    pub(super) family: String,
    /// A name for each number; none if they are counted.
    pub(super) keys: Vec<String>,
}

/// All that is asked for, each once.
pub(super) fn all(given: &[String]) -> Result<Vec<Asked>, Error> {
    let mut all: Vec<Asked> = Vec::new();
    for given in given {
        let asked = Asked::new(given)?;
        if !all.contains(&asked) {
            all.push(asked);
        }
    }
    Ok(all)
}

impl Asked {
    fn new(given: &str) -> Result<Self, Error> {
        let (name, keys) = match given.split_once(':') {
            Some((name, keys)) => (name, keys.split(',').map(str::to_owned).collect()),
            None => (given, Vec::new()),
        };
        let is_odd = |at: char| at.is_whitespace() || at.is_control() || matches!(at, '\\' | '"');
        let is_key = |key: &String| !key.is_empty() && key.bytes().all(is_of_a_name);
        if name.is_empty() || name.contains(is_odd) || !keys.iter().all(is_key) {
            let expected = "a setting such as kernel.threads-max or fs.file-nr:total,current,max";
            return Err(Error::expected(expected, given));
        }
        let family = format!("node_sysctl_{}", word(name));
        Ok(Asked { given: given.to_owned(), name: name.to_owned(), family, keys })
    }

    /// The file, below procfs. Each dot is a slash, so that no name leads elsewhere.
    pub(super) fn file(&self) -> String {
        format!("sys/{}", self.name.replace('.', "/"))
    }
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The name with an underscore for what no family's name may have, be it one character or several.
fn word(name: &str) -> String {
    let is_odd = |at: char| !(at.is_ascii_alphanumeric() || at == '_');
    let (mut word, mut rest) = (String::new(), name);
    while let Some(at) = rest.find(is_odd) {
        let (before, behind) = rest.split_at(at);
        word.push_str(before.trim_end_matches('_'));
        word.push('_');
        rest = behind.trim_start_matches(is_odd).trim_start_matches('_');
    }
    word.push_str(rest);
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_a_name_a_file_and_maybe_keys() {
        let given =
            ["kernel.threads-max", "fs.file-nr:total,current", "kernel.threads-max", "net/ipv4/tcp_mem"];
        let all = all(&given.map(str::to_owned)).unwrap();
        let [threads, files, mem] = &all[..] else { panic!("{all:?}") };
        assert_eq!(
            (threads.file().as_str(), threads.family.as_str()),
            ("sys/kernel/threads-max", "node_sysctl_kernel_threads_max")
        );
        assert_eq!((files.name.as_str(), files.keys.join(" ").as_str()), ("fs.file-nr", "total current"));
        assert_eq!(
            (mem.file().as_str(), mem.family.as_str()),
            ("sys/net/ipv4/tcp_mem", "node_sysctl_net_ipv4_tcp_mem")
        );
        assert_eq!(Asked::new("../../etc/x").unwrap().file(), "sys///////etc/x");
        for given in ["", ":a", "a b", "a\\", "a\"", "a\n", "a:", "a:b,", "a:b-c"] {
            let why = all_of(given);
            assert!(why.starts_with("expected a setting such as kernel.threads-max or fs"), "{why}");
        }
    }

    fn all_of(given: &str) -> String {
        all(&[given.to_owned()]).unwrap_err().message().to_owned()
    }

    #[test]
    fn a_family_has_one_underscore_for_odd_characters() {
        for (name, expected) in [
            ("kernel.threads-max", "kernel_threads_max"),
            ("net.ipv4.conf.br-_0.é", "net_ipv4_conf_br_0_"),
            ("a__b", "a__b"),
            ("a_-.-_b", "a_b"),
        ] {
            assert_eq!(word(name), expected);
        }
    }
}
