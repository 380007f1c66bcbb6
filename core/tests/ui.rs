//! What the compiler tells a plugin author who breaks a rule. The texts are pinned, because they are all that the
//! author sees; after a change that is meant, `TRYBUILD=overwrite cargo test -p relink-core --test ui` writes them anew.

#[test]
fn messages_an_author_meets() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
