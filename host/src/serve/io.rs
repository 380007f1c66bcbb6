//! The socket as hyper sees it.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::live::Live;
use super::socket::Socket;

/// A socket that gives the bytes carried over with it first, and that notes what happens on it.
pub(super) struct Io {
    stream: Socket,
    front: Bytes,
    live: Arc<Live>,
}

impl Io {
    pub(super) fn new(stream: Socket, front: Bytes, live: Arc<Live>) -> Self {
        Io { stream, front, live }
    }

    /// The socket, and what has been read from it but not used: hyper's buffer, then what hyper never saw.
    pub(super) fn take_apart(self, read_by_hyper: Bytes) -> (Socket, Bytes) {
        let unread = match (read_by_hyper.is_empty(), self.front.is_empty()) {
            (_, true) => read_by_hyper,
            (true, _) => self.front,
            _ => BytesMut::from_iter(read_by_hyper.iter().chain(&self.front)).freeze(),
        };
        (self.stream, unread)
    }

    fn note<T>(&self, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.live.has_written(poll.is_ready());
        poll
    }
}

impl Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.live.may_read() {
            // The task is woken when the wish changes.
            return Poll::Pending;
        }
        if !self.front.is_empty() {
            let length = self.front.len().min(buffer.remaining());
            buffer.put_slice(&self.front[..length]);
            self.front.advance(length);
            self.live.has_read();
            return Poll::Ready(Ok(()));
        }
        // Through a small copy, because filling hyper's uninitialised buffer directly would need `unsafe`; a head is
        // a few hundred bytes.
        let mut bytes = [const { MaybeUninit::uninit() }; 4096];
        let length = bytes.len().min(buffer.remaining());
        let mut read = ReadBuf::uninit(&mut bytes[..length]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
        if !read.filled().is_empty() {
            buffer.put_slice(read.filled());
            self.live.has_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.note(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(cx);
        // Under TLS a write is done when it is encrypted, and only the flush tells that the kernel has it.
        if self.stream.is_tls() { self.note(poll) } else { poll }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
