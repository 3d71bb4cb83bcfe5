//! Every file of the corpora passes its target.
use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files = 0;
    for file in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = file.expect("a file of the corpus").path();
        println!("{}", path.display());
        run(&std::fs::read(path).expect("a file of the corpus"));
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}

#[test]
fn hessian_read() {
    replay("hessian_read", rialto_fuzz::hessian::read);
}

#[test]
fn hessian_splice() {
    replay("hessian_splice", rialto_fuzz::hessian::splice);
}
