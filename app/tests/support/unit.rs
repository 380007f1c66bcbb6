//! The shipped unit without systemd: its name spaces by mount(8) and unshare(1), its user and capabilities by setpriv(1),
//! its system call filters by `confine.c`. A directive that is unknown here fails the test that reads it.

use std::path::PathBuf;
use std::process::Command;

use relink_testkit::{absent, command, installed, skip};
use tempfile::TempDir;

use crate::support::{RELINK, here};

/// A user that no machine has: from the range of systemd's dynamic ones.
const USER: &str = "61500";

/// The places and tools that the emulation needs.
pub(crate) struct Emulation {
    folder: TempDir,
    confine: PathBuf,
}

/// What the directives of a unit come to.
struct Unit {
    /// Arguments of `relink`.
    arguments: Vec<String>,
    /// Lines of a shell that arrange the mounts.
    mounts: Vec<String>,
    /// Arguments of setpriv(1).
    privileges: Vec<String>,
    /// Rules of `confine.c`.
    filters: Vec<String>,
}

impl Emulation {
    /// Nothing, with the reason told, where this machine can't do it.
    pub(crate) fn new() -> Option<Self> {
        let what = "the shipped unit, emulated";
        let root = Command::new("unshare").args(["--mount", "true"]).output();
        match root {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                absent(
                    what,
                    &format!("a mount namespace needs root: {}", String::from_utf8_lossy(&output.stderr)),
                );
                return None;
            }
            Err(why) => {
                skip(what, &format!("unshare does not start: {why}"));
                return None;
            }
        }
        for program in ["setpriv", "cc"] {
            if installed(program).is_none() {
                skip(what, &format!("{program} is not installed"));
                return None;
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let confine = folder.path().join("confine");
        let compiled = Command::new("cc")
            .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o"])
            .args([&confine, &here("tests/support/confine.c")])
            .output()
            .unwrap();
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        Some(Emulation { folder, confine })
    }

    /// A command that starts the agent as this unit would, on a free port.
    pub(crate) fn command(&self, text: &str) -> Command {
        let mut unit = Unit::read(text);
        // The executables are below a /tmp or a home that the unit may not see: they are mounted into its own /tmp.
        let private = self.folder.path().join("private");
        let mut script = vec![
            "set -e; mount --make-rprivate /".to_owned(),
            format!("PRIVATE={0}; mkdir -p {0}/tmp {0}/var-tmp; cd {0}/tmp", private.display()),
            "mkdir -p -m 0 folder; touch relink confine file; chmod 0 file".to_owned(),
            format!("mount --bind {RELINK} relink; mount --bind {} confine", self.confine.display()),
        ];
        script.append(&mut unit.mounts);
        script.push("cd /tmp; umask 0077; exec \"$@\"".to_owned());
        let mut command = command("unshare");
        command.args(["--mount", "--propagation", "unchanged", "sh", "-c", &script.join("\n"), "sh"]);
        command.arg("setpriv").args(&unit.privileges).arg("/tmp/confine").args(&unit.filters).arg("--");
        command.arg("/tmp/relink").args(&unit.arguments).args(["--listen", "127.0.0.1:0"]);
        command
    }
}

/// A shell's line that remounts what is mounted at paths of this pattern read-only. What others lie upon can't be.
fn remount(pattern: &str) -> String {
    format!(
        "awk '{{print $5}}' /proc/self/mountinfo | while read -r at; do at=$(printf '%b' \"$at\"); \
         case \"$at/\" in {pattern}) mount -o remount,bind,ro \"$at\" 2>/dev/null || true;; esac; done"
    )
}

/// A shell's line that makes what stands at a path read-only, with what is mounted in it.
fn read_only(path: &str) -> String {
    format!("test ! -e {path} || {{ mount --rbind {path} {path}; {}; }}", remount(&format!("{path}/*")))
}

/// A shell's line that puts something without any right in the place of a file or folder.
fn inaccessible(path: &str) -> String {
    format!(
        "if test -d {path}; then mount --bind /tmp/folder {path}; \
         elif test -e {path}; then mount --bind /tmp/file {path}; fi"
    )
}

/// Panics at the first directive whose effect on the agent's view is not known here.
pub(crate) fn understand(text: &str) {
    Unit::read(text);
}

impl Unit {
    fn read(text: &str) -> Unit {
        let mut unit = Unit { arguments: vec![], mounts: vec![], privileges: vec![], filters: vec![] };
        let mut service = false;
        let mut later = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with('[') {
                service = line == "[Service]";
            } else if service {
                let (name, value) = line.split_once('=').expect("a directive is NAME=VALUE");
                unit.take(name, value, &mut later);
            }
        }
        // As systemd does: what is made read-only as a whole comes last, with what is mounted by then.
        unit.mounts.append(&mut later);
        unit
    }

