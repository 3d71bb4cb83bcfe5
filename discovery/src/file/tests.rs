use super::*;
use crate::testing::{Record, Update, endpoint};
use std::fs;
use std::os::unix::fs::symlink;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// Parses one address per line, which is enough for these tests.
fn parse(name: &str, text: &str) -> Result<FileList, String> {
    let line = |(n, line): (usize, &str)| match line.parse::<rialto_config::Address>() {
        Ok(_) => Ok(endpoint(line, 1)),
        Err(error) => Err(format!("{name}:{}: {error}", n + 1)),
    };
    let lines = text.lines().enumerate().filter(|(_, line)| *line != "[]");
    let endpoints = lines.map(line).collect::<Result<_, _>>()?;
    Ok(FileList {
        protocol: None,
        endpoints,
    })
}

struct Stage {
    directory: TempDir,
    record: Arc<Record>,
    _task: JoinSet<()>,
}

impl Stage {
    /// Starts a source that reads the file `list` in a directory of its own, which `prepare` fills.
    fn new(prepare: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        prepare(directory.path());
        let source = Box::new(FileSource::new(
            directory.path().join("list"),
            parse,
            Watches::default(),
        ));
        let record = Arc::new(Record::default());
        let mut task = JoinSet::new();
        task.spawn(source.watch(Arc::clone(&record) as Arc<dyn Updates>));
        Stage {
            directory,
            record,
            _task: task,
        }
    }

    fn write(&self, text: &str) {
        fs::write(self.directory.path().join("list"), text).unwrap();
    }

    /// The addresses of the next list.
    async fn list(&self) -> Vec<String> {
        let state = self.record.state().await;
        state.iter().map(|i| i.address.to_string()).collect()
    }
}

fn write(text: &str) -> impl FnOnce(&Path) {
    move |directory| fs::write(directory.join("list"), text).unwrap()
}

