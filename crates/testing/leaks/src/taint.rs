//! Requests to valgrind's memcheck.
//!
//! Memcheck follows undefined bytes through every computation and reports each branch and each
//! address that depends on one. Here secrets are marked undefined, so memcheck reports every place
//! where a secret can affect timing.
//!
//! A request is a sequence of instructions that does nothing outside valgrind. (Valgrind manual,
//! “The Client Request mechanism”; “Memcheck: Client Requests”)

/// Number of memcheck's first request: `VG_USERREQ_TOOL_BASE('M', 'C')` in valgrind's headers.
const MEMCHECK: usize = 0x4d43_0000;
const MAKE_MEM_UNDEFINED: usize = MEMCHECK + 1;
const MAKE_MEM_DEFINED: usize = MEMCHECK + 2;
const RUNNING_ON_VALGRIND: usize = 0x1001;

/// Whether this module can send requests to valgrind on this processor and operating system.
pub const SUPPORTED: bool = cfg!(all(target_arch = "x86_64", target_os = "linux"));

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn request(request: usize, address: usize, len: usize) -> usize {
    let arguments = [request, address, len, 0, 0, 0];
    let mut answer: usize = 0;
    // SAFETY: the rotations of `rdi` add up to 128 bits, and `xchg` exchanges a register with
    // itself, so the instructions change nothing but flags. Valgrind reads `arguments`, which lives
    // until the end of this function, and marks bytes without changing them.
    #[expect(unsafe_code, reason = "a request is a sequence of instructions")]
    unsafe {
        core::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") arguments.as_ptr(),
            inout("rdx") answer,
            options(nostack),
        );
    }
    answer
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn request(_: usize, _: usize, _: usize) -> usize {
    0
}

/// Whether this process runs under valgrind.
pub fn is_watched() -> bool {
    request(RUNNING_ON_VALGRIND, 0, 0) != 0
}

/// Marks bytes as secret: memcheck then reports each branch and address that depends on them.
pub fn secret(bytes: &mut [u8]) {
    // Exposing the address makes the compiler read the bytes from memory again, instead of using
    // values that it already knows.
    let address = bytes.as_mut_ptr().expose_provenance();
    request(MAKE_MEM_UNDEFINED, address, bytes.len());
}

/// Marks bytes as public, because they are sent over the network or anyone may know them.
pub fn public(bytes: &[u8]) {
    request(
        MAKE_MEM_DEFINED,
        bytes.as_ptr().expose_provenance(),
        bytes.len(),
    );
}

/// Returns the outcome of a check, marked as public.
pub fn answer(accepted: bool) -> bool {
    let mut answer = [u8::from(accepted)];
    let address = answer.as_mut_ptr().expose_provenance();
    request(MAKE_MEM_DEFINED, address, answer.len());
    answer != [0]
}
