//! MIDI ports of the system through midir: found by a part of their name, found again after an unplug.

use super::sender::Wire;
use midir::{MidiOutput, MidiOutputConnection, MidiOutputPort};
use std::sync::Arc;

/// The name under which the system shows us.
const CLIENT: &str = "ricercar";

/// One port.
pub struct PortWire {
    wanted: Option<Arc<str>>,
    open: Option<Open>,
}

struct Open {
    name: String,
    connection: MidiOutputConnection,
    /// Identity of the port, and a second client that can look whether it is still there; `None` for our own virtual port.
    watched: Option<(MidiOutput, String)>,
}

impl PortWire {
    /// The first port whose name contains `wanted` (upper and lower case are alike); without a name the first port there is,
    /// else a virtual port "ricercar" where the system has such.
    pub fn new(wanted: Option<Arc<str>>) -> PortWire {
        PortWire { wanted, open: None }
    }
}

/// Names of all output ports.
///
/// # Errors
/// A sentence when the system has no MIDI.
pub fn port_names() -> Result<Vec<String>, String> {
    let midi = client()?;
    Ok(midi.ports().iter().filter_map(|port| midi.port_name(port).ok()).collect())
}

/// A client. The system's library would print its own complaint on the screen when there is no sequencer, so look first.
fn client() -> Result<MidiOutput, String> {
    #[cfg(target_os = "linux")]
    if !std::path::Path::new("/dev/snd/seq").exists() {
        return Err("this system has no MIDI ports: /dev/snd/seq is missing (load the kernel module snd-seq), \
                    or use out(\"jack:1\") or out(\"synth:keys\")"
            .into());
    }
    MidiOutput::new(CLIENT)
        .map_err(|error| format!("the system's MIDI cannot be opened ({error}); playing on without it"))
}

/// The port that is meant, with its name. Loop-back ports are taken only when they are asked for.
fn find(midi: &MidiOutput, wanted: Option<&str>) -> Option<(MidiOutputPort, String)> {
    let named = midi.ports().into_iter().filter_map(|port| midi.port_name(&port).ok().map(|name| (port, name)));
    let is_meant = |name: &str| match wanted {
        Some(part) => name.to_lowercase().contains(&part.to_lowercase()),
        None => !name.starts_with("Midi Through") && !name.contains(CLIENT),
    };
    named.into_iter().find(|(_, name)| is_meant(name))
}

impl Wire for PortWire {
    fn connect(&mut self) -> Result<String, String> {
        self.open = None;
        let midi = client()?;
        if let Some((port, name)) = find(&midi, self.wanted.as_deref()) {
            let watched = client().ok().map(|watcher| (watcher, port.id()));
            let connection = midi.connect(&port, "out").map_err(|error| {
                format!("MIDI port '{name}' cannot be opened ({error}); another program may hold it")
            })?;
            let text = format!("MIDI goes to '{name}'");
            self.open = Some(Open { name, connection, watched });
            return Ok(text);
        }
        match &self.wanted {
            Some(part) => {
                let names: Vec<String> = midi.ports().iter().filter_map(|port| midi.port_name(port).ok()).collect();
                let there = if names.is_empty() { "none".into() } else { names.join(", ") };
                Err(format!("no MIDI port has '{part}' in its name; there are: {there}"))
            }
            None => self.create_virtual(midi),
        }
    }

    fn place(&self) -> Option<String> {
        self.open.as_ref().map(|open| format!("midi {}", open.name))
    }

    fn is_there(&mut self) -> bool {
        let watched = self.open.as_ref().and_then(|open| open.watched.as_ref());
        watched.is_none_or(|(watcher, id)| watcher.find_port_by_id(id).is_some())
    }

    fn send(&mut self, bytes: &[u8]) -> bool {
        self.open.as_mut().is_some_and(|open| open.connection.send(bytes).is_ok())
    }
}

impl PortWire {
    #[cfg(unix)]
    fn create_virtual(&mut self, midi: MidiOutput) -> Result<String, String> {
        use midir::os::unix::VirtualOutput;
        let connection = midi
            .create_virtual(CLIENT)
            .map_err(|error| format!("no MIDI port is there, and none could be made ({error}); playing on without"))?;
        self.open = Some(Open { name: CLIENT.into(), connection, watched: None });
        Ok("no MIDI port is there; other programs can read from the new port 'ricercar'".into())
    }

    #[cfg(not(unix))]
    fn create_virtual(&mut self, _midi: MidiOutput) -> Result<String, String> {
        Err("no MIDI port is there; plug a device in, or install a loop-back port".into())
    }
}
