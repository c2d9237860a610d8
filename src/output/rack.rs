//! The rack: which outputs there are, those in use, and the way from a part's route to its output.

use super::nowhere::Nowhere;
use super::{Address, Due, Guardian, OutEvent, Output, Sender, Sink, clock, device_of, raw::RawWire};
use crate::message::{FromPlayer, Notice, ParamChange, Route, Severity};
use crate::steer::OutSpec;
use crate::time::{Bpm, Nanos, Place, Tick};
use crossbeam_channel::{Receiver, Sender as Channel, TrySendError};

/// Opens an output for an address; or a sentence why not.
pub type Open = fn(&OutSpec, &mut Options) -> Result<Box<dyn Output>, String>;

/// One kind of output.
pub struct OutputRow {
    /// The word before the first colon in scripts.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// How it is written in a script.
    pub address: &'static str,
    /// What is missing when this build does not have it.
    pub feature: Option<&'static str>,
    /// Opens one; an output that has to wait for its device opens at once and connects by itself.
    pub open: Open,
}

/// Every kind of output.
pub const OUTPUTS: &[OutputRow] = &[
    OutputRow {
        name: "synth",
        doc: "The synth inside, on the sound card, PulseAudio, PipeWire or JACK.",
        address: "synth:pluck",
        feature: None,
        open: |_, options| {
            options.synth.take().ok_or_else(|| "the synth is switched off in this run; the part plays nowhere".into())
        },
    },
    OutputRow {
        name: "midi",
        doc: "A MIDI port of the system by part of its name, with a channel; without a name the first port, or a virtual one.",
        address: "midi:Port name:2",
        feature: if cfg!(feature = "midi") { None } else { Some("midi") },
        open: open_midi,
    },
    OutputRow {
        name: "jack",
        doc: "The JACK port ricercar:midi_out, exact to the frame.",
        address: "jack:2",
        feature: if cfg!(feature = "jack") { None } else { Some("jack") },
        open: open_jack,
    },
    OutputRow {
        name: "raw",
        doc: "MIDI bytes into a file, FIFO or serial device.",
        address: "raw:/dev/midi1:2",
        feature: None,
        open: |out, _| match out {
            OutSpec::Raw { path, .. } => Ok(Box::new(Sender::new(format!("raw:{path}"), RawWire::new(&**path)))),
            other => Err(format!("'{other}' is no path")),
        },
    },
    OutputRow {
        name: "none",
        doc: "Nowhere, in time.",
        address: "none",
        feature: None,
        open: |_, _| Ok(Box::new(Nowhere)),
    },
];

/// What outputs need from outside.
#[derive(Default)]
pub struct Options {
    /// The synth; taken by the first part that plays on it.
    pub synth: Option<Box<dyn Output>>,
    /// Our JACK port is connected to every MIDI input whose name contains one of these.
    pub jack_connect: Vec<String>,
    /// Silences the devices when this process is killed.
    pub guardian: Option<Guardian>,
    /// Hears everything as well, by the part's slot: a file of the take.
    pub tap: Option<Box<dyn Output>>,
}

fn open_midi(out: &OutSpec, _options: &mut Options) -> Result<Box<dyn Output>, String> {
    let OutSpec::Midi { port, .. } = out else { return Err(format!("'{out}' is no MIDI port")) };
    #[cfg(feature = "midi")]
    {
        let name = port.as_ref().map_or("midi".into(), |port| format!("midi:{port}"));
        Ok(Box::new(Sender::new(name, super::midi_port::PortWire::new(port.clone()))))
    }
    #[cfg(not(feature = "midi"))]
    {
        let _ = port;
        Err("this build has no MIDI ports; build it with the feature `midi`".into())
    }
}

fn open_jack(_out: &OutSpec, options: &mut Options) -> Result<Box<dyn Output>, String> {
    #[cfg(feature = "jack")]
    {
        Ok(Box::new(super::jack_midi::JackMidi::new(options.jack_connect.clone())))
    }
    #[cfg(not(feature = "jack"))]
    {
        let _ = options;
        Err("this build has no JACK; build it with the feature `jack` (JACK's headers are needed)".into())
    }
}

