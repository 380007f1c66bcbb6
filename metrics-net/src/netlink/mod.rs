//! What the kernel tells over netlink: all of a sort by one question.

mod link;
mod nl80211;
mod qdisc;

use relink_core::Error;
use relink_netlink::Socket;

use crate::link::Link;
use link::{INTERFACES, fill, identity};
pub(crate) use nl80211::{Interface, Network, Station, Wireless};
pub(crate) use qdisc::{QDISCS, Qdisc};

/// Brings `links` up to date.
pub(crate) fn read_links(socket: &mut Socket, links: &mut Vec<Link>) -> Result<(), Error> {
    let mut count = 0;
    let refused = socket.dump(&INTERFACES, |body| {
        match body {
            None => count = 0,
            Some(body) => count += usize::from(place(links, count, body)?),
        }
        Ok(())
    })?;
    links.truncate(count);
    refused.map_or(Ok(()), |why| Err(INTERFACES.refused(why)))
}

/// Puts an interface into its place, where it mostly is; `false` if it can't be shown.
fn place(links: &mut Vec<Link>, at: usize, body: &[u8]) -> Result<bool, Error> {
    let (name, index) = identity(body)?;
    // Names that differ in nothing but U+FFFD would be one series, and a series can't be there twice.
    if name.contains(char::REPLACEMENT_CHARACTER) && links[..at].iter().any(|link| link.name == name) {
        return Ok(false);
    }
    if !links.get(at).is_some_and(|link| link.index == index && link.name == name) {
        links.truncate(at);
        links.push(Link { name: name.into_owned(), index, ..Link::default() });
    }
    fill(&mut links[at], body);
    Ok(true)
}
