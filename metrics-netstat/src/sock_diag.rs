//! TCP sockets by netlink (`linux/sock_diag.h`, `linux/inet_diag.h`).

use std::time::{Duration, Instant};

use relink_core::Error;
use relink_netlink::{Question, number};
use rustix::net::netlink::SOCK_DIAG;

use crate::socket::Socket;
use crate::tcpstat::Sums;

/// `SOCK_DIAG_BY_FAMILY`, the kind of questions and answers.
const BY_FAMILY: u16 = 20;
const TCP: u8 = 6;
/// `AF_INET` and `AF_INET6`.
const IP: [u8; 2] = [2, 10];
/// The bits 0 to 11, for all states that `/proc/net/tcp` has.
const ALL: u32 = 0xfff;

// `struct inet_diag_req_v2` and `struct inet_diag_msg`.
const QUESTION: usize = 56;
const ANSWER: usize = 72;
const STATE: usize = 1;
const RX: usize = 56;
const TX: usize = 60;

/// How long a kernel that refuses is left alone: each question has it look for its module.
const TRY_AGAIN: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(crate) struct SockDiag {
    /// None until it is first used, and after it failed.
    socket: Option<relink_netlink::Socket>,
    failed: Option<Instant>,
}

impl SockDiag {
    pub(crate) fn refused() -> Self {
        SockDiag { socket: None, failed: Some(Instant::now()) }
    }

    /// Sums up all TCP sockets. Nothing where the kernel does not tell them, or where the agent may not ask.
    pub(crate) fn tcp(&mut self) -> Option<Sums> {
        if self.failed.is_some_and(|at| at.elapsed() < TRY_AGAIN) {
            return None;
        }
        let sums = self.ask().ok();
        if sums.is_none() {
            *self = SockDiag::refused();
        }
        sums
    }

    fn ask(&mut self) -> Result<Sums, Error> {
        let socket = match &mut self.socket {
            Some(socket) => socket,
            None => self.socket.insert(relink_netlink::Socket::open(Some(SOCK_DIAG))?),
        };
        let mut sums = Sums::default();
        for family in IP {
            let (body, before) = (question(family), sums);
            let question =
                Question { what: "the TCP sockets", kind: BY_FAMILY, answers: BY_FAMILY, body: &body };
            let refused = socket.dump(&question, |body| {
                match body {
                    None => sums = before,
                    Some(body) => sums.add(one(body)?),
                }
                Ok(())
            })?;
            if let Some(why) = refused {
                return Err(question.refused(why));
            }
        }
        Ok(sums)
    }
}

fn question(family: u8) -> [u8; QUESTION] {
    let mut body = [0; QUESTION];
    body[..2].copy_from_slice(&[family, TCP]);
    body[4..8].copy_from_slice(&ALL.to_ne_bytes());
    body
}

/// What an answer tells of one socket.
fn one(body: &[u8]) -> Result<Socket, Error> {
    let (Some(rx), Some(tx), true) = (number(body, RX), number(body, TX), body.len() >= ANSWER) else {
        let length = body.len();
        return Err(Error::new(format!("a socket of {length} bytes in netlink's answer, expected {ANSWER}")));
    };
    Ok(Socket { state: body[STATE].into(), tx: tx.into(), rx: rx.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_for_all_states_of_a_family() {
        let body = question(10);
        assert_eq!(body[..8], [&[10, 6, 0, 0][..], &0xfff_u32.to_ne_bytes()].concat());
        assert!(body[8..].iter().all(|byte| *byte == 0));
    }

    /// 127.0.0.1:631, which listens: state 10, 2 in the queue of at most 4096.
    fn listener() -> Vec<u8> {
        let mut body = b"\x02\x0a\x00\x00\x02\x77\x00\x00\x7f\x00\x00\x01".to_vec();
        body.resize(52, 0);
        for word in [9, 2, 4096, 1000, 7] {
            body.extend(u32::to_ne_bytes(word));
        }
        body
    }

    #[test]
    fn an_answer_is_a_socket() {
        // Behind it may be attributes.
        for behind in [&b""[..], b"\x05\x00\x08\x00\x00\x00\x00\x00"] {
            let socket = one(&[&listener(), behind].concat()).unwrap();
            assert_eq!((socket.state, socket.rx, socket.tx), (10, 2, 4096));
        }
    }

    #[test]
    fn what_is_cut_off_is_no_socket() {
        let whole = listener();
        for length in 0..whole.len() {
            let error = one(&whole[..length]).err().unwrap();
            assert!(error.message().starts_with(&format!("a socket of {length} bytes")), "{error}");
        }
    }
}
