//! What the control plane hears from its other tasks and from the workers.
use super::on_demand::News;
use super::sources::Update;
use rialto_core::asking::Question;
use rialto_core::control_plane::ControlPlane;
use rialto_core::heartbeat::HeartbeatOutcome;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The questions of workers that may wait.
const QUESTIONS: usize = 4096;

/// The receiving ends of the control plane's channels.
pub(super) struct Inbox {
    pub(super) updates: mpsc::Receiver<Update>,
    pub(super) asked: mpsc::Receiver<(usize, Question)>,
    pub(super) news: mpsc::Receiver<News>,
    pub(super) outcomes: mpsc::UnboundedReceiver<HeartbeatOutcome>,
}

/// The other ends of an [`Inbox`].
pub(super) struct Senders {
    pub(super) updates: mpsc::Sender<Update>,
    pub(super) workers: Arc<dyn ControlPlane>,
    pub(super) news: mpsc::Sender<News>,
}

/// The workers' end.
struct Workers {
    /// Each with the index of its worker.
    questions: mpsc::Sender<(usize, Question)>,
    /// There are never more outcomes than heartbeats, so the channel needs no bound.
    outcomes: mpsc::UnboundedSender<HeartbeatOutcome>,
}

impl ControlPlane for Workers {
    fn ask(&self, worker: usize, question: Question) -> bool {
        self.questions.try_send((worker, question)).is_ok()
    }

    fn ended(&self, outcome: HeartbeatOutcome) {
        // fails only while the process ends
        let _ = self.outcomes.send(outcome);
    }
}

impl Inbox {
    pub(super) fn new() -> (Self, Senders) {
        let (update, updates) = mpsc::channel(1024);
        let (questions, asked) = mpsc::channel(QUESTIONS);
        let (told, news) = mpsc::channel(1024);
        let (ended, outcomes) = mpsc::unbounded_channel();
        let inbox = Inbox {
            updates,
            asked,
            news,
            outcomes,
        };
        let workers = Workers {
            questions,
            outcomes: ended,
        };
        let senders = Senders {
            updates: update,
            workers: Arc::new(workers),
            news: told,
        };
        (inbox, senders)
    }
}