#[tokio::test]
async fn a_change_is_published() {
    let stage = Stage::new(write("10.0.0.1:1\n"));
    assert_eq!(stage.list().await, ["10.0.0.1:1"]);
    let begin = Instant::now();
    stage.write("10.0.0.1:1\n10.0.0.2:1\n");
    assert_eq!(stage.list().await, ["10.0.0.1:1", "10.0.0.2:1"]);
    // The watch noticed it, not the poll.
    assert!(begin.elapsed() < POLL, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_replaced_file_is_read() {
    let stage = Stage::new(write("10.0.0.1:1"));
    assert_eq!(stage.list().await, ["10.0.0.1:1"]);
    for n in 2..5 {
        let new = stage.directory.path().join("new");
        fs::write(&new, format!("10.0.0.{n}:1")).unwrap();
        fs::rename(new, stage.directory.path().join("list")).unwrap();
        assert_eq!(stage.list().await, [format!("10.0.0.{n}:1")]);
    }
}

#[tokio::test]
async fn a_kubernetes_volume_is_followed() {
    let stage = Stage::new(|directory| {
        fs::create_dir(directory.join("..one")).unwrap();
        fs::write(directory.join("..one/list"), "10.0.0.1:1").unwrap();
        symlink("..one", directory.join("..data")).unwrap();
        symlink("..data/list", directory.join("list")).unwrap();
    });
    assert_eq!(stage.list().await, ["10.0.0.1:1"]);
    let directory = stage.directory.path();
    let begin = Instant::now();
    fs::create_dir(directory.join("..two")).unwrap();
    fs::write(directory.join("..two/list"), "10.0.0.2:1").unwrap();
    symlink("..two", directory.join("..data_tmp")).unwrap();
    fs::rename(directory.join("..data_tmp"), directory.join("..data")).unwrap();
    fs::remove_dir_all(directory.join("..one")).unwrap();
    assert_eq!(stage.list().await, ["10.0.0.2:1"]);
    assert!(begin.elapsed() < POLL, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn an_invalid_file_is_reported_with_its_line_and_changes_nothing() {
    let stage = Stage::new(write("10.0.0.1:1\n"));
    assert_eq!(stage.list().await, ["10.0.0.1:1"]);
    stage.write("10.0.0.2:1\n10.0.0.3\n");
    let fault = stage.record.fault().await;
    assert!(fault.contains("/list:2: \"10.0.0.3\" is no address"), "{fault}");
    assert!(fault.ends_with("the last good list of 1 stays in use"), "{fault}");
    stage.write("\n");
    let fault = stage.record.fault().await;
    assert!(fault.contains("/list:1: the endpoints file is empty"), "{fault}");
    stage.write("10.0.0.4:1");
    assert_eq!(stage.list().await, ["10.0.0.4:1"]);
}

#[tokio::test]
async fn files_that_cannot_be_a_list_are_not_read() {
    let stage = Stage::new(|directory| fs::write(directory.join("list"), b"\xff").unwrap());
    let fault = stage.record.fault().await;
    assert!(fault.contains("not UTF-8 text: byte 0"), "{fault}");
    assert!(
        fault.ends_with("its cluster keeps the endpoints that it has, if any"),
        "{fault}"
    );

    let stage = Stage::new(|directory| fs::create_dir(directory.join("list")).unwrap());
    assert!(stage.record.fault().await.contains("not a regular file"));

    let stage = Stage::new(|directory| {
        let mut mkfifo = std::process::Command::new("mkfifo");
        assert!(mkfifo.arg(directory.join("list")).status().unwrap().success());
    });
    let fault = tokio::time::timeout(POLL, stage.record.fault()).await;
    assert!(fault.unwrap().contains("not a regular file"));

    let stage = Stage::new(|directory| {
        let file = File::create(directory.join("list")).unwrap();
        file.set_len(LARGEST + 1).unwrap();
    });
    assert!(stage.record.fault().await.contains("more than 16777216 bytes"));
}

#[tokio::test]
async fn a_file_created_later_is_found() {
    let stage = Stage::new(|_| {});
    assert!(
        stage
            .record
            .fault()
            .await
            .contains("cannot be read: No such file")
    );
    stage.write("10.0.0.1:1");
    assert_eq!(stage.list().await, ["10.0.0.1:1"]);
    fs::remove_file(stage.directory.path().join("list")).unwrap();
    assert!(stage.record.fault().await.contains("the last good list of 1"));
    stage.write("[]");
    assert_eq!(stage.list().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_directory_created_later_is_found() {
    let outer = tempfile::tempdir().unwrap();
    let directory = outer.path().join("later");
    let record = Arc::new(Record::default());
    let source = Box::new(FileSource::new(directory.join("list"), parse, Watches::default()));
    let mut task = JoinSet::new();
    task.spawn(source.watch(Arc::clone(&record) as Arc<dyn Updates>));
    assert!(record.fault().await.contains("cannot be watched"));
    assert!(record.fault().await.contains("cannot be read"));
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("list"), "10.0.0.1:1").unwrap();
    match record.next().await {
        Update::State(state) => assert_eq!(state.len(), 1),
        Update::Fault(fault) => panic!("{fault}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_replaced_directory_is_followed() {
    let outer = tempfile::tempdir().unwrap();
    let directory = outer.path().join("volume");
    let fill = |text: &str| {
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("list"), text).unwrap();
    };
    fill("10.0.0.1:1");
    let record = Arc::new(Record::default());
    let source = Box::new(FileSource::new(directory.join("list"), parse, Watches::default()));
    let mut task = JoinSet::new();
    task.spawn(source.watch(Arc::clone(&record) as Arc<dyn Updates>));
    assert_eq!(record.state().await[0].address.to_string(), "10.0.0.1:1");
    for n in 2..4 {
        // The watch stays on the directory that was moved away.
        fs::rename(&directory, outer.path().join(format!("old{n}"))).unwrap();
        fill(&format!("10.0.0.{n}:1"));
        let state = loop {
            if let Update::State(state) = record.next().await {
                break state;
            }
        };
        assert_eq!(state[0].address.to_string(), format!("10.0.0.{n}:1"));
    }
}

#[tokio::test]
async fn a_list_is_stale_while_the_file_says_something_else() {
    let stage = Stage::new(write("10.0.0.1:1"));
    assert_eq!(stage.list().await, ["10.0.0.1:1"]);
    stage.record.stands_as(Standing::Current).await;
    stage.write("nonsense");
    assert!(stage.record.fault().await.contains("list:1"));
    stage.record.stands_as(Standing::Stale).await;
    stage.write("10.0.0.1:1");
    stage.record.stands_as(Standing::Current).await;
}
