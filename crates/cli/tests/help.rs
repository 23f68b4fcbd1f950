//! The help pages, as they are printed: `TRYCMD=overwrite cargo test -p heapwhy --test help` brings them up to date.

#[test]
fn help_pages() {
    trycmd::TestCases::new().env("COLUMNS", "100").case("tests/help/*.trycmd");
}
