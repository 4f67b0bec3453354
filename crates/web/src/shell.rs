//! What surrounds every page: whose product it is, who looks at it, where they are, and the twins of the page.
//!
//! A page's template extends `layout.html` and its struct has a field `shell: Shell`. The blocks are `title`, `main`
//! and, for a second column, `aside`.

/// The places of the house, in the order of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// What concerns me.
    Home,
    /// What the platform offers.
    Get,
    /// What we run.
    Team,
    /// What is in my way.
    Ask,
    /// What changes.
    News,
    /// The workplace of the product team.
    Studio,
}

impl Place {
    /// All places, the product team's last.
    pub const ALL: [Place; 6] = [Place::Home, Place::Get, Place::Team, Place::Ask, Place::News, Place::Studio];

    /// The word in the navigation.
    pub fn label(self) -> &'static str {
        match self {
            Place::Home => "Home",
            Place::Get => "Get",
            Place::Team => "My team",
            Place::Ask => "Ask",
            Place::News => "News",
            Place::Studio => "Studio",
        }
    }

    /// Where it is.
    pub fn href(self) -> &'static str {
        match self {
            Place::Home => "/",
            Place::Get => "/get",
            Place::Team => "/team",
            Place::Ask => "/ask",
            Place::News => "/news",
            Place::Studio => "/studio",
        }
    }
}

/// Light or dark, as the person chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system says.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// All choices, in the order of the footer.
    pub const ALL: [Theme; 3] = [Theme::Auto, Theme::Light, Theme::Dark];

    /// The value of the cookie `theme`; anything unknown is [`Theme::Auto`].
    pub fn parse(text: &str) -> Theme {
        match text {
            "light" => Theme::Light,
            "dark" => Theme::Dark,
            _ => Theme::Auto,
        }
    }

    /// The value in cookie, form and attribute.
    pub fn value(self) -> &'static str {
        match self {
            Theme::Auto => "auto",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    /// The word on the button.
    pub fn label(self) -> &'static str {
        match self {
            Theme::Auto => "System",
            Theme::Light => "Light",
            Theme::Dark => "Dark",
        }
    }
}

/// A link with its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// What people read.
    pub title: String,
    /// Where it leads.
    pub href: String,
}

impl Link {
    /// A link.
    pub fn new(title: impl Into<String>, href: impl Into<String>) -> Link {
        Link { title: title.into(), href: href.into() }
    }
}

/// Somebody, as the header shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// What the switch sends: `amara`, or `keelworks/li` outside the default namespace.
    pub handle: String,
    /// The name that is shown.
    pub name: String,
    /// One line about them: their work, their team.
    pub line: String,
}

impl Person {
    /// The letter in the round mark beside the name.
    pub fn initial(&self) -> String {
        self.name.chars().next().map(|c| c.to_uppercase().collect()).unwrap_or_default()
    }
}

/// What the top of the next page says after something was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    /// `ok`, `warn` or `bad`.
    pub state: &'static str,
    /// One sentence.
    pub text: String,
}

/// What surrounds a page.
#[derive(Clone, Debug, Default)]
pub struct Shell {
    /// Name of the product.
    pub product_title: String,
    /// Address of its logo; empty when there is none.
    pub logo_href: String,
    /// Address of the brand's style sheet; empty when the product has no colours of its own.
    pub accent_css_href: String,
    /// Links of the brand, for the footer.
    pub links: Vec<Link>,
    /// Version of the assets, for their addresses: see [`crate::assets::version`].
    pub asset_version: String,
    /// Who is signed in.
    pub person: Option<Person>,
    /// Whom the visitor may become with one click; empty outside the demo.
    pub people: Vec<Person>,
    /// The places that this person has.
    pub places: Vec<Place>,
    /// Where the page belongs; `None` for pages of no place.
    pub active: Option<Place>,
    /// Light or dark.
    pub theme: Theme,
    /// Token of the forms.
    pub csrf: String,
    /// Path and query of this page, for forms that come back to it.
    pub path: String,
    /// Whether the page has the search field itself, large; then the top has none.
    pub own_search: bool,
    /// What is in the search field.
    pub query: String,
    /// What was just done.
    pub flash: Option<Flash>,
    /// The same as a command line; empty when there is none.
    pub command: String,
    /// The same as JSON; empty when there is none.
    pub json_twin: String,
    /// What else of the page there is as JSON, each by a name of its own.
    pub json_also: Vec<Link>,
    /// The same as a feed; empty when there is none.
    pub feed_twin: String,
    /// Finds this request in what the server wrote.
    pub request_id: String,
}

impl Shell {
    /// Whether the page belongs to a place.
    pub fn is_active(&self, place: &Place) -> bool {
        self.active == Some(*place)
    }

    /// Whether the person chose light or dark.
    pub fn has_theme(&self) -> bool {
        self.theme != Theme::Auto
    }

    /// The themes to choose from.
    pub fn themes(&self) -> [Theme; 3] {
        Theme::ALL
    }

    /// Whether a theme is the chosen one.
    pub fn is_theme(&self, theme: &Theme) -> bool {
        self.theme == *theme
    }

    /// Whether somebody of the demo is the one who is signed in.
    pub fn is_person(&self, person: &Person) -> bool {
        self.person.as_ref().is_some_and(|p| p.handle == person.handle)
    }

    /// Version of Loggia.
    pub fn loggia_version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
