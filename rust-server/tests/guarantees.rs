//! GUARANTEES.md promises nothing without a test.

use std::fs;
use std::path::Path;

/// Each promise begins so.
const PROMISE: &str = "- ";

#[test]
fn every_promise_names_a_test_that_exists() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let text = fs::read_to_string(docs.join("GUARANTEES.md")).expect("readable");
    let promises = promises(&text);
    assert!(promises.len() > 20, "{} promises", promises.len());
    for promise in promises {
        let (name, path) = link(&promise).unwrap_or_else(|| panic!("without a test: {promise}"));
        let source =
            fs::read_to_string(docs.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(is_test(&source, name), "{path} has no test {name}");
    }
}

#[test]
fn a_promise_without_its_test_is_noticed() {
    let source = "#[test]\nfn proves() {}\n\n#[tokio::test]\nasync fn too() {}\n\nfn helps() {}\n";
    assert!(is_test(source, "proves") && is_test(source, "too"));
    assert!(!is_test(source, "prove") && !is_test(source, "helps"));
    assert_eq!(link("All is well."), None);
    assert_eq!(link("All is [well](x.rs)."), None);
    assert_eq!(link("Kept. [`kept`](x.rs)"), Some(("kept", "x.rs")));
    let text = "# A\n\n- One\n  and more.\n- Two.\n\nNone.\n";
    assert_eq!(promises(text), ["One and more.", "Two."]);
}

/// The items of all lists, each on one line.
fn promises(text: &str) -> Vec<String> {
    let mut promises: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if let Some(begun) = line.strip_prefix(PROMISE) {
            promises.push(begun.to_owned());
            inside = true;
        } else if let (true, Some(more), Some(promise)) =
            (inside, line.strip_prefix("  "), promises.last_mut())
        {
            promise.push(' ');
            promise.push_str(more);
        } else {
            inside = false;
        }
    }
    promises
}

/// Name and file of the test at the end of a promise.
fn link(promise: &str) -> Option<(&str, &str)> {
    let (_, link) = promise.rsplit_once("[`")?;
    let (name, path) = link.split_once("`](")?;
    Some((name, path.strip_suffix(')')?))
}

/// Whether a file has this function, and its attribute makes it a test.
fn is_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    lines.windows(2).any(|pair| {
        let [attribute, function] = pair else {
            return false;
        };
        let function = function.strip_prefix("async ").unwrap_or(function);
        let is_it = function
            .strip_prefix("fn ")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with('('));
        is_it && ["#[test]", "#[tokio::test]"].contains(attribute)
    })
}
