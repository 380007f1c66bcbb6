//! `/etc/os-release`, or `/usr/lib/os-release`: name and version of the system, and how long it is supported.

mod release;

use relink_core::{Collector, Error, Family, Paths, Samples, Source};

use release::{KEYS, Release};

const INFO: Family = Family::gauge(
    "node_os_info",
    "Always 1; the labels say which system it is, and which version of it (os-release).",
)
.labels(&[
    "build_id",
    "id",
    "id_like",
    "image_id",
    "image_version",
    "name",
    "pretty_name",
    "variant",
    "variant_id",
    "version",
    "version_codename",
    "version_id",
]);
const VERSION: Family = Family::gauge(
    "node_os_version",
    "Version of the system, as far as it is a number with at most one point in it (os-release, VERSION_ID).",
)
.labels(&["id", "id_like", "name"]);
const SUPPORT_END: Family = Family::gauge(
    "node_os_support_end_timestamp_seconds",
    "When the support of the system ends (os-release, SUPPORT_END).",
);

pub(crate) const FAMILIES: &[Family] = &[INFO, VERSION, SUPPORT_END];

pub(crate) struct Os {
    /// The first one that is there counts.
    files: [Source; 2],
    /// What was read last, and what it means.
    text: String,
    release: Release,
}

impl Os {
    pub(crate) fn new(paths: &Paths) -> Result<Self, Error> {
        let files = ["etc/os-release", "usr/lib/os-release"];
        Ok(Os {
            files: files.map(|file| Source::new(paths.rootfs.join(file))),
            text: String::new(),
            release: Release::default(),
        })
    }
}

impl Collector for Os {
    fn collect(&mut self, out: &mut Samples) -> Result<(), Error> {
        for file in &mut self.files {
            let Some(text) = file.text()? else { continue };
            if *text != self.text {
                self.release = Release::of(&text);
                self.text = text.into_owned();
            }
            let release = &self.release;
            for why in &release.odd {
                out.warn(format!("{}: {why}", file.path().display()));
            }
            if let (false, Some(why)) = (release.is_any, release.odd.first()) {
                return Err(why.clone().context(file.path().display()));
            }
            push(release, out);
            break;
        }
        Ok(())
    }
}

fn push(release: &Release, out: &mut Samples) {
    if !release.is_any {
        return;
    }
    let labels: [&str; KEYS.len()] = release.values.each_ref().map(String::as_str);
    out.push(&INFO, labels, 1.0);
    let [_, id, id_like, _, _, name, ..] = labels;
    if let Some(version) = release.version {
        out.push(&VERSION, [id, id_like, name], version);
    }
    if let Some(end) = release.support_end {
        out.push(&SUPPORT_END, [], end);
    }
}
