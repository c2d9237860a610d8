//! Where a part goes, as scripts write it.

use std::sync::Arc;

/// The place a part's notes go to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OutSpec {
    /// A sound of the internal synth: `"synth:pluck"`.
    Synth {
        /// Name of a row of `audio::SOUNDS`.
        sound: Arc<str>,
    },
    /// A MIDI port and channel: `"midi:2"`, `"midi:Port name:2"`.
    Midi {
        /// Part of the port's name; `None` takes the first one (or the virtual port).
        port: Option<Arc<str>>,
        /// 0..=15 here, 1..=16 in scripts and on screen.
        channel: u8,
    },
    /// The program's own JACK MIDI port: `"jack:2"`.
    Jack {
        /// 0..=15 here, 1..=16 in scripts and on screen.
        channel: u8,
    },
    /// MIDI bytes into a file, FIFO or serial device: `"raw:/dev/midi1:2"`.
    Raw {
        /// The path; it must exist.
        path: Arc<str>,
        /// 0..=15 here, 1..=16 in scripts and on screen.
        channel: u8,
    },
    /// Nowhere, in time: `"none"`.
    Nowhere,
}

impl OutSpec {
    /// Reads `"synth:pluck"`, `"midi:2"`, `"midi:Port name:2"`, `"jack:2"`, `"raw:/path:2"` or `"none"`.
    ///
    /// # Errors
    /// A sentence that says what was wrong and how it is written.
    pub fn parse(text: &str) -> Result<OutSpec, String> {
        let channel = |word: &str| match word.trim().parse::<u8>() {
            Ok(n @ 1..=16) => Ok(n - 1),
            _ => Err(format!("'{word}' is no MIDI channel: use 1 to 16, as in out(\"midi:2\")")),
        };
        let text = text.trim();
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "synth" if !rest.is_empty() => Ok(OutSpec::Synth { sound: Arc::from(rest.trim()) }),
            "midi" => match rest.rsplit_once(':') {
                Some((port, ch)) => Ok(OutSpec::Midi { port: Some(Arc::from(port.trim())), channel: channel(ch)? }),
                None => Ok(OutSpec::Midi { port: None, channel: channel(rest)? }),
            },
            "jack" => Ok(OutSpec::Jack { channel: channel(rest)? }),
            "raw" => match rest.rsplit_once(':') {
                Some((path, ch)) if !path.trim().is_empty() => {
                    Ok(OutSpec::Raw { path: Arc::from(path.trim()), channel: channel(ch)? })
                }
                _ => Err(format!("'{text}' names no path and channel: write \"raw:/dev/midi1:2\"")),
            },
            "none" => Ok(OutSpec::Nowhere),
            _ => Err(format!(
                "'{text}' is no output: write \"synth:pluck\", \"midi:2\", \"midi:Port name:2\", \"jack:2\", \"raw:/path:2\" or \"none\""
            )),
        }
    }
}

impl std::fmt::Display for OutSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OutSpec::Synth { sound } => write!(f, "synth:{sound}"),
            OutSpec::Midi { port: Some(port), channel } => write!(f, "midi:{port}:{}", channel + 1),
            OutSpec::Midi { port: None, channel } => write!(f, "midi:{}", channel + 1),
            OutSpec::Jack { channel } => write!(f, "jack:{}", channel + 1),
            OutSpec::Raw { path, channel } => write!(f, "raw:{path}:{}", channel + 1),
            OutSpec::Nowhere => write!(f, "none"),
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn outputs_are_read_and_printed() {
        for text in ["synth:pluck", "midi:2", "midi:MIDI 4x4:Out 1:16", "jack:10", "raw:/dev/midi1:3", "none"] {
            assert_eq!(OutSpec::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "synth:", "synth", "midi:0", "midi:17", "midi:", "jack", "foo:1", "raw:", "raw:2", "raw::2"] {
            assert!(OutSpec::parse(bad).is_err(), "{bad}");
        }
    }
}
