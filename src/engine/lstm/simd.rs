//! Which instructions the loops are compiled for, found out once at run time.

/// A path through the loops. Values other than `plain` exist only where the machine has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simd(pub(super) Path);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx2Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

/// Names of all paths, narrowest first.
const NAMES: [&str; 5] = ["plain", "avx2", "avx2-vnni", "avx512", "avx512-vnni"];

impl Simd {
    /// No instructions beyond those that every machine of the target has.
    pub const PLAIN: Simd = Simd(Path::Plain);

    /// The path called `plain`, `avx2`, `avx2-vnni`, `avx512` or `avx512-vnni`, when this machine has it.
    pub fn named(name: &str) -> Option<Simd> {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let avx2 = has!("avx2") && has!("f16c");
            let avx512 = avx2 && has!("avx512f");
            match name {
                "avx2" if avx2 => return Some(Simd(Path::Avx2)),
                "avx2-vnni" if avx2 && has!("avxvnni") => return Some(Simd(Path::Avx2Vnni)),
                "avx512" if avx512 => return Some(Simd(Path::Avx512)),
                "avx512-vnni" if avx512 && has!("avx512vnni") => return Some(Simd(Path::Avx512Vnni)),
                _ => {}
            }
        }
        (name == "plain").then_some(Simd::PLAIN)
    }

    /// The widest path of this machine, or the one that `RICERCAR_SIMD` names (for measuring; the music is the same).
    pub fn best() -> Simd {
        let forced = std::env::var("RICERCAR_SIMD").ok().and_then(|name| Simd::named(&name));
        forced.or_else(|| NAMES.into_iter().rev().find_map(Simd::named)).unwrap_or(Simd::PLAIN)
    }

    /// Every path that this machine has.
    pub fn all() -> Vec<Simd> {
        NAMES.into_iter().filter_map(Simd::named).collect()
    }

    /// One of the names that [`Simd::named`] knows.
    pub fn name(self) -> &'static str {
        match self.0 {
            Path::Plain => "plain",
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Path::Avx2Vnni => "avx2-vnni",
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Path::Avx512Vnni => "avx512-vnni",
        }
    }
}

/// `name = body(arguments)` makes a function that runs the body compiled for a path; `name = [plain, avx2, avx2_vnni,
/// avx512, avx512_vnni](arguments)` takes a body for each. Bodies of the named paths may need their instructions.
macro_rules! dispatch {
    ($(#[$doc:meta])* $name:ident = $body:ident $args:tt) => {
        dispatch! { $(#[$doc])* $name = [$body, $body, $body, $body, $body] $args }
    };
    ($(#[$doc:meta])* $name:ident = [$plain:ident, $avx2:ident, $vnni2:ident, $avx512:ident, $vnni512:ident]
     ($($arg:ident: $type:ty),*)) => {
        $(#[$doc])*
        pub fn $name(simd: $crate::engine::lstm::simd::Simd, $($arg: $type),*) {
            use $crate::engine::lstm::simd::Path;
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,f16c")]
            fn avx2($($arg: $type),*) {
                $avx2($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,f16c,avxvnni")]
            fn avx2_vnni($($arg: $type),*) {
                $vnni2($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,f16c,avx512f")]
            fn avx512($($arg: $type),*) {
                $avx512($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,f16c,avx512f,avx512vnni")]
            fn avx512_vnni($($arg: $type),*) {
                $vnni512($($arg),*)
            }
            match simd.0 {
                Path::Plain => $plain($($arg),*),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `Simd::named` makes these values only on machines that have what the functions are compiled for.
                Path::Avx2 => unsafe { avx2($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Path::Avx2Vnni => unsafe { avx2_vnni($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Path::Avx512 => unsafe { avx512($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Path::Avx512Vnni => unsafe { avx512_vnni($($arg),*) },
            }
        }
    };
}

pub(super) use dispatch;
