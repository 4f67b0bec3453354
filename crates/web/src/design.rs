//! What the parts of `templates/parts` draw: plain texts, ready for people. Pages fill these from what they know.

/// What a form field looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// One line.
    #[default]
    Text,
    /// A whole number.
    Number,
    /// A day of the calendar.
    Date,
    /// A secret; never filled in by the server.
    Password,
    /// Several lines.
    Area,
    /// One of many.
    Select,
    /// One of few, each with a note.
    Radio,
    /// Any of several.
    Choices,
    /// Yes or no.
    Check,
}

impl Input {
    /// The `type` of an `<input>`.
    pub fn html_type(&self) -> &'static str {
        match self {
            Input::Number => "number",
            Input::Date => "date",
            Input::Password => "password",
            _ => "text",
        }
    }
}

/// One choice of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub title: String,
    /// A price, a limit; shown with radio buttons only.
    pub note: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// One field of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// Id on the page; unique.
    pub id: String,
    /// Name in what is sent.
    pub name: String,
    /// What is read.
    pub label: String,
    /// Which control.
    pub input: Input,
    /// What is in it; `true` for a ticked [`Input::Check`].
    pub value: String,
    /// The choices of [`Input::Select`], [`Input::Radio`] and [`Input::Choices`].
    pub options: Vec<Choice>,
    /// Whether it must be filled.
    pub required: bool,
    /// One sentence on what to write.
    pub help: String,
    /// Why it is filled in already, such as "from your last order".
    pub why: String,
    /// What is wrong with it; empty when nothing is.
    pub error: String,
    /// Token of `autocomplete`; empty for none.
    pub autocomplete: String,
}

impl Field {
    /// Whether a ticked box.
    pub fn is_checked(&self) -> bool {
        self.value == "true"
    }

    /// Whether anything describes the field.
    pub fn has_notes(&self) -> bool {
        !(self.help.is_empty() && self.why.is_empty() && self.error.is_empty())
    }
}

/// How a step of an operation stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepState {
    /// Its turn has not come.
    #[default]
    Waiting,
    /// It is being done.
    Running,
    /// It is done.
    Done,
    /// It ended with an error.
    Failed,
    /// It was not needed.
    Skipped,
}

impl StepState {
    /// The class on the page.
    pub fn class(&self) -> &'static str {
        match self {
            StepState::Waiting => "waiting",
            StepState::Running => "running",
            StepState::Done => "done",
            StepState::Failed => "failed",
            StepState::Skipped => "skipped",
        }
    }

    /// The word that people read.
    pub fn word(&self) -> &'static str {
        match self {
            StepState::Running => "in progress",
            other => other.class(),
        }
    }

    /// The shape beside it.
    pub fn shape(&self) -> &'static str {
        match self {
            StepState::Waiting | StepState::Skipped => "off",
            StepState::Running => "busy",
            StepState::Done => "ok",
            StepState::Failed => "bad",
        }
    }
}

/// One step of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepLine {
    /// What is done, as a verb: "Make the database".
    pub title: String,
    /// How it stands.
    pub state: StepState,
    /// How long it took, such as "1.2 s"; empty when unknown.
    pub took: String,
    /// One sentence beside it: the cause of a failure, when it is tried again.
    pub note: String,
    /// What it wrote.
    pub lines: Vec<String>,
}

impl StepLine {
    /// Whether its lines are shown without a click.
    pub fn is_open(&self) -> bool {
        matches!(self.state, StepState::Running | StepState::Failed)
    }
}

/// One fact: a term and its text, which may be a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub term: String,
    /// The fact.
    pub text: String,
    /// Where it leads; empty for nowhere.
    pub href: String,
}

impl Fact {
    /// A fact without a link.
    pub fn new(term: impl Into<String>, text: impl Into<String>) -> Fact {
        Fact { term: term.into(), text: text.into(), href: String::new() }
    }

    /// A fact that leads somewhere.
    pub fn link(term: impl Into<String>, text: impl Into<String>, href: impl Into<String>) -> Fact {
        Fact { term: term.into(), text: text.into(), href: href.into() }
    }
}

/// An offering as the shop shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferingCard {
    /// Its page.
    pub href: String,
    /// Its name.
    pub title: String,
    /// Address of its logo; empty for a letter.
    pub logo: String,
    /// Its category.
    pub category: String,
    /// The version that one gets; empty when there is none.
    pub version: String,
    /// Its promise.
    pub promise: String,
    /// State of its badge: `ok`, `warn`, `off` and so on.
    pub state: &'static str,
    /// The words of its badge: available, going away, gone.
    pub stability: String,
    /// Price, support, who uses it.
    pub facts: Vec<Fact>,
    /// Why it cannot be got here and now; empty when it can.
    pub unavailable: String,
    /// What differs from what the version promises; empty when nothing does.
    pub note: String,
    /// Its plans with limits and price; only where the card is to say all.
    pub plans: Vec<Fact>,
    /// Where one gets it; empty where the card does not say, or it cannot be got.
    pub get_href: String,
}

impl OfferingCard {
    /// The letter that stands in for a logo.
    pub fn initial(&self) -> String {
        self.title.chars().next().map(|c| c.to_uppercase().collect()).unwrap_or_default()
    }
}

/// What went wrong, as an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// What happened.
    pub what: String,
    /// Why; empty when the first sentence says it.
    pub why: String,
    /// Who can fix it.
    pub who: String,
    /// What to do now.
    pub mend: String,
    /// The id that finds it in what the server wrote.
    pub id: String,
}
