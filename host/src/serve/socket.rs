//! A connection's socket, plain or under TLS.

use std::future::poll_fn;
use std::io::{self, IoSlice, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What requests come from and answers go to.
pub(super) enum Socket {
    Plain(TcpStream),
    /// Much larger, and seldom.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Socket::Plain(stream) => stream,
            Socket::Tls(stream) => stream.get_ref().0,
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self, Socket::Tls(_))
    }

    /// What is in the socket although the event loop has not said so yet.
    pub(super) fn arrived(&mut self) -> Option<Bytes> {
        let mut bytes = [0; 4096];
        let read = match self {
            Socket::Plain(stream) => (&*SockRef::from(&*stream)).read(&mut bytes),
            Socket::Tls(stream) => {
                let (stream, session) = stream.get_mut();
                // Where there is nothing to read there may still be something that was read and not asked for.
                let _ = session.read_tls(&mut &*SockRef::from(&*stream));
                session.process_new_packets().ok()?;
                session.reader().read(&mut bytes)
            }
        };
        let length = read.ok().filter(|length| *length > 0)?;
        Some(Bytes::copy_from_slice(&bytes[..length]))
    }

    /// Says that nothing more comes, as far as that can be said without waiting: under TLS the client can't tell an
    /// end from an attack without it.
    pub(super) async fn say_farewell(&mut self) {
        if let Socket::Tls(stream) = self {
            poll_fn(|cx| {
                let _ = Pin::new(&mut *stream).poll_shutdown(cx);
                Poll::Ready(())
            })
            .await;
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Socket::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Socket::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Socket::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Socket::Plain(stream) => stream.is_write_vectored(),
            Socket::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Socket::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Socket::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
