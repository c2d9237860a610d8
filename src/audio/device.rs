//! Which devices there are, and in which order they are tried: JACK when a server runs, PulseAudio (PipeWire answers there
//! too), then the system's own default.

use cpal::traits::{DeviceTrait, HostTrait};

/// Hosts in the order in which they are tried; those that this build or system does not have are skipped.
pub(super) const HOSTS: [&str; 5] = ["JACK", "PulseAudio", "ALSA", "CoreAudio", "WASAPI"];

/// A device as it is shown and named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// What `open` takes, e.g. `jack:output`, `pulseaudio:NAME`, `alsa:default`.
    pub id: String,
    /// Words for people.
    pub name: String,
    /// JACK, PulseAudio, ALSA, ...
    pub host: &'static str,
    /// The host's own choice.
    pub is_default: bool,
}

/// Devices that can play, in the order in which they would be tried. Asks every sound system: may take a second.
pub fn list() -> Vec<DeviceInfo> {
    let mut found = Vec::new();
    for host in HOSTS {
        let Some(id) = host_id(host) else { continue };
        if host == "JACK" {
            found.extend(jack_device().map(|d| info(&d, host, true)));
            continue;
        }
        let Ok(system) = cpal::host_from_id(id) else { continue };
        let default = system.default_output_device().filter(is_usable).map(|d| info(&d, host, true));
        let others = system.output_devices().into_iter().flatten().filter(is_usable);
        let others: Vec<_> = others.map(|d| info(&d, host, false)).collect();
        found.extend(default.iter().cloned());
        found.extend(others.into_iter().filter(|d| default.as_ref().is_none_or(|other| other.id != d.id)));
    }
    found
}

/// Devices of one host that fit `prefer` (an id, the host's name, or part of a device's name), its own choice first.
pub(super) fn candidates(host: &'static str, prefer: Option<&str>) -> Vec<(cpal::Device, DeviceInfo)> {
    let Some(id) = host_id(host) else { return Vec::new() };
    let mut found = Vec::new();
    if host == "JACK" {
        found.extend(jack_device().map(|d| (info(&d, host, true), d)));
    } else if let Ok(system) = cpal::host_from_id(id) {
        found.extend(system.default_output_device().filter(is_usable).map(|d| (info(&d, host, true), d)));
        // Looking through every ALSA device is slow and noisy: only when one of them is asked for.
        if prefer.is_some_and(|p| !p.eq_ignore_ascii_case(host)) {
            let devices = system.output_devices().into_iter().flatten().filter(is_usable);
            found.extend(devices.map(|d| (info(&d, host, false), d)));
        }
    }
    found.retain(|(d, _)| prefer.is_none_or(|p| d.fits(p)));
    found.into_iter().map(|(info, device)| (device, info)).collect()
}

impl DeviceInfo {
    fn fits(&self, wanted: &str) -> bool {
        let wanted = wanted.to_lowercase();
        let host = self.host.to_lowercase();
        self.id.to_lowercase() == wanted
            || (self.is_default && host.starts_with(&wanted))
            || self.name.to_lowercase().contains(&wanted)
    }
}

fn host_id(name: &str) -> Option<cpal::HostId> {
    cpal::ALL_HOSTS.iter().copied().find(|h| h.name() == name)
}

fn info(device: &cpal::Device, host: &'static str, is_default: bool) -> DeviceInfo {
    let id = device.id().map_or_else(|_| host.to_lowercase(), |id| id.to_string());
    DeviceInfo { id, name: device.to_string(), host, is_default }
}

/// ALSA's `null` has no clock: it would take a whole core and play at hundreds of times the pace. A default device exists even
/// without a sound card, so only one whose configuration can be read counts.
fn is_usable(device: &cpal::Device) -> bool {
    let is_null = device.id().is_ok_and(|id| {
        let id = id.to_string();
        id.ends_with(":null") || id.contains(":file")
    });
    !is_null && device.default_output_config().is_ok()
}

/// JACK's output, when libjack is there and a server runs.
#[cfg(feature = "jack")]
fn jack_device() -> Option<cpal::Device> {
    if !has_libjack() {
        return None;
    }
    // libjack prints to stderr, which would tear the screen.
    jack::set_logger(jack::LoggerType::None);
    let id = host_id("JACK")?;
    cpal::host_from_id(id).ok()?.default_output_device()
}

#[cfg(not(feature = "jack"))]
fn jack_device() -> Option<cpal::Device> {
    None
}

/// The crate `jack` panics at its first call when the library is missing, so the library is looked for before.
#[cfg(all(feature = "jack", unix))]
fn has_libjack() -> bool {
    let names = if cfg!(target_os = "macos") {
        [c"libjack.0.dylib", c"libjack.dylib"]
    } else {
        [c"libjack.so.0", c"libjack.so"]
    };
    // SAFETY: dlopen with a valid C string; the handle is kept open on purpose, the crate `jack` opens the same library.
    names.iter().any(|name| !unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_LAZY) }.is_null())
}

#[cfg(all(feature = "jack", not(unix)))]
fn has_libjack() -> bool {
    false
}
