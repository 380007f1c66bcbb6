//! The files `tcp`, `udp` and their likes below `/proc/net`: a line a socket.

use relink_core::{Error, Samples, Source};

use crate::numbers::hexadecimal;

/// The columns of state and of `tx_queue:rx_queue`.
const STATE: usize = 3;
const QUEUES: usize = 4;

/// One line's state and the bytes that wait in its queues.
pub(crate) struct Socket {
    pub(crate) state: u64,
    pub(crate) tx: u64,
    pub(crate) rx: u64,
}

/// Hands out each socket of a file; `false` if there is no such file.
pub(crate) fn sockets(
    source: &mut Source,
    out: &mut Samples,
    mut one: impl FnMut(Socket),
) -> Result<bool, Error> {
    let (mut is_there, mut understood, mut first) = (false, 0, None);
    source.lines(out, |line, _| {
        if std::mem::replace(&mut is_there, true) {
            match socket(line) {
                Ok(socket) => {
                    understood += 1;
                    one(socket);
                }
                Err(why) => {
                    first.get_or_insert_with(|| why.clone());
                    return Err(why);
                }
            }
        } else if !line.trim_start().starts_with("sl ") {
            return Err(Error::expected("a line that begins with sl", line));
        }
        Ok(())
    })?;
    // No socket that is understood is not the same as none.
    first.filter(|_| understood == 0).map_or(Ok(is_there), |why| Err(why.context(source.path().display())))
}

/// A line such as `0: 0100007F:0277 00000000:0000 07 00000000:00000000 …`.
fn socket(line: &str) -> Result<Socket, Error> {
    let mut words = line.split_ascii_whitespace();
    let state = hexadecimal(words.nth(STATE).unwrap_or(""))?;
    let queues = words.nth(QUEUES - STATE - 1).unwrap_or("");
    let (tx, rx) = queues.split_once(':').ok_or_else(|| Error::expected("tx_queue:rx_queue", queues))?;
    Ok(Socket { state, tx: hexadecimal(tx)?, rx: hexadecimal(rx)? })
}
