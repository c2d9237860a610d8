//! Tails that fade for ever become denormal numbers, which cost many times a normal one: they are flushed to zero meanwhile.

/// While it lives, the processor treats denormals as zero on this thread.
#[derive(Debug)]
pub struct FlushDenormals {
    saved: u64,
}

impl FlushDenormals {
    /// Switches flushing on; dropping it restores what was before.
    pub fn begin() -> FlushDenormals {
        let saved = read_control();
        write_control(saved | FLUSH_BITS);
        FlushDenormals { saved }
    }
}

impl Drop for FlushDenormals {
    fn drop(&mut self) {
        write_control(self.saved);
    }
}

/// Flush-to-zero and denormals-are-zero of MXCSR (Intel SDM volume 1, 10.2.3).
#[cfg(target_arch = "x86_64")]
const FLUSH_BITS: u64 = (1 << 15) | (1 << 6);
/// FZ of FPCR (Arm ARM, C5.2.8).
#[cfg(target_arch = "aarch64")]
const FLUSH_BITS: u64 = 1 << 24;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const FLUSH_BITS: u64 = 0;

#[cfg(target_arch = "x86_64")]
fn read_control() -> u64 {
    let mut control = 0u32;
    // SAFETY: stores the 32-bit MXCSR register at a valid, aligned address; SSE is part of x86_64.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut control, options(nostack, preserves_flags)) };
    u64::from(control)
}

#[cfg(target_arch = "x86_64")]
fn write_control(control: u64) {
    let control = control as u32;
    // SAFETY: loads MXCSR from a valid, aligned address; only bits read before plus FTZ and DAZ are set, none is reserved.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &control, options(nostack, preserves_flags)) };
}

#[cfg(target_arch = "aarch64")]
fn read_control() -> u64 {
    let control: u64;
    // SAFETY: FPCR is readable at every exception level.
    unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) control, options(nomem, nostack, preserves_flags)) };
    control
}

#[cfg(target_arch = "aarch64")]
fn write_control(control: u64) {
    // SAFETY: writes back what was read, with FZ added; FPCR is writable at every exception level.
    unsafe { std::arch::asm!("msr fpcr, {}", in(reg) control, options(nostack, preserves_flags)) };
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn read_control() -> u64 {
    0
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn write_control(_: u64) {}
