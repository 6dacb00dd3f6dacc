//! The tree obeys its rules.

use xtask::{Tree, tidy};

#[test]
fn the_tree_is_tidy() {
    let tree = Tree::of_this_repository().unwrap();
    let problems = tidy(&tree).unwrap();
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(shown.is_empty(), "\n{}\n", shown.join("\n"));
}