/// Time between two reports to the guardian.
const GUARDIAN_MS: u64 = 200;

/// The outputs in use. An output stays open once it was opened, so its number never means another.
pub struct Rack {
    options: Options,
    outputs: Vec<(String, Box<dyn Output>)>,
    reports: Channel<FromPlayer>,
    /// The other end of `reports`, to make room when nobody reads.
    oldest: Receiver<FromPlayer>,
    notices: Channel<Notice>,
    /// Last tick that anything was sent for.
    last_tick: Tick,
    next_report: Nanos,
    /// Declared last: it is told good-bye after the outputs are closed.
    guardian: Option<Guardian>,
}

/// More devices than this cannot be told apart by their number.
const OUTPUTS_MAX: usize = u8::MAX as usize - 1;

impl Rack {
    /// An empty rack. Reports go to the conductor; when the channel is full the oldest is dropped.
    pub fn new(
        options: Options,
        reports: (Channel<FromPlayer>, Receiver<FromPlayer>),
        notices: Channel<Notice>,
    ) -> Rack {
        let mut options = options;
        Rack {
            guardian: options.guardian.take(),
            options,
            outputs: Vec::new(),
            reports: reports.0,
            oldest: reports.1,
            notices,
            last_tick: Tick(0),
            next_report: Nanos(0),
        }
    }

    /// Opens one output in place of another, for tests: `name` as in [`device_of`].
    pub fn with_output(mut self, name: impl Into<String>, output: Box<dyn Output>) -> Rack {
        self.outputs.push((name.into(), output));
        self
    }

    /// Lets every output look after itself, and passes on what they say.
    pub fn tend(&mut self, now: Nanos) {
        self.inform_guardian(now);
        let Rack { outputs, options, notices, .. } = self;
        for output in outputs.iter_mut().map(|o| &mut o.1).chain(options.tap.as_mut()) {
            output.tend(now);
            if let Some(text) = output.notice() {
                let _ = notices.try_send(Notice::new(Severity::Info, "output", format!("{}: {text}", output.name())));
            }
        }
    }

    /// Tells the guardian, some times a second, which devices we play on.
    fn inform_guardian(&mut self, now: Nanos) {
        if now < self.next_report {
            return;
        }
        self.next_report = now.after_ms(GUARDIAN_MS);
        let Some(guardian) = &mut self.guardian else { return };
        for place in self.outputs.iter().flat_map(|o| o.1.places()) {
            guardian.tell(&place);
        }
    }

    /// Passes a line on to the performer.
    pub fn say(&self, severity: Severity, text: String) {
        let _ = self.notices.try_send(Notice::new(severity, "player", text));
    }

    /// True when no output is still busy with opening its device for the first time.
    pub fn is_ready(&self) -> bool {
        self.outputs.iter().all(|o| o.1.is_ready())
    }

    /// Events lost so far in all outputs.
    pub fn lost(&self) -> u64 {
        self.outputs.iter().map(|o| o.1.lost()).sum()
    }

    /// The number of the device that `out` names; opens it when it is new.
    fn number_of(&mut self, name: String, out: &OutSpec) -> u8 {
        if let Some(at) = self.outputs.iter().position(|o| o.0 == name) {
            return at as u8;
        }
        let kind = name.split(':').next().unwrap_or_default();
        let row = OUTPUTS.iter().find(|row| row.name == kind);
        let opened = match row {
            _ if self.outputs.len() >= OUTPUTS_MAX => {
                Err("too many outputs were opened in this run; start it again".into())
            }
            Some(row) => (row.open)(out, &mut self.options),
            None => Err(format!("'{out}' is no output")),
        };
        match opened {
            Ok(output) => self.outputs.push((name, output)),
            Err(text) => {
                self.say(Severity::Warning, format!("{out}: {text}"));
                if self.outputs.len() >= OUTPUTS_MAX {
                    return self.outputs.iter().position(|o| o.0 == "none").unwrap_or(0) as u8;
                }
                self.outputs.push((name, Box::new(Nowhere)));
            }
        }
        (self.outputs.len() - 1) as u8
    }
}

