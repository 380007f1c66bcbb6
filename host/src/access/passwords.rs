//! Users and passwords: HTTP basic authentication against bcrypt hashes.
//!
//! A hash takes tens of milliseconds on purpose, so that nobody tries many passwords. It is computed on a thread of
//! its own, one at a time, and what it said is remembered: under a hash with a key of this process, so that memory
//! holds no password, and so that no two pairs of user and password share an entry (as in CVE-2022-46146).

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use relink_core::Error;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::lock::lock;

/// What a remembered answer is found by.
type Digest = [u8; 32];

/// Passwords that were right, or wrong, and are remembered. Those that are right number as many as the users, as a rule.
const REMEMBERED: usize = 128;
/// Requests that may wait for their password's hash. With more the last of them would wait for seconds, and a reload
/// with it.
const WAITING: usize = 8;
/// A hash of this cost takes seconds; each further step doubles it.
const MAX_COST: u32 = 18;

/// The users and the hashes of their passwords.
#[derive(Clone, Default)]
pub(super) struct Users {
    hashes: BTreeMap<String, String>,
    /// What the password of an unknown user is compared with, so that the time of an answer does not tell who is
    /// known: the costliest hash of all.
    decoy: String,
}

/// What came of a look at a request's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    Right,
    Wrong,
    /// Too many passwords are being checked.
    Busy,
}

impl Users {
    pub(super) fn new(hashes: BTreeMap<String, String>) -> Result<Self, Error> {
        let mut decoy = (0, String::new());
        for (user, hash) in &hashes {
            if user.contains(':') {
                return Err(Error::new(format!(
                    "basic_auth_users: {user:?} has a colon, which basic authentication can't send"
                )));
            }
            // The value is not shown: it may be the password itself.
            let wrong = |why: String| {
                Error::new(format!("basic_auth_users: the password of {user:?} is not a bcrypt hash: {why}"))
                    .hint("htpasswd -nBC 10 \"\" | tr -d ':\\n' makes one")
            };
            let parts: bcrypt::HashParts = hash.parse().map_err(|error| wrong(format!("{error}")))?;
            let cost = parts.get_cost();
            if !(4..=MAX_COST).contains(&cost) {
                return Err(wrong(format!("its cost is {cost}, expected 4 to {MAX_COST}")));
            }
            if cost > decoy.0 {
                decoy = (cost, hash.clone());
            }
        }
        Ok(Users { hashes, decoy: decoy.1 })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
}

/// What is known of passwords that were tried.
pub(super) struct Passwords {
    tried: Mutex<Tried>,
    /// Its one permit is held while a hash is computed.
    hashing: Arc<Semaphore>,
    waiting: AtomicUsize,
}

struct Tried {
    /// Random, and this process's own.
    key: [u8; 32],
    right: VecDeque<Digest>,
    wrong: VecDeque<Digest>,
}

impl Passwords {
    /// `key` is random, and this process's own.
    pub(super) fn new(key: [u8; 32]) -> Self {
        Passwords {
            tried: Mutex::new(Tried { key, right: VecDeque::new(), wrong: VecDeque::new() }),
            hashing: Arc::new(Semaphore::new(1)),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Whether the value of an `Authorization` header names one of the users with the right password.
    pub(super) async fn check(&self, users: &Users, authorization: &[u8]) -> Checked {
        let Some((user, password)) = credentials(authorization) else { return Checked::Wrong };
        let known = users.hashes.get(&user);
        let hash = known.unwrap_or(&users.decoy);
        // Known or not is a part of it: the decoy is somebody's hash, and may have been this user's yesterday.
        let digest =
            self.tried().digest([&[u8::from(known.is_some())], user.as_bytes(), hash.as_bytes(), &password]);
        if let Some(checked) = self.tried().get(&digest) {
            return checked;
        }
        let Some(_waiting) = Waiting::begin(&self.waiting) else { return Checked::Busy };
        let Ok(permit) = Arc::clone(&self.hashing).acquire_owned().await else { return Checked::Busy };
        // Another request may have asked the same meanwhile, as when all clients come back after a reload.
        if let Some(checked) = self.tried().get(&digest) {
            return checked;
        }
        let hash = hash.clone();
        let verified = tokio::task::spawn_blocking(move || {
            let verified = bcrypt::verify(password, &hash).unwrap_or(false);
            // Held to here also when the client has gone and nobody waits for the answer.
            drop(permit);
            verified
        });
        let right = verified.await.unwrap_or(false) && known.is_some();
        self.tried().note(digest, right);
        if right { Checked::Right } else { Checked::Wrong }
    }

    /// What the next image needs so that it need not hash each client's password again.
    pub(super) fn remembered(&self) -> Remembered {
        let tried = self.tried();
        Remembered { key: tried.key, right: tried.right.iter().copied().collect() }
    }

    /// Goes on with what the image before has remembered.
    pub(super) fn remember(&self, remembered: Remembered) {
        if !remembered.right.is_empty() {
            let mut tried = self.tried();
            tried.key = remembered.key;
            tried.right = remembered.right.into_iter().take(REMEMBERED).collect();
            tried.wrong.clear();
        }
    }

    fn tried(&self) -> MutexGuard<'_, Tried> {
        lock(&self.tried)
    }
}

impl Tried {
    /// Each part with its length, so that no part can pass for the end of another.
    fn digest(&self, parts: [&[u8]; 4]) -> Digest {
        let mut digest = Sha256::new_with_prefix(self.key);
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    fn get(&self, digest: &Digest) -> Option<Checked> {
        if contains(&self.right, digest) {
            return Some(Checked::Right);
        }
        contains(&self.wrong, digest).then_some(Checked::Wrong)
    }

    /// The wrong ones have a list of their own: whoever tries many of them pushes no right one out.
    fn note(&mut self, digest: Digest, right: bool) {
        let list = if right { &mut self.right } else { &mut self.wrong };
        if list.len() == REMEMBERED {
            list.pop_front();
        }
        list.push_back(digest);
    }
}

/// Looks at every byte of every entry, whatever it finds.
fn contains(list: &VecDeque<Digest>, wanted: &Digest) -> bool {
    list.iter().fold(false, |found, one| {
        found | (one.iter().zip(wanted).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0)
    })
}

/// Passwords that were right, as their digests: for the hand-over from one image to the next.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Remembered {
    key: [u8; 32],
    right: Vec<Digest>,
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered").field("right", &self.right.len()).finish_non_exhaustive()
    }
}

/// A request that waits for a hash is counted until this is dropped.
struct Waiting<'c>(&'c AtomicUsize);

