//! Sound libraries write to stderr while devices are looked for; in a list of devices that is noise.

/// Runs `work` with stderr closed to C libraries; Rust's own messages of `work` are lost too, so it must return them.
pub fn quietly<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(unix)]
    {
        let _guard = Guard::begin();
        work()
    }
    #[cfg(not(unix))]
    work()
}

#[cfg(unix)]
struct Guard(Option<libc::c_int>);

#[cfg(unix)]
impl Guard {
    fn begin() -> Guard {
        // SAFETY: plain descriptor calls on this process's own descriptors; every result is checked.
        unsafe {
            let kept = libc::dup(2);
            let null = libc::open(c"/dev/null".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
            let is_quiet = kept >= 0 && null >= 0 && libc::dup2(null, 2) >= 0;
            if null >= 0 {
                libc::close(null);
            }
            if !is_quiet && kept >= 0 {
                libc::close(kept);
            }
            Guard(is_quiet.then_some(kept))
        }
    }
}

#[cfg(unix)]
impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(kept) = self.0 {
            // SAFETY: `kept` is the copy that `begin` made and nobody else knows.
            unsafe {
                libc::dup2(kept, 2);
                libc::close(kept);
            }
        }
    }
}
