//! Whether two token streams have the same values, regardless of what each of them shares.
use rialto_values::{Class, OwnedToken};
use std::collections::HashSet;

/// One value: a scalar token, or a container and its parts.
enum Node {
    Scalar(OwnedToken),
    Container(OwnedToken, Vec<usize>),
}

/// The values of a stream.
struct Graph {
    nodes: Vec<Node>,
    roots: Vec<usize>,
}

impl Graph {
    /// Reads a well-formed stream.
    fn of(tokens: &[OwnedToken]) -> Self {
        let mut graph = Graph {
            nodes: vec![],
            roots: vec![],
        };
        let (mut containers, mut open) = (vec![], vec![]);
        for token in tokens {
            let node = match token {
                OwnedToken::End => {
                    open.pop().expect("an end has a beginning");
                    continue;
                }
                OwnedToken::Ref(number) => containers[*number as usize],
                token => {
                    let opens = token.as_token().opens();
                    graph.nodes.push(if opens {
                        Node::Container(token.clone(), vec![])
                    } else {
                        Node::Scalar(token.clone())
                    });
                    graph.nodes.len() - 1
                }
            };
            match open.last() {
                Some(&parent) => match &mut graph.nodes[parent] {
                    Node::Container(_, parts) => parts.push(node),
                    Node::Scalar(_) => unreachable!("only containers are open"),
                },
                None => graph.roots.push(node),
            }
            if !matches!(token, OwnedToken::Ref(_)) && token.as_token().opens() {
                containers.push(node);
                open.push(node);
            }
        }
        assert!(open.is_empty(), "a container is never closed");
        graph
    }
}

/// Describes where two streams differ.
pub(crate) fn difference(a: &[OwnedToken], b: &[OwnedToken]) -> Option<String> {
    let (a, b) = (Graph::of(a), Graph::of(b));
    if a.roots.len() != b.roots.len() {
        return Some(format!("{} values and {}", a.roots.len(), b.roots.len()));
    }
    let mut todo: Vec<_> = a.roots.iter().copied().zip(b.roots.iter().copied()).collect();
    let mut seen = HashSet::new();
    while let Some((x, y)) = todo.pop() {
        if !seen.insert((x, y)) {
            continue;
        }
        match (&a.nodes[x], &b.nodes[y]) {
            (Node::Scalar(x), Node::Scalar(y)) if is_same(x, y) => {}
            (Node::Container(x, xs), Node::Container(y, ys)) if is_same(x, y) && xs.len() == ys.len() => {
                todo.extend(xs.iter().copied().zip(ys.iter().copied()));
            }
            (Node::Scalar(x) | Node::Container(x, _), Node::Scalar(y) | Node::Container(y, _)) => {
                return Some(format!("{x:?} and {y:?}"));
            }
        }
    }
    None
}

fn is_same(a: &OwnedToken, b: &OwnedToken) -> bool {
    let shape = |class: &Class| (class.name().to_owned(), class.fields().to_vec());
    match (a, b) {
        (OwnedToken::List { class: a, .. }, OwnedToken::List { class: b, .. }) => a == b,
        (OwnedToken::Double(a), OwnedToken::Double(b)) => a == b || (a.is_nan() && b.is_nan()),
        (OwnedToken::Object(a), OwnedToken::Object(b)) => shape(a) == shape(b),
        (a, b) => a == b,
    }
}
