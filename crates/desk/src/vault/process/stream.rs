//! The two ways to reach a vault's process.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a vault's process listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket, which only its owner can use.
    Socket(PathBuf),
    /// A port of this machine. Other addresses are refused: nothing here encrypts.
    Port(SocketAddr),
}

impl Endpoint {
    /// Starts to listen. Replaces a socket on which no one listens any more.
    ///
    /// # Errors
    /// An I/O error. [`io::ErrorKind::InvalidInput`] if the address is not of this machine, and
    /// [`io::ErrorKind::AddrInUse`] if another process listens there.
    pub fn listen(&self) -> io::Result<Listener> {
        match self {
            Self::Socket(path) => {
                check_unused(path)?;
                bind(path).map(|listener| Listener::Socket(listener, path.clone()))
            }
            Self::Port(address) => {
                check_loopback(address)?;
                TcpListener::bind(address).map(Listener::Port)
            }
        }
    }

    pub(super) fn connect(&self, timeout: Duration) -> io::Result<Stream> {
        match self {
            Self::Socket(path) => UnixStream::connect(path).map(Stream::Socket),
            Self::Port(address) => {
                check_loopback(address)?;
                TcpStream::connect_timeout(address, timeout).map(Stream::Port)
            }
        }
    }
}

fn check_loopback(address: &SocketAddr) -> io::Result<()> {
    if address.ip().is_loopback() {
        Ok(())
    } else {
        let words = "a vault is reached on this machine only; give a loopback address";
        Err(io::Error::new(io::ErrorKind::InvalidInput, words))
    }
}

/// Refuses a path on which another process listens, or which is a file other than a socket.
fn check_unused(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(io::ErrorKind::AlreadyExists.into()),
        Ok(_) if UnixStream::connect(path).is_ok() => Err(io::ErrorKind::AddrInUse.into()),
        Ok(_) => Ok(()),
    }
}

/// Makes a socket that its owner alone can use.
///
/// A new socket has wider permissions at first. So it is made in a folder that its owner alone can
/// enter, and moves to its path when its permissions are set.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let mut folder = path.as_os_str().to_owned();
    folder.push(".new");
    let folder = PathBuf::from(folder);
    let new = folder.join("s");
    // A crash may have left both behind.
    found(fs::remove_file(&new))?;
    found(fs::remove_dir(&folder))?;
    DirBuilder::new().mode(0o700).create(&folder)?;
    let listener = UnixListener::bind(&new)?;
    fs::set_permissions(&new, Permissions::from_mode(0o600))?;
    fs::rename(&new, path)?;
    fs::remove_dir(&folder)?;
    Ok(listener)
}

/// Ignores that there was nothing to remove.
fn found(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A vault's process that listens.
#[derive(Debug)]
pub enum Listener {
    /// On a Unix socket with this path.
    Socket(UnixListener, PathBuf),
    /// On a port of this machine.
    Port(TcpListener),
}

impl Listener {
    /// Where it listens. A port that was given as 0 has its real number here.
    ///
    /// # Errors
    /// An I/O error.
    pub fn endpoint(&self) -> io::Result<Endpoint> {
        match self {
            Self::Socket(_, path) => Ok(Endpoint::Socket(path.clone())),
            Self::Port(listener) => listener.local_addr().map(Endpoint::Port),
        }
    }

    pub(super) fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Socket(listener, _) => {
                listener.accept().map(|(stream, _)| Stream::Socket(stream))
            }
            Self::Port(listener) => listener.accept().map(|(stream, _)| Stream::Port(stream)),
        }
    }
}

/// One connection.
#[derive(Debug)]
pub(super) enum Stream {
    Socket(UnixStream),
    Port(TcpStream),
}

impl Stream {
    pub(super) fn set_timeout(&self, left: Duration) -> io::Result<()> {
        match self {
            Self::Socket(stream) => {
                stream.set_read_timeout(Some(left))?;
                stream.set_write_timeout(Some(left))
            }
            Self::Port(stream) => {
                stream.set_read_timeout(Some(left))?;
                stream.set_write_timeout(Some(left))
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Socket(stream) => stream.read(out),
            Self::Port(stream) => stream.read(out),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Socket(stream) => stream.write(bytes),
            Self::Port(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Socket(stream) => stream.flush(),
            Self::Port(stream) => stream.flush(),
        }
    }
}
