//! The architecture rules: which code may depend on which. They are checked on the manifests and the sources,
//! so an unwanted dependency fails a test instead of becoming a habit.
#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test crate: nothing uses it, and it may stop at a surprise"
)]
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates of this workspace that each crate may depend on, tests included.
const CRATES: &[(&str, &[&str])] = &[
    ("core/config", &[]),
    ("core/values", &[]),
    ("core", &["rialto-values"]),
    ("protocols/hessian", &["rialto-values"]),
    ("protocols/jsonb", &["rialto-values"]),
    (
        "protocols",
        &["rialto-core", "rialto-values", "rialto-hessian", "rialto-jsonb"],
    ),
    ("filters", &["rialto-config", "rialto-core"]),
    ("discovery", &["rialto-config", "rialto-core"]),
    ("upgrade", &["rialto-core"]),
    ("testkit", &["rialto-core"]),
    ("benches", &[]),
    (
        "benches/count",
        &[
            "rialto",
            "rialto-benches",
            "rialto-config",
            "rialto-core",
            "rialto-discovery",
            "rialto-protocols",
        ],
    ),
    ("xtask", &[]),
];

/// Libraries that these crates must not use: the crate, parts of library names, and the reason.
const FORBIDDEN_LIBRARIES: &[(&str, &[&str], &str)] = &[
    (
        "core",
        YAML,
        "the root package reads files; workers get compiled parts",
    ),
    (
        "core",
        SCHEMAS,
        "what a configuration contains is in core/config; workers get compiled parts",
    ),
    ("core", REGISTRIES, "sources of endpoints live in discovery/"),
    (
        "core",
        ASYNC,
        "workers are threads that own an epoll; async lives in the control plane",
    ),
    ("core/config", YAML, "the root package reads files"),
    (
        "core/config",
        REGISTRIES,
        "sources of endpoints live in discovery/",
    ),
    ("core/config", ASYNC, "a configuration is data and its checks"),
    ("core/config", SOCKETS, "a configuration is data and its checks"),
    (
        "protocols",
        ASYNC,
        "codecs take bytes and time and give events and bytes",
    ),
    (
        "protocols",
        SOCKETS,
        "codecs take bytes and time and give events and bytes",
    ),
    ("protocols", YAML, "the root package reads files"),
    ("protocols/hessian", ASYNC, "the codec could be published alone"),
    ("protocols/hessian", SOCKETS, "the codec could be published alone"),
    ("protocols/jsonb", ASYNC, "the codec could be published alone"),
    ("protocols/jsonb", SOCKETS, "the codec could be published alone"),
    ("filters", ASYNC, "filters run on workers"),
    ("filters", SOCKETS, "filters see calls, not connections"),
];
const YAML: &[&str] = &["yaml", "saphyr", "granit", "toml"];
const SCHEMAS: &[&str] = &["serde", "schemars"];
const REGISTRIES: &[&str] = &[
    "nacos",
    "zookeeper",
    "consul",
    "etcd",
    "kube",
    "k8s",
    "envoy",
    "notify",
    "hickory",
];
const ASYNC: &[&str] = &[
    "tokio", "futures", "async", "smol", "hyper", "axum", "tonic", "h2",
];
const SOCKETS: &[&str] = &["mio", "socket2", "rustix", "nix", "libc", "rustls"];

/// Folders and files in `protocols/src` that belong to one protocol. Protocols share only the neutral call.
const PROTOCOLS: &[&str] = &["bolt", "dubbo"];

/// Crates without async code: bytes and time go in, events and bytes come out.
const NO_ASYNC: &[&str] = &["core", "protocols", "filters"];

/// Rooms in `src` that must not use other rooms there: the room, and those. The control plane starts the admin pages and the
/// access log, so these must not need the control plane; what all three need is in `src/state`.
const ROOMS: &[(&str, &[&str])] = &[
    ("access_log", &["admin", "control"]),
    ("admin", &["access_log", "control"]),
    ("logging", &["access_log", "admin", "control", "state"]),
    ("state", &["access_log", "admin", "control"]),
];

/// The longest file, in lines before its tests.
const LONGEST: usize = 500;
/// Files that may be longer, and why.
const LONG: &[(&str, &str)] = &[];

/// Files that may contain `unsafe`, and why.
const UNSAFE: &[(&str, &str)] = &[];

