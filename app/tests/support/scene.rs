//! An agent with a page on it, and what the tests of the dashboard read off it.

#![allow(dead_code, unreachable_pub, reason = "as in the other files of this folder")]

use std::fs;
use std::path::Path;

use relink_testkit::{Agent, skip};

use super::browser::Page;
use super::support::{Folder, RELINK};

/// What most of these tests begin with: all but the disk's plugin. A snapshot comes five times a second.
pub const PLUGINS: &str = "cpu,load,mem,net,pressure,stat";

/// A builder that does as the file "build" beside it says.
const BUILDER: &str = r#"
here=$(dirname "$0")
case "$(cat "$here/build")" in
well) printf '%s\n' "{\"reason\":\"finished\",\"success\":true,\"executable\":\"$EXECUTABLE\",\"fresh\":true}" ;;
*)
    printf '%s\n' '{"reason":"diagnostic","level":"error","rendered":"error: expected `;`, found `<b>`\n --> metrics-disk/src/lib.rs:12:5\n"}'
    printf '%s\n' '{"reason":"finished","success":false,"error":"cargo build failed"}'
    exit 1
    ;;
esac
"#;

/// An agent with a builder, and a page on it.
pub struct Scene {
    pub folder: Folder,
    pub agent: Agent,
    pub page: Page,
}

impl Scene {
    /// None where there is no browser.
    pub fn open(what: &str) -> Option<Scene> {
        let enabled = PLUGINS.replace(',', "\", \"");
        Self::open_with(what, &format!("[plugins]\nenabled = [\"{enabled}\"]\n"), &[])
    }

    /// The same with other plugins, further arguments for the agent, an empty folder "plugins", and in "proc" a machine
    /// that stands still.
    pub fn open_with(what: &str, plugins: &str, arguments: &[&str]) -> Option<Scene> {
        Self::at_pace(what, 0.2, plugins, arguments)
    }

    /// The same with a snapshot each so many seconds.
    pub fn at_pace(what: &str, interval: f64, plugins: &str, arguments: &[&str]) -> Option<Scene> {
        let Some(mut page) = Page::open() else {
            skip(what, "chromium is not installed");
            return None;
        };
        let folder = Folder::new("");
        let script = folder.path("build.sh");
        folder.write(
            "relink.toml",
            format!(
                "print = \"none\"\n[history]\ninterval = {interval}\n{plugins}[reload]\nbuilder = [\"sh\", {script:?}]\n"
            ),
        );
        folder.write("build.sh", BUILDER.replace("$EXECUTABLE", RELINK));
        folder.write("build", "well");
        fs::create_dir(folder.path("plugins")).unwrap();
        fs::create_dir(folder.path("proc")).unwrap();
        folder.write("proc/loadavg", "1.00 1.00 1.00 2/345 6789\n");
        folder.write("proc/stat", "cpu 9 0 9 9 0 0 0 0 0 0\ncpu0 9 0 9 9 0 0 0 0 0 0\n");
        let agent = folder.start(arguments);
        page.looks(1280, 900, "light");
        page.go(&format!("http://{}/", agent.address));
        page.wait("the CPU's chart is there", "document.querySelector('#chart-cpu')");
        Some(Scene { folder, agent, page })
    }

    /// Reloads with another set of plugins, as somebody else than this page would.
    pub fn choose(&self, plugins: &str) {
        let answer = self.agent.put(&format!("/plugins/reload?plugins={plugins}"));
        assert_eq!(answer.json()["outcome"], "committed", "{}", answer.text());
    }

    /// Nothing went wrong in the page but what these texts tell of, and it asked nobody but its agent.
    pub fn is_clean(&self, expected: &[&str]) {
        let complaints = self.page.complaints();
        let unexpected = complaints.iter().filter(|one| !expected.iter().any(|text| one.contains(text)));
        assert_eq!(unexpected.collect::<Vec<_>>(), [""; 0]);
        let own = format!("http://{}/", self.agent.address);
        for address in self.page.requests() {
            assert!(address.starts_with(&own), "the page asked {address}");
        }
    }
}

/// The folder that these tests were built into.
pub fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// The number of the newest snapshot that the page knows, and how many the charts have.
pub fn snapshots(page: &mut Page) -> (u64, u64) {
    let both = page.eval(
        "[parseInt(document.querySelector('#link').title.slice(9)) || 0, Number(document.querySelector('[aria-labelledby=chart-cpu]').ariaValueMax) + 1]",
    );
    (both[0].as_u64().unwrap(), both[1].as_u64().unwrap())
}

/// Lets the cursor stand in the CPU's chart, so that what it tells is told again with each snapshot.
pub fn stand_in_the_chart(page: &mut Page) {
    page.eval("document.querySelector('[aria-labelledby=chart-cpu]').focus()");
    page.press("End");
    page.wait("figures are of the cursor", "document.querySelector('.now').textContent.startsWith('at ')");
}

/// The widths at which the page is looked at, and the theme.
pub const SIZES: [(u32, &str); 7] = [
    (390, "light"),
    (390, "dark"),
    (768, "light"),
    (1280, "light"),
    (1280, "dark"),
    (1920, "light"),
    (2560, "dark"),
];

/// Pictures of the page at these widths, kept in the target folder for people to look at.
pub fn pictures(page: &mut Page, name: &str) {
    let folder = target().join("screenshots");
    fs::create_dir_all(&folder).unwrap();
    for (width, theme) in SIZES {
        page.looks(width, 900, theme);
        let wide = page.eval("document.documentElement.scrollWidth").as_u64().unwrap();
        assert!(wide <= u64::from(width), "{wide} pixels at a width of {width}");
        // As high as the page is.
        let high = page.eval("document.documentElement.scrollHeight").as_u64().unwrap();
        page.looks(width, u32::try_from(high).unwrap(), theme);
        // A new size is drawn at the next paint but one.
        page.eval(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done))))",
        );
        let picture = page.picture();
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 20_000, "{} bytes", picture.len());
        fs::write(folder.join(format!("{name}-{width}-{theme}.png")), picture).unwrap();
    }
    page.looks(1280, 900, "light");
}

/// That the page is told new figures.
pub const LIVE: &str = "document.querySelector('#link').dataset.state === 'live'";