    fn take(&mut self, name: &str, value: &str, later: &mut Vec<String>) {
        let mut refuse =
            |calls: &[&str]| self.filters.extend(calls.iter().map(|call| format!("refuse:{call}")));
        match (name, value) {
            ("ExecStart", command) => {
                self.arguments = command.split(' ').skip(1).map(str::to_owned).collect();
            }
            // When it starts and where it stands; what the agent opens is no device; a keyring is not looked at.
            (
                "Type"
                | "Restart"
                | "RestartSec"
                | "ConfigurationDirectory"
                | "StateDirectory"
                | "WorkingDirectory",
                _,
            )
            | ("DevicePolicy", "closed")
            | ("KeyringMode", "private")
            | ("UMask", "0077") => {}
            ("User", _) => {}
            ("DynamicUser", "yes") => {
                let user = ["--reuid", USER, "--regid", USER, "--clear-groups"];
                self.privileges.extend(user.map(str::to_owned));
            }
            ("NoNewPrivileges", "yes") => self.privileges.push("--no-new-privs".to_owned()),
            ("CapabilityBoundingSet", "") => {
                let none = ["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"];
                self.privileges.extend(none.map(str::to_owned));
            }
            ("ProtectSystem", "strict") => later.push(remount("/dev/*|/proc/*|/sys/*) ;; *")),
            ("ProtectHome", "read-only") => later.extend(["/home", "/root", "/run/user"].map(read_only)),
            ("PrivateTmp", "yes") => {
                self.mounts.push("mount --rbind $PRIVATE/var-tmp /var/tmp".to_owned());
                self.mounts.push("mount --rbind $PRIVATE/tmp /tmp".to_owned());
            }
            ("ProtectControlGroups", "yes") => later.push(read_only("/sys/fs/cgroup")),
            ("ProtectKernelTunables", "yes") => {
                later.push(read_only("/sys"));
                let files =
                    ["acpi", "apm", "asound", "bus", "fs", "irq", "mtrr", "scsi", "sys", "sysrq-trigger"];
                later.extend(files.map(|file| read_only(&format!("/proc/{file}"))));
                later.extend(["/proc/kallsyms", "/proc/kcore"].map(inaccessible));
            }
            ("ProtectKernelLogs", "yes") => {
                later.extend(["/proc/kmsg", "/dev/kmsg"].map(inaccessible));
                refuse(&["syslog"]);
            }
            ("ProtectKernelModules", "yes") => {
                later.push(inaccessible("/usr/lib/modules"));
                refuse(&["init_module", "finit_module", "delete_module"]);
            }
            ("LockPersonality", "yes") => refuse(&["personality"]),
            ("RestrictRealtime", "yes") => refuse(&["sched_setscheduler", "sched_setattr"]),
            ("RestrictNamespaces", "yes") => {
                refuse(&["setns"]);
                // CLONE_NEWNS and its like; a thread or a table of descriptors of one's own is no namespace.
                let spaces = ["mask:unshare:0:0x7e020080", "mask:clone:0:0x7e020000", "absent:clone3"];
                self.filters.extend(spaces.map(str::to_owned));
            }
            ("RestrictSUIDSGID", "yes") => {
                let calls = ["fchmod:1", "fchmodat:2", "mkdirat:2"];
                self.filters.extend(calls.map(|call| format!("mask:{call}:06000")));
                self.filters.push("absent:openat2".to_owned());
            }
            ("RestrictAddressFamilies", families) => {
                let numbers = families.split(' ').map(|family| match family {
                    "AF_UNIX" => "1",
                    "AF_INET" => "2",
                    "AF_INET6" => "10",
                    "AF_NETLINK" => "16",
                    other => panic!("the number of {other} is missing here"),
                });
                self.filters.push(format!("families:{}", numbers.collect::<Vec<_>>().join(",")));
            }
            ("SystemCallArchitectures", "native") => self.filters.push("native".to_owned()),
            // Not of the unit: what tests add, to see that they would notice.
            ("ProtectClock", "yes") => {
                refuse(&["adjtimex", "clock_adjtime", "clock_settime", "settimeofday"]);
            }
            ("ProtectProc", "invisible") => {
                self.mounts.push("mount -t proc -o hidepid=2 proc /proc".to_owned());
            }
            _ => panic!("{name}={value}: say in app/tests/support/unit.rs what it does to the agent's view"),
        }
    }
}