/// Files that visitors look for first.
const REQUIRED_FILES: &[&str] = &[
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "SECURITY.md",
    // An image is built from a copy of the folder, which has gigabytes of build results without it.
    ".dockerignore",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}

/// All our files below a folder of the repository, as paths from its root.
fn files(folder: &str, extension: &str) -> Vec<String> {
    fn walk(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_foreign = name.starts_with('.') || name == "target" || path.ends_with("tests/peers");
            if path.is_dir() && !is_foreign {
                walk(&path, extension, found);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), extension, &mut found);
    let from_root = |path: PathBuf| path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    let mut found: Vec<_> = found.into_iter().map(from_root).collect();
    found.sort();
    found
}

/// The files of a module that the list of this name mentions: `module.rs` and everything below `module/`.
fn files_of(module: &str, list: &str) -> Vec<String> {
    let folder = module.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = files(folder, "rs");
    found.retain(|file| {
        let rest = file.strip_prefix(module);
        rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    });
    assert!(
        !found.is_empty(),
        "{module} is gone; {list} in tests/architecture.rs still names it"
    );
    found
}

/// The names of all crates that a manifest depends on, of any kind.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            let (table, name) = match header.rsplit_once("dependencies.") {
                Some((_, name)) => (false, Some(name)),
                None => (header.ends_with("dependencies"), None),
            };
            inside = table;
            found.extend(name.map(str::to_owned));
        } else if inside && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if !name.is_empty() && name.chars().all(is_name) && line.contains('=') {
                found.push(name.to_owned());
            }
        }
    }
    found
}

/// The source with comments and the contents of literals blanked, line by line.
fn code(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| literal(rest, out.chars().last()));
        let length = skipped.unwrap_or(first.len_utf8());
        if skipped.is_some() {
            out.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            out.push(first);
        }
        rest = &rest[length..];
    }
    out
}

/// The length of the comment at the start of the text.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match text.as_bytes().get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

/// The length of the string or character literal at the start of the text; `before` is the character before
/// it.
fn literal(text: &str, before: Option<char>) -> Option<usize> {
    let is_in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let raw = text.strip_prefix('b').unwrap_or(text).strip_prefix('r');
    if let (Some(raw), false) = (raw, is_in_word) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = text.len() - raw.len() + hashes + 1;
            return Some(
                text[start..]
                    .find(&end)
                    .map_or(text.len(), |at| start + at + end.len()),
            );
        }
    }
    let quote = text.chars().next().filter(|c| *c == '"' || *c == '\'')?;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(at + 1),
            // 'a is a lifetime if a quote does not follow the letter.
            _ if quote == '\'' && at > 1 && !text[1..].starts_with('\\') => return None,
            _ => {}
        }
    }
    None
}

/// The words of the code, each with its line.
fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let of_line = move |line: &'_ str| -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut start = None;
        for (at, c) in line.char_indices().chain([(line.len(), ' ')]) {
            match (start, is_word(c)) {
                (None, true) => start = Some(at),
                (Some(from), false) => {
                    found.push((from, at));
                    start = None;
                }
                _ => {}
            }
        }
        found
    };
    code.lines()
        .enumerate()
        .flat_map(move |(n, line)| of_line(line).into_iter().map(move |(a, b)| (n + 1, &line[a..b])))
}

/// The names behind `crate::` and `super::` in the code, each with its line. Of a group in braces these are all words.
fn named_modules(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, start) in code.match_indices("crate::").chain(code.match_indices("super::")) {
        let line = code[..at].lines().count();
        let path = &code[at + start.len()..];
        let (path, names) = match path.split_once(';') {
            Some((group, _)) if path.starts_with('{') => (group, usize::MAX),
            _ => (path, 1),
        };
        found.extend(words(path).take(names).map(|(_, name)| (line, name)));
    }
    found
}

/// Fails with all complaints at once.
fn fail_with(complaints: &[String], remedy: &str) {
    let mut text = String::new();
    for complaint in complaints {
        writeln!(text, "  {complaint}").unwrap();
    }
    assert!(complaints.is_empty(), "\n{text}{remedy}\n");
}

/// Complaints about files below `folders` whose code contains one of the words.
fn files_with(folders: &[&str], forbidden: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in folders.iter().flat_map(|folder| files(folder, "rs")) {
        let code = code(&read(&file));
        for (line, word) in words(&code).filter(|(_, word)| forbidden.contains(word)) {
            complaints.push(format!("{file}:{line}: `{word}`"));
        }
    }
    complaints
}