impl Sink for Rack {
    fn outputs(&self) -> u8 {
        self.outputs.len() as u8
    }

    fn resolve(&mut self, routes: &[Route]) -> Vec<Address> {
        let mut addresses = Vec::with_capacity(routes.len());
        for (slot, route) in (0u8..).zip(routes.iter().take(usize::from(ParamChange::SET))) {
            let (name, channel) = device_of(&route.out, slot);
            let out = self.number_of(name, &route.out);
            self.outputs[usize::from(out)].1.route(channel, route);
            if let Some(tap) = &mut self.options.tap {
                tap.route(slot, route);
            }
            addresses.push(Address { out, channel, slot });
        }
        addresses
    }

    fn send(&mut self, to: Address, due: Due, event: OutEvent) {
        self.last_tick = self.last_tick.max(due.tick);
        if let Some(output) = self.outputs.get_mut(usize::from(to.out)) {
            output.1.send(due, event);
        }
        if let Some(tap) = &mut self.options.tap {
            // What goes to all outputs is for one file only once.
            if to.slot != ParamChange::SET || to.out == 0 {
                tap.send(due, at_slot(event, to.slot));
            }
        }
    }

    fn step(&mut self, due: Due, place: Place, bpm: Bpm) {
        let Rack { outputs, options, .. } = self;
        outputs.iter_mut().map(|o| &mut o.1).chain(options.tap.as_mut()).for_each(|o| o.step(due, place, bpm));
    }

    fn silence(&mut self, due: Due, hard: bool) {
        let Rack { outputs, options, .. } = self;
        outputs.iter_mut().map(|o| &mut o.1).chain(options.tap.as_mut()).for_each(|o| o.silence(due, hard));
    }

    fn report(&mut self, message: FromPlayer) {
        if let Err(TrySendError::Full(message)) = self.reports.try_send(message) {
            let _ = self.oldest.try_recv();
            let _ = self.reports.try_send(message);
        }
    }
}

impl Drop for Rack {
    fn drop(&mut self) {
        // Whatever ended the thread: nothing sounds on.
        self.silence(Due { at: clock::now(), tick: self.last_tick }, false);
        if let Some(Err(text)) = self.options.tap.as_mut().map(|tap| tap.close()) {
            let _ = self.notices.try_send(Notice::new(Severity::Error, "output", text));
        }
    }
}

fn at_slot(event: OutEvent, slot: u8) -> OutEvent {
    match event {
        OutEvent::NoteOn { pitch, velocity, .. } => OutEvent::NoteOn { channel: slot, pitch, velocity },
        OutEvent::NoteOff { pitch, .. } => OutEvent::NoteOff { channel: slot, pitch },
        OutEvent::Param { change, .. } => OutEvent::Param { channel: slot, change },
        other => other,
    }
}

/// Names of the system's MIDI outputs.
///
/// # Errors
/// A sentence when there are none to be had: no sequencer, or a build without them.
pub fn midi_ports() -> Result<Vec<String>, String> {
    #[cfg(feature = "midi")]
    return super::midi_port::port_names();
    #[cfg(not(feature = "midi"))]
    Err("this build has no MIDI ports; build it with the feature `midi`".into())
}

/// Names of the MIDI inputs that a JACK server knows: what our port can be joined to.
///
/// # Errors
/// A sentence when no server answers, or a build without JACK.
pub fn jack_ports() -> Result<Vec<String>, String> {
    #[cfg(feature = "jack")]
    return super::jack_midi::input_names();
    #[cfg(not(feature = "jack"))]
    Err("this build has no JACK; build it with the feature `jack` (JACK's headers are needed)".into())
}
