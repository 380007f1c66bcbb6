//! The plugins of this executable. A crate that no line names is not linked at all.

#[cfg(feature = "cpu")]
use metrics_cpu as _;
#[cfg(feature = "disk")]
use metrics_disk as _;
#[cfg(feature = "fabric")]
use metrics_fabric as _;
#[cfg(feature = "filesystems")]
use metrics_filesystems as _;
#[cfg(feature = "hardware")]
use metrics_hardware as _;
#[cfg(feature = "hwmon")]
use metrics_hwmon as _;
#[cfg(feature = "load")]
use metrics_load as _;
#[cfg(feature = "mem")]
use metrics_mem as _;
#[cfg(feature = "net")]
use metrics_net as _;
#[cfg(feature = "netstat")]
use metrics_netstat as _;
#[cfg(feature = "nfs")]
use metrics_nfs as _;
#[cfg(feature = "pressure")]
use metrics_pressure as _;
#[cfg(feature = "processes")]
use metrics_processes as _;
#[cfg(feature = "stat")]
use metrics_stat as _;
#[cfg(feature = "storage")]
use metrics_storage as _;
#[cfg(feature = "systemd")]
use metrics_systemd as _;
#[cfg(feature = "textfile")]
use metrics_textfile as _;
#[cfg(feature = "vmstat")]
use metrics_vmstat as _;