#[test]
fn crates_depend_only_on_those_below_them() {
    let mut complaints = Vec::new();
    for manifest in files("", "toml") {
        let Some(folder) = manifest.strip_suffix("/Cargo.toml").filter(|f| *f != "fuzz") else {
            continue;
        };
        let Some((_, allowed)) = CRATES.iter().find(|(name, _)| *name == folder) else {
            complaints.push(format!(
                "{manifest}: a crate that tests/architecture.rs does not know; say in CRATES what it may depend on"
            ));
            continue;
        };
        let found = dependencies(&read(&manifest));
        let ours = found
            .iter()
            .filter(|d| *d == "rialto" || d.starts_with("rialto-"));
        for name in ours.filter(|d| !allowed.contains(&d.as_str())) {
            complaints.push(format!("{manifest}: {folder} must not depend on {name}"));
        }
    }
    fail_with(
        &complaints,
        "What two rooms need in common belongs into core; only the root package sees all of them.",
    );
}

#[test]
fn crates_avoid_forbidden_libraries() {
    let mut complaints = Vec::new();
    for (folder, parts, why) in FORBIDDEN_LIBRARIES {
        let manifest = format!("{folder}/Cargo.toml");
        let found = dependencies(&read(&manifest));
        for name in found.iter().filter(|d| parts.iter().any(|part| d.contains(part))) {
            complaints.push(format!("{manifest}: {name}; {why}"));
        }
    }
    fail_with(
        &complaints,
        "Move the code that needs the library, or pass in what it finds out.",
    );
}

#[test]
fn sources_name_only_the_crates_below_them() {
    // The root package's name is also an everyday word; the manifests show which crates depend on it.
    let ours = CRATES.iter().flat_map(|(_, allowed)| *allowed);
    let ours = ours.filter(|name| **name != "rialto");
    let ours: Vec<String> = ours.map(|name| name.replace('-', "_")).collect();
    let mut complaints = Vec::new();
    for (folder, allowed) in CRATES {
        for file in files(folder, "rs") {
            // A crate's folder may contain other crates; the innermost one owns the file.
            let owner = CRATES.iter().filter(|(f, _)| file.starts_with(&format!("{f}/")));
            if owner
                .max_by_key(|(f, _)| f.len())
                .is_none_or(|(f, _)| f != folder)
            {
                continue;
            }
            let own = folder.rsplit('/').next().map(|name| format!("rialto_{name}"));
            let code = code(&read(&file));
            for (line, word) in words(&code).filter(|(_, word)| ours.iter().any(|name| name == word)) {
                let is_allowed = allowed.iter().any(|name| name.replace('-', "_") == word);
                if !is_allowed && own.as_deref() != Some(word) {
                    complaints.push(format!("{file}:{line}: `{word}`"));
                }
            }
        }
    }
    fail_with(&complaints, "Only the root package sees all rooms.");
}

#[test]
fn protocols_do_not_use_each_other() {
    let mut complaints = Vec::new();
    for protocol in PROTOCOLS {
        for file in files_of(&format!("protocols/src/{protocol}"), "PROTOCOLS") {
            let code = code(&read(&file));
            let others = |word: &str| word != *protocol && PROTOCOLS.contains(&word);
            for (line, word) in words(&code).filter(|(_, word)| others(word)) {
                complaints.push(format!("{file}:{line}: `{word}` in {protocol}"));
            }
        }
    }
    fail_with(
        &complaints,
        "Protocols meet in the neutral call (core/src/call.rs); what two share is a module beside them.",
    );
}

#[test]
fn rooms_do_not_depend_on_each_other_in_a_circle() {
    let mut complaints = Vec::new();
    for (room, forbidden) in ROOMS {
        for file in files_of(&format!("src/{room}"), "ROOMS") {
            let code = code(&read(&file));
            for (line, name) in named_modules(&code) {
                if forbidden.contains(&name) {
                    complaints.push(format!("{file}:{line}: `{name}` in {room}"));
                }
            }
        }
    }
    fail_with(&complaints, "What both need belongs into src/state.");
}

#[test]
fn the_path_of_a_call_has_no_async_code() {
    fail_with(
        &files_with(NO_ASYNC, &["async", "await", "tokio"]),
        "Bytes and time in, events and bytes out: async belongs into the control plane (src/control, discovery).",
    );
}

