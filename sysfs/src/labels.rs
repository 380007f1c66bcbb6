//! Label values of devices: texts that stand in a file each, and names that several collectors give a device.

use std::path::{Path, PathBuf};

use relink_core::{Family, Samples};

use crate::{Reader, existing};

/// Files of a device's folder that hold a label value each. They are looked for once, as which of them there are is the
/// driver's choice, and read at each collection.
#[derive(Debug)]
pub struct Words<const N: usize> {
    /// None for one that the device does not have.
    files: [Option<PathBuf>; N],
    /// Kept for their buffers.
    words: [String; N],
}

impl<const N: usize> Words<N> {
    /// The labels of an info family but for the first, which is the device's name: the files are called as these.
    pub const fn labels_behind_the_name(family: &Family) -> [&'static str; N] {
        let (labels, mut words, mut at) = (family.label_names(), [""; N], 0);
        assert!(labels.len() == N + 1, "there is one label more, the name");
        while at < N {
            words[at] = labels[at + 1];
            at += 1;
        }
        words
    }

    /// Looks for files of these names.
    pub fn find(names: [&str; N], folder: &Path) -> Self {
        let files = names.map(|name| existing(folder, name));
        Words { files, words: [(); N].map(|()| String::new()) }
    }

    /// What the files hold now, without space at both ends; empty where there is none.
    pub fn read(&mut self, reader: &mut Reader, out: &mut Samples) -> [&str; N] {
        for (word, file) in self.words.iter_mut().zip(&self.files) {
            word.clear();
            if let Some(text) = file.as_ref().and_then(|file| reader.text(file, out)) {
                word.push_str(text.trim());
            }
        }
        self.words.each_ref().map(String::as_str)
    }
}

/// The label `chip` that node_exporter gives the sensors of a device: its folder and the one above, as in
/// `platform_coretemp_0`. Empty for a path without a name.
pub fn chip(device: &Path) -> String {
    let name =
        |path: &Path| path.file_name().map(|name| cleaned(&name.to_string_lossy())).unwrap_or_default();
    match (device.parent().map(name).unwrap_or_default(), name(device)) {
        (_, device) if device.is_empty() => device,
        (bus, device) if bus.is_empty() => device,
        (bus, device) => format!("{bus}_{device}"),
    }
}

/// In small letters, with _ in place of what is no letter of a-z, digit or colon, and none at the ends.
pub fn cleaned(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() || c == ':' { c } else { '_' };
    let clean: String = name.to_lowercase().chars().map(kept).collect();
    clean.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_anew_and_a_file_that_is_missing_is_not_tried() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("model"), "  Disk \n").unwrap();
        let mut words = Words::find(["serial", "model"], folder.path());
        let (mut reader, mut out) = (Reader::default(), Samples::new(&[], 0));
        assert_eq!(words.read(&mut reader, &mut out), ["", "Disk"]);
        std::fs::write(at("model"), "Tape").unwrap();
        std::fs::write(at("serial"), "1").unwrap();
        assert_eq!(words.read(&mut reader, &mut out), ["", "Tape"]);
        std::fs::remove_file(at("model")).unwrap();
        assert_eq!(words.read(&mut reader, &mut out), ["", ""]);
        assert_eq!(out.warned(), 0);
    }

    #[test]
    fn a_chip_is_named_after_its_place() {
        assert_eq!(chip(Path::new("/sys/devices/pci0000:00/0000:00:01.0")), "pci0000:00_0000:00:01_0");
        assert_eq!(chip(Path::new("/0000:00:01.0")), "0000:00:01_0");
        assert_eq!(chip(Path::new("/")), "");
    }

    #[test]
    fn a_name_is_cleaned_for_a_label() {
        assert_eq!(cleaned("0000:00:18.3"), "0000:00:18_3");
        assert_eq!(cleaned("_AppleSMC.768 \n"), "applesmc_768");
        assert_eq!(cleaned("\u{e9}"), "");
    }
}