impl<'c> Waiting<'c> {
    fn begin(count: &'c AtomicUsize) -> Option<Self> {
        let waiting = Waiting(count);
        (count.fetch_add(1, Ordering::Relaxed) < WAITING).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// User and password of `Basic dXNlcjpwYXNzd29yZA==` (RFC 7617).
fn credentials(authorization: &[u8]) -> Option<(String, Vec<u8>)> {
    let (scheme, encoded) = authorization.split_at_checked(authorization.iter().position(|b| *b == b' ')?)?;
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim_ascii()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    Some((user, decoded[colon + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(users: &[(&str, &str)]) -> Users {
        let hashed = |(user, password): &(&str, &str)| {
            (user.to_string(), bcrypt::hash_with_salt(password, 4, [7; 16]).unwrap().to_string())
        };
        Users::new(users.iter().map(hashed).collect()).unwrap()
    }

    fn basic(text: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(text)).into_bytes()
    }

    #[tokio::test]
    async fn the_right_password_of_a_known_user_passes_and_nothing_else() {
        let passwords = Passwords::new([1; 32]);
        let users = users(&[("alice", "wonder:land"), ("bob", ""), ("zoë", "pässword")]);
        // Twice: computed, then remembered.
        for _ in 0..2 {
            for right in ["alice:wonder:land", "bob:", "zoë:pässword"] {
                assert_eq!(passwords.check(&users, &basic(right)).await, Checked::Right, "{right}");
            }
            for wrong in
                ["alice:wonder", "alice:", "bob:x", "carol:wonder:land", "Alice:wonder:land", ":", "x"]
            {
                assert_eq!(passwords.check(&users, &basic(wrong)).await, Checked::Wrong, "{wrong}");
            }
            for nonsense in
                [&b""[..], b"Basic", b"Basic ", b"Basic !!!", b"Bearer YWxpY2U6eA==", b"\xff \xff"]
            {
                assert_eq!(passwords.check(&users, nonsense).await, Checked::Wrong, "{nonsense:?}");
            }
        }
        let mut lower = basic("bob:");
        lower[..5].copy_from_slice(b"bAsIc");
        assert_eq!(passwords.check(&users, &lower).await, Checked::Right);
    }

    #[tokio::test]
    async fn a_new_password_makes_the_old_one_wrong_although_it_is_remembered() {
        let passwords = Passwords::new([1; 32]);
        assert_eq!(passwords.check(&users(&[("a", "old")]), &basic("a:old")).await, Checked::Right);
        let users = users(&[("a", "new")]);
        assert_eq!(passwords.check(&users, &basic("a:old")).await, Checked::Wrong);
        assert_eq!(passwords.check(&users, &basic("a:new")).await, Checked::Right);
    }

    #[tokio::test]
    async fn the_next_image_hashes_no_password_again() {
        let passwords = Passwords::new([1; 32]);
        let users = users(&[("a", "right")]);
        assert_eq!(passwords.check(&users, &basic("a:right")).await, Checked::Right);
        assert_eq!(passwords.check(&users, &basic("a:wrong")).await, Checked::Wrong);
        let carried = serde_json::to_string(&passwords.remembered()).unwrap();
        let next = Passwords::new([2; 32]);
        next.remember(serde_json::from_str(&carried).unwrap());
        // Whoever had to hash would be told that it can't be done.
        next.hashing.close();
        assert_eq!(next.check(&users, &basic("a:right")).await, Checked::Right);
        assert_eq!(next.check(&users, &basic("a:wrong")).await, Checked::Busy);
        next.remember(Remembered::default());
        assert_eq!(next.check(&users, &basic("a:right")).await, Checked::Right);
    }

    #[tokio::test]
    async fn nobody_pushes_a_right_password_out_and_memory_is_bounded() {
        let passwords = Passwords::new([1; 32]);
        let users = users(&[("a", "right")]);
        assert_eq!(passwords.check(&users, &basic("a:right")).await, Checked::Right);
        for number in 0..REMEMBERED + 20 {
            assert_eq!(passwords.check(&users, &basic(&format!("a:{number}"))).await, Checked::Wrong);
        }
        let tried = passwords.tried();
        assert_eq!((tried.right.len(), tried.wrong.len()), (1, REMEMBERED));
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let passwords = Passwords::new([1; 32]);
        let users = users(&[("a", "right")]);
        let permit = passwords.hashing.clone().acquire_owned().await.unwrap();
        let tries: Vec<_> = (0..WAITING + 3).map(|number| basic(&format!("a:{number}"))).collect();
        let mut waiting: Vec<_> = tries.iter().map(|one| Box::pin(passwords.check(&users, one))).collect();
        let mut busy = 0;
        for one in &mut waiting {
            busy += usize::from(
                std::future::poll_fn(|cx| std::task::Poll::Ready(one.as_mut().poll(cx).is_ready())).await,
            );
        }
        assert_eq!(busy, 3);
        drop(waiting);
        drop(permit);
        assert_eq!(passwords.check(&users, &basic("a:right")).await, Checked::Right);
    }

    #[tokio::test]
    async fn who_is_no_user_any_more_is_not_remembered_as_one() {
        let passwords = Passwords::new([1; 32]);
        let before = users(&[("alice", "wonderland")]);
        assert_eq!(passwords.check(&before, &basic("alice:wonderland")).await, Checked::Right);
        // The same hash, and so the decoy of all others, is another's now.
        let after = users(&[("bob", "wonderland")]);
        assert_eq!(passwords.check(&after, &basic("alice:wonderland")).await, Checked::Wrong);
        assert_eq!(passwords.check(&before, &basic("alice:wonderland")).await, Checked::Right);
    }

    #[test]
    fn no_two_pairs_share_a_digest() {
        let passwords = Passwords::new([1; 32]);
        let digest = |parts: [&str; 4]| passwords.tried().digest(parts.map(str::as_bytes));
        assert_ne!(digest(["", "a", "b", "c"]), digest(["", "ab", "", "c"]));
        assert_ne!(digest(["", "a", "bc", ""]), digest(["", "a", "b", "c"]));
        assert_ne!(digest(["", "a", "b", "c"]), digest(["a", "", "b", "c"]));
        let other = Passwords::new([2; 32]);
        assert_ne!(digest(["", "a", "b", "c"]), other.tried().digest([b"", b"a", b"b", b"c"]));
    }
}