#[test]
fn modules_are_files_beside_their_folders() {
    let found = files("", "rs")
        .into_iter()
        .filter(|file| file.ends_with("/mod.rs"));
    fail_with(&found.collect::<Vec<_>>(), "Name it foo.rs, beside foo/.");
}

#[test]
fn files_are_short() {
    let mut complaints = Vec::new();
    for file in files("", "rs") {
        let is_test = file.contains("tests/") || file.ends_with("/tests.rs");
        let source = read(&file);
        let lines = source.lines().take_while(|line| *line != "mod tests {").count();
        let excused = LONG.iter().any(|(name, _)| *name == file);
        if !is_test && lines > LONGEST && !excused {
            complaints.push(format!("{file}: {lines} lines before its tests"));
        }
        if excused && lines <= LONGEST {
            complaints.push(format!("{file}: {lines} lines need no entry in LONG any more"));
        }
    }
    fail_with(
        &complaints,
        "Find the second job that the file does and move it out; or give a reason in LONG (tests/architecture.rs).",
    );
}

#[test]
fn unsafe_code_is_listed() {
    let found = files_with(&[""], &["unsafe"]);
    let excused = |complaint: &String| {
        UNSAFE
            .iter()
            .any(|(file, _)| complaint.starts_with(&format!("{file}:")))
    };
    fail_with(
        &found.into_iter().filter(|c| !excused(c)).collect::<Vec<_>>(),
        "Do without (rustix and socket2 wrap system calls safely); or give a reason in UNSAFE (tests/architecture.rs).",
    );
}

#[test]
fn crates_share_the_lints() {
    let mut complaints = Vec::new();
    for (folder, _) in CRATES {
        let manifest = read(format!("{folder}/Cargo.toml"));
        if !manifest.contains("[lints]\nworkspace = true") {
            complaints.push(format!(
                "{folder}/Cargo.toml: the lints of the workspace are missing"
            ));
        }
    }
    fail_with(&complaints, "Add:\n[lints]\nworkspace = true");
}

#[test]
fn the_required_files_exist() {
    let is_there = |paper: &&&str| fs::read_to_string(root().join(paper)).is_ok_and(|text| text.len() > 100);
    let complaints: Vec<_> = REQUIRED_FILES
        .iter()
        .filter(|p| !is_there(p))
        .map(|p| format!("{p} is missing"))
        .collect();
    fail_with(&complaints, "A visitor looks for it first.");
}

/// Tests of the helpers above, because the rules see only what these return.
mod helpers {
    use super::*;

    #[test]
    fn the_sources_are_found() {
        let all = files("", "rs");
        assert!(all.len() > 100, "{} files", all.len());
        for file in [
            "core/src/lib.rs",
            "src/main.rs",
            "tests/architecture.rs",
            "xtask/src/main.rs",
        ] {
            assert!(all.iter().any(|f| f == file), "{file}");
        }
        assert!(
            all.iter()
                .all(|f| !f.contains("target/") && !f.contains("tests/peers/"))
        );
    }

    #[test]
    fn dependencies_are_read_in_every_spelling() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\n# c = 1\na.workspace = true\nb = \"1\"\nd = { version \
                        = \"1\", features = [\n    \"e\",\n] }\n[dependencies.f]\nversion = \
                        \"1\"\n[target.'cfg(unix)'.dependencies]\ng = \"1\"\n[dev-dependencies]\nh = \"1\"\n[lints]\ni \
                        = \"1\"\n";
        assert_eq!(dependencies(manifest), ["a", "b", "d", "f", "g", "h"]);
    }

    #[test]
    fn modules_are_found_in_paths_and_groups() {
        let code = "use crate::a::b;\nuse crate::{c, d::{e}};\nfn f(g: super::h::I) {}";
        let found = [(1, "a"), (2, "c"), (2, "d"), (2, "e"), (3, "h")];
        assert_eq!(named_modules(code), found);
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        let source = r##"a // b
/* c /* d */ e */ f "g \" h" i 'j' k '\'' 'l m::<'n, 'o'> br#"p " q"# r r"s" t b"u" 'v: loop {} var"w" é'x'"##;
        let code = code(source);
        let found: Vec<_> = words(&code).map(|(_, word)| word).collect();
        assert_eq!(
            found,
            [
                "a", "f", "i", "k", "l", "m", "n", "r", "t", "b", "v", "loop", "var", "é"
            ]
        );
        assert_eq!(
            words("a\nb c").collect::<Vec<_>>(),
            [(1, "a"), (2, "b"), (2, "c")]
        );
    }
}
