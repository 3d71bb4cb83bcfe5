//! Reads the corpus; its format is described in `protocols/tests/corpus/bolt/README.md`.
use std::path::Path;

/// One case: the frames of both directions.
pub(super) struct Case {
    pub(super) name: String,
    /// What the peer did, in hand-made cases.
    pub(super) note: String,
    pub(super) requests: Vec<Vec<u8>>,
    pub(super) responses: Vec<Vec<u8>>,
}

impl Case {
    /// The only request.
    pub(super) fn request(&self) -> &[u8] {
        &self.requests[0]
    }

    /// The only response.
    pub(super) fn response(&self) -> &[u8] {
        &self.responses[0]
    }
}

/// Generic consumers with hessian 3.3 corrupt this case themselves: its second object lacks half of its
/// fields.
const CORRUPT: &str = "generic-list";

/// All cases of a file, except those that its peer corrupts.
pub(super) fn load(file: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/corpus/bolt/{file}.txt"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut cases: Vec<Case> = vec![];
    for line in text.lines() {
        let (mark, rest) = line.split_at(2);
        if mark == "# " {
            let (name, note) = rest.split_once(" => ").unwrap_or((rest, ""));
            let (requests, responses) = (vec![], vec![]);
            cases.push(Case {
                name: name.to_owned(),
                note: note.to_owned(),
                requests,
                responses,
            });
            continue;
        }
        let case = cases.last_mut().expect("a frame before the first case");
        let frames = if mark == "> " {
            &mut case.requests
        } else {
            &mut case.responses
        };
        frames.push(unhex(rest));
    }
    if matches!(file, "sofa-5.7.9" | "sofa-5.4.8") {
        cases.retain(|case| case.name != CORRUPT);
    }
    assert!(cases.len() > 10, "{file} holds {} cases", cases.len());
    cases
}

/// One case of a file.
pub(super) fn case(file: &str, name: &str) -> Case {
    load(file)
        .into_iter()
        .find(|c| c.name == name)
        .unwrap_or_else(|| panic!("{file} has no case {name}"))
}

fn unhex(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "odd hex");
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect()
}
